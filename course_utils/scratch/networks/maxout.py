"""Maxout: a unit that takes the largest of several weighted sums.

Taught in chapter 02b_losses. Source: I. Goodfellow et al., Maxout networks (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape
from course_utils.scratch.networks.activations import relu

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Maxout:
    """A layer of H units with k pieces each: ``x_j = max_p (w_jp . x + b_jp)``.

    Attributes:
        weight: shape ``(k, H, D)``.
        bias: shape ``(k, H)``.
    """

    weight: Array
    bias: Array

    def pieces(self, x: ArrayLike) -> Array:
        """Return every weighted sum.

        Args:
            x: inputs, shape ``(N, D)``.

        Returns:
            Shape ``(k, N, H)``.
        """
        x = check_shape("x", np.asarray(x, dtype=np.float64), (None, self.weight.shape[2]))
        return np.asarray(x @ self.weight.transpose(0, 2, 1) + self.bias[:, None])

    def __call__(self, x: ArrayLike) -> Array:
        """Return the largest piece of every unit.

        Args:
            x: inputs, shape ``(N, D)``.

        Returns:
            Shape ``(N, H)``.
        """
        return np.asarray(self.pieces(x).max(axis=0))

    @property
    def parameters(self) -> int:
        """Number of weights and biases, ``k H (D + 1)``."""
        return self.weight.size + self.bias.size


def maxout_gradient(layer: Maxout, x: ArrayLike, upstream: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the gradients in weights, biases and inputs: all of it flows through the largest piece.

    Args:
        layer: the layer.
        x: inputs, shape ``(N, D)``.
        upstream: slope of the loss in the layer's outputs, shape ``(N, H)``.

    Returns:
        Arrays shaped like ``weight``, ``bias`` and ``x``. On a tie the first of the largest pieces takes all.
    """
    x = np.asarray(x, dtype=np.float64)
    winner = layer.pieces(x).argmax(axis=0)  # (N, H)
    through = np.asarray(upstream) * (np.arange(len(layer.weight))[:, None, None] == winner)  # (k, N, H)
    return (
        through.transpose(0, 2, 1) @ x,
        through.sum(axis=1),
        np.asarray((through @ layer.weight).sum(axis=0)),
    )


def relu_as_maxout(weight: ArrayLike, bias: ArrayLike) -> Maxout:
    """Write a ReLU layer as a maxout layer of two pieces, the second of them always 0.

    Args:
        weight: shape ``(H, D)``.
        bias: shape ``(H,)``.
    """
    weight = check_shape("weight", np.asarray(weight, dtype=np.float64), (None, None))
    bias = check_shape("bias", np.asarray(bias, dtype=np.float64), (len(weight),))
    return Maxout(np.stack([weight, np.zeros_like(weight)]), np.stack([bias, np.zeros_like(bias)]))


@dataclass(frozen=True)
class ReluRewrite:
    """A ReLU layer and a linear layer on top that together compute a maxout layer.

    Attributes:
        weight: of the ReLU layer, shape ``(3H, D)``.
        bias: of the ReLU layer, shape ``(3H,)``.
        mix: of the linear layer, shape ``(H, 3H)``.
    """

    weight: Array
    bias: Array
    mix: Array

    def __call__(self, x: ArrayLike) -> Array:
        """Return the outputs for inputs of shape ``(N, D)``; shape ``(N, H)``."""
        return np.asarray(relu(np.asarray(x) @ self.weight.T + self.bias) @ self.mix.T)


def maxout_as_relu(layer: Maxout) -> ReluRewrite:
    """Write a maxout layer of two pieces with three ReLU units for each of its units.

    ``max(a, b) = b + max(a - b, 0)``, and a plain ``b`` is ``relu(b) - relu(-b)``.

    Args:
        layer: with ``k = 2``.

    Raises:
        ValueError: for another number of pieces.
    """
    if len(layer.weight) != 2:
        raise ValueError(f"layer must have 2 pieces, got {len(layer.weight)}: fold more pieces two at a time")
    (wa, wb), (ba, bb) = layer.weight, layer.bias
    eye = np.eye(len(wa))
    return ReluRewrite(
        np.concatenate([wb, -wb, wa - wb]), np.concatenate([bb, -bb, ba - bb]), np.hstack([eye, -eye, eye])
    )
