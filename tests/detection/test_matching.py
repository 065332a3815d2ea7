"""Matching: the rules by hand, against loops, against torchvision's matchers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import Matcher, SSDMatcher

from course_utils.detection.anchors import cell_anchors, grid_anchors
from course_utils.detection.iou import box_iou
from course_utils.detection.matching import BACKGROUND, FORCES, IGNORED, match, match_loop
from tests.detection.made_boxes import UNTIMED, random_boxes, whole_boxes

NONE = torch.zeros(0, 4)
GRID = grid_anchors((10, 10), 10, cell_anchors([15, 30]))
forces = pytest.mark.parametrize("force", FORCES)


def objects(n: int, seed: int) -> Tensor:
    """Boxes on the grid, at least 5 pixels a side: each touches an anchor."""
    return random_boxes(n, seed, size=60) + torch.tensor([5, 5, 10, 10])


def test_three_bands_by_hand() -> None:
    target = torch.tensor([[0.0, 0, 10, 10]])
    anchors = torch.tensor([[0.0, 0, 10, 8], [0, 0, 10, 5], [0, 0, 10, 2], [50, 50, 60, 60]])  # 0.8, 0.5, 0.2, 0
    found = match(anchors, target, high=0.7, low=0.3)
    assert found.indices.tolist() == [0, IGNORED, BACKGROUND, BACKGROUND]
    assert found.overlaps.tolist() == pytest.approx([0.8, 0.5, 0.2, 0])
    assert found.foreground.tolist() == [True, False, False, False]
    assert found.ignored.tolist() == [False, True, False, False]
    assert found.background.tolist() == [False, False, True, True]


def test_both_thresholds_belong_to_the_upper_band() -> None:
    target, anchors = torch.tensor([[0.0, 0, 8, 8]]), torch.tensor([[0.0, 0, 8, 6], [0, 0, 8, 4]])
    assert match(anchors, target, high=0.75, low=0.5, force=False).indices.tolist() == [0, IGNORED]


def test_a_small_object_gets_an_anchor_only_if_forced() -> None:
    target, anchors = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    assert match(anchors, target, force=False).indices.tolist() == [BACKGROUND, BACKGROUND]
    for rule in (True, "one", "ties"):
        found = match(anchors, target, force=rule)
        assert found.indices.tolist() == [0, BACKGROUND]
        assert found.overlaps.tolist() == pytest.approx([0.16, 0])


def test_two_objects_on_one_anchor_are_told_apart_only_by_the_rule_of_ssd() -> None:
    targets = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]])
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 30]])
    assert match(anchors, targets, force="ties").indices.tolist() == [0, IGNORED]
    found = match(anchors, targets, force="one")
    assert found.indices.tolist() == [0, 1]
    assert found.overlaps.tolist() == pytest.approx([1, 0.3])  # the second anchor overlaps the first object by 1/3


def test_an_object_that_touches_no_anchor_is_never_forced() -> None:
    """torchvision's rule takes every anchor then: all reach its best IoU, which is 0."""
    far = torch.tensor([[500.0, 500, 510, 510]])
    for rule in FORCES:
        assert (match(GRID, far, force=rule).indices == BACKGROUND).all()
    theirs = Matcher(0.7, 0.3, allow_low_quality_matches=True)
    assert (theirs(box_iou(far, GRID)) == 0).all()


@forces
@given(whole_boxes(most=8), whole_boxes(most=4), st.sampled_from([(0.7, 0.3), (0.5, 0.5), (1.0, 0.0)]))
@UNTIMED
def test_fast_and_slow_agree_ties_included(force: str, anchors: Tensor, targets: Tensor, bands) -> None:
    fast, slow = match(anchors, targets, *bands, force=force), match_loop(anchors, targets, *bands, force=force)
    assert torch.equal(fast.indices, slow.indices)
    assert torch.equal(fast.overlaps, slow.overlaps)


