"""How to draw the first weights of a layer: the standard deviation that each rule asks for (chapter 04b)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_choice, check_int, check_number

Rule = Callable[[int, int], float]

# Name of a rule -> standard deviation of a weight, from fan_in and fan_out.
SCHEMES: dict[str, Rule] = {
    "zero": lambda fan_in, fan_out: 0.0,
    "gaussian 0.01": lambda fan_in, fan_out: 0.01,
    "gaussian 0.1": lambda fan_in, fan_out: 0.1,
    "gaussian 1": lambda fan_in, fan_out: 1.0,
    "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "sd 1/sqrt(fan_in)": lambda fan_in, fan_out: 1 / math.sqrt(fan_in),
    "variance 1/sqrt(fan_in)": lambda fan_in, fan_out: fan_in**-0.25,
    "he fan_in": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    "he fan_out": lambda fan_in, fan_out: math.sqrt(2 / fan_out),
}


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Count the inputs that one output sees, and the outputs that one input reaches.

    Args:
        shape: of the weight: ``(out, in)`` of a linear layer, ``(out, in, k, ...)`` of a convolution.

    Returns:
        ``(fan_in, fan_out)``. A convolution multiplies both by the area of its kernel; ``fan_out`` counts
        as if every position of the kernel met the input, which is so for stride 1 away from the border.

    Raises:
        ValueError: if the shape has fewer than two sizes: a bias has no fans.
    """
    sizes = [check_int("shape", size, minimum=1) for size in shape]
    if len(sizes) < 2:
        raise ValueError(f"shape must have at least 2 sizes (out, in, ...), got {tuple(sizes)}; start a bias at 0")
    area = math.prod(sizes[2:])
    return sizes[1] * area, sizes[0] * area


def standard_deviation(scheme: str, shape: Sequence[int]) -> float:
    """Return the standard deviation that a rule of ``SCHEMES`` asks for in a weight of this shape."""
    return SCHEMES[check_choice("scheme", scheme, SCHEMES)](*fans(shape))


def draw(
    shape: Sequence[int],
    scheme: str,
    *,
    scale: float = 1.0,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw a weight from a Gaussian with mean 0 and the standard deviation of the rule.

    Args:
        shape: of the weight, ``(out, in)`` or ``(out, in, k, ...)``.
        scheme: one of ``SCHEMES``.
        scale: factor on the standard deviation, at least 0.
        generator: source of randomness; PyTorch's own if left out.
        dtype: of the result.

    Source: X. Glorot, Y. Bengio (2010) for ``xavier``, K. He et al. (2015) for ``he``; both papers' rules
    concern the variance, so a Gaussian stands here also for Glorot's uniform distribution.
    """
    check_number("scale", scale, minimum=0)
    return torch.randn(tuple(shape), generator=generator, dtype=dtype) * (scale * standard_deviation(scheme, shape))


def initialise(
    model: nn.Module, scheme: str, *, scale: float = 1.0, generator: torch.Generator | None = None
) -> nn.Module:
    """Redraw the weights of every linear and convolutional layer in place and set their biases to 0.

    Args:
        model: any network; layers of other kinds stay as they are.
        scheme: one of ``SCHEMES``.
        scale: factor on the standard deviation.
        generator: source of randomness.

    Returns:
        The model.
    """
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, kinds):
                weight = layer.weight
                weight.copy_(draw(weight.shape, scheme, scale=scale, generator=generator, dtype=weight.dtype))
                if layer.bias is not None:
                    layer.bias.zero_()
    return model
