"""Fast R-CNN: one pass over the picture, then a small head on the part of the map under each proposal (chapter 10).

Source: R. Girshick, "Fast R-CNN", ICCV 2015. The corrections are shared by all classes here, in the paper each class
has its own; regions are read by RoI align (K. He and others, "Mask R-CNN", ICCV 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_same_length
from course_utils.detection.backbone import Backbone
from course_utils.detection.boxes import clip
from course_utils.detection.coding import decode, encode
from course_utils.detection.matching import match
from course_utils.detection.nms import batched_nms
from course_utils.detection.roi_align import roi_align
from course_utils.detection.roi_pooling import rois_of
from course_utils.detection.sampling import balanced_sample
from course_utils.detection.scene_batches import objects_of
from course_utils.detection.true_positives import Detections

# Corrections of good proposals are small: so their targets have a spread of about one.
WEIGHTS = (10.0, 10.0, 5.0, 5.0)


class BoxHead(nn.Module):
    """What lies under K regions of a map, (K, in_channels, bins, bins), to classes and corrections.

    Args:
        in_channels: of the map.
        num_classes: C, without the background.
        bins: of a region along each axis.
        hidden: units of the layer between.
    """

    def __init__(self, in_channels: int, num_classes: int, bins: int = 5, hidden: int = 128) -> None:
        super().__init__()
        self.bins = bins
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(in_channels * bins**2, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.classify = nn.Linear(hidden, 1 + num_classes)
        self.correct = nn.Linear(hidden, 4)

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (K, 1 + C), column 0 the background, and codes (K, 4)."""
        x = self.hidden(regions)
        return self.classify(x), self.correct(x)


def sample_regions(
    proposals: Sequence[Tensor], truth: Tensor, count: int = 48, positive_share: float = 0.25
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Draw the regions that a head learns from; the true boxes are among the candidates.

    Args:
        proposals: (P, 4) xyxy for each picture.
        truth: (N, K, 5), as `scene_batches.truth_of` makes it.
        count: regions a picture.
        positive_share: at most this share has an object.

    Returns:
        regions: (R, 4) for each picture.
        labels: int64, of all regions: 0 background, 1 + the class.
        corrections: (sum of R, 4), zeros on the background.
    """
    check_same_length("proposals", proposals, "truth", truth)
    regions, labels, corrections = [], [], []
    for boxes, row in zip(proposals, truth, strict=True):
        objects, classes = objects_of(row)
        candidates = torch.cat([boxes.detach(), objects])
        matches = match(candidates, objects, 0.5, 0.5, force=False)
        sample = balanced_sample(matches.indices, count, positive_share)
        kept = torch.cat([sample.positive, sample.negative])
        correction = candidates.new_zeros(len(kept), 4)
        taken = objects[matches.indices[sample.positive]]
        correction[: len(taken)] = encode(taken, candidates[sample.positive], WEIGHTS)
        regions.append(candidates[kept])
        labels.append(matches.labels(classes + 1)[kept])
        corrections.append(correction)
    return regions, torch.cat(labels), torch.cat(corrections)


def region_loss(logits: Tensor, codes: Tensor, labels: Tensor, corrections: Tensor) -> Tensor:
    r"""Return $L = -\log p_u + [u \ge 1] \operatorname{smooth}_{L_1}(t^u - v)$, the mean over regions."""
    there = labels > 0
    boxes = F.smooth_l1_loss(codes[there], corrections[there], reduction="sum")
    return F.cross_entropy(logits, labels) + boxes / max(1, len(labels))


def read_regions(
    logits: Tensor,
    codes: Tensor,
    regions: Tensor,
    size: tuple[int, int],
    score_threshold: float = 0.01,
    iou_threshold: float = 0.4,
    most: int = 100,
) -> Detections:
    """Return what a head sees in one picture.

    Args:
        logits: (P, 1 + C), what the head says of each region.
        codes: (P, 4), its corrections.
        regions: xyxy, (P, 4).
        size: ``(height, width)`` of the picture.
        score_threshold: leave out what has a lower probability.
        iou_threshold: of the suppression within a class.
        most: detections.
    """
    boxes = clip(decode(codes, regions, WEIGHTS), size)
    probabilities = logits.softmax(dim=1)[:, 1:]
    row, label = (probabilities > score_threshold).nonzero(as_tuple=True)
    score = probabilities[row, label]
    kept = batched_nms(boxes[row], score, label, iou_threshold)[:most]
    return Detections(boxes[row[kept]], score[kept], label[kept])


def look(head: BoxHead, features: Tensor, boxes: Sequence[Tensor], stride: int) -> tuple[Tensor, Tensor]:
    """Let a head look at the boxes of each picture on the map that all of them share.

    Args:
        head: of the detector.
        features: (N, C, H, W).
        boxes: xyxy (P, 4) for each picture, pixels.
        stride: pixels from cell to cell of the map.

    Returns:
        Logits (K, 1 + C) and codes (K, 4); the rows of all pictures, one after the other.
    """
    return head(roi_align(features.float(), rois_of(list(boxes)), head.bins, 1 / stride, sampling_ratio=2))


def read_pictures(
    logits: Tensor, codes: Tensor, boxes: Sequence[Tensor], size: tuple[int, int], score_threshold: float = 0.01
) -> list[Detections]:
    """Return what is seen in each picture: `read_regions` on the rows of each."""
    lengths = [len(b) for b in boxes]
    rows = zip(logits.split(lengths), codes.split(lengths), boxes, strict=True)
    return [read_regions(*row, size, score_threshold) for row in rows]


class FastRCNN(nn.Module):
    """A detector of proposals that come from elsewhere: pictures (N, 3, S, S), prepared, to the map that they share.

    Args:
        num_classes: C, without the background.
        size: S, pixels, a multiple of 8.
        width: of the backbone.
        count: regions a picture that count in the loss.
        stride: pixels from cell to cell of the map, 8 or 4; the finer map is for small things, and costs more.
    """

    def __init__(self, num_classes: int, size: int = 96, width: int = 24, count: int = 48, stride: int = 8) -> None:
        super().__init__()
        self.size, self.count = (size, size), check_int("count", count, minimum=1)
        self.backbone = Backbone(width, levels=1)
        self.stride = check_choice("stride", stride, (8, 4))
        if stride == 4:
            _, *after_pooling = self.backbone.stages[0].children()
            self.backbone.stages = nn.ModuleList([nn.Sequential(*after_pooling)])
        self.head = BoxHead(self.backbone.channels[0], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (N, C, S / stride, S / stride): computed once, read by every region."""
        return self.backbone(x)[0]

    def loss(self, features: Tensor, truth: Tensor, proposals: Sequence[Tensor]) -> Tensor:
        """Return the loss of a batch with the proposals (P, 4) of each picture."""
        boxes, labels, corrections = sample_regions(proposals, truth, self.count)
        return region_loss(*look(self.head, features, boxes, self.stride), labels, corrections)

    @torch.no_grad()
    def detect(self, x: Tensor, proposals: Sequence[Tensor], score_threshold: float = 0.01) -> list[Detections]:
        """Return what is seen in each picture among its proposals, best score first; labels from 0 on."""
        was_training = self.training
        features = self.eval()(x)
        found = read_pictures(*look(self.head, features, proposals, self.stride), proposals, self.size, score_threshold)
        self.train(was_training)
        return found
