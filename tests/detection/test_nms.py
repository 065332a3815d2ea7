"""Suppression: against loops, against torchvision, on friendly and on nasty boxes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import ops

from course_utils.detection import nms as module
from course_utils.detection.iou import box_iou
from course_utils.detection.nms import DECAYS, batched_nms, nms, nms_loop, soft_nms, soft_nms_loop
from tests.detection.made_boxes import UNTIMED, random_boxes, random_scores, whole_boxes

NONE, NO_SCORES = torch.zeros(0, 4), torch.zeros(0)
thresholds = pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])


def test_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 5]])
    scores = torch.tensor([0.6, 0.9, 0.7, 0.1])
    assert nms(boxes, scores, 0.5).tolist() == [1, 2]  # 0.9 over the first, 5 / 9 over the last
    assert nms(boxes, scores, 0.6).tolist() == [1, 2, 3]
    assert nms(boxes, scores, 1.0).tolist() == [1, 2, 0, 3]


def test_a_suppressed_box_suppresses_nobody() -> None:
    chain = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])  # each covers its neighbour only
    assert nms(chain, torch.tensor([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]


@thresholds
@pytest.mark.parametrize("seed", range(5))
def test_fast_slow_and_torchvision_agree(threshold: float, seed: int) -> None:
    boxes, scores = random_boxes(60, seed), random_scores(60, seed)
    kept = nms(boxes, scores, threshold)
    assert torch.equal(kept, nms_loop(boxes, scores, threshold))
    assert torch.equal(kept, ops.nms(boxes, scores.float(), threshold))


@given(whole_boxes(most=12), st.sampled_from([0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.7, 1.0]), st.integers(0, 5))
@UNTIMED
def test_whole_numbered_boxes_where_overlaps_meet_the_threshold(boxes: Tensor, threshold: float, seed: int) -> None:
    """Fractions like 1/10 and 1/3 are hit exactly; equal scores are many; boxes may have no area."""
    scores = random_scores(len(boxes), seed, levels=3)
    for dtype in (torch.float32, torch.float64):
        kept = nms(boxes.to(dtype), scores.to(dtype), threshold)
        assert torch.equal(kept, nms_loop(boxes.to(dtype), scores.to(dtype), threshold))
        assert torch.equal(kept, ops.nms(boxes.to(dtype), scores.to(dtype), threshold))


@given(whole_boxes(most=12), st.integers(0, 5))
@UNTIMED
def test_what_is_left_is_right(boxes: Tensor, seed: int) -> None:
    """No two kept boxes overlap too much, and every dropped one has a kept one of no lower score over it."""
    scores = random_scores(len(boxes), seed, levels=4)
    kept = nms(boxes, scores, 0.4)
    among = box_iou(boxes[kept], boxes[kept]).fill_diagonal_(0)
    assert (among <= 0.4).all()
    assert (scores[kept].diff() <= 0).all()
    for i in set(range(len(boxes))) - set(kept.tolist()):
        over = (box_iou(boxes[kept], boxes[[i]])[:, 0] > 0.4) & (scores[kept] >= scores[i])
        assert over.any()


def test_of_equal_scores_the_earlier_box_wins() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10]] * 5 + [[50.0, 50, 60, 60]] * 3)
    assert nms(boxes, torch.ones(8), 0.5).tolist() == [0, 5]
    assert ops.nms(boxes, torch.ones(8), 0.5).tolist() == [0, 5]


@pytest.mark.parametrize(("size", "threshold"), [(60, 0.1), (400, 0.5), (3000, 0.7)])
def test_ten_thousand_boxes_equal_torchvisions(size: int, threshold: float) -> None:
    boxes, scores = random_boxes(10_000, 1, size), random_scores(10_000, 1).float()
    assert torch.equal(nms(boxes, scores, threshold), ops.nms(boxes, scores, threshold))


def test_ten_thousand_whole_numbered_boxes_of_equal_score() -> None:
    boxes = random_boxes(10_000, 2, 200).round()
    scores = random_scores(10_000, 2, levels=4)
    assert torch.equal(nms(boxes, scores, 0.5), ops.nms(boxes, scores, 0.5))


def test_a_long_chain_within_one_block_and_across_blocks() -> None:
    """Each box covers the next one only: the rounds inside a block need their longest time."""
    start = torch.arange(600.0) * 4
    boxes = torch.stack((start, start * 0, start + 10, start * 0 + 10), dim=1)
    scores = torch.linspace(1, 0.1, 600)
    assert nms(boxes, scores, 0.3).tolist() == list(range(0, 600, 2))


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_the_size_of_a_block_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, scores = random_boxes(300, 3), random_scores(300, 3)
    wanted = ops.nms(boxes, scores.float(), 0.4)
    monkeypatch.setattr(module, "BLOCK", block)
    assert torch.equal(nms(boxes, scores, 0.4), wanted)


def test_one_or_no_box_is_welcome() -> None:
    for kept in (nms(NONE, NO_SCORES, 0.5), nms_loop(NONE, NO_SCORES, 0.5)):
        assert kept.shape == (0,)
        assert kept.dtype == torch.int64
    assert batched_nms(NONE, NO_SCORES, NO_SCORES.long(), 0.5).shape == (0,)
    assert soft_nms(NONE, NO_SCORES).indices.shape == soft_nms_loop(NONE, NO_SCORES).scores.shape == (0,)
    assert nms(random_boxes(1), torch.zeros(1), 0.5).tolist() == [0]


def test_boxes_without_area_are_kept() -> None:
    boxes = torch.tensor([[3.0, 3, 3, 3], [3, 3, 3, 3], [3, 0, 3, 9], [0, 0, 9, 9]])
    scores = torch.tensor([0.4, 0.3, 0.2, 0.1])
    assert torch.equal(nms(boxes, scores, 0.5), ops.nms(boxes, scores, 0.5))
    assert nms(boxes, scores, 0.5).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_any_precision_and_any_strides(dtype: torch.dtype) -> None:
    boxes = (random_boxes(80, 4) * 10).round().to(dtype)
    scores = random_scores(160, 4).to(dtype)[::2]
    wanted = nms(boxes.double(), scores.double(), 0.45)
    assert torch.equal(nms(boxes.T.contiguous().T, scores, 0.45), wanted)


def test_a_gradient_is_not_in_the_way() -> None:
    boxes, scores = random_boxes(5, 5).requires_grad_(), random_scores(5, 5).requires_grad_()
    assert not soft_nms(boxes, scores).scores.requires_grad
    assert nms(boxes, scores, 0.5).dtype == torch.int64


# Class by class


@thresholds
@pytest.mark.parametrize("n", [50, 1500])  # torchvision takes one way below 1,000 boxes and another above
def test_classes_do_not_meet(threshold: float, n: int) -> None:
    boxes, scores = random_boxes(n, 6), random_scores(n, 6)
    labels = torch.randint(0, 5, (n,), generator=torch.Generator().manual_seed(6))
    kept = batched_nms(boxes.double(), scores, labels, threshold)
    assert torch.equal(kept, ops.batched_nms(boxes.double(), scores, labels, threshold))


def test_classes_with_equal_scores_keep_torchvisions_set() -> None:
    """torchvision's order of equal scores is not fixed here; ours is: the earlier box first."""
    boxes, scores = random_boxes(1500, 7).round(), random_scores(1500, 7, levels=5)
    labels = torch.randint(0, 5, (1500,), generator=torch.Generator().manual_seed(7))
    kept = batched_nms(boxes, scores, labels, 0.3)
    assert set(kept.tolist()) == set(ops.batched_nms(boxes, scores, labels, 0.3).tolist())
    order = [(-scores[i].item(), i) for i in kept.tolist()]
    assert order == sorted(order)


