"""LeNet-5 with each part as in 1998 or as today: what the modern reading changes, one part at a time (chapter 06).

All parts of 1998 together are ``LeNet5``; all of today's are ``ModernLeNet``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice
from course_utils.models.input_size import check_images
from course_utils.models.lenet5 import (
    C3_TABLE,
    RBFOutputs,
    Subsampling,
    TableConv2d,
    digit_codes,
    scaled_tanh,
    uniform_by_fan_in,
)

# For each part first the choice of 1998, then today's.
PARTS: dict[str, tuple[str, str]] = {
    "squash": ("scaled tanh", "ReLU"),
    "pooling": ("trained sum", "maximum"),
    "links": ("table", "all"),
    "output": ("codes", "linear"),
    "start": ("2.4 / fan-in", "1 / sqrt(fan-in)"),
}


class MixedLeNet(nn.Module):
    """LeNet-5 with some parts changed: images (N, 1, 32, 32) to (N, 10), the largest wins.

    Args:
        squash: after every layer with weights; ``"scaled tanh"`` or ``"ReLU"``.
        pooling: ``"trained sum"``, two parameters a map and a squash, or ``"maximum"``.
        links: of C3; ``"table"`` or ``"all"``.
        output: ``"codes"``, minus the squared distances to ten fixed codes, or ``"linear"``.
        start: bound of the uniform draw of the weights; ``"2.4 / fan-in"`` or PyTorch's ``"1 / sqrt(fan-in)"``.

    Raises:
        ValueError: if a part has no such choice.
    """

    def __init__(
        self,
        squash: str = "scaled tanh",
        pooling: str = "trained sum",
        links: str = "table",
        output: str = "codes",
        start: str = "2.4 / fan-in",
    ) -> None:
        super().__init__()
        chosen = {"squash": squash, "pooling": pooling, "links": links, "output": output, "start": start}
        for part, choice in chosen.items():
            check_choice(part, choice, PARTS[part])
        self.squash: Callable[[Tensor], Tensor] = scaled_tanh if squash == "scaled tanh" else F.relu
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)
        self.s2 = Subsampling(6) if pooling == "trained sum" else nn.MaxPool2d(2)
        self.c3 = TableConv2d(6, C3_TABLE, kernel_size=5) if links == "table" else nn.Conv2d(6, 16, kernel_size=5)
        self.s4 = Subsampling(16) if pooling == "trained sum" else nn.MaxPool2d(2)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = RBFOutputs(digit_codes()) if output == "codes" else nn.Linear(84, 10)
        self._draw(start)

    def _draw(self, start: str) -> None:
        # PyTorch draws its layers from 1 / sqrt(fan-in) by itself; TableConv2d draws from 2.4 / fan-in.
        if start == "2.4 / fan-in":
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    for parameter in layer.parameters():
                        uniform_by_fan_in(parameter, layer.weight[0].numel())
        elif isinstance(self.c3, TableConv2d):
            widen = torch.tensor([25.0 * len(maps) for maps in C3_TABLE]).sqrt() / 2.4
            with torch.no_grad():
                self.c3.weight.mul_(widen[self.c3.links[0]][:, None, None])
                self.c3.bias.mul_(widen)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, channels=1, size=(32, 32), remedy="pad 28 x 28 digits by 2 on each side")
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = layer(x)
            if not isinstance(layer, nn.MaxPool2d):  # a maximum of squashed values is squashed already
                x = self.squash(x)
        return self.output(self.squash(self.f6(x.flatten(1))))


def one_change() -> dict[str, dict[str, str]]:
    """Return the settings to compare: all of 1998, each part alone as today, and all as today."""
    singles = {f"{part}: {new}": {part: new} for part, (_, new) in PARTS.items()}
    return {"all as in 1998": {}, **singles, "all as today": {part: new for part, (_, new) in PARTS.items()}}
