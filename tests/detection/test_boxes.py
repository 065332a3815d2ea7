"""Boxes: formats, area, clipping, and what is refused."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from torchvision import ops

from course_utils.detection.boxes import FORMATS, area, check_boxes, clip, convert, large_enough
from tests.detection.made_boxes import UNTIMED, any_boxes, random_boxes, whole_boxes

NONE = torch.zeros(0, 4)


def test_a_box_by_hand_in_all_formats() -> None:
    written = {"xyxy": [10.0, 20, 14, 30], "xywh": [10.0, 20, 4, 10], "cxcywh": [12.0, 25, 4, 10]}
    for source, target in itertools.product(FORMATS, FORMATS):
        assert convert(torch.tensor([written[source]]), source, target).tolist() == [written[target]]


@given(any_boxes())
@UNTIMED
def test_there_and_back_is_the_same_box(boxes: torch.Tensor) -> None:
    for other in FORMATS:
        back = convert(convert(boxes, "xyxy", other), other, "xyxy")
        torch.testing.assert_close(back, boxes, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("source", "target"), list(itertools.product(FORMATS, FORMATS)))
def test_formats_equal_torchvisions(source: str, target: str) -> None:
    boxes = ops.box_convert(random_boxes(50, 1), "xyxy", source)
    torch.testing.assert_close(convert(boxes, source, target), ops.box_convert(boxes, source, target))


def test_a_conversion_never_hands_back_the_same_memory() -> None:
    boxes = random_boxes(3)
    convert(boxes, "xyxy", "xyxy").zero_()
    assert boxes.abs().sum() > 0


@given(whole_boxes())
@UNTIMED
def test_area_counts_pixels(boxes: torch.Tensor) -> None:
    for box, value in zip(boxes.int().tolist(), area(boxes).tolist()):
        pixels = [(y, x) for y in range(box[1], box[3]) for x in range(box[0], box[2])]
        assert value == len(pixels)


def test_a_half_precision_area_does_not_overflow() -> None:
    boxes = torch.tensor([[0.0, 0, 1000, 1000]], dtype=torch.float16)
    assert area(boxes).tolist() == [1e6]
    assert area(random_boxes(2).double()).dtype == torch.float64


@given(any_boxes())
@UNTIMED
def test_clipped_boxes_lie_inside_and_equal_torchvisions(boxes: torch.Tensor) -> None:
    cut = clip(boxes, (60, 90))
    assert torch.equal(cut, ops.clip_boxes_to_image(boxes, (60, 90)))
    assert ((cut >= 0) & (cut <= torch.tensor([90, 60, 90, 60]))).all()
    assert torch.equal(clip(cut, (60, 90)), cut)
    assert (area(cut) <= area(boxes)).all()


def test_a_box_outside_becomes_one_without_area_on_the_border() -> None:
    assert clip(torch.tensor([[100.0, -30, 120, -10]]), (60, 90)).tolist() == [[90, 0, 90, 0]]


def test_small_boxes_are_found_as_torchvision_finds_them() -> None:
    boxes = random_boxes(200, 2)
    boxes[7, 2] = boxes[7, 0] + 5
    for least in (0.0, 5.0, 20.0, 100.0):
        assert torch.equal(large_enough(boxes, least), ops.remove_small_boxes(boxes, least))
    assert large_enough(torch.tensor([[0.0, 0, 4, 9]]), 4).tolist() == [0]


def test_no_boxes_are_welcome() -> None:
    assert area(NONE).shape == (0,)
    assert clip(NONE, (5, 5)).shape == (0, 4)
    assert large_enough(NONE, 1).shape == (0,)
    for source, target in itertools.product(FORMATS, FORMATS):
        assert convert(NONE, source, target).shape == (0, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_stays_and_strides_do_not_matter(dtype: torch.dtype) -> None:
    boxes = random_boxes(6, 3).round().to(dtype)
    turned = boxes.T.contiguous().T
    assert not turned.is_contiguous()
    for target in FORMATS:
        assert convert(turned, "xyxy", target).dtype == dtype
        assert torch.equal(convert(turned, "xyxy", target), convert(boxes, "xyxy", target))
    assert torch.equal(area(turned), area(boxes))
    assert clip(turned, (50, 50)).dtype == dtype


@pytest.mark.parametrize(
    ("boxes", "error", "message"),
    [
        ([[0, 0, 1, 1]], TypeError, "must be a tensor, got list"),
        (torch.tensor([[0, 0, 1, 1]]), TypeError, r"floating point, got torch.int64; use boxes.float\(\)"),
        (torch.zeros(4), ValueError, r"shape \(any, 4\), got \(4,\)"),
        (torch.zeros(2, 5), ValueError, r"got \(2, 5\)"),
        (torch.tensor([[0.0, 0, 1, 1], [0, float("nan"), 1, 1]]), ValueError, r"finite, got \[0.0, nan.* in row 1"),
        (torch.tensor([[0.0, 0, float("inf"), 1]]), ValueError, "finite, got"),
        (torch.tensor([[5.0, 0, 4, 1]]), ValueError, r"x1 <= x2 and y1 <= y2, got \[5.0, 0.0, 4.0, 1.0\] in row 0"),
        (torch.tensor([[0.0, 3, 4, 1]]), ValueError, "y1 <= y2"),
    ],
)
def test_what_is_no_box_is_refused(boxes: object, error: type[Exception], message: str) -> None:
    for use in (check_boxes, None):
        with pytest.raises(error, match=message):
            check_boxes("boxes", boxes) if use else area(boxes)  # type: ignore[arg-type]


def test_a_box_without_area_is_refused_only_where_that_is_asked() -> None:
    thin = torch.tensor([[0.0, 0, 0, 5]])
    check_boxes("boxes", thin)
    with pytest.raises(ValueError, match="x1 < x2"):
        check_boxes("boxes", thin, positive=True)


def test_unknown_formats_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'cxcywh'"):
        convert(NONE, "xyxy", "cxcxwh")
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        clip(NONE, (0, 5))