def test_one_class_is_plain_suppression_and_all_different_keeps_all() -> None:
    boxes, scores = random_boxes(40, 8), random_scores(40, 8)
    assert torch.equal(batched_nms(boxes, scores, torch.zeros(40).long(), 0.3), nms(boxes, scores, 0.3))
    assert len(batched_nms(boxes, scores, torch.arange(40), 0.0)) == 40


# Soft


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("seed", range(4))
def test_soft_equals_its_loop(decay: str, seed: int) -> None:
    boxes, scores = random_boxes(40, seed, size=60, dtype=torch.float64), random_scores(40, seed)
    fast, slow = soft_nms(boxes, scores, decay=decay), soft_nms_loop(boxes, scores, decay=decay)
    assert torch.equal(fast.indices, slow.indices)
    torch.testing.assert_close(fast.scores, slow.scores)


def test_soft_by_hand() -> None:
    boxes = torch.tensor(
        [[0.0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60]], dtype=torch.float64
    )  # 0.4 over the second
    scores = torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64)
    kept = soft_nms(boxes, scores, decay="linear", iou_threshold=0.3)
    assert kept.indices.tolist() == [0, 2, 1]
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7, 0.8 * 0.6])
    bell = soft_nms(boxes, scores, sigma=0.5)
    assert bell.indices.tolist() == [0, 2, 1]
    assert bell.scores.tolist() == pytest.approx([0.9, 0.7, 0.8 * math.exp(-0.32)])
    assert soft_nms(boxes, scores, decay="linear", iou_threshold=0.5).scores.tolist() == pytest.approx([0.9, 0.8, 0.7])


