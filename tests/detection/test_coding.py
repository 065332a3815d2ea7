"""Boxes as corrections of anchors: there, back, and against torchvision."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from course_utils.detection.boxes import convert
from course_utils.detection.coding import SSD_WEIGHTS, decode, encode, weights_from_variances
from course_utils.detection.iou import box_iou
from tests.detection.made_boxes import UNTIMED, any_boxes, random_boxes

NONE = torch.zeros(0, 4)


def solid(n: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    boxes = random_boxes(n, seed, dtype=dtype)
    boxes[:, 2:] += 1
    return boxes


def test_codes_by_hand() -> None:
    anchor = torch.tensor([[0.0, 0, 10, 20]])  # centre (5, 10), 10 wide, 20 high
    box = torch.tensor([[2.0, 4, 22, 14]])  # centre (12, 9), 20 wide, 10 high
    wanted = torch.tensor([[0.7, -0.05, math.log(2), -math.log(2)]])
    torch.testing.assert_close(encode(box, anchor), wanted)
    torch.testing.assert_close(encode(box, anchor, SSD_WEIGHTS), wanted * torch.tensor([10, 10, 5, 5]))
    assert encode(box, box).tolist() == [[0, 0, 0, 0]]


@given(any_boxes(least=1, smallest=1e-3), any_boxes(least=1, smallest=1e-3))
@UNTIMED
def test_decoding_undoes_encoding_for_tiny_and_huge_boxes(boxes: Tensor, anchors: Tensor) -> None:
    n = min(len(boxes), len(anchors))
    boxes, anchors = boxes[:n], anchors[:n]
    for weights in ((1, 1, 1, 1), SSD_WEIGHTS):
        back = decode(encode(boxes, anchors, weights), anchors, weights, largest_log=None)
        torch.testing.assert_close(back, boxes, rtol=0, atol=1e-5)


def test_encoding_undoes_decoding() -> None:
    codes = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    anchors = solid(200, 1)
    torch.testing.assert_close(encode(decode(codes, anchors), anchors), codes, rtol=0, atol=1e-9)


def test_in_float32_the_box_comes_back_to_a_hundred_thousandth_of_the_picture() -> None:
    boxes, anchors = solid(500, 2, torch.float32), solid(500, 3, torch.float32)
    back = decode(encode(boxes, anchors), anchors)
    assert (back - boxes).abs().max() < 1e-5 * 100


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), SSD_WEIGHTS])
def test_codes_equal_torchvisions(weights) -> None:
    theirs = BoxCoder(weights)
    boxes, anchors = solid(100, 4), solid(100, 5)
    codes = encode(boxes, anchors, weights)
    torch.testing.assert_close(codes, theirs.encode_single(boxes, anchors))
    codes = codes * 3  # some past the largest logarithm
    assert (codes[:, 2:] / torch.tensor(weights)[2:] > math.log(1000 / 16)).any()
    torch.testing.assert_close(decode(codes, anchors, weights), theirs.decode_single(codes, anchors))


def test_variances_of_ssd_are_its_weights_turned_over() -> None:
    assert weights_from_variances((0.1, 0.1, 0.2, 0.2)) == SSD_WEIGHTS
    boxes, anchors = solid(50, 6), solid(50, 7)
    x, y, w, h = convert(boxes, "xyxy", "cxcywh").unbind(1)
    x_a, y_a, w_a, h_a = convert(anchors, "xyxy", "cxcywh").unbind(1)
    paper = ((x - x_a) / w_a / 0.1, (y - y_a) / h_a / 0.1, (w / w_a).log() / 0.2, (h / h_a).log() / 0.2)
    torch.testing.assert_close(encode(boxes, anchors, SSD_WEIGHTS), torch.stack(paper, dim=1))


def test_the_code_forgets_place_and_scale() -> None:
    box, anchor = torch.tensor([[2.0, 4, 22, 14]]), torch.tensor([[0.0, 0, 10, 20]])
    torch.testing.assert_close(encode(box * 7 + 100, anchor * 7 + 100), encode(box, anchor))


def test_a_few_steps_on_the_codes_raise_the_overlap() -> None:
    """What bounding-box regression does: the anchor moves onto the box."""
    boxes = solid(40, 8)
    anchors = boxes + torch.randn(40, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64).clamp(
        -0.4, 0.4
    )
    codes = torch.zeros(40, 4, dtype=torch.float64, requires_grad=True)
    for _ in range(20):
        (grad,) = torch.autograd.grad(((codes - encode(boxes, anchors)) ** 2).sum() / 2, codes)
        codes = (codes - 0.3 * grad).detach().requires_grad_()
    before = box_iou(anchors, boxes, paired=True)
    after = box_iou(decode(codes.detach(), anchors), boxes, paired=True)
    assert after.mean() > before.mean() + 0.02
    assert after.min() > 0.99


def test_one_anchor_may_carry_a_box_for_each_class() -> None:
    anchors = solid(6, 10)
    codes = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    boxes = decode(codes, anchors)
    assert boxes.shape == (6, 3, 4)
    for c in range(3):
        assert torch.equal(boxes[:, c], decode(codes[:, c], anchors))


def test_a_wild_prediction_stays_finite_unless_told_otherwise() -> None:
    anchor, wild = torch.tensor([[0.0, 0, 16, 16]]), torch.tensor([[0.0, 0, 500, 500]])
    side = decode(wild, anchor)
    assert (side[:, 2:] - side[:, :2]).tolist() == [[pytest.approx(1000, rel=1e-5)] * 2]
    assert torch.isinf(decode(wild, anchor, largest_log=None)).all()


def test_no_boxes_and_other_precisions_are_welcome() -> None:
    assert encode(NONE, NONE).shape == decode(NONE, NONE).shape == (0, 4)
    assert decode(torch.zeros(0, 7, 4), NONE).shape == (0, 7, 4)
    for dtype in (torch.float16, torch.float32, torch.float64):
        boxes, anchors = solid(5, 11).to(dtype), solid(5, 12).to(dtype)
        codes = encode(boxes.T.contiguous().T, anchors)
        assert codes.dtype == decode(codes, anchors).dtype == dtype
        assert torch.equal(codes, encode(boxes, anchors))


def test_gradients_reach_the_codes() -> None:
    anchors = solid(4, 13)
    codes = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: decode(c, anchors, SSD_WEIGHTS), (codes,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode(torch.tensor([[0.0, 0, 0, 5]]), solid(1, 0).float()), "boxes must have x1 < x2"),
        (lambda: encode(solid(1, 0), torch.tensor([[0.0, 5, 5, 5]])), "anchors must have x1 < x2 and y1 < y2"),
        (lambda: encode(solid(2, 0), solid(1, 0)), "boxes and anchors must have the same length"),
        (lambda: decode(torch.full((1, 4), float("nan")), solid(1, 0).float()), "codes must be finite"),
        (lambda: decode(torch.zeros(1, 2, 5), solid(1, 0).float()), "codes must have shape"),
        (lambda: decode(torch.zeros(2, 4), solid(1, 0).float()), "same length, got 2 and 1"),
        (lambda: encode(NONE, NONE, (1, 1, 1)), "four numbers, got 3"),
        (lambda: encode(NONE, NONE, (1, 1, 0, 1)), "weights must be greater than 0"),
    ],
)
def test_what_cannot_be_coded_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
