"""Anchors: their number, their places, their shapes, and torchvision's."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from course_utils.detection.anchors import (
    SSD300_MAPS,
    SSD300_RATIOS,
    SSD300_SIZES,
    SSD300_STRIDES,
    cell_anchors,
    count_windows,
    grid_anchors,
    grid_anchors_loop,
    inside,
    ssd_anchors,
    ssd_cell,
)
from course_utils.detection.boxes import area, convert
from tests.detection.made_boxes import random_boxes


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 7)])
def test_windows_are_counted_as_they_can_be_listed(size: tuple[int, int]) -> None:
    lines_y, lines_x = range(size[0] + 1), range(size[1] + 1)
    listed = [(x, y) for y in itertools.combinations(lines_y, 2) for x in itertools.combinations(lines_x, 2)]
    assert count_windows(size) == len(listed)


def test_a_photo_has_nearly_nine_thousand_million_windows() -> None:
    assert count_windows((375, 500)) == count_windows((500, 375)) == 8_830_125_000


def test_nine_anchors_have_the_right_sizes_and_proportions() -> None:
    cell = cell_anchors([128, 256, 512], [0.5, 1, 2])
    assert cell.shape == (9, 4)
    x, y, w, h = convert(cell, "xyxy", "cxcywh").unbind(1)
    assert x.abs().max() == y.abs().max() == 0
    assert (h / w).tolist() == pytest.approx([0.5] * 3 + [1] * 3 + [2] * 3)
    assert area(cell).sqrt().tolist() == pytest.approx([128, 256, 512] * 3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 6), (37, 50)])
def test_k_anchors_on_a_map_are_k_h_w_boxes(height: int, width: int) -> None:
    cell = cell_anchors([32, 64, 128])
    assert grid_anchors((height, width), 16, cell).shape == (9 * height * width, 4)


@pytest.mark.parametrize("stride", [8, 7.5, (4, 6)])
def test_the_grid_equals_its_loops(stride) -> None:
    cell = cell_anchors([10, 20], [0.5, 2]).double()
    torch.testing.assert_close(grid_anchors((3, 5), stride, cell), grid_anchors_loop((3, 5), stride, cell))


def test_the_first_centre_is_half_a_stride_in() -> None:
    anchors = grid_anchors((2, 3), (10, 20), cell_anchors([4], [1]))
    centres = convert(anchors, "xyxy", "cxcywh")[:, :2].tolist()
    assert centres == [[10, 5], [30, 5], [50, 5], [10, 15], [30, 15], [50, 15]]


def test_the_grid_equals_torchvisions_but_for_rounding_and_half_a_stride() -> None:
    theirs = AnchorGenerator(((32, 64, 128),), ((0.5, 1.0, 2.0),))
    pictures = ImageList(torch.zeros(1, 3, 160, 240), [(160, 240)])
    (wanted,) = theirs(pictures, [torch.zeros(1, 8, 10, 15)])
    cell = cell_anchors([32, 64, 128])
    ours = grid_anchors((10, 15), 16, cell.round())
    torch.testing.assert_close(ours - 8, wanted)


def test_predictions_of_a_head_line_up_with_the_anchors() -> None:
    """A 1x1 convolution whose outputs name their anchor and cell, turned as the docstring says."""
    k, height, width = 3, 4, 5
    head = torch.zeros(1, k * 4, height, width)
    for a, i, j in itertools.product(range(k), range(height), range(width)):
        head[0, a * 4 : a * 4 + 4, i, j] = torch.tensor([a, i, j, 0])
    rows = head.permute(0, 2, 3, 1).reshape(1, -1, 4)[0]
    cell = torch.tensor([[0.0, 0, a, a] for a in range(k)])
    anchors = grid_anchors((height, width), 1, cell)
    assert torch.equal(anchors[:, 2] - anchors[:, 0], rows[:, 0])
    assert torch.equal(anchors[:, 1] - 0.5, rows[:, 1])
    assert torch.equal(anchors[:, 0] - 0.5, rows[:, 2])


def test_the_heads_of_a_proposal_network_have_54_outputs() -> None:
    k = len(cell_anchors([128, 256, 512], [0.5, 1, 2]))
    scores, corrections = nn.Conv2d(256, 2 * k, 1), nn.Conv2d(256, 4 * k, 1)
    assert scores.out_channels + corrections.out_channels == 6 * k == 54


def test_ssd300_has_8732_boxes_and_they_are_torchvisions() -> None:
    ours = ssd_anchors()
    assert [len(a) for a in ours] == [5776, 2166, 600, 150, 36, 4]
    assert sum(len(a) for a in ours) == 8732
    theirs = DefaultBoxGenerator(
        [list(r) for r in SSD300_RATIOS],
        scales=[s / 300 for s in SSD300_SIZES],
        steps=list(SSD300_STRIDES),
        clip=False,
    )
    pictures = ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
    (wanted,) = theirs(pictures, [torch.zeros(1, 8, m, m) for m in SSD300_MAPS])
    torch.testing.assert_close(torch.cat(ours), wanted, rtol=0, atol=1e-3)


def test_a_cell_of_ssd() -> None:
    w, h = convert(ssd_cell(60, 111, (2, 3)), "xyxy", "xywh")[:, 2:].unbind(1)
    assert (w / h).tolist() == pytest.approx([1, 1, 2, 0.5, 3, 1 / 3])
    assert (w * h).sqrt().tolist() == pytest.approx([60, math.sqrt(60 * 111), 60, 60, 60, 60])


def test_anchors_inside_the_picture() -> None:
    anchors = grid_anchors((6, 6), 10, cell_anchors([20, 40]))
    for border in (0, 5):
        found = inside(anchors, (60, 60), border).tolist()
        low, high = -border, 60 + border
        assert found == [i for i, b in enumerate(anchors.tolist()) if min(b) >= low and max(b) <= high]
    assert 0 < len(inside(anchors, (60, 60))) < len(anchors)
    assert len(inside(torch.zeros(0, 4), (5, 5))) == 0
    wide_and_tall = torch.tensor([[0.0, 0, 9, 5], [0, 0, 5, 9]])
    assert inside(wide_and_tall, (5, 9)).tolist() == [0]
    assert inside(wide_and_tall, (9, 5)).tolist() == [1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_anchors_keep_the_precision_of_the_cell(dtype: torch.dtype) -> None:
    assert grid_anchors((2, 2), 8, cell_anchors([16]).to(dtype)).dtype == dtype
    assert inside(random_boxes(5).to(dtype), (50, 50)).dtype == torch.int64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cell_anchors([]), "sizes must hold at least one"),
        (lambda: cell_anchors([0]), "sizes must be greater than 0"),
        (lambda: cell_anchors([8], [-1]), "ratios must be greater than 0"),
        (lambda: grid_anchors((0, 4), 8, cell_anchors([8])), "map_size must be at least 1"),
        (lambda: grid_anchors((4, 4), 0, cell_anchors([8])), "stride must be greater than 0"),
        (lambda: ssd_cell(30, 60, (1,)), "ratios must be greater than 1"),
        (lambda: ssd_anchors(sizes=(30, 60)), "sizes less the last and maps"),
        (lambda: ssd_anchors(strides=(8,)), "maps and strides"),
        (lambda: count_windows((0, 3)), "size must be at least 1"),
    ],
)
def test_what_makes_no_anchors_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def reach(anchors: Tensor, targets: Tensor) -> float:
    """Mean over the targets of their best IoU."""
    from course_utils.detection.iou import box_iou

    return box_iou(anchors, targets).max(dim=0).values.mean().item()


def test_more_sizes_and_proportions_come_nearer_to_any_box() -> None:
    targets = random_boxes(100, 1, size=100, largest=80)
    targets[:, 2:] += 10
    one, three, nine = (
        reach(grid_anchors((12, 12), 8, cell), targets)
        for cell in (cell_anchors([32], [1]), cell_anchors([16, 32, 64], [1]), cell_anchors([16, 32, 64]))
    )
    assert one < three < nine
