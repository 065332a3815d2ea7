"""A running average of the weights: a calmer network than the one that still jumps about."""

from __future__ import annotations

import copy

import torch
from torch import nn

from course_utils.check import check_number


class WeightAverage:
    """Exponential moving average of a model's parameters and statistics.

    After each step, average = decay average + (1 - decay) weights. Early on the decay is held back to
    (1 + t) / (10 + t), so that the random start is soon forgotten.

    Args:
        model: the network that is trained.
        decay: how much of the old average stays, 0 to 1; 0.99 remembers about a hundred steps.

    Source: B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
    Optim. 1992, in the exponential form that vision models use.
    """

    def __init__(self, model: nn.Module, decay: float = 0.99) -> None:
        self.decay = check_number("decay", decay, minimum=0, below=1)
        self.steps = 0
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one step of training into the average."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, value in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value.detach().to(mean.dtype), 1 - decay)
            else:
                mean.copy_(value)

    def state_dict(self) -> dict:
        """Return what a checkpoint needs."""
        return {"steps": self.steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.steps = state["steps"]
        self.model.load_state_dict(state["model"])
