"""Inversion: find a picture that a layer cannot tell from a given one. What differs is what the layer forgot.

Chapter 08c teaches it.

Source: A. Mahendran and A. Vedaldi, "Understanding deep image representations by inverting them" (2015): squared
distance of the activations over the squared length of the wanted ones, plus total variation and an alpha norm.
Departures: Adam with steps that shrink in place of momentum, and the pixels are kept within bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number, check_shape
from course_utils.explain.hooks import Layer, untouched
from course_utils.explain.partial_run import run_up_to
from course_utils.explain.regularisers import Regularisers, gaussian_blur, roll


@dataclass(frozen=True, eq=False)
class Inversion:
    """Pictures found from activations alone.

    Args:
        images: (N, C, H, W).
        feature_error: (N,), squared distance of the activations relative to the squared length of the wanted ones.
        pixel_error: (N,), root mean square difference to the pictures that the activations came from.
        history: (steps, N), the relative error of the activations on the way.
    """

    images: Tensor
    feature_error: Tensor
    pixel_error: Tensor
    history: Tensor


def answer(model: nn.Module, x: Tensor, layer: Layer) -> Tensor:
    """What one layer says of an input, with its graph; the network runs no further than that."""
    return next(iter(run_up_to(model, x, [layer]).values()))


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance over the squared length of what was wanted, one number an example, (N,).

    Raises:
        ValueError: if the wanted activations of an example are all zero.
    """
    length = wanted.flatten(1).pow(2).sum(1)
    if not bool((length > 0).all()):
        raise ValueError("what is wanted is all zero for some picture: the layer keeps nothing to invert or to match")
    return (found - wanted).flatten(1).pow(2).sum(1) / length


def invert(
    model: nn.Module,
    layer: Layer,
    x: Tensor,
    regularisers: Regularisers | None = None,
    *,
    steps: int = 200,
    lr: float = 0.05,
    start: Tensor | None = None,
    low: float = 0.0,
    high: float = 1.0,
    prepare: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
) -> Inversion:
    """Find pictures whose activations in one layer are those of given pictures.

    Args:
        model: any network; it runs only as far as the layer.
        layer: name or module.
        x: the given pictures (N, C, H, W), within the bounds; only their activations are used, and their size.
        regularisers: what the picture is held to; None for nothing but the bounds. Jitter shifts both alike.
        steps: number of steps.
        lr: Adam's step size at the start, in units of the pixels; it falls to 0 along a cosine.
        start: pictures to begin with; faint noise around the middle of the bounds if left out.
        low: smallest allowed pixel.
        high: largest allowed pixel.
        prepare: what turns pictures into the network's input.
        seed: of the start.

    Returns:
        Inversion. The model is as it was before, to the bit.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if shapes or bounds do not fit, or the layer is silent.
    """
    check_shape("x", x, (None, None, None, None))
    check_int("steps", steps, minimum=1)
    check_number("lr", lr, above=0)
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")
    wishes, prepare = regularisers or Regularisers(), prepare or (lambda value: value)
    draw = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
    if start is None:
        noise = torch.randn(x.shape, generator=draw).to(x)
        start = (low + high) / 2 + 0.05 * (high - low) * noise
    check_shape("start", start, tuple(x.shape))

    with untouched(model):
        with torch.no_grad():
            wanted = answer(model, prepare(x), layer)
        guess = start.detach().clone().clamp(low, high).requires_grad_()
        optimiser = torch.optim.Adam([guess], lr=lr)
        history = []
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            if wishes.jitter:
                both = roll(torch.cat([guess, x]), wishes.jitter, draw)
                with torch.no_grad():
                    wanted = answer(model, prepare(both[len(x) :]), layer)
                error = relative_error(answer(model, prepare(both[: len(x)]), layer), wanted)
            else:
                error = relative_error(answer(model, prepare(guess), layer), wanted)
            (guess.grad,) = torch.autograd.grad((error + wishes.penalty(guess)).sum(), guess)
            optimiser.step()
            with torch.no_grad():
                if wishes.blurs_after(step):
                    guess.copy_(gaussian_blur(guess, wishes.blur))
                guess.clamp_(low, high)
            history.append(error.detach())
        images = guess.detach()
        with torch.no_grad():
            wanted = answer(model, prepare(x), layer)
            feature_error = relative_error(answer(model, prepare(images), layer), wanted)
    pixel_error = (images - x).flatten(1).pow(2).mean(1).sqrt()
    return Inversion(images, feature_error, pixel_error, torch.stack(history))
