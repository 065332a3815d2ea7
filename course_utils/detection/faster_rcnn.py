"""Faster R-CNN: the network that proposes and the network that decides share one map (chapter 10).

Trained jointly, both losses added: gradients do not pass through the proposals' corners, which the authors call
approximate joint training. The first paper alternated between the two in four steps: `alternating.four_steps`.

Source: S. Ren and others, "Faster R-CNN: towards real-time object detection with region proposal networks", NIPS 2015,
section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.detection.backbone import Backbone
from course_utils.detection.boxes import clip, large_enough
from course_utils.detection.coding import decode
from course_utils.detection.fast_rcnn import WEIGHTS, BoxHead, look, read_pictures, region_loss, sample_regions
from course_utils.detection.rpn import RPN
from course_utils.detection.true_positives import Detections


class FasterRCNN(nn.Module):
    """Pictures (N, 3, S, S), prepared, to the map that proposals and decisions share.

    Args:
        num_classes: C, without the background.
        size: S, pixels, a multiple of 8.
        width: of the backbone.
        count: regions a picture that count in the head's loss.
        proposals: boxes a picture that the head sees; twice as many while it learns.
    """

    def __init__(self, num_classes: int, size: int = 96, width: int = 24, count: int = 48, proposals: int = 60) -> None:
        super().__init__()
        self.size, self.count = (size, size), check_int("count", count, minimum=1)
        self.proposals = check_int("proposals", proposals, minimum=1)
        self.backbone = Backbone(width, levels=1)
        self.stride = self.backbone.strides[0]
        self.rpn = RPN(self.backbone.channels[0], self.stride, self.size)
        self.head = BoxHead(self.backbone.channels[0], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (N, C, S / 8, S / 8)."""
        return self.backbone(x)[0]

    def rpn_loss(self, features: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of the proposals alone."""
        return self.rpn.loss(self.rpn(features.float()), truth)

    def head_loss(self, features: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of the decisions alone, on the network's own proposals."""
        boxes, labels, corrections = sample_regions(self.propose(features, 2 * self.proposals), truth, self.count)
        return region_loss(*look(self.head, features, boxes, self.stride), labels, corrections)

    def loss(self, features: Tensor, truth: Tensor) -> Tensor:
        """Return the joint loss of a batch; ``truth`` (N, K, 5) as `scene_batches.truth_of` makes it."""
        return self.rpn_loss(features, truth) + self.head_loss(features, truth)

    @torch.no_grad()
    def propose(self, features: Tensor, most: int | None = None) -> list[Tensor]:
        """Return the best proposals (P, 4) of each picture, best first."""
        rows = self.rpn(features.float())
        return [boxes for boxes, _ in self.rpn.propose(rows, most or self.proposals)]

    @torch.no_grad()
    def detect(
        self, x: Tensor, proposals: int | None = None, score_threshold: float = 0.01, rounds: int = 1
    ) -> list[Detections]:
        """Return what is seen in each picture.

        Args:
            x: (N, 3, S, S), prepared.
            proposals: boxes a picture that the head sees.
            score_threshold: leave out what has a lower probability.
            rounds: how often the head looks: with 2 it reads each region again where its first correction put it.

        Returns:
            One `Detections` a picture, best score first; labels from 0 on.
        """
        check_int("rounds", rounds, minimum=1)
        was_training = self.training
        features = self.eval()(x)
        boxes = self.propose(features, proposals)
        for _ in range(rounds - 1):
            boxes = self.corrected(features, boxes)
        logits, codes = look(self.head, features, boxes, self.stride)
        self.train(was_training)
        return read_pictures(logits, codes, boxes, self.size, score_threshold)

    @torch.no_grad()
    def corrected(self, features: Tensor, boxes: list[Tensor]) -> list[Tensor]:
        """Return each picture's boxes where the head would put them; one that would shrink to nothing stays."""
        _, codes = look(self.head, features, boxes, self.stride)
        moved = []
        for code, box in zip(codes.split([len(b) for b in boxes]), boxes, strict=True):
            new = clip(decode(code, box, WEIGHTS), self.size)
            fine = large_enough(new, 1.0)
            moved.append(box.index_copy(0, fine, new[fine]))
        return moved
