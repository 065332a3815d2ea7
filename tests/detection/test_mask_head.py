"""A mask cut out of a picture and pasted back is the mask; the head learns one."""

from __future__ import annotations

import pytest
import torch

from course_utils.detection.mask_head import MaskHead, crop_masks, look_at_masks, mask_loss, paste_masks


def disc(size: int = 64, x: float = 30, y: float = 36, r: float = 16) -> torch.Tensor:
    steps = torch.arange(size) + 0.5
    return ((steps[None] - x) ** 2 + (steps[:, None] - y) ** 2 < r**2).float()


def test_a_mask_cropped_and_pasted_is_the_mask() -> None:
    mask, box = disc(), torch.tensor([[14.0, 20.0, 46.0, 52.0]])
    grid = crop_masks(mask[None], box, 28)
    assert grid.shape == (1, 28, 28)
    back = paste_masks(grid, box, (64, 64))[0] > 0.5
    iou = (back & (mask > 0)).sum() / (back | (mask > 0)).sum()
    assert iou > 0.97
    whole = paste_masks(torch.ones(1, 4, 4), torch.tensor([[8.0, 4.0, 24.0, 40.0]]), (64, 64))[0]
    assert (whole == 1).sum() == 16 * 36
    assert whole[4:40, 8:24].eq(1).all()


def test_a_box_of_half_a_disc_crops_half() -> None:
    grid = crop_masks(disc()[None], torch.tensor([[30.0, 20.0, 46.0, 52.0]]), 16)[0]
    assert grid[:, 0].mean() > 0.9  # the left edge runs through the middle
    assert grid[:, -1].mean() < 0.5


def test_the_head_learns_where_the_disc_is() -> None:
    torch.manual_seed(0)
    head = MaskHead(1, bins=7, hidden=8)
    masks = torch.stack([disc(64, 24 + 4 * i, 30, 10 + i) for i in range(4)])
    boxes = [torch.tensor([[4.0, 10.0, 60.0, 56.0]])] * 4
    features = masks[:, None, ::8, ::8]
    wanted = crop_masks(masks, torch.cat(boxes), 14)
    opt = torch.optim.Adam(head.parameters(), 1e-2)
    start = float(mask_loss(look_at_masks(head, features, boxes, 8), wanted).detach())
    for _ in range(60):
        opt.zero_grad()
        loss = mask_loss(look_at_masks(head, features, boxes, 8), wanted)
        loss.backward()
        opt.step()
    assert float(loss.detach()) < 0.4 * start
    assert mask_loss(torch.zeros(0, 14, 14), torch.zeros(0, 14, 14)) == 0


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="masks"):
        crop_masks(disc()[None], torch.zeros(2, 4), 14)
    with pytest.raises(ValueError, match="boxes"):
        paste_masks(torch.zeros(2, 4, 4), torch.zeros(1, 4), (8, 8))
