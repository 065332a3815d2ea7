"""Fit a curve with one hidden layer, as well as the layer can: nothing but its width is in the way.

Taught in chapter 02_mlp.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from course_utils.check import check_choice, check_int, check_number

BENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "square": torch.square,
    "linear": lambda a: a,
}


class CurveNet(nn.Module):
    """``f(x) = c + sum_j v_j h(w_j x + b_j)`` of one number.

    Args:
        activation: a name of ``BENDS``.
        hidden: number of units, at least 1.
        low: left end of the interval.
        high: right end, above ``low``.
        seed: of the start: bends spread over the interval, one at random in each equal part of it.
        biases: whether the hidden units have one; without, ``b_j = 0`` for good.
    """

    def __init__(
        self, activation: str, hidden: int, low: float, high: float, seed: int = 0, biases: bool = True
    ) -> None:
        super().__init__()
        check_int("hidden", hidden, minimum=1)
        check_number("high", high, above=low)
        self.bend = BENDS[check_choice("activation", activation, BENDS)]
        draw = torch.Generator().manual_seed(seed)
        # one bend in each of as many equal parts: no two share a place, where only their sum would count
        cell = torch.arange(hidden) + torch.rand(hidden, generator=draw, dtype=torch.float64)
        place = low + (high - low) * cell / hidden
        side = torch.where(torch.rand(hidden, generator=draw) < 0.5, -1.0, 1.0).double()
        w = side * (1 + torch.rand(hidden, generator=draw, dtype=torch.float64)) * 4 / (high - low)
        self.w = nn.Parameter(w)
        self.b = nn.Parameter(-w * place if biases else torch.zeros_like(w), requires_grad=biases)
        self.v = nn.Parameter(torch.zeros(hidden, dtype=torch.float64))
        self.c = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def features(self, x: Tensor) -> Tensor:
        """Return the hidden layer, shape ``(N, H)``, for ``x`` of shape ``(N,)``."""
        return self.bend(x[:, None] * self.w + self.b)

    def forward(self, x: Tensor) -> Tensor:
        """Return values of shape ``(N,)`` for ``x`` of shape ``(N,)``."""
        return self.features(x) @ self.v + self.c

    @torch.no_grad()
    def curve(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same for an array of any shape, in that shape."""
        return self(torch.as_tensor(np.ravel(x))).numpy().reshape(np.shape(x))


def fit_curve(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    activation: str,
    hidden: int,
    *,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
    biases: bool = True,
    points: int = 201,
    steps: int = 300,
) -> CurveNet:
    """Minimise the mean squared error on a grid: least squares for the outer weights, then L-BFGS for all.

    Args:
        function: maps an array to an array of the same shape.
        activation: a name of ``BENDS``.
        hidden: number of units.
        low: left end of the interval.
        high: right end.
        seed: of the start.
        biases: whether the hidden units have one.
        points: size of the grid, at least 2.
        steps: of L-BFGS.

    Returns:
        The fitted network.
    """
    check_int("steps", steps, minimum=0)
    net = CurveNet(activation, hidden, low, high, seed, biases)
    x = torch.linspace(low, high, check_int("points", points, minimum=2), dtype=torch.float64)
    y = torch.as_tensor(function(x.numpy()))
    with torch.no_grad():
        design = torch.cat([net.features(x), torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
        solution = torch.linalg.lstsq(design, y[:, None], rcond=1e-12, driver="gelsd").solution[:, 0]
        net.v.copy_(solution[:-1])
        net.c.copy_(solution[-1])
    parameters = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.LBFGS(
        parameters,
        max_iter=steps,
        history_size=20,
        line_search_fn="strong_wolfe",
        tolerance_change=1e-13,
        tolerance_grad=1e-11,
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        return loss

    if steps:
        optimiser.step(closure)
    return net
