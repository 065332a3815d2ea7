"""What a ReLU does to the gradient that comes back, what other rules do that look like it, and dead units.

The right rule asks how the unit stood on the way forward. Taught in chapter 03_backprop; the other two rules return
as ways to make pictures of what a network sees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape

__all__ = ["RELU_RULES", "dead_units", "deconvnet_backward", "guided_backward", "relu_backward"]

Array = NDArray[np.float64]


def relu_backward(a: ArrayLike, above: ArrayLike) -> Array:
    """Return dL/da: ``above`` where ``a > 0``, else 0. The sign of ``above`` plays no part.

    Args:
        a: pre-activations on the way forward, any shape.
        above: dL/dx, the gradient in the ReLU's output, same shape.
    """
    a, above = _pair(a, above)
    return np.where(a > 0, above, 0.0)


def deconvnet_backward(a: ArrayLike, above: ArrayLike) -> Array:
    """Return the positive part of ``above``, whatever ``a`` was: a rule for pictures, no gradient.

    Source: M. Zeiler, R. Fergus, Visualizing and understanding convolutional networks (2014).
    """
    return np.maximum(0.0, _pair(a, above)[1])


def guided_backward(a: ArrayLike, above: ArrayLike) -> Array:
    """Return the positive part of ``above`` where ``a > 0``: both conditions, for pictures, no gradient.

    Source: J. Springenberg et al., Striving for simplicity: the all convolutional net (2015).
    """
    return np.maximum(0.0, relu_backward(a, above))


RELU_RULES = {"gradient": relu_backward, "deconvnet": deconvnet_backward, "guided": guided_backward}
"""Name to rule; only the first one is a derivative."""


def dead_units(a: ArrayLike) -> NDArray[np.bool_]:
    """Tell for each unit whether it is inactive (``a <= 0``) on every example.

    Args:
        a: pre-activations (N, units).

    Returns:
        One boolean a unit.
    """
    return np.asarray((check_shape("a", np.asarray(a), (None, None)) <= 0).all(axis=0))


def _pair(a: ArrayLike, above: ArrayLike) -> tuple[Array, Array]:
    before = np.asarray(a, dtype=np.float64)
    return before, check_shape("above", np.asarray(above, dtype=np.float64), before.shape)
