"""Follow a signal through many layers, forward as activations and back as gradients (chapter 04b)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.scratch.initialisation.schemes import draw
from course_utils.scratch.normalisation.batch_norm import batch_norm_backward, batch_norm_forward

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")
DELTA_SEED = 9_041  # unlike any seed of weights: with equal seeds delta would repeat the first weights


@dataclass(frozen=True)
class SignalTrace:
    """What happened to the size of a signal in each of ``L`` layers.

    Attributes:
        activation: root mean square of the input and of each layer's output, shape ``(L + 1,)``.
        gradient: root mean square of dL/dx of the input and of each layer's output, shape ``(L + 1,)``.
        weight_gradient: length of dL/dW of each layer, shape ``(L,)``.
        outputs: each layer's output, ``L + 1`` tensors ``(N, width)``, the input first.
    """

    activation: Tensor
    gradient: Tensor
    weight_gradient: Tensor
    outputs: tuple[Tensor, ...]


def activate(a: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Return ``f(a)`` and ``f'(a)``; the ReLU's slope at 0 is 0."""
    check_choice("activation", activation, ACTIVATIONS)
    if activation == "linear":
        return a, torch.ones_like(a)
    if activation == "relu":
        return a.clamp(min=0), (a > 0).to(a.dtype)
    if activation == "tanh":
        x = torch.tanh(a)
        return x, 1 - x**2
    x = torch.sigmoid(a)
    return x, x * (1 - x)


def root_mean_square(values: Tensor) -> Tensor:
    """Return the root of the mean square; the largest entry is divided out first, so that squares do not underflow."""
    top = values.abs().max()
    if top == 0 or not torch.isfinite(top):
        return top
    return top * ((values / top) ** 2).mean().sqrt()


def deep_weights(
    depth: int,
    width: int,
    scheme: str,
    *,
    inputs: int | None = None,
    scale: float = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> list[Tensor]:
    """Draw ``depth`` weight matrices ``(width, width)`` by one rule.

    Args:
        depth: number of layers, at least 1.
        width: units in each layer, at least 1.
        scheme: one of ``schemes.SCHEMES``.
        inputs: width of the network's input, for a first matrix ``(width, inputs)``; ``width`` if left out.
        scale: factor on the rule's standard deviation.
        seed: of the draw. Draw the inputs with another one: equal seeds give equal numbers.
        dtype: float64 unless you want to see numbers underflow.
    """
    check_int("depth", depth, minimum=1)
    check_int("width", width, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    sizes = [width if inputs is None else check_int("inputs", inputs, minimum=1), *[width] * depth]
    return [
        draw((after, before), scheme, scale=scale, generator=generator, dtype=torch.float64).to(dtype)
        for before, after in pairwise(sizes)
    ]


def trace(
    weights: Sequence[Tensor],
    x: Tensor,
    activation: str = "relu",
    *,
    delta: Tensor | None = None,
    batch_norm: bool = False,
    skip: bool = False,
) -> SignalTrace:
    """Send ``x`` forward and ``delta`` back through layers ``x <- f(W x)``, by hand, and measure both in every layer.

    Args:
        weights: one matrix ``(out, in)`` a layer.
        x: inputs, shape ``(N, in)``.
        activation: one of ``ACTIVATIONS``.
        delta: dL/dx of the last layer's output, shape ``(N, out)``; a fixed random one if left out.
        batch_norm: normalise each pre-activation over the batch (gamma 1, beta 0) before ``f``.
        skip: add each layer's input to its output, ``x <- x + f(W x)``; needs square weights.

    Returns:
        The trace. Autograd gives the same numbers; the tests compare them.
    """
    check_shape("x", x, (None, weights[0].shape[1]))
    outputs, slopes, caches = [x], [], []
    for weight in weights:
        a = outputs[-1] @ weight.T  # (N, out)
        if batch_norm:
            ones, zeros = torch.ones_like(a[0]), torch.zeros_like(a[0])
            a, cache = batch_norm_forward(a, ones, zeros)
            caches.append(cache)
        y, slope = activate(a, activation)
        outputs.append(outputs[-1] + y if skip else y)
        slopes.append(slope)
    if delta is None:
        generator = torch.Generator().manual_seed(DELTA_SEED)
        delta = torch.randn(outputs[-1].shape, generator=generator, dtype=torch.float64).to(x.dtype)
    check_shape("delta", delta, tuple(outputs[-1].shape))
    gradients, weight_gradients = [delta], []
    for layer in reversed(range(len(weights))):
        g = gradients[-1] * slopes[layer]  # dL/da
        if batch_norm:
            g = batch_norm_backward(g, caches[layer])[0]
        weight_gradients.append(torch.linalg.norm(g.T @ outputs[layer]))
        back = g @ weights[layer]
        gradients.append(gradients[-1] + back if skip else back)
    return SignalTrace(
        activation=torch.stack([root_mean_square(y) for y in outputs]),
        gradient=torch.stack([root_mean_square(d) for d in reversed(gradients)]),
        weight_gradient=torch.stack(weight_gradients[::-1]),
        outputs=tuple(outputs),
    )


def variance_factor(fan: int, variance: float, halved: bool = False) -> float:
    """Return by how much one layer multiplies the mean square of a signal: ``fan * variance``, half of it with ReLU.

    Args:
        fan: ``fan_in`` on the way forward, ``fan_out`` on the way back.
        variance: of one weight.
        halved: whether a ReLU zeroes half of the signal.
    """
    check_int("fan", fan, minimum=1)
    check_number("variance", variance, minimum=0)
    return fan * variance * (0.5 if halved else 1.0)


def batch_norm_relu_growth() -> float:
    """Return the factor by which a gradient grows through one wide layer of linear, batch norm, ReLU at the start.

    The pre-activations are standard normal after normalisation. The ReLU leaves mean square 1/2 but variance
    only 1/2 - 1/(2 pi). Normalisation divides by the spread, so the way back multiplies the mean square by
    (1/2) / (1/2 - 1/(2 pi)) = pi / (pi - 1), and the length by the square root of it.

    Source: G. Yang et al., A mean field theory of batch normalization (2019), who derive the same rate.
    """
    return math.sqrt(math.pi / (math.pi - 1))


def clip_by_norm(gradients: Sequence[Tensor], max_norm: float) -> tuple[list[Tensor], float]:
    """Shrink all gradients by one common factor where their joint length exceeds ``max_norm``.

    Args:
        gradients: one tensor a parameter.
        max_norm: longest allowed joint length, above 0.

    Returns:
        The clipped copies, and the length before. The direction never changes.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks (2013).
    """
    check_number("max_norm", max_norm, above=0)
    norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients))
    factor = min(1.0, max_norm / norm) if norm > 0 else 1.0
    return [g * factor for g in gradients], norm
