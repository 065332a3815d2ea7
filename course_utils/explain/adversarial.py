"""The smallest changes that do the greatest harm: adversarial perturbations (chapter 08d).

Sources: C. Szegedy et al., "Intriguing properties of neural networks", ICLR 2014 (their existence); I. Goodfellow,
J. Shlens, C. Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015 (one step along the signs of the
gradient); A. Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018 (many small
steps, projected). The size of a change is its largest change of one number of the picture, in units of its range 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length, check_shape
from course_utils.explain.hooks import untouched
from course_utils.explain.partial_run import Prepare, pixels

Loss = Callable[[Tensor, Tensor], Tensor]


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(outputs, labels, reduction="none")


def _gradient(model: nn.Module, x: Tensor, labels: Tensor, prepare: Prepare | None, loss: Loss | None) -> Tensor:
    """Gradient of each picture's loss with respect to its pixels."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        values = (loss or _cross_entropy)(model(prepare(x) if prepare else x), labels)
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return gradient


def _room(epsilon: float | Tensor, x: Tensor) -> float | Tensor:
    """One epsilon for all pictures, or one for each, ready to be added to them."""
    if isinstance(epsilon, Tensor) and epsilon.ndim:
        check_shape("epsilon", epsilon, (len(x),))
        check_number("the smallest epsilon", float(epsilon.min()), minimum=0)
        check_number("the largest epsilon", float(epsilon.max()), maximum=1)
        return epsilon.to(x)[:, None, None, None]
    return check_number("epsilon", float(epsilon), minimum=0, maximum=1)


def fgsm(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float | Tensor,
    *,
    targeted: bool = False,
    prepare: Prepare | None = None,
    loss: Loss | None = None,
) -> Tensor:
    """Change every number of a picture by ``epsilon``, in the direction in which the loss grows.

    Args:
        model: any network; it is left as it was found.
        images: (N, C, H, W), uint8 or float in 0..1.
        labels: (N,), the true classes; the wanted ones if ``targeted``. Of a regression network the true values.
        epsilon: largest change of a number, 0..1; one for all pictures or (N,).
        targeted: go down the loss of ``labels`` instead of up.
        prepare: what the network does to pixels in 0..1 first; differentiable; nothing if None.
        loss: of outputs and labels, one value a picture; cross entropy if None.

    Returns:
        Changed pictures (N, C, H, W) in 0..1.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_same_length("images", images, "labels", labels)
    x = pixels("images", images)
    size = _room(epsilon, x)
    with untouched(model):
        direction = _gradient(model, x, labels, prepare, loss).sign()
    return (x + (-size if targeted else size) * direction).clamp(0, 1)


def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float | Tensor,
    *,
    steps: int = 10,
    step_size: float | None = None,
    random_start: bool = True,
    targeted: bool = False,
    prepare: Prepare | None = None,
    loss: Loss | None = None,
    seed: int = 0,
) -> Tensor:
    """Many small steps of :func:`fgsm`, after each of which the picture is brought back to within ``epsilon``.

    Args:
        model: any network; it is left as it was found.
        images: (N, C, H, W), uint8 or float in 0..1.
        labels: as for :func:`fgsm`.
        epsilon: as for :func:`fgsm`.
        steps: at least 1.
        step_size: of one step; ``2.5 * epsilon / steps`` if None.
        random_start: begin at a random place within ``epsilon``, where a flat spot at the picture itself is no shelter.
        targeted: as for :func:`fgsm`.
        prepare: as for :func:`fgsm`.
        loss: as for :func:`fgsm`.
        seed: of the random start.

    Returns:
        Changed pictures (N, C, H, W) in 0..1.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_int("steps", steps, minimum=1)
    check_same_length("images", images, "labels", labels)
    origin = pixels("images", images)
    size = _room(epsilon, origin)
    step = 2.5 * size / steps if step_size is None else check_number("step_size", step_size, above=0)
    x = origin
    if random_start:
        noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
        x = (x + size * (2 * noise - 1)).clamp(0, 1)
    with untouched(model):
        for _ in range(steps):
            direction = _gradient(model, x, labels, prepare, loss).sign()
            x = x + (-step if targeted else step) * direction
            x = torch.minimum(torch.maximum(x, origin - size), origin + size).clamp(0, 1)
    return x


def random_signs(images: Tensor, epsilon: float, seed: int = 0) -> Tensor:
    """Change every number of a picture by ``epsilon``, up or down as a coin falls: what an attack must beat.

    Args:
        images: (N, C, H, W), uint8 or float in 0..1.
        epsilon: change of a number, 0..1.
        seed: of the coin.
    """
    check_number("epsilon", epsilon, minimum=0, maximum=1)
    x = pixels("images", images)
    coin = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    return (x + epsilon * (2 * (coin < 0.5).to(x) - 1)).clamp(0, 1)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, prepare: Prepare | None = None) -> float:
    """Share of pictures (N, C, H, W) in 0..1 that the network puts into the class of its label."""
    return float((predictions(model, images, prepare) == labels).float().mean())


def predictions(model: nn.Module, images: Tensor, prepare: Prepare | None = None, batch_size: int = 256) -> Tensor:
    """Class of each picture (N, C, H, W), uint8 or float in 0..1, by the largest score, (N,)."""
    found = []
    with untouched(model), torch.no_grad():
        for batch in pixels("images", images).split(batch_size):
            found.append(model(prepare(batch) if prepare else batch).argmax(1))
    return torch.cat(found)


def smallest_epsilon(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    prepare: Prepare | None = None,
    largest: float = 0.25,
    halvings: int = 8,
) -> Tensor:
    """How large a change an attack needs to turn each picture's class, by bisection.

    Args:
        model: any network; it is left as it was found.
        images: (N, C, H, W), uint8 or float in 0..1.
        labels: (N,), the true classes.
        attack: of pictures, labels and epsilon (N,); returns changed pictures.
        prepare: as for :func:`fgsm`.
        largest: where the search begins; in 0..1.
        halvings: of the interval, at least 1.

    Returns:
        (N,): 0 where the class was wrong from the start, infinity where ``largest`` is not enough; else an epsilon that
        suffices, within ``largest / 2 ** halvings`` of one that does not. An attack of one step may succeed at one
        epsilon and fail at a larger one; then this is one of several thresholds.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_number("largest", largest, above=0, maximum=1)
    check_int("halvings", halvings, minimum=1)
    check_same_length("images", images, "labels", labels)
    x = pixels("images", images)
    right = predictions(model, x, prepare) == labels
    low, high = torch.zeros(len(x)), torch.full((len(x),), float(largest))
    falls = predictions(model, attack(x, labels, high), prepare) != labels
    for _ in range(halvings):
        middle = (low + high) / 2
        turned = predictions(model, attack(x, labels, middle), prepare) != labels
        high, low = torch.where(turned, middle, high), torch.where(turned, low, middle)
    return torch.where(right, torch.where(falls, high, torch.inf), 0.0)
