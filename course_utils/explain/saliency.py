"""Which pixels would change the answer, were they changed a little: the gradient with respect to the picture.

Chapter 08b teaches it. Weights stay as they are; the derivative goes one layer further down than in training, to the
picture itself.

Sources: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013 (gradient of the score,
largest channel); M. D. Zeiler, R. Fergus, ECCV 2014 (one hidden unit at its strongest place); D. Smilkov and others,
"SmoothGrad: removing noise by adding noise", 2017; M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep
networks", ICML 2017 (integrated gradients).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.explain.hooks import Layer, Taps, untouched
from course_utils.explain.targets import Target, output_value, resolve_target

__all__ = [
    "CHANNELS",
    "blur",
    "channel_map",
    "input_gradient",
    "integrated_gradients",
    "smooth_grad",
    "strongest_place",
    "unit_gradient",
]

CHANNELS = ("max", "sum", "norm")


def input_gradient(model: nn.Module, x: Tensor, target: Target = None, *, of: str = "score") -> Tensor:
    """Differentiate the explained number with respect to the pictures: one pass forward, one back.

    Inside ``relu_rule("guided")`` or ``relu_rule("deconvnet")`` it returns the signal of that rule instead.

    Args:
        model: any network; evaluated in ``eval`` mode, where pictures of a batch do not mix, and left as found.
        x: prepared pictures (N, C, H, W).
        target: class to explain, see ``resolve_target``; the preferred one by default.
        of: ``"score"``, ``"probability"`` or ``"log_probability"``.

    Returns:
        (N, C, H, W), how fast the number grows with each input.
    """
    with untouched(model), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = output_value(model(x), target, of)
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return gradient


def channel_map(gradient: Tensor, how: str = "max") -> Tensor:
    """Make one number a pixel of the numbers of its channels, never negative.

    Args:
        gradient: (N, C, H, W).
        how: ``"max"``, the largest absolute value, as Simonyan and others do; ``"sum"`` of absolute values;
            ``"norm"``, the length.

    Returns:
        (N, H, W).
    """
    check_choice("how", how, CHANNELS)
    check_shape("gradient", gradient, (None, None, None, None))
    if how == "max":
        return gradient.abs().amax(1)
    return gradient.abs().sum(1) if how == "sum" else gradient.norm(dim=1)


def blur(maps: Tensor, sigma: float) -> Tensor:
    """Smooth maps (N, H, W) with a Gaussian of standard deviation ``sigma`` pixels; at edges what is inside counts."""
    check_number("sigma", sigma, above=0)
    check_shape("maps", maps, (None, None, None))
    reach = min(int(3 * sigma + 0.5), *(n - 1 for n in maps.shape[1:]))
    line = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    bell = torch.exp(-(line**2) / (2 * sigma**2))

    def both_ways(values: Tensor) -> Tensor:
        values = F.conv2d(values, bell[None, None, :, None], padding=(reach, 0))
        return F.conv2d(values, bell[None, None, None], padding=(0, reach))

    return (both_ways(maps[:, None]) / both_ways(torch.ones_like(maps[:1, None])))[:, 0]


def smooth_grad(
    model: nn.Module,
    x: Tensor,
    target: Target = None,
    *,
    samples: int = 16,
    noise: float = 0.15,
    seed: int = 0,
    of: str = "score",
) -> Tensor:
    """Average the gradient over noisy copies of each picture.

    Args:
        model: any network.
        x: prepared pictures (N, C, H, W).
        target: class to explain; by default the one preferred in the picture without noise.
        samples: noisy copies of a picture.
        noise: standard deviation as a share of the picture's range (largest minus smallest value).
        seed: of the noise.
        of: as for ``input_gradient``.

    Returns:
        (N, C, H, W).
    """
    check_int("samples", samples, minimum=1)
    check_number("noise", noise, minimum=0)
    with untouched(model), torch.no_grad():
        chosen = resolve_target(model(x), target)
    draw = torch.Generator().manual_seed(seed)
    reach = (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))[:, None, None, None] * noise
    total = torch.zeros_like(x)
    for _ in range(samples):
        bumps = torch.randn(x.shape, generator=draw, dtype=x.dtype).to(x.device)
        total += input_gradient(model, x + reach * bumps, chosen, of=of)
    return total / samples


def integrated_gradients(
    model: nn.Module,
    x: Tensor,
    target: Target = None,
    *,
    baseline: float | Tensor = 0.0,
    steps: int = 32,
    of: str = "score",
) -> Tensor:
    """Share the difference between a picture's number and a baseline's among the inputs.

    The gradient is averaged along the straight line from the baseline to the picture (middle of each step) and
    multiplied by the difference of the two.

    Args:
        model: any network.
        x: prepared pictures (N, C, H, W).
        target: class to explain, see ``resolve_target``.
        baseline: the picture that says nothing, in prepared numbers: one number, or broadcast to ``x``.
        steps: gradients on the way.
        of: as for ``input_gradient``.

    Returns:
        (N, C, H, W); with many steps its sum over a picture is the difference of the two numbers.
    """
    check_int("steps", steps, minimum=1)
    with untouched(model), torch.no_grad():
        chosen = resolve_target(model(x), target)
    start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    total = torch.zeros_like(x)
    for step in range(steps):
        way = (step + 0.5) / steps
        total += input_gradient(model, start + way * (x - start), chosen, of=of)
    return (x - start) * total / steps


def strongest_place(activation: Tensor, channel: int) -> Tensor:
    """Return row and column (N, 2) where a channel of maps (N, C, H, W) is largest."""
    check_shape("activation", activation, (None, None, None, None))
    check_int("channel", channel, minimum=0, maximum=activation.shape[1] - 1)
    best = activation[:, channel].flatten(1).argmax(1)
    return torch.stack([best // activation.shape[3], best % activation.shape[3]], 1)


def unit_gradient(
    model: nn.Module, x: Tensor, layer: Layer, channel: int, place: tuple[int, int] | Tensor | None = None
) -> Tensor:
    """Differentiate the activation of one hidden unit with respect to the pictures.

    Args:
        model: any network.
        x: prepared pictures (N, C, H, W).
        layer: name or module; its output is (N, C', H', W') or (N, C').
        channel: which of the C'.
        place: row and column of the unit, for all pictures or (N, 2); by default where the channel is strongest.

    Returns:
        (N, C, H, W), zero outside the unit's receptive field.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if the layer has no such unit.
    """
    with untouched(model), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        with Taps(model, layer) as taps:
            model(x)
        activation = taps[layer]
        if activation.ndim == 2:
            check_int("channel", channel, minimum=0, maximum=activation.shape[1] - 1)
            value = activation[:, channel]
        else:
            best = strongest_place(activation, channel) if place is None else torch.as_tensor(place)
            best = best.expand(len(x), 2).to(x.device)
            height, width = activation.shape[2:]
            if len(x) and not ((best >= 0).all() and (best[:, 0] < height).all() and (best[:, 1] < width).all()):
                raise ValueError(f"place must lie in the map of {height} rows and {width} columns, got {place}")
            value = activation[torch.arange(len(x), device=x.device), channel, best[:, 0], best[:, 1]]
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return gradient
