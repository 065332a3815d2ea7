"""Overlap: against counting pixels, against torchvision, and the properties that define each form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor
from torchvision import ops

from course_utils.detection.iou import (
    box_iou,
    box_iou_by_counting,
    complete_box_iou,
    distance_box_iou,
    generalised_box_iou,
    mask_iou,
    mask_iou_loop,
)
from tests.detection.made_boxes import UNTIMED, any_boxes, random_boxes, whole_boxes

FORMS = {
    box_iou: ops.box_iou,
    generalised_box_iou: ops.generalized_box_iou,
    distance_box_iou: ops.distance_box_iou,
    complete_box_iou: ops.complete_box_iou,
}
forms = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
NONE = torch.zeros(0, 4)


@given(whole_boxes(), whole_boxes())
@UNTIMED
def test_iou_equals_counted_pixels(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(box_iou(a, b), box_iou_by_counting(a, b), rtol=0, atol=1e-12)


def test_counting_needs_whole_pixels() -> None:
    with pytest.raises(ValueError, match="whole-numbered"):
        box_iou_by_counting(torch.tensor([[0, 0, 1.5, 1]]), NONE)


@given(any_boxes(), any_boxes())
@UNTIMED
def test_iou_is_symmetric_and_between_0_and_1(a: Tensor, b: Tensor) -> None:
    for dtype in (torch.float32, torch.float64):
        iou = box_iou(a.to(dtype), b.to(dtype))
        assert ((iou >= 0) & (iou <= 1)).all()
        assert torch.equal(iou, box_iou(b.to(dtype), a.to(dtype)).T)


@given(any_boxes(smallest=0.01))
@UNTIMED
def test_a_box_covers_itself(boxes: Tensor) -> None:
    for form in FORMS:
        torch.testing.assert_close(form(boxes, boxes, paired=True), torch.ones(len(boxes)).double())


@given(any_boxes(), any_boxes())
@UNTIMED
def test_the_other_forms_never_exceed_iou(a: Tensor, b: Tensor) -> None:
    for dtype in (torch.float32, torch.float64):
        a, b = a.to(dtype), b.to(dtype)
        iou, giou, diou, ciou = (form(a, b) for form in FORMS)
        assert (giou <= iou).all()
        assert (giou >= -1).all()
        assert (diou <= iou).all()
        assert (diou >= -1 - 1e-6).all()
        assert (ciou <= diou).all()


def test_rounding_lifts_no_form_of_nested_boxes_over_its_bound() -> None:
    """Where one box lies in the other, union and surrounding box differ by nothing but rounding."""
    outer = random_boxes(5000, 11)
    share = torch.rand(5000, 4, generator=torch.Generator().manual_seed(12)) * 0.3
    sides = (outer[:, 2:] - outer[:, :2]).repeat(1, 2)
    inner = outer + share * sides * torch.tensor([1, 1, -1, -1])
    for a, b in ((outer, inner), (inner, outer), (outer, outer)):
        iou, giou = box_iou(a, b, paired=True), generalised_box_iou(a, b, paired=True)
        assert (iou <= 1).all()
        assert (giou <= iou).all()


def test_values_by_hand() -> None:
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3]])
    assert box_iou(a, b).item() == pytest.approx(1 / 7)
    assert generalised_box_iou(a, b).item() == pytest.approx(1 / 7 - 2 / 9)  # C is 3 x 3, and 2 pixels of it empty
    assert distance_box_iou(a, b).item() == pytest.approx(1 / 7 - 2 / 18)  # centres a diagonal of 1 apart
    assert complete_box_iou(a, b).item() == pytest.approx(1 / 7 - 2 / 18)  # both square
    tall = torch.tensor([[1.0, 1, 2, 3]])
    iou, v = 1 / 5, 4 / math.pi**2 * (math.pi / 4 - math.atan(1 / 2)) ** 2
    diou = iou - (0.5**2 + 1**2) / (2**2 + 3**2)
    assert complete_box_iou(a, tall).item() == pytest.approx(diou - v**2 / (1 - iou + v))


def test_apart_in_both_directions_is_no_overlap() -> None:
    a, b = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[5.0, 5, 6, 6]])
    assert box_iou(a, b).item() == 0


def test_only_the_other_forms_tell_near_from_far() -> None:
    here = torch.tensor([[0.0, 0, 10, 10]])
    away = torch.tensor([[20.0, 0, 30, 10], [40, 0, 50, 10], [80, 0, 90, 10]])
    assert box_iou(here, away).tolist() == [[0, 0, 0]]
    for form in (generalised_box_iou, distance_box_iou, complete_box_iou):
        near, further, far = form(here, away)[0].tolist()
        assert near > further > far


@forms
def test_forms_equal_torchvisions(form) -> None:
    a, b = random_boxes(60, 1, dtype=torch.float64), random_boxes(70, 2, dtype=torch.float64)
    a[0] = b[0]
    torch.testing.assert_close(form(a, b), FORMS[form](a, b), rtol=1e-6, atol=1e-6)  # torchvision adds 1e-7 to divisors


@forms
def test_pairs_are_the_diagonal(form) -> None:
    a, b = random_boxes(30, 3), random_boxes(30, 4)
    assert torch.equal(form(a, b, paired=True), form(a, b).diagonal())
    with pytest.raises(ValueError, match="same length, got 30 and 29"):
        form(a, b[1:], paired=True)


@forms
def test_no_boxes_are_welcome(form) -> None:
    boxes = random_boxes(3)
    assert form(NONE, boxes).shape == (0, 3)
    assert form(boxes, NONE).shape == (3, 0)
    assert form(NONE, NONE).shape == (0, 0)
    assert form(NONE, NONE, paired=True).shape == (0,)


@forms
def test_boxes_without_area_give_numbers_and_gradients(form) -> None:
    point, line, box = [3.0, 3, 3, 3], [3.0, 3, 3, 9], [0.0, 0, 5, 5]
    a = torch.tensor([point, line, box], requires_grad=True)
    result = form(a, torch.tensor([point, line, box]))
    result.sum().backward()
    assert torch.isfinite(result).all()
    assert torch.isfinite(a.grad).all()
    assert result[0, 0] == 0  # torchvision: 0 / 0
    assert ops.box_iou(a[:1], a[:1]).isnan().all()


@forms
def test_gradients_equal_torchvisions(form) -> None:
    ours = random_boxes(8, 5, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    other = random_boxes(9, 6, dtype=torch.float64)
    form(ours, other).sum().backward()
    FORMS[form](theirs, other).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)


@forms
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_dtype_stays_and_strides_do_not_matter(form, dtype: torch.dtype) -> None:
    a = (random_boxes(9, 7) * 10).round().to(dtype)  # areas far past the largest float16
    b = (random_boxes(9, 8) * 10).round().to(dtype)
    result = form(a, b)
    assert result.dtype == dtype
    assert torch.equal(form(a.T.contiguous().T, b[:, [0, 1, 2, 3]]), result)
    torch.testing.assert_close(result.double(), form(a.double(), b.double()), rtol=0, atol=1e-3)


def test_mixed_precision_takes_the_better_one() -> None:
    assert box_iou(random_boxes(2), random_boxes(2).double()).dtype == torch.float64


def test_the_faulty_box_is_named() -> None:
    with pytest.raises(ValueError, match=r"b must have x1 <= x2 .* got \[4.0, 0.0, 3.0, 1.0\] in row 0"):
        box_iou(NONE, torch.tensor([[4.0, 0, 3, 1]]))
    with pytest.raises(ValueError, match="a must be finite"):
        box_iou(torch.full((1, 4), float("nan")), NONE)


# Masks


def random_masks(n: int, seed: int) -> Tensor:
    masks = torch.rand(n, 9, 11, generator=torch.Generator().manual_seed(seed)) < torch.linspace(0, 1, n)[:, None, None]
    assert not masks[0].any()
    return masks


def test_masks_fast_and_slow_agree() -> None:
    a, b = random_masks(6, 1), random_masks(5, 2)
    torch.testing.assert_close(mask_iou(a, b), mask_iou_loop(a, b))
    assert mask_iou(a, b)[0, 0] == 0  # both empty
    turned = a.permute(0, 2, 1).contiguous().permute(0, 2, 1)
    assert torch.equal(mask_iou(turned, b), mask_iou(a, b))


@given(whole_boxes(most=4), whole_boxes(most=4))
@UNTIMED
def test_painted_boxes_have_the_overlap_of_their_boxes(a: Tensor, b: Tensor) -> None:
    def paint(boxes: Tensor) -> Tensor:
        masks = torch.zeros(len(boxes), 40, 40, dtype=torch.bool)
        for mask, (x1, y1, x2, y2) in zip(masks, (boxes + 12).int().tolist()):
            mask[y1:y2, x1:x2] = True
        return masks

    torch.testing.assert_close(mask_iou(paint(a), paint(b)), box_iou(a, b).float())


def test_masks_equal_pycocotools() -> None:
    from pycocotools import mask as coco

    a, b = random_masks(6, 3)[1:], random_masks(5, 4)[1:]
    coded = [[coco.encode(np.asfortranarray(mask.numpy().astype(np.uint8))) for mask in masks] for masks in (a, b)]
    wanted = torch.tensor(coco.iou(coded[0], coded[1], [0] * len(b)))
    torch.testing.assert_close(mask_iou(a, b), wanted.float())


def test_no_masks_are_welcome_and_others_refused() -> None:
    none, some = torch.zeros(0, 9, 11, dtype=torch.bool), random_masks(3, 5)
    assert mask_iou(none, some).shape == (0, 3)
    assert mask_iou(some, none).shape == (3, 0)
    with pytest.raises(TypeError, match="a must be a tensor of bool, got torch"):
        mask_iou(some.float(), some)
    with pytest.raises(ValueError, match=r"b must have shape \(any, 9, 11\), got \(3, 9, 10\)"):
        mask_iou(some, some[:, :, 1:])
