# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Small networks whose weights a check knows: what `jacobian` and `train` are tried on."""

from torch import nn


def example_network(kind):
    """A "map" from pictures (N, 1, 3, 2) to (N, 2, 2, 1), or a "classifier" from (N, 3) to logits (N, 4)."""
    if kind == "map":
        return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh())
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))
