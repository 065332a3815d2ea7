"""Mask R-CNN's third question: which pixels of the box are the object (chapter 10).

Source: K. He, G. Gkioxari, P. Dollar, R. Girshick, "Mask R-CNN", ICCV 2017. Smaller: two convolutions, and one mask for
all classes (the paper's "class-agnostic" variant, which it finds nearly as good).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_shape
from course_utils.detection.roi_align import roi_align
from course_utils.detection.roi_pooling import rois_of


class MaskHead(nn.Module):
    """Maps of K regions (K, in_channels, bins, bins) to logits of their masks (K, 2 bins, 2 bins).

    Args:
        in_channels: of the shared map.
        bins: of a region along each axis; the mask is twice as fine.
        hidden: channels between.
    """

    def __init__(self, in_channels: int, bins: int = 7, hidden: int = 48) -> None:
        super().__init__()
        self.bins = bins
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden, hidden, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 1),
        )

    def forward(self, regions: Tensor) -> Tensor:
        return self.layers(regions)[:, 0]


def look_at_masks(head: MaskHead, features: Tensor, boxes: Sequence[Tensor], stride: int) -> Tensor:
    """Return mask logits (K, 2 bins, 2 bins) of the boxes of each picture on the map that they share."""
    return head(roi_align(features.float(), rois_of(list(boxes)), head.bins, 1 / stride, sampling_ratio=2))


def crop_masks(masks: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Return what each box cuts out of its mask, resampled to a square: what the head is to say.

    Args:
        masks: (M, H, W), 0 or 1.
        boxes: xyxy, (M, 4), pixels; box i belongs to mask i.
        side: of the square, cells.

    Returns:
        Float (M, side, side), 0..1.
    """
    check_shape("masks", masks, (len(boxes), None, None))
    number = torch.arange(len(boxes), dtype=boxes.dtype, device=boxes.device)[:, None]
    rois = torch.cat([number, boxes], dim=1)
    return roi_align(masks[:, None].to(boxes.dtype), rois, side)[:, 0]


def mask_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over all cells; 0 if there is no region."""
    return F.binary_cross_entropy_with_logits(logits, wanted) if len(logits) else logits.sum()


def paste_masks(probabilities: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return each mask where its box lies in the picture.

    A pixel reads the mask's grid at its centre, between four cells; outside its box it is 0.

    Args:
        probabilities: (K, m, m), 0..1.
        boxes: xyxy, (K, 4), pixels.
        size: ``(height, width)`` of the picture.

    Returns:
        (K, height, width), 0..1.
    """
    check_shape("boxes", boxes, (len(probabilities), 4))
    height, width = size
    x1, y1, x2, y2 = (part[:, None] for part in boxes.unbind(dim=1))
    across = (torch.arange(width, dtype=boxes.dtype, device=boxes.device) + 0.5 - x1) / (x2 - x1)  # 0..1 inside
    down = (torch.arange(height, dtype=boxes.dtype, device=boxes.device) + 0.5 - y1) / (y2 - y1)
    places = torch.stack([across[:, None, :].expand(-1, height, -1), down[:, :, None].expand(-1, -1, width)], dim=-1)
    pasted = F.grid_sample(probabilities[:, None], 2 * places - 1, padding_mode="border", align_corners=False)[:, 0]
    inside = ((across >= 0) & (across <= 1))[:, None, :] & ((down >= 0) & (down <= 1))[:, :, None]
    return pasted * inside
