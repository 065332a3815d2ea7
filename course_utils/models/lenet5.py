"""LeNet-5 as the paper has it, unit by unit, and as one would write it today (chapter 06).

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998, section II.B, table I and appendix A.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.models.input_size import check_images

# Table I: which maps of S2 each map of C3 sees. Three neighbours, four neighbours, four with a gap, all.
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *(tuple(sorted((i + d) % 6 for d in range(3))) for i in range(6)),
    *(tuple(sorted((i + d) % 6 for d in range(4))) for i in range(6)),
    *(tuple(sorted((i + d) % 6 for d in (0, 1, 3, 4))) for i in range(3)),
    tuple(range(6)),
)

# Target codes: digits drawn 7 wide and 12 high, ink +1 and paper -1. Drawn for this course after the idea of the
# paper's figure 3: digits that look alike get codes that lie close.
DIGITS = """
.#####. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..###.. ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .####.. .....## .....## ...###. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ..####. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. ....##. .....## ..#.##. ##..... ##..... ....##. .##.##. ##...##
##...## ...##.. ...##.. ..####. .##.##. ######. ######. ...##.. ..###.. .######
##...## ...##.. ..##... .....## .#..##. .....## ##...## ...##.. .##.##. .....##
##...## ...##.. .##.... .....## ##..##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## .##.... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## .##.... ##...## ....##.
.#####. .#####. ####### .#####. ....##. .#####. .#####. .##.... .#####. .####..
"""


def digit_codes() -> Tensor:
    """Return the ten target codes, (10, 84), each entry +1 or -1."""
    rows = [line.split() for line in DIGITS.strip().splitlines()]
    codes = [[1.0 if c == "#" else -1.0 for row in rows for c in row[digit]] for digit in range(10)]
    return torch.tensor(codes)


def scaled_tanh(a: Tensor) -> Tensor:
    """Squash: 1.7159 tanh(2a/3), which maps 1 to 1 and -1 to -1 and bends most there (appendix A)."""
    return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """Sum of four neighbours times a trainable coefficient, plus a trainable bias: two parameters a map.

    (N, C, H, W) to (N, C, H // 2, W // 2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels,), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        total = 4 * F.avg_pool2d(x, kernel_size=2, stride=2)
        return self.coefficient[:, None, None] * total + self.bias[:, None, None]


class TableConv2d(nn.Module):
    """Convolution in which each output map sees only the input maps that a table names.

    Args:
        in_channels: maps that come in.
        table: for each output map the indices of the maps it sees.
        kernel_size: side of the kernels.

    Only existing links have weights: ``weight`` is (links, kernel_size, kernel_size), in the table's order.

    Raises:
        ValueError: if the table is empty or names a map that does not exist, or one twice.
    """

    def __init__(self, in_channels: int, table: tuple[tuple[int, ...], ...], kernel_size: int) -> None:
        super().__init__()
        check_int("kernel_size", kernel_size, minimum=1)
        if not table or not all(table):
            raise ValueError(f"table must name at least one map for each output, got {table}")
        for out, inputs in enumerate(table):
            if len(set(inputs)) != len(inputs) or not all(0 <= i < in_channels for i in inputs):
                raise ValueError(f"table[{out}] must name different maps from 0 to {in_channels - 1}, got {inputs}")
        links = [(out, i) for out, inputs in enumerate(table) for i in inputs]
        self.shape = (len(table), in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(len(links), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.register_buffer("links", torch.tensor(links).T.contiguous(), persistent=False)  # (2, links)
        self.links: Tensor
        for (out, _), kernel in zip(links, self.weight.data, strict=True):
            uniform_by_fan_in(kernel, kernel_size**2 * len(table[out]))
        for out, inputs in enumerate(table):
            uniform_by_fan_in(self.bias.data[out], kernel_size**2 * len(inputs))

    def dense_weight(self) -> Tensor:
        """Return the kernels as (out, in, k, k) with zeros where the table has no link."""
        dense = self.weight.new_zeros(self.shape)
        return dense.index_put((self.links[0], self.links[1]), self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.dense_weight(), self.bias)


def uniform_by_fan_in(parameter: Tensor, fan_in: int) -> None:
    """Fill with the paper's start: uniform between -2.4 / fan_in and 2.4 / fan_in (appendix A)."""
    with torch.no_grad():
        parameter.uniform_(-2.4 / fan_in, 2.4 / fan_in)


class RBFOutputs(nn.Module):
    """Squared distances of a feature vector to one fixed code a class, with the sign turned.

    y_i = sum over j of (x_j - w_ij)^2; the smallest y_i wins. The module returns -y_i, so that the largest wins as
    everywhere else: cross-entropy on it is the paper's criterion (equation 9) without its constant.
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)  # (classes, features), not trained
        self.codes: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None, :] - self.codes).square().sum(dim=2)


def map_loss(logits: Tensor, y: Tensor, j: float = 1.0) -> Tensor:
    """Return the paper's criterion (equation 9), averaged over the batch.

    Args:
        logits: -y_i, negative squared distances, (N, classes).
        y: labels (N,).
        j: constant; exp(-j) limits how far codes of wrong classes are pushed away that are far already.
    """
    check_number("j", j)
    rubbish = logits.new_full((len(logits), 1), -j)
    return (torch.logsumexp(torch.cat([logits, rubbish], dim=1), dim=1) - logits.gather(1, y[:, None])[:, 0]).mean()


class LeNet5(nn.Module):
    """LeNet-5 of 1998: images (N, 1, 32, 32) to (N, 10), the negative squared distances to the ten codes.

    Exactly 60,000 trainable parameters. On larger images it answers at every fourth pixel, (N, 10, h, w).
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)  # (N, 6, 28, 28)
        self.s2 = Subsampling(6)  # (N, 6, 14, 14)
        self.c3 = TableConv2d(6, C3_TABLE, kernel_size=5)  # (N, 16, 10, 10)
        self.s4 = Subsampling(16)  # (N, 16, 5, 5)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)  # (N, 120, 1, 1)
        self.f6 = nn.Linear(120, 84)
        self.output = RBFOutputs(digit_codes())
        for layer in (self.c1, self.c5, self.f6):
            fan_in = math.prod(layer.weight.shape[1:])
            uniform_by_fan_in(layer.weight, fan_in)
            if layer.bias is not None:
                uniform_by_fan_in(layer.bias, fan_in)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, channels=1)
        if min(x.shape[2:]) < 32:
            raise ValueError(f"x must be at least 32 x 32 pixels, got {x.shape[2]} x {x.shape[3]}; pad with background")
        x = scaled_tanh(self.c1(x))
        x = scaled_tanh(self.s2(x))
        x = scaled_tanh(self.c3(x))
        x = scaled_tanh(self.s4(x))
        x = scaled_tanh(self.c5(x))
        n, _, h, w = x.shape
        x = scaled_tanh(self.f6(x.permute(0, 2, 3, 1).flatten(0, 2)))  # (N h w, 84)
        x = self.output(x)
        return x if (h, w) == (1, 1) else x.view(n, h, w, -1).permute(0, 3, 1, 2)


class ModernLeNet(nn.Module):
    """The same shapes with today's parts: ReLU, maximum pooling, full connections, logits of a linear layer.

    Images (N, 1, 32, 32) to logits (N, num_classes); 61,706 parameters for ten classes.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc3 = nn.Linear(16 * 5 * 5, 120)
        self.fc4 = nn.Linear(120, 84)
        self.fc5 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, channels=1, size=(32, 32), remedy="pad 28 x 28 digits by 2 on each side")
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 16, 5, 5)
        x = F.relu(self.fc3(x.flatten(1)))
        x = F.relu(self.fc4(x))
        return self.fc5(x)


def connections() -> dict[str, int]:
    """Return how many connections each layer of LeNet-5 has, counted as the paper does: every use of a weight.

    A unit of a subsampling layer has five: its four inputs and its bias.
    """
    c3 = sum(25 * len(maps) + 1 for maps in C3_TABLE)
    return {
        "C1": 6 * (25 + 1) * 28 * 28,
        "S2": 6 * (4 + 1) * 14 * 14,
        "C3": c3 * 10 * 10,
        "S4": 16 * (4 + 1) * 5 * 5,
        "C5": 120 * (16 * 25 + 1),
        "F6": 84 * (120 + 1),
        "output": 84 * 10,
    }