@thresholds
def test_hard_decay_is_greedy_suppression(threshold: float) -> None:
    boxes, scores = random_boxes(200, 9, size=70), random_scores(200, 9).float()
    kept = soft_nms(boxes, scores, iou_threshold=threshold, score_threshold=0, decay="hard")
    assert torch.equal(kept.indices, nms(boxes, scores, threshold))
    assert torch.equal(kept.scores, scores[kept.indices])


@pytest.mark.parametrize("decay", DECAYS)
def test_soft_scores_fall_and_never_rise(decay: str) -> None:
    boxes, scores = random_boxes(150, 10, size=60), random_scores(150, 10).float()
    kept = soft_nms(boxes, scores, decay=decay, score_threshold=0.05)
    assert (kept.scores.diff() <= 0).all()
    assert (kept.scores <= scores[kept.indices]).all()
    assert (kept.scores > 0.05).all()
    assert len(kept.indices.unique()) == len(kept.indices)


def test_two_close_objects_survive_softly_where_greed_loses_one() -> None:
    """The reason for it: two true boxes that overlap by 0.6, as two people side by side."""
    boxes = torch.tensor([[0.0, 0, 40, 80], [10, 0, 50, 80]])
    scores = torch.tensor([0.95, 0.9])
    assert box_iou(boxes, boxes)[0, 1].item() == pytest.approx(0.6)
    assert nms(boxes, scores, 0.5).tolist() == [0]
    kept = soft_nms(boxes, scores, score_threshold=0.3)
    assert kept.indices.tolist() == [0, 1]
    assert kept.scores[1] < scores[1]


def test_duplicate_hits_of_one_thing_become_one() -> None:
    thing = torch.tensor([[20.0, 20, 60, 60]])
    noise = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    assert len(nms(thing + noise, random_scores(50, 0), 0.5)) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nms(random_boxes(2), torch.zeros(3), 0.5), ValueError, r"scores must have shape \(2\), got \(3,\)"),
        (lambda: nms(random_boxes(2), torch.tensor([0.1, float("nan")]), 0.5), ValueError, "NaN in row 1"),
        (lambda: nms(torch.full((1, 4), float("nan")), torch.zeros(1), 0.5), ValueError, "boxes must be finite"),
        (lambda: nms(NONE, torch.zeros(0).long(), 0.5), TypeError, "scores must be a tensor of floats"),
        (lambda: nms(NONE, NO_SCORES, 1.5), ValueError, "iou_threshold must be at most 1"),
        (lambda: nms(torch.tensor([[5.0, 0, 1, 1]]), torch.zeros(1), 0.5), ValueError, "x1 <= x2"),
        (lambda: batched_nms(NONE, NO_SCORES, torch.zeros(1), 0.5), ValueError, "labels and boxes"),
        (lambda: soft_nms(random_boxes(1), torch.tensor([-1.0])), ValueError, "at least 0.* sigmoid"),
        (lambda: soft_nms(NONE, NO_SCORES, sigma=0), ValueError, "sigma must be greater than 0"),
        (lambda: soft_nms(NONE, NO_SCORES, decay="gausian"), ValueError, "did you mean 'gaussian'"),
    ],
)
def test_what_cannot_be_suppressed_is_refused(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
