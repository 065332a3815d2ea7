"""DeepDream: find what a layer sees in a picture, and make it see more of that (chapter 08d).

Source: A. Mordvintsev, C. Olah, M. Tyka, "Inceptionism: Going deeper into neural networks", Google Research blog,
2015, and the notebook published with it: gradient ascent on the squared activation of a layer, the step divided by the
mean size of the gradient, random shifts, and octaves. Departure: the *mean* square instead of the sum, so that
sizes can be compared; steps in units of the picture's range 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.partial_run import Prepare, pixels, run_up_to


@dataclass(frozen=True)
class Dream:
    """What a dream leaves.

    Args:
        images: (N, C, H, W) in 0..1, the result.
        octaves: the result of each octave at its own size, smallest first; the last is ``images``.
        values: (octaves, steps + 1, N), mean squared activation before the first step and after each.
    """

    images: Tensor
    octaves: tuple[Tensor, ...]
    values: Tensor


def mean_square(maps: Tensor, channels: Sequence[int] | None = None) -> Tensor:
    """Mean squared activation of each picture, (N,): what a dream makes larger.

    Args:
        maps: (N, C, ...), what a layer says.
        channels: count these only; all if None.

    Raises:
        ValueError: if a channel is named that the layer has not.
    """
    if channels is not None:
        for channel in channels:
            check_int("channel", channel, minimum=0, maximum=maps.shape[1] - 1)
        maps = maps[:, list(channels)]
    return maps.square().flatten(1).mean(1)


def octave_sizes(
    height: int, width: int, octaves: int = 4, ratio: float = 1.4, smallest: int = 8
) -> list[tuple[int, int]]:
    """Sizes to dream at, smallest first, each ``ratio`` times the one before; the last is the picture's own.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        octaves: how many, at least 1.
        ratio: above 1.
        smallest: no side may be shorter.

    Raises:
        ValueError: if the first octave would be too small.
    """
    check_int("octaves", octaves, minimum=1)
    check_number("ratio", ratio, above=1)
    sizes = [(round(height / ratio**k), round(width / ratio**k)) for k in reversed(range(octaves))]
    if min(sizes[0]) < smallest:
        raise ValueError(
            f"the first of {octaves} octaves of a {height} x {width} picture would be {sizes[0][0]} x {sizes[0][1]} "
            f"pixels, must be at least {smallest}: take fewer octaves, a smaller ratio or a larger picture"
        )
    return sizes


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures (N, C, H, W) at another size, smoothly and without aliasing."""
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def deep_dream(
    model: nn.Module,
    images: Tensor,
    layer: Layer,
    *,
    channels: Sequence[int] | None = None,
    octaves: int = 4,
    ratio: float = 1.4,
    steps: int = 10,
    step_size: float = 0.006,
    jitter: int = 4,
    prepare: Prepare | None = None,
    seed: int = 0,
) -> Dream:
    """Dream of what a layer likes, coarse things first.

    At each octave the picture is resized, the detail dreamed so far is added, and ``steps`` steps follow the gradient
    of :func:`mean_square`. A random shift before each step keeps the grid of the poolings out of the picture.

    Args:
        model: any network; it is left as it was found.
        images: (N, C, H, W), uint8 or float in 0..1; pictures of any size that the layers below ``layer`` accept.
        layer: name or module whose answer shall grow.
        channels: let these channels of it grow only.
        octaves: sizes to dream at, at least 1.
        ratio: of one size to the one before, above 1.
        steps: at each size, at least 1.
        step_size: mean change of a number of the picture in one step, in 0..1.
        jitter: largest shift in pixels, 0 for none.
        prepare: what the network does to pixels in 0..1 first; differentiable; nothing if None.
        seed: of the shifts.

    Returns:
        Dream.

    Raises:
        KeyError: if there is no such layer.
        ValueError: if an argument is out of range or the layer does not depend on the picture.
    """
    check_int("steps", steps, minimum=1)
    check_int("jitter", jitter, minimum=0)
    check_number("step_size", step_size, above=0)
    original = pixels("images", images)
    height, width = original.shape[2:]
    sizes = octave_sizes(height, width, octaves, ratio)
    draw = torch.Generator().manual_seed(seed)
    name = find_layer(model, layer)[0]

    def value(x: Tensor) -> Tensor:
        return mean_square(run_up_to(model, prepare(x) if prepare else x, [name])[name], channels)

    detail = torch.zeros_like(original)
    finished, values = [], []
    with untouched(model):
        for size in sizes:
            base = resize(original, size)
            x = (base + resize(detail, size)).clamp(0, 1)
            history = []
            for _ in range(steps):
                with torch.no_grad():
                    history.append(value(x))
                shift = torch.randint(-jitter, jitter + 1, (2,), generator=draw).tolist()
                x = x.roll(shift, (2, 3)).requires_grad_()
                with torch.enable_grad():
                    (gradient,) = torch.autograd.grad(value(x).sum(), x)
                scale = gradient.abs().mean((1, 2, 3), keepdim=True)
                if float(scale.min()) == 0:
                    raise ValueError(f"layer {name!r} does not answer to the picture: its gradient is 0 everywhere")
                x = (x.detach() + step_size * gradient / scale).clamp_(0, 1)
                x = x.roll([-s for s in shift], (2, 3))
            with torch.no_grad():
                history.append(value(x))
            detail = x - base
            finished.append(x)
            values.append(torch.stack(history))
    return Dream(x, tuple(finished), torch.stack(values))
