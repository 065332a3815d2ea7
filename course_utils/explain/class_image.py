"""Class images: the weights stay, the picture climbs. What would the network call the best example of a class?

Chapter 08c teaches it, with each regulariser on and off and with a prior that was learned.

Sources: D. Erhan, Y. Bengio, A. Courville, P. Vincent, "Visualizing higher-layer features of a deep network" (2009);
K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks" (2013); A. Nguyen, A. Dosovitskiy,
J. Yosinski, T. Brox, J. Clune, "Synthesizing the preferred inputs for neurons in neural networks via deep generator
networks" (2016). Departure: each step is divided by the size of its gradient, as in the code of DeepDream (2015), and
shrinks to nothing towards the end, so that one step size serves all classes and networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number
from course_utils.explain.hooks import untouched
from course_utils.explain.regularisers import Regularisers, gaussian_blur, roll
from course_utils.explain.targets import output_value

Targets = int | Sequence[int] | Tensor | None
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class ClassImages:
    """Pictures that climbed.

    Args:
        images: (N, C, H, W), within the bounds.
        scores: (N,), of the pictures as they are.
        history: (steps, N), scores on the way, of what the network was shown.
        codes: what the prior made the pictures of, or None.
    """

    images: Tensor
    scores: Tensor
    history: Tensor
    codes: Tensor | None = None


def score_of(output: Tensor, targets: Tensor | None, of: str) -> Tensor:
    """What climbs, one number a picture; as `output_value`, but the class must be named where there are several."""
    if targets is None and output.ndim == 2 and output.shape[1] > 1:
        raise ValueError(f"targets must name a class for each of {output.shape[1]} outputs; None is for one output")
    return output_value(output, targets, of)


def ascend(
    start: Tensor,
    objective: Callable[[Tensor], tuple[Tensor, Tensor]],
    steps: int,
    lr: float,
    after: Callable[[Tensor, int], Tensor],
) -> tuple[Tensor, Tensor]:
    """Climb: add the gradient, divided by its root mean square over each example, in steps that shrink to nothing.

    Args:
        start: (N, ...), what is changed.
        objective: returns what to increase and what to remember, each (N,).
        steps: number of steps, at least 1.
        lr: root mean square of the first step.
        after: called with the new value and the step's number; returns the value to go on with.

    Returns:
        Where it arrives, and what was remembered, (steps, N).
    """
    check_int("steps", steps, minimum=1)
    check_number("lr", lr, above=0)
    value, history = start.detach(), []
    for step in range(steps):
        value = value.requires_grad_()
        goal, seen = objective(value)
        (gradient,) = torch.autograd.grad(goal.sum(), value)
        with torch.no_grad():
            size = gradient.flatten(1).pow(2).mean(1).sqrt().clamp(min=TINY)
            direction = gradient / size.view(-1, *[1] * (gradient.ndim - 1))
            value = after(value + lr * (1 - step / steps) * direction, step)
        history.append(seen.detach())
    return value.detach(), torch.stack(history)


def class_image(
    model: nn.Module,
    targets: Targets,
    shape: tuple[int, int, int],
    regularisers: Regularisers | None = None,
    *,
    steps: int = 100,
    lr: float = 0.1,
    start: Tensor | None = None,
    low: float = 0.0,
    high: float = 1.0,
    prepare: Callable[[Tensor], Tensor] | None = None,
    of: str = "score",
    seed: int = 0,
) -> ClassImages:
    """Make pictures that a network gives the highest score of a class, minus what the picture costs.

    Args:
        model: any network from pictures to scores (N, K), or to one number a picture.
        targets: a class, or one a picture; None for a network with one output.
        shape: of one picture, (C, H, W).
        regularisers: what the picture is held to; None for nothing but the bounds.
        steps: number of steps.
        lr: root mean square of the first step, in units of the pixels.
        start: pictures (N, C, H, W) to begin with; faint noise around ``regularisers.centre`` if left out.
        low: smallest allowed pixel.
        high: largest allowed pixel.
        prepare: what turns pictures into the network's input (subtract a mean, say).
        of: what climbs: ``"score"``, ``"probability"`` or ``"log_probability"``.
        seed: of the start and the jitter.

    Returns:
        ClassImages. The model is as it was before, to the bit.

    Raises:
        ValueError: if targets, start or bounds do not fit.
    """
    wishes, prepare = regularisers or Regularisers(), prepare or (lambda x: x)
    classes = _as_targets(targets, 1 if start is None else len(start))
    count = 1 if classes is None else len(classes)
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")
    draw = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
    noise = 0.01 * (high - low) * torch.randn(count, *shape, generator=draw)
    first = wishes.centre + noise if start is None else start
    if tuple(first.shape[1:]) != tuple(shape) or (classes is not None and len(first) != count):
        raise ValueError(f"start must have shape {(count, *shape)}, got {tuple(first.shape)}")
    first, classes = _beside(model, first.clamp(low, high), classes)

    def objective(x: Tensor) -> tuple[Tensor, Tensor]:
        scores = score_of(model(prepare(roll(x, wishes.jitter, draw))), classes, of)
        return scores - wishes.penalty(x), scores

    def after(x: Tensor, step: int) -> Tensor:
        x = gaussian_blur(x, wishes.blur) if wishes.blurs_after(step) else x
        return x.clamp(low, high)

    with untouched(model):
        images, history = ascend(first, objective, steps, lr, after)
        with torch.no_grad():
            scores = score_of(model(prepare(images)), classes, of)
    return ClassImages(images, scores, history)


def class_image_from_prior(
    model: nn.Module,
    targets: Targets,
    prior: nn.Module,
    code_size: int,
    *,
    code_l2: float = 0.0,
    limit: float | None = None,
    steps: int = 100,
    lr: float = 0.1,
    start: Tensor | None = None,
    prepare: Callable[[Tensor], Tensor] | None = None,
    of: str = "score",
    seed: int = 0,
) -> ClassImages:
    """Climb in the code of a generator instead of the pixels: every picture is one that the generator can draw.

    Args:
        model: any network from pictures to scores (N, K), or to one number a picture.
        targets: a class, or one a picture; None for a network with one output.
        prior: a network from codes (N, code_size) to pictures.
        code_size: numbers in a code.
        code_l2: strength of the mean square of the code.
        limit: largest allowed absolute value in a code; None for no limit.
        steps: number of steps.
        lr: root mean square of the first step, in units of the code.
        start: codes (N, code_size); small normal numbers if left out.
        prepare: what turns pictures into the network's input.
        of: what climbs, as in `class_image`.
        seed: of the start.

    Returns:
        ClassImages with codes. Model and prior are as they were before, to the bit.
    """
    check_int("code_size", code_size, minimum=1)
    check_number("code_l2", code_l2, minimum=0)
    prepare = prepare or (lambda x: x)
    bound = None if limit is None else check_number("limit", limit, above=0)
    classes = _as_targets(targets, 1 if start is None else len(start))
    count = 1 if classes is None else len(classes)
    draw = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
    first = 0.1 * torch.randn(count, code_size, generator=draw) if start is None else start
    if first.ndim != 2 or first.shape[1] != code_size or (classes is not None and len(first) != count):
        raise ValueError(f"start must have shape {(count, code_size)}, got {tuple(first.shape)}")
    first, classes = _beside(model, first, classes)

    def objective(code: Tensor) -> tuple[Tensor, Tensor]:
        scores = score_of(model(prepare(prior(code))), classes, of)
        return scores - code_l2 * code.pow(2).mean(1), scores

    def after(code: Tensor, step: int) -> Tensor:
        return code if bound is None else code.clamp(-bound, bound)

    with untouched(model), untouched(prior):
        codes, history = ascend(first, objective, steps, lr, after)
        with torch.no_grad():
            images = prior(codes)
            scores = score_of(model(prepare(images)), classes, of)
    return ClassImages(images, scores, history, codes)


def _as_targets(targets: Targets, count: int) -> Tensor | None:
    if targets is None:
        return None
    classes = torch.as_tensor(targets)
    if classes.dtype.is_floating_point or classes.dtype == torch.bool:
        raise ValueError(f"targets must be class numbers, got {classes.dtype}")
    if classes.ndim == 0:
        classes = classes.expand(count)
    if classes.ndim != 1 or len(classes) == 0:
        raise ValueError(f"targets must be a class or a row of classes, got shape {tuple(classes.shape)}")
    return classes.long()


def _beside(model: nn.Module, x: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Bring input and targets to where the model's weights are."""
    weight = next(model.parameters(), None)
    if weight is None:
        return x.clone(), targets
    x = x.clone().to(weight.device, weight.dtype)
    return x, None if targets is None else targets.to(weight.device)
