"""Adam: momentum over RMSProp, both corrected for their start at zero (chapter 04)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number

Array = NDArray[np.float64]
DECAYS = ("penalty", "decoupled")


class Adam:
    """A running mean of the gradient over the root of a running mean of its square.

    Args:
        lr: learning rate, above 0.
        betas: shares kept of the two running means, each in [0, 1).
        epsilon: keeps the quotient finite, above 0.
        correct_bias: divide each running mean by ``1 - beta^t``, without which both begin too small.
        weight_decay: strength of the pull towards zero, at least 0.
        decay: ``"penalty"`` adds ``weight_decay * w`` to the gradient (Adam); ``"decoupled"`` shrinks the weights by
            ``lr * weight_decay`` beside the step (AdamW).

    Source: Kingma and Ba (2015); Loshchilov and Hutter (2019) for the decoupled decay.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        correct_bias: bool = True,
        weight_decay: float = 0.0,
        decay: str = "penalty",
    ) -> None:
        self.lr = check_number("lr", lr, above=0)
        self.first_beta = check_number("betas[0]", betas[0], minimum=0, below=1)
        self.second_beta = check_number("betas[1]", betas[1], minimum=0, below=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.weight_decay = check_number("weight_decay", weight_decay, minimum=0)
        self.decay = check_choice("decay", decay, DECAYS)
        self.correct_bias = correct_bias
        self.mean: Array | float = 0.0
        self.square: Array | float = 0.0
        self.t = 0

    def step(self, w: Array, gradient: Array) -> Array:
        """Return the weights after one step."""
        self.t += 1
        if self.decay == "penalty":
            gradient = gradient + self.weight_decay * w
        else:
            w = w - self.lr * self.weight_decay * w
        self.mean = self.first_beta * self.mean + (1.0 - self.first_beta) * gradient
        self.square = self.second_beta * self.square + (1.0 - self.second_beta) * gradient**2
        mean, square = self.mean, self.square
        if self.correct_bias:
            mean = mean / (1.0 - self.first_beta**self.t)
            square = square / (1.0 - self.second_beta**self.t)
        return w - self.lr * mean / (np.sqrt(square) + self.epsilon)


def uncorrected_factor(t: int, betas: tuple[float, float] = (0.9, 0.999)) -> float:
    """Return how many times too long step ``t`` is without the correction: ``(1 - b1^t) / sqrt(1 - b2^t)``.

    Args:
        t: number of the step, from 1.
        betas: shares kept of the two running means.
    """
    check_int("t", t, minimum=1)
    return float((1.0 - betas[0] ** t) / np.sqrt(1.0 - betas[1] ** t))