@pytest.mark.parametrize("seed", range(6))
def test_ties_equal_torchvisions_matcher(seed: int) -> None:
    targets = objects(7, seed)
    overlap = box_iou(targets, GRID)
    assert (overlap.max(dim=1).values > 0).all()
    for force, flag in (("ties", True), ("none", False)):
        wanted = Matcher(0.7, 0.3, allow_low_quality_matches=flag)(overlap.clone())
        assert torch.equal(match(GRID, targets, force=force).indices, wanted)


@pytest.mark.parametrize("seed", range(6))
def test_one_equals_torchvisions_ssd_matcher_where_no_two_objects_want_one_anchor(seed: int) -> None:
    targets = objects(5, seed)
    overlap = box_iou(targets, GRID)
    if len(overlap.argmax(dim=1).unique()) == len(targets):
        wanted = SSDMatcher(0.5)(overlap.clone())
        assert torch.equal(match(GRID, targets, high=0.5, low=0.5, force="one").indices, wanted)
    else:
        assert len(match(GRID, targets, 0.5, 0.5).indices.unique()) == 6  # five objects and the background


@given(whole_boxes(most=10), whole_boxes(most=4))
@UNTIMED
def test_the_rule_of_ssd_serves_every_object_that_it_can(anchors: Tensor, targets: Tensor) -> None:
    found = match(anchors, targets, 0.99, 0.3, force="one")
    overlap = box_iou(anchors, targets)
    served = set(found.indices[found.foreground].tolist())
    for j in set(range(len(targets))) - served:
        touching = overlap[:, j] > 0
        assert found.foreground[touching].all()  # whoever touches it already serves another
    assert (found.overlaps[found.foreground] > 0).all()


def test_without_a_gap_nothing_is_ignored() -> None:
    assert not match(GRID, random_boxes(5, 1), high=0.5, low=0.5).ignored.any()


@forces
def test_no_objects_or_no_anchors_are_welcome(force: str) -> None:
    empty = match(GRID, NONE, force=force)
    assert (empty.indices == BACKGROUND).all()
    assert empty.overlaps.tolist() == [0] * len(GRID)
    assert match(NONE, GRID, force=force).indices.shape == (0,)
    assert match(NONE, NONE, force=force).indices.dtype == torch.int64
    assert empty.labels(torch.zeros(0).long()).tolist() == [0] * len(GRID)
    assert empty.boxes(NONE).shape == (0, 4)


def test_labels_and_boxes_of_the_matched() -> None:
    targets = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    anchors = torch.tensor([[20.0, 0, 30, 10], [0, 0, 10, 5], [0, 0, 10, 10], [50, 0, 60, 10]])
    found = match(anchors, targets)
    assert found.indices.tolist() == [1, IGNORED, 0, BACKGROUND]
    assert found.labels(torch.tensor([4, 7])).tolist() == [7, -1, 4, 0]
    assert found.labels(torch.tensor([4, 7]), ignored=-100).tolist() == [7, -100, 4, 0]
    assert torch.equal(found.boxes(targets), targets[[1, 0]])
    with pytest.raises(ValueError, match="of_targets must be at least 1, got 0"):
        found.labels(torch.tensor([0, 7]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_any_precision_and_any_strides(dtype: torch.dtype) -> None:
    anchors, targets = GRID.to(dtype), random_boxes(4, 2).round().to(dtype)
    found = match(anchors.T.contiguous().T, targets)
    assert torch.equal(found.indices, match(anchors, targets).indices)
    assert found.overlaps.dtype == dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: match(GRID, NONE, high=1.2), "high must be at most 1"),
        (lambda: match(GRID, NONE, high=0.3, low=0.7), "low must be at most 0.3, got 0.7"),
        (lambda: match(GRID, NONE, force="tie"), "did you mean 'ties'"),
        (lambda: match(GRID, torch.full((1, 4), float("nan"))), "must be finite"),
    ],
)
def test_what_cannot_be_matched_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
