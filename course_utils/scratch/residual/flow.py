"""The size of a signal on its way up a stack of blocks, and of the gradient on its way down (chapter 07b)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.scratch.initialisation.signal import batch_norm_relu_growth, root_mean_square

DELTA_SEED = 7_052  # unlike any seed of weights


@dataclass(frozen=True)
class Flow:
    """Root mean squares at the input and after each of ``L`` blocks.

    Attributes:
        forward: of the signal, shape ``(L + 1,)``, the input first.
        backward: of dL/dx at the same places, shape ``(L + 1,)``; 1 or so at the top.
    """

    forward: Tensor
    backward: Tensor


def flow(blocks: nn.Sequential, x: Tensor, delta: Tensor | None = None) -> Flow:
    """Send ``x`` up and a gradient down, and measure both between the blocks.

    Args:
        blocks: of equal width, in training mode: normalisation uses this batch.
        x: inputs, shape ``(N, width)``.
        delta: dL/d(output), of the output's shape; a fixed random one if left out.
    """
    places = [x.detach().requires_grad_()]
    for block in blocks:
        places.append(block(places[-1]))
    if delta is None:
        draw = torch.Generator().manual_seed(DELTA_SEED)
        delta = torch.randn(places[-1].shape, generator=draw, dtype=torch.float64).to(x.dtype)
    gradients = torch.autograd.grad(places[-1], places, delta)
    return Flow(
        torch.stack([root_mean_square(place.detach()) for place in places]),
        torch.stack([root_mean_square(gradient) for gradient in gradients]),
    )


def expected_signal(blocks: int) -> list[float]:
    """Return the root mean square after 0, 1, ... ``blocks`` normalised pre-activation blocks, started at 1.

    Each branch ends with a linear layer of He's weights on rectified standard normal numbers, so it adds 1 to the
    mean square.
    """
    check_int("blocks", blocks, minimum=1)
    return [math.sqrt(1 + block) for block in range(blocks + 1)]


def expected_gradient(blocks: int) -> list[float]:
    """Return the root mean square of the gradient at the same places, 1 at the top.

    A branch divides by the spread of its input over the batch, whose square is 1 + l (1 - 1/pi) before block l + 1,
    and multiplies the mean square of the gradient by pi / (pi - 1) inside, as two normalised layers do. The shortcut
    adds 1.
    """
    check_int("blocks", blocks, minimum=1)
    sizes = [1.0]
    for block in reversed(range(blocks)):
        varying = 1 + block * (1 - 1 / math.pi)
        sizes.append(sizes[-1] * math.sqrt(1 + batch_norm_relu_growth() ** 2 / varying))
    return sizes[::-1]
