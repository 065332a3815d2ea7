"""Rosenblatt's machine in small: a 20x20 sensor, randomly wired sign units, one trained output (chapter 01).

The Mark I had 400 photocells, 512 association units and 8 response units; only the weights between the
last two were learned. Here one response unit answers -1 or +1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.scratch.perceptrons.perceptron import PerceptronRun, add_bias, train_perceptron


@dataclass(frozen=True)
class Wiring:
    """Fixed random links from the sensor to the association units.

    Attributes:
        links: -1 (inhibiting), 0 (none) or +1 (exciting), shape ``(units, sensors)``.
        threshold: what the sum over the links must reach, shape ``(units,)``.
    """

    links: NDArray[np.float64]
    threshold: NDArray[np.float64]


def wire_randomly(units: int, sensors: int = 400, links: int = 20, seed: int = 0) -> Wiring:
    """Connect each association unit to ``links`` random sensors, each link exciting or inhibiting.

    Args:
        units: number of association units, at least 1.
        sensors: number of photocells, at least ``links``.
        links: links a unit, at least 1.
        seed: seed of the draw.
    """
    check_int("units", units, minimum=1)
    check_int("links", links, minimum=1, maximum=check_int("sensors", sensors, minimum=1))
    draw = np.random.default_rng(seed)
    table = np.zeros((units, sensors))
    for row in table:
        row[draw.choice(sensors, size=links, replace=False)] = draw.choice([-1.0, 1.0], size=links)
    return Wiring(table, np.full(units, 0.5))


def associate(images: ArrayLike, wiring: Wiring) -> NDArray[np.float64]:
    """Return the signs of the association units.

    Args:
        images: pictures with as many pixels as the wiring has sensors, shape ``(N, ...)``.
        wiring: the fixed links.

    Returns:
        -1 or +1, shape ``(N, units)``.
    """
    pixels = np.asarray(images, dtype=np.float64)
    pixels = check_shape("pixels", pixels.reshape(len(pixels), -1), (None, wiring.links.shape[1]))
    return np.where(pixels @ wiring.links.T >= wiring.threshold, 1.0, -1.0)


def train_response(
    images: ArrayLike, y: ArrayLike, wiring: Wiring, *, epochs: int = 50, seed: int = 0
) -> PerceptronRun:
    """Train the weights between association units and one response unit with the perceptron rule.

    Args:
        images: pictures, shape ``(N, ...)``.
        y: labels -1 or +1, shape ``(N,)``.
        wiring: the fixed links.
        epochs: most passes over the pictures.
        seed: seed of the order of visits.
    """
    signs = add_bias(associate(images, wiring))
    return train_perceptron(signs, y, epochs=epochs, order=np.random.default_rng(seed), keep_history=False)


def response_accuracy(images: ArrayLike, y: ArrayLike, wiring: Wiring, w: ArrayLike) -> float:
    """Return the share of pictures whose response has the sign of the label."""
    answer = add_bias(associate(images, wiring)) @ np.asarray(w)
    return float((np.asarray(y) * answer > 0).mean())


class StraightThroughSign(torch.autograd.Function):
    """Sign in the forward pass; in the backward pass the gradient passes where ``|input| <= width``.

    ``torch.sign`` has derivative 0 wherever it has one, so nothing before it can learn by gradients. This
    estimator pretends that the unit was linear near its threshold: not the gradient of anything, but a
    usable direction.

    Source: Y. Bengio, N. Leonard, A. Courville, Estimating or propagating gradients through stochastic
    neurons for conditional computation (2013).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: float = 1.0) -> Tensor:
        check_number("width", width, above=0)
        ctx.save_for_backward(x)
        ctx.width = width
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad_outputs[0] * (x.abs() <= ctx.width), None
