"""Region proposal network: from every cell of a map, k boxes that may hold something (chapter 10).

A window of 3x3 cells slides over the map; for each of k anchors it says twice "object or not" (2 numbers) and once how
to correct the anchor (4 numbers): 6k outputs, 54 for k = 9. The paper writes two sibling layers of 2k and 4k outputs;
one layer of 6k holds the same weights.

Source: S. Ren and others, "Faster R-CNN: towards real-time object detection with region proposal networks", NIPS 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.detection.anchors import cell_anchors, grid_anchors, inside
from course_utils.detection.boxes import clip, large_enough
from course_utils.detection.coding import decode, encode
from course_utils.detection.matching import match
from course_utils.detection.nms import nms
from course_utils.detection.sampling import balanced_sample
from course_utils.detection.scene_batches import objects_of

OUTPUTS = 6  # of one anchor: background, object, four corrections
SIZES, RATIOS = (14, 22, 34), (0.5, 1, 2)


class RPN(nn.Module):
    """A map (N, in_channels, H, W) to one row of six numbers an anchor.

    Args:
        in_channels: of the map.
        stride: pixels from cell to cell.
        size: ``(height, width)`` of the pictures, pixels.
        sizes: of the anchors, pixels; with ``ratios`` they give k anchors a cell.
        ratios: height over width.
        hidden: channels after the 3x3 window (the paper: 256 on ZF's network, 512 on VGG-16).

    Attributes:
        anchors: xyxy (A, 4), A = k H W.
        samples: anchors of a picture that count in the loss, half of them with an object where there are enough.
    """

    anchors: Tensor

    def __init__(
        self,
        in_channels: int,
        stride: int,
        size: tuple[int, int],
        sizes: tuple[float, ...] = SIZES,
        ratios: tuple[float, ...] = RATIOS,
        hidden: int = 96,
    ) -> None:
        super().__init__()
        cell = cell_anchors(sizes, ratios)
        self.size, self.samples = size, 128
        self.register_buffer(
            "anchors", grid_anchors((size[0] // stride, size[1] // stride), stride, cell), persistent=False
        )
        self.window = nn.Conv2d(in_channels, hidden, 3, padding=1)
        self.predict = nn.Conv2d(hidden, OUTPUTS * len(cell), 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, A, 6): logits of background and object, four corrections."""
        rows = self.predict(F.relu(self.window(features)))
        return rows.permute(0, 2, 3, 1).reshape(len(features), -1, OUTPUTS)

    def loss(self, rows: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of a batch; anchors that cross the border learn nothing.

        Args:
            rows: (N, A, 6), from the forward pass.
            truth: (N, K, 5), as `scene_batches.truth_of` makes it.
        """
        within = inside(self.anchors, self.size)
        anchors = self.anchors[within]
        logits, codes, labels, corrections = [], [], [], []
        for row, objects in zip(rows[:, within], truth, strict=True):
            boxes, _ = objects_of(objects)
            matches = match(anchors, boxes, 0.7, 0.3, force="ties")
            sample = balanced_sample(matches.indices, self.samples)
            logits += [row[sample.positive, :2], row[sample.negative, :2]]
            labels += [torch.ones_like(sample.positive), torch.zeros_like(sample.negative)]
            codes.append(row[sample.positive, 2:])
            corrections.append(encode(boxes[matches.indices[sample.positive]], anchors[sample.positive]))
        wanted = torch.cat(labels)
        boxes_loss = F.smooth_l1_loss(torch.cat(codes), torch.cat(corrections), beta=1 / 9, reduction="sum")
        return F.cross_entropy(torch.cat(logits), wanted) + boxes_loss / len(wanted)

    @torch.no_grad()
    def propose(
        self, rows: Tensor, most: int = 100, iou_threshold: float = 0.7, before: int = 400
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the boxes that most look like objects.

        Args:
            rows: (N, A, 6), from the forward pass.
            most: boxes a picture.
            iou_threshold: of the suppression.
            before: boxes that go into the suppression.

        Returns:
            For each picture boxes (P, 4), clipped, and scores (P,), best first.
        """
        check_int("most", most, minimum=1)
        found = []
        for row in rows.float():
            scores = row[:, :2].softmax(dim=1)[:, 1]
            best = scores.topk(min(before, len(scores))).indices
            boxes = clip(decode(row[best, 2:], self.anchors[best]), self.size)
            large = large_enough(boxes, 2.0)
            best, boxes = best[large], boxes[large]
            kept = nms(boxes, scores[best], iou_threshold)[:most]
            found.append((boxes[kept], scores[best[kept]]))
        return found
