"""SSD: one pass, a class and a box from every anchor on three maps (chapter 10).

Source: W. Liu and others, "SSD: single shot multibox detector", ECCV 2016. Smaller than the paper's: own backbone with
three maps, batch normalisation, one size a map that doubles from map to map in place of equal steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number
from course_utils.detection.anchors import ssd_anchors
from course_utils.detection.backbone import Backbone
from course_utils.detection.boxes import clip
from course_utils.detection.coding import SSD_WEIGHTS, decode
from course_utils.detection.multibox_loss import assign, multibox_loss
from course_utils.detection.nms import batched_nms
from course_utils.detection.true_positives import Detections

# Sizes of the anchors as parts of the picture's side, one a map and one more.
SCALES = (0.17, 0.27, 0.4, 0.6)


class SSD(nn.Module):
    """Pictures (N, 3, S, S), prepared, to one row of numbers an anchor.

    Args:
        num_classes: C, without the background.
        size: S, pixels, a multiple of 32.
        width: of the backbone.
        scales: sizes of the anchors as parts of S, one a map and one more.
        weights: factors of the four corrections, see `coding.encode`.

    Attributes:
        anchors: xyxy (A, 4), four a cell of each map.
    """

    anchors: Tensor

    def __init__(
        self,
        num_classes: int,
        size: int = 96,
        width: int = 24,
        scales: Sequence[float] = SCALES,
        weights: Sequence[float] = SSD_WEIGHTS,
    ) -> None:
        super().__init__()
        self.weights = tuple(weights)
        self.num_classes = check_int("num_classes", num_classes, minimum=1)
        if check_int("size", size, minimum=32) % 32:
            raise ValueError(f"size must be a multiple of 32, got {size}: the coarsest map has a cell for 32 pixels")
        self.size = size
        self.backbone = Backbone(width)
        maps = ssd_anchors(
            [size // stride for stride in self.backbone.strides],
            self.backbone.strides,
            ((2,),) * 3,
            [scale * size for scale in scales],
        )
        self.register_buffer("anchors", torch.cat(maps), persistent=False)
        each = [len(a) // (size // s) ** 2 for a, s in zip(maps, self.backbone.strides, strict=True)]
        self.heads = nn.ModuleList(
            nn.Conv2d(channels, k * (4 + 1 + num_classes), 3, padding=1)
            for channels, k in zip(self.backbone.channels, each, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, A, 4 + 1 + C): correction, logit of the background, logits of the classes, of each anchor."""
        columns = 4 + 1 + self.num_classes
        rows = [
            head(part).permute(0, 2, 3, 1).reshape(len(x), -1, columns)
            for head, part in zip(self.heads, self.backbone(x), strict=True)
        ]
        return torch.cat(rows, dim=1)

    def loss(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Return the multibox loss of a batch; ``truth`` (N, K, 5) as `scene_batches.truth_of` makes it."""
        outputs = outputs.float()
        labels, corrections = assign(self.anchors, truth, weights=self.weights)
        return multibox_loss(outputs[..., 4:], outputs[..., :4], labels, corrections)

    @torch.no_grad()
    def detect(
        self, x: Tensor, score_threshold: float = 0.01, iou_threshold: float = 0.45, most: int = 100
    ) -> list[Detections]:
        """Return what is seen in each picture.

        Args:
            x: (N, 3, S, S), prepared.
            score_threshold: leave out what has a lower probability, 0..1.
            iou_threshold: of the suppression within a class.
            most: detections a picture.

        Returns:
            One `Detections` a picture, best score first; labels from 0 on.
        """
        check_number("score_threshold", score_threshold, minimum=0, maximum=1)
        was_training = self.training
        outputs = self.eval()(x).float()
        self.train(was_training)
        return [self._read(row, score_threshold, iou_threshold, most) for row in outputs]

    def _read(self, row: Tensor, score_threshold: float, iou_threshold: float, most: int) -> Detections:
        boxes = clip(decode(row[:, :4], self.anchors, self.weights), (self.size, self.size))
        probabilities = row[:, 4:].softmax(dim=1)[:, 1:]  # (A, C)
        anchor, label = (probabilities > score_threshold).nonzero(as_tuple=True)
        score = probabilities[anchor, label]
        if len(score) > 10 * most:  # the rest could not survive
            score, best = score.topk(10 * most)
            anchor, label = anchor[best], label[best]
        kept = batched_nms(boxes[anchor], score, label, iou_threshold)[:most]
        return Detections(boxes[anchor[kept]], score[kept], label[kept])
