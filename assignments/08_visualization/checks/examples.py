# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Small networks whose weights a check knows. Each counts how often it is called."""

from torch import nn


class Counted(nn.Sequential):
    """Layers in a row, and the number of calls so far."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


def example_network(kind):
    """A small network that gives scores.

    "small", "norm": pictures (N, 2, 6, 5), 3 classes, two ReLUs; "norm" has batch normalisation.
    "linear": pictures (N, 2, 6, 5), 3 classes, one linear layer.
    "suspect": pictures (N, 3, H, W), 2 classes, one convolution, ReLU, and the strongest place of each map.
    """
    if kind == "linear":
        return Counted(nn.Flatten(), nn.Linear(60, 3))
    if kind == "suspect":
        strongest = (nn.AdaptiveMaxPool2d(1), nn.Flatten())
        return Counted(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *strongest, nn.Linear(4, 2))
    norm = [nn.BatchNorm2d(3)] if kind == "norm" else []
    bottom = nn.Sequential(nn.Conv2d(2, 3, 3), *norm, nn.ReLU())
    return Counted(bottom, nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
