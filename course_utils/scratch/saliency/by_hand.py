"""A network of two inputs, four ReLUs and one answer, forwards and backwards in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_choice, check_shape

__all__ = ["RULES", "W", "answer", "relu_back", "send_back", "v"]

Array = NDArray[np.float64]
RULES = ("backprop", "deconvnet", "guided")
# At x = (2, 1) the ReLUs see -1, 1, -2, 2: off, on, off, on.
W: Array = np.array([[-1.0, 1.0], [1.0, -1.0], [0.0, -2.0], [1.0, 0.0]])
v: Array = np.array([5.0, -6.0, 7.0, 8.0])


def answer(x: Array) -> float:
    """Return the network's answer, ``v`` times the rectified ``W x``, for two inputs."""
    return float(v @ np.maximum(W @ check_shape("x", np.asarray(x, dtype=float), (2,)), 0))


def relu_back(signal: Array, a: Array, rule: str) -> Array:
    """Send a signal back through ReLUs, one number after another.

    Args:
        signal: what arrives at the outputs of the ReLUs.
        a: what their inputs were.
        rule: ``"backprop"`` passes where a > 0, ``"deconvnet"`` where the signal is, ``"guided"`` where both are.
    """
    check_choice("rule", rule, RULES)
    back = np.zeros(len(signal))
    for j in range(len(signal)):
        was_on = a[j] > 0
        is_positive = signal[j] > 0
        passes = {"backprop": was_on, "deconvnet": is_positive, "guided": was_on and is_positive}[rule]
        if passes:
            back[j] = signal[j]
    return back


def send_back(x: Array, rule: str) -> Array:
    """Return what arrives at the two inputs when the answer is sent back by a rule; only backprop is a derivative."""
    return W.T @ relu_back(v, W @ np.asarray(x, dtype=float), rule)
