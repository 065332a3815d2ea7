"""Five ways to halve a map as layers of PyTorch, one small network to compare them in, and its steadiness under
shifts (chapter 05c)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape

KINDS = ("stride", "average", "max", "max overlapping", "max, then blur")


class Blur(nn.Module):
    """Blur with the bell (1, 2, 1) / 4 along each axis and keep every second pixel: what `blur_pool` computes.

    The bell is a box of two pixels applied twice, so two average poolings do it.
    """

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.avg_pool2d(F.avg_pool2d(padded, 2, stride=1), 2, stride=2)


class KeepEverySecond(nn.Module):
    """Keep every second row and column: after a convolution, exactly what a convolution with stride 2 gives."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2, ::2]


def halving(kind: str) -> nn.Module:
    """Return a layer without parameters that halves even heights and widths.

    Args:
        kind: one of `KINDS`.

    Raises:
        ValueError: if there is no such kind.
    """
    layers: dict[str, nn.Module] = {
        "stride": KeepEverySecond(),
        "average": nn.AvgPool2d(2),
        "max": nn.MaxPool2d(2),
        "max overlapping": nn.MaxPool2d(3, stride=2, padding=1),
        "max, then blur": nn.Sequential(nn.MaxPool2d(2, stride=1), Blur()),
    }
    return layers[check_choice("kind", kind, KINDS)]


def halving_net(kind: str, in_channels: int = 1, num_classes: int = 10, width: int = 16) -> nn.Sequential:
    """Return three convolutions with ReLU, two halvings between them, global average pooling and a linear layer.

    Args:
        kind: how to halve, one of `KINDS`; the number of parameters is the same for each.
        in_channels: channels of the images.
        num_classes: number of classes.
        width: channels of the first convolution; the next ones have two and three times as many.
    """
    check_int("width", width, minimum=1)
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1),
        nn.ReLU(),
        halving(kind),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        halving(kind),
        nn.Conv2d(2 * width, 3 * width, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3 * width, num_classes),
    )


def steadiness(
    model: nn.Module, x: Tensor, labels: Tensor, shifts: Sequence[tuple[int, int]] = ((0, 1), (1, 0), (1, 1))
) -> dict[str, float]:
    """Shift images and see whether the answers stay.

    Args:
        model: maps (N, C, H, W) to logits.
        x: images with an empty margin at least as wide as the shifts, so that nothing leaves the picture.
        labels: shape (N,).
        shifts: rows down and columns to the right.

    Returns:
        ``accuracy`` on the images as they are, ``accuracy_shifted`` over all shifts, and ``same_answer``: the share
        of shifted images that get the answer of the image before the shift, right or wrong.
    """
    check_shape("labels", labels, (len(x),))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        before = _answers(model, x)
        after = torch.stack([_answers(model, torch.roll(x, shift, (-2, -1))) for shift in shifts])
    model.train(was_training)
    return {
        "accuracy": float((before == labels).double().mean()),
        "accuracy_shifted": float((after == labels).double().mean()),
        "same_answer": float((after == before).double().mean()),
    }


def _answers(model: nn.Module, x: Tensor) -> Tensor:
    # In parts: ten thousand images at once would hold gigabytes of maps.
    return torch.cat([model(part).argmax(dim=1) for part in x.split(1000)])
