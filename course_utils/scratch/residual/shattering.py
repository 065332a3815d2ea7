"""Gradients as a function of a scalar input: smooth in a shallow network, noise in a deep plain one (chapter 07b).

Source: D. Balduzzi et al., "The shattered gradients problem: if resnets are the answer, then what is the question?"
(2017), section 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_int, check_shape
from course_utils.scratch.residual.stacks import stack


def line_gradient(
    blocks: int,
    order: str,
    *,
    branch: float = 1.0,
    points: int = 256,
    width: int = 100,
    norm: bool = True,
    seed: int = 0,
) -> Tensor:
    """Return df/dx of a random network f from one number to one number, at points from -2 to 2.

    A first layer of ReLUs with random weights and biases, the blocks, and a random sum. Normalisation takes its
    statistics from all points and is held still for the derivative.

    Args:
        blocks: of two layers each; 0 for a single hidden layer.
        order: of the blocks, see :mod:`stacks`.
        branch: factor on every residual.
        points: how many.
        width: units of every layer.
        norm: whether blocks normalise.
        seed: of the weights.

    Returns:
        Shape ``(points,)``.
    """
    check_int("blocks", blocks, minimum=0)
    draw = torch.Generator().manual_seed(10_000 + seed)
    numbers = torch.randn(3, width, generator=draw, dtype=torch.float64)
    x = torch.linspace(-2, 2, points, dtype=torch.float64)[:, None].requires_grad_()
    first = torch.relu(2**0.5 * (x * numbers[0] + numbers[1]))
    body = None
    if blocks:
        body = stack(blocks, width, order, norm=norm, branch=branch, seed=seed)
        for module in body.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.momentum = None  # one pass sets the statistics to those of this batch
        with torch.no_grad():
            body(first)
        body.eval()
    out = (first if body is None else body(first)) @ numbers[2]
    (gradient,) = torch.autograd.grad(out.sum(), x)
    return gradient[:, 0]


def autocorrelation(series: Tensor, lags: int) -> Tensor:
    """Return the correlation of a series with itself, shifted by 0, 1, ... ``lags`` places.

    Args:
        series: shape ``(T,)``.
        lags: below T.
    """
    check_shape("series", series, (None,))
    check_int("lags", lags, minimum=0, maximum=len(series) - 1)
    centred = series - series.mean()
    sums = [(centred[: len(series) - lag] * centred[lag:]).sum() for lag in range(lags + 1)]
    return torch.stack(sums) / sums[0]
