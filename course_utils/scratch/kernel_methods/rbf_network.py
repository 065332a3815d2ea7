"""A radial basis function network: a fixed number of bumps whose places and widths are learned too.

Taught in chapter 01b_kernels; the last step before the multi-layer perceptron.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RBFNetwork:
    """The function ``bias + sum_j weight_j exp(-(x - center_j)^2 / (2 width_j^2))`` of one number.

    Attributes:
        centers: shape ``(H,)``.
        log_widths: logarithms of the widths, so that every value is allowed, shape ``(H,)``.
        weights: shape ``(H,)``.
        bias: offset.
    """

    centers: Array
    log_widths: Array
    weights: Array
    bias: float

    def features(self, x: ArrayLike) -> Array:
        """Return the height of every bump at every input.

        Args:
            x: inputs, shape ``(N,)``.

        Returns:
            Shape ``(N, H)``.
        """
        standard = (np.asarray(x, dtype=float)[:, None] - self.centers) / np.exp(self.log_widths)
        return np.exp(-0.5 * standard**2)

    def __call__(self, x: ArrayLike) -> Array:
        """Return the network's value.

        Args:
            x: inputs, shape ``(N,)``.

        Returns:
            Shape ``(N,)``.
        """
        return self.features(x) @ self.weights + self.bias


def gradients(net: RBFNetwork, x: Array, y: Array) -> RBFNetwork:
    """Return the gradient of half the mean squared error, in the shape of the network itself.

    Args:
        net: the network.
        x: inputs, shape ``(N,)``.
        y: targets, shape ``(N,)``.
    """
    bumps = net.features(x)  # (N, H)
    error = (bumps @ net.weights + net.bias - y) / len(x)  # (N,)
    standard = (x[:, None] - net.centers) / np.exp(net.log_widths)
    through = error[:, None] * bumps * net.weights  # (N, H)
    return RBFNetwork(
        centers=(through * standard / np.exp(net.log_widths)).sum(axis=0),
        log_widths=(through * standard**2).sum(axis=0),
        weights=error @ bumps,
        bias=float(error.sum()),
    )


def solve_weights(net: RBFNetwork, x: ArrayLike, y: ArrayLike, penalty: float = 1e-6) -> RBFNetwork:
    """Return the network with the best weights and bias for its bumps, by ridge regression.

    Args:
        net: gives centres and widths.
        x: inputs, shape ``(N,)``.
        y: targets, shape ``(N,)``.
        penalty: of the squared weights over the mean squared error, at least 0; the bias is free.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_same_length("x", x, "y", y)
    check_number("penalty", penalty, minimum=0)
    design = np.column_stack([net.features(x), np.ones(len(x))])
    ridge = np.diag(np.append(np.full(len(net.centers), penalty * len(x)), 0.0))
    solution = np.linalg.lstsq(design.T @ design + ridge, design.T @ y, rcond=None)[0]
    return replace(net, weights=solution[:-1], bias=float(solution[-1]))


def even_network(hidden: int, low: float, high: float) -> RBFNetwork:
    """Return a network with evenly spaced bumps, each as wide as the spacing, and zero weights.

    Args:
        hidden: number of bumps, at least 2.
        low: first centre.
        high: last centre.
    """
    check_int("hidden", hidden, minimum=2)
    centers = np.linspace(low, high, hidden)
    return RBFNetwork(centers, np.full(hidden, np.log(centers[1] - centers[0])), np.zeros(hidden), 0.0)


def learn_bumps(
    net: RBFNetwork,
    x: ArrayLike,
    y: ArrayLike,
    lr: float = 0.02,
    steps: int = 1500,
    learn_widths: bool = True,
    penalty: float = 1e-6,
) -> tuple[RBFNetwork, Array]:
    """Move centres (and widths) downhill, with the best weights recomputed before every step.

    Args:
        net: the start.
        x: inputs, shape ``(N,)``.
        y: targets, shape ``(N,)``.
        lr: step size of Adam for centres and log-widths, above 0.
        steps: number of steps.
        learn_widths: whether the widths move as well.
        penalty: as in ``solve_weights``.

    Returns:
        The network with the smallest training error met on the way, and the training error at every step,
        shape ``(steps + 1,)``.

    Raises:
        ValueError: if an argument is out of range or the lengths differ.

    Source: Golub and Pereyra (1973) for solving the linear part inside (variable projection); Kingma and Ba
    (2015) for the step.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_shape("x", x, (None,))
    check_same_length("x", x, "y", y)
    check_number("lr", lr, above=0)
    check_int("steps", steps, minimum=0)
    hidden = len(net.centers)
    mean, square = np.zeros(2 * hidden), np.zeros(2 * hidden)
    best, best_error, history = net, np.inf, []
    for step in range(1, steps + 2):
        net = solve_weights(net, x, y, penalty)
        error = float(np.mean((net(x) - y) ** 2))
        history.append(error)
        if error < best_error:
            best, best_error = net, error
        if step > steps:
            break
        slope = gradients(net, x, y)
        both = np.concatenate([slope.centers, slope.log_widths * learn_widths])
        mean = 0.9 * mean + 0.1 * both
        square = 0.999 * square + 0.001 * both**2
        move = lr * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        net = replace(net, centers=net.centers - move[:hidden], log_widths=net.log_widths - move[hidden:])
    return best, np.array(history)
