"""A network that cannot notice a quarter turn: every filter in four orientations, the largest answer kept
(chapter 05d)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape

FILTERS = ("free", "turned")


class TurnedConv2d(nn.Module):
    """Convolve with each filter in its four quarter turns and keep the largest of the four answers, place by place.

    It is `channel_max_pool` of `rotated_bank` as a layer that learns, with as many weights as an ordinary
    convolution and four times its work. Turn a square input, and the output turns with it, exactly.

    Args:
        in_channels: channels of the input.
        out_channels: filters; each gives one map.
        kernel_size: side of a filter, odd: an even one has no centre to turn about.

    Raises:
        ValueError: if ``kernel_size`` is even.

    Source: T. Cohen and M. Welling (2016), Group equivariant convolutional networks, who keep the four answers
    apart until the end; here each layer pools them.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        if check_int("kernel_size", kernel_size, minimum=1) % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}: an even kernel has no centre to turn about")
        # An ordinary convolution lends its initialisation.
        self.weight = nn.Parameter(nn.Conv2d(in_channels, out_channels, kernel_size).weight.detach())
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.padding = kernel_size // 2

    def forward(self, x: Tensor) -> Tensor:
        bank = torch.stack([torch.rot90(self.weight, turns, (2, 3)) for turns in range(4)], dim=1).flatten(0, 1)
        answers = F.conv2d(x, bank, padding=self.padding)  # (N, 4 * filters, H, W)
        return answers.unflatten(1, (-1, 4)).amax(dim=2) + self.bias[:, None, None]


def turned_net(filters: str, in_channels: int = 1, num_classes: int = 10, width: int = 12) -> nn.Sequential:
    """Return three convolutions with pooling, a global maximum and a linear layer.

    Args:
        filters: ``"free"`` for ordinary convolutions, ``"turned"`` for `TurnedConv2d`; the same number of weights.
        in_channels: channels of the images, whose sides must be multiples of 4 (else pooling drops a row at one
            side only, and a turn puts it at another).
        num_classes: number of classes.
        width: filters of the first layer; the next ones have two and three times as many.
    """
    check_choice("filters", filters, FILTERS)
    check_int("width", width, minimum=1)
    layers: list[nn.Module] = []
    channels = in_channels
    for times in (1, 2, 3):
        if filters == "turned":
            layers.append(TurnedConv2d(channels, times * width, 3))
        else:
            layers.append(nn.Conv2d(channels, times * width, 3, padding=1))
        layers += [nn.ReLU(), nn.MaxPool2d(2)] if times < 3 else [nn.ReLU()]
        channels = times * width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def turn_report(model: nn.Module, x: Tensor, labels: Tensor, pair: tuple[int, int] = (6, 9)) -> dict[str, float]:
    """Turn images by 90, 180 and 270 degrees and see whether the answers stay.

    Args:
        model: maps (N, C, H, H) to logits.
        x: square images.
        labels: shape (N,).
        pair: two classes that are each other's half turn.

    Returns:
        ``accuracy`` upright, ``accuracy_turned`` over the three turns, ``same_answer``: the share of turned images
        that get the answer of the upright one, and ``mixed_up``: the share of upright images of the pair that are
        taken for the other class of the pair.
    """
    check_shape("labels", labels, (len(x),))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        answers = torch.stack(
            [
                torch.cat([model(torch.rot90(part, turns, (2, 3))).argmax(dim=1) for part in x.split(1000)])
                for turns in range(4)
            ]
        )  # (4, N)
    model.train(was_training)
    first, second = (labels == k for k in pair)
    swapped = (first & (answers[0] == pair[1])) | (second & (answers[0] == pair[0]))
    return {
        "accuracy": float((answers[0] == labels).double().mean()),
        "accuracy_turned": float((answers[1:] == labels).double().mean()),
        "same_answer": float((answers[1:] == answers[0]).double().mean()),
        "mixed_up": float(swapped.double().sum() / max(1, int((first | second).sum()))),
    }
