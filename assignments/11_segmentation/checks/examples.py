# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Small networks whose weights a check knows, and the block that a U-Net is made of."""

from torch import nn


def two_convolutions(in_channels, out_channels):
    """Two 3 x 3 convolutions, each with a ReLU: (N, in_channels, H, W) to (N, out_channels, H, W)."""
    block = nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(),
    )
    for convolution in block[::2]:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
    return block


def example_network(kind):
    """A network from pictures of two channels to logits of three classes.

    "pixels": at every pixel.  "half", "third": one answer for each window of 2 x 2 or 3 x 3.
    """
    size = {"pixels": 1, "half": 2, "third": 3}[kind]
    return nn.Conv2d(2, 3, size, stride=size)
