"""Sliding windows: cut every window out and ask a classifier; or run the classifier once over the whole picture.

A network of convolutions and pooling without padding computes, on a larger picture, the scores of all windows at once:
those that start at multiples of its stride. Windows overlap, and what they share is computed once.

Source: P. Sermanet and others, "OverFeat", ICLR 2014; R. Vaillant, C. Monrocq, Y. LeCun, "Original approach for the
localisation of objects in images", 1994.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.nms import nms
from course_utils.detection.true_positives import Detections


class WindowNet(nn.Module):
    """A classifier of 20 x 20 windows without padding: convolutions only, so it takes any larger picture.

    Pictures (N, in_channels, H, W) to logits (N, num_classes, (H - 20) // 4 + 1, (W - 20) // 4 + 1); one of 20 x 20 to
    (N, num_classes, 1, 1).

    Args:
        in_channels: of the picture.
        num_classes: outputs.
        width: channels of the first layer.
    """

    window = 20
    stride = 4

    def __init__(self, in_channels: int = 1, num_classes: int = 2, width: int = 12) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 5),  # 16
            nn.ReLU(),
            nn.MaxPool2d(2),  # 8
            nn.Conv2d(width, 2 * width, 3),  # 6
            nn.ReLU(),
            nn.MaxPool2d(2),  # 3
            nn.Conv2d(2 * width, 4 * width, 3),  # 1: a fully connected layer of the window
            nn.ReLU(),
            nn.Conv2d(4 * width, num_classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def windows_of(size: tuple[int, int], window: int, stride: int) -> Tensor:
    """Return xyxy (P, 4) of all windows that lie inside, row by row.

    Raises:
        ValueError: if the picture is smaller than a window.
    """
    height, width = (check_int("size", side, minimum=window) for side in size)
    top, left = torch.meshgrid(
        torch.arange(0, height - window + 1, stride), torch.arange(0, width - window + 1, stride), indexing="ij"
    )
    corner = torch.stack([left.flatten(), top.flatten()], dim=1).float()
    return torch.cat([corner, corner + window], dim=1)


def scan_naively(model: nn.Module, picture: Tensor, window: int, stride: int) -> Tensor:
    """Cut out every window and classify it alone.

    Args:
        model: windows (N, C, window, window) to logits (N, num_classes) or (N, num_classes, 1, 1).
        picture: (C, H, W).
        window: side, pixels.
        stride: pixels from window to window.

    Returns:
        Logits (num_classes, rows, columns).
    """
    check_shape("picture", picture, (None, None, None))
    rows = []
    for top in range(0, picture.shape[1] - window + 1, stride):
        lefts = range(0, picture.shape[2] - window + 1, stride)
        cuts = torch.stack([picture[:, top : top + window, left : left + window] for left in lefts])
        rows.append(torch.stack([model(cut[None])[0].flatten() for cut in cuts]))
    return torch.stack(rows).permute(2, 0, 1)


def scan_densely(model: nn.Module, picture: Tensor) -> Tensor:
    """Run the network once over the whole picture: logits (num_classes, rows, columns)."""
    check_shape("picture", picture, (None, None, None))
    return model(picture[None])[0]


@torch.no_grad()
def detect_windows(
    model: WindowNet,
    picture: Tensor,
    scales: tuple[float, ...] = (1.0,),
    score_threshold: float = 0.5,
    iou_threshold: float = 0.3,
) -> Detections:
    """Find objects of class 1 at several sizes: the picture shrinks, the window stays.

    Args:
        model: class 0 is the background; every other class is an object.
        picture: (C, H, W), as the model takes it.
        scales: factors of the picture's sides; 0.5 finds objects of two windows' size.
        score_threshold: leave out windows with a lower probability.
        iou_threshold: of the suppression, over all classes and sizes.

    Returns:
        Detections, best first, labels from 0 on (class - 1).
    """
    boxes, scores, labels = [], [], []
    for scale in scales:
        check_number("scales", scale, above=0)
        size = (round(picture.shape[1] * scale), round(picture.shape[2] * scale))
        if min(size) < model.window:
            continue
        shrunk = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
        probability = scan_densely(model, shrunk).softmax(dim=0)[1:]  # (C, rows, columns)
        best, label = probability.max(dim=0)
        found = best.flatten() > score_threshold
        factor = torch.tensor([picture.shape[2] / size[1], picture.shape[1] / size[0]]).repeat(2)
        boxes.append(windows_of(size, model.window, model.stride)[found] * factor)
        scores.append(best.flatten()[found])
        labels.append(label.flatten()[found])
    if not boxes:
        return Detections(picture.new_zeros(0, 4), picture.new_zeros(0), torch.zeros(0, dtype=torch.int64))
    every, score, label = torch.cat(boxes), torch.cat(scores), torch.cat(labels)
    kept = nms(every, score, iou_threshold)
    return Detections(every[kept], score[kept], label[kept])
