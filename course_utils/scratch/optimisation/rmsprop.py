"""RMSProp: divide each weight's step by the recent size of its gradient (chapter 04)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_number

Array = NDArray[np.float64]


class RMSProp:
    """``s = beta s + (1 - beta) gradient^2``, then ``w = w - lr gradient / (sqrt(s) + epsilon)``, weight by weight.

    Args:
        lr: learning rate, above 0.
        beta: share of the running mean kept, in [0, 1).
        epsilon: keeps the quotient finite, above 0.

    Source: Tieleman and Hinton (2012), lecture 6.5; PyTorch's placement of epsilon and its default beta.
    """

    def __init__(self, lr: float, beta: float = 0.99, epsilon: float = 1e-8) -> None:
        self.lr = check_number("lr", lr, above=0)
        self.beta = check_number("beta", beta, minimum=0, below=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.square: Array | float = 0.0

    def step(self, w: Array, gradient: Array) -> Array:
        """Return the weights after one step."""
        self.square = self.beta * self.square + (1.0 - self.beta) * gradient**2
        return w - self.lr * gradient / (np.sqrt(self.square) + self.epsilon)
