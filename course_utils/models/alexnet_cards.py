"""One card's part of AlexNet: half of the maps and units, and the places where the cards talk (chapter 06b).

Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
NIPS 2012, sections 3.2 and 3.5, figure 2. Departure: the outputs are shared out as well, half of the classes a card.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.alexnet import AlexNet, LocalResponseNorm

CARDS = 2
# Inputs of a layer that come from both cards; all other layers read what their own card holds.
TALKS = ("conv3", "fc6", "fc7", "fc8")


class _Gather(torch.autograd.Function):
    """Both halves on both cards. Backward: what both cards want of my half, added."""

    @staticmethod
    def forward(ctx: Any, half: Tensor, used_by_both: bool) -> Tensor:
        ctx.used_by_both, ctx.size = used_by_both, half.shape[1]
        parts = [torch.empty_like(half) for _ in range(CARDS)]
        distributed.all_gather(parts, half.contiguous())
        return torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        whole = gradients[0].contiguous()
        if ctx.used_by_both:
            distributed.all_reduce(whole)
        start = distributed.get_rank() * ctx.size
        return whole[:, start : start + ctx.size], None


def gather_maps(half: Tensor, used_by_both: bool = True) -> Tensor:
    """Return the maps of all cards, in their order, on every card; gradients find their way back.

    Args:
        half: (N, C, ...), the maps of this card; of one shape on all cards.
        used_by_both: whether the cards go on with different work, so that their gradients add up. False where all
            compute the same from it, as the loss: then every card already has the whole gradient.
    """
    result: Tensor = _Gather.apply(half, used_by_both)
    return result


class AlexNetCard(nn.Module):
    """The layers of one of two cards, with the weights that a whole network has in their place.

    Call it on all cards together, with the same images; each returns all logits.

    Args:
        whole: the network in groups of 2, with all its layers; it is copied from and not changed.
        card: 0 or 1.

    Raises:
        ValueError: if the network is not one of two groups with all layers and an even number of classes.
    """

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    conv3: nn.Conv2d
    conv4: nn.Conv2d
    conv5: nn.Conv2d
    fc6: nn.Linear
    fc7: nn.Linear
    fc8: nn.Linear

    def __init__(self, whole: AlexNet, card: int) -> None:
        super().__init__()
        self.card = check_int("card", card, minimum=0, maximum=CARDS - 1)
        if whole.conv2.groups != CARDS or whole.without or whole.fc8.out_features % CARDS:
            raise ValueError("whole must be AlexNet(groups=2) with all its layers and an even number of classes")
        for name, child in whole.named_children():
            layer: Any = child
            if not isinstance(child, nn.Conv2d | nn.Linear):
                continue
            weight, bias = (p.detach().chunk(CARDS)[card].clone() for p in (layer.weight, layer.bias))
            mine = copy(layer)
            mine._parameters = {"weight": nn.Parameter(weight), "bias": nn.Parameter(bias)}
            if isinstance(child, nn.Conv2d):
                mine.in_channels, mine.out_channels, mine.groups = weight.shape[1], len(weight), 1
            else:
                mine.out_features = len(weight)
            self.add_module(name, mine)
        self.norm, self.pool = LocalResponseNorm(), nn.MaxPool2d(kernel_size=3, stride=2)
        self.dropout = nn.Dropout(whole.dropout.p)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.norm(F.relu(self.conv1(x))))
        x = self.pool(self.norm(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(gather_maps(x)))
        x = F.relu(self.conv4(x))
        x = self.pool(F.relu(self.conv5(x))).flatten(1)
        x = F.relu(self.fc6(self.dropout(gather_maps(x))))
        x = F.relu(self.fc7(self.dropout(gather_maps(x))))
        return gather_maps(self.fc8(gather_maps(x)), used_by_both=False)
