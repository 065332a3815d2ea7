"""R-CNN: cut out each proposal, warp it to a square, classify it, correct its box (chapter 10).

Source: R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich feature hierarchies for accurate object detection and
semantic segmentation", CVPR 2014. In place of support vector machines and ridge regressions on stored features, the
network's own classifier and a linear layer decide and correct; 3 pixels in 32 around the box are context (16 in 227).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.detection.fast_rcnn import read_pictures, region_loss, sample_regions
from course_utils.detection.roi_align import roi_align
from course_utils.detection.roi_pooling import rois_of
from course_utils.detection.true_positives import Detections
from course_utils.models.conv_norm import ConvNormAct

CONTEXT = 3 / 32


def warp(x: Tensor, boxes: Sequence[Tensor], side: int = 32, context: float = CONTEXT) -> Tensor:
    """Cut every box out of its picture and stretch it to a square, whatever its proportions.

    Args:
        x: pictures (N, C, H, W).
        boxes: xyxy (P, 4) for each picture.
        side: of the square, pixels.
        context: share of the square on each side that shows what lies around the box; outside the picture it is 0.

    Returns:
        (K, C, side, side), all pictures' boxes one after the other.
    """
    check_int("side", side, minimum=1)
    rois = rois_of(list(boxes))
    grow = (rois[:, 3:] - rois[:, 1:3]) * (context / (1 - 2 * context))
    wide = torch.cat([rois[:, :1], rois[:, 1:3] - grow, rois[:, 3:] + grow], dim=1)
    return roi_align(x.float(), wide, side)


class RCNN(nn.Module):
    """Warped proposals (K, 3, 32, 32) to one row a proposal: logits of background and classes, four corrections.

    Args:
        num_classes: C, without the background.
        size: side of the pictures, pixels.
        width: channels of the first layer.
        count: proposals a picture that count in the loss.
    """

    side = 32

    def __init__(self, num_classes: int, size: int = 96, width: int = 24, count: int = 32) -> None:
        super().__init__()
        self.size, self.count = (size, size), check_int("count", count, minimum=1)
        self.layers = nn.Sequential(
            ConvNormAct(3, width),
            nn.MaxPool2d(2),
            ConvNormAct(width, 2 * width),
            nn.MaxPool2d(2),
            ConvNormAct(2 * width, 4 * width),
            nn.MaxPool2d(2),
            ConvNormAct(4 * width, 4 * width),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.classify = nn.Linear(16 * width, 1 + num_classes)
        self.correct = nn.Linear(16 * width, 4)

    def forward(self, crops: Tensor) -> Tensor:
        """Return (K, 1 + C + 4)."""
        x = self.layers(crops)
        return torch.cat([self.classify(x), self.correct(x)], dim=1)

    def loss(self, x: Tensor, truth: Tensor, proposals: Sequence[Tensor]) -> Tensor:
        """Return the loss of a batch of pictures with the proposals of each."""
        boxes, labels, corrections = sample_regions(proposals, truth, self.count, positive_share=0.5)
        rows = self(warp(x, boxes, self.side)).float()
        return region_loss(rows[:, :-4], rows[:, -4:], labels, corrections)

    @torch.no_grad()
    def detect(self, x: Tensor, proposals: Sequence[Tensor], score_threshold: float = 0.01) -> list[Detections]:
        """Return what is seen in each picture among its proposals, best score first; labels from 0 on."""
        was_training = self.training
        rows = self.eval()(warp(x, proposals, self.side)).float()
        self.train(was_training)
        return read_pictures(rows[:, :-4], rows[:, -4:], proposals, self.size, score_threshold)
