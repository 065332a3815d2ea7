"""Scores from one confusion table: against loops, torchmetrics and hand-made cases."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from course_utils.segmentation import metrics
from course_utils.segmentation.metrics import confusion_matrix


def random_maps(seed: int, classes: int = 5, present: int | None = None) -> tuple[Tensor, Tensor]:
    """Predictions and truth with an ignored border; ``present`` limits the classes in the truth."""
    g = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, present or classes, (3, 9, 11), generator=g)
    guess = torch.where(torch.rand(truth.shape, generator=g) < 0.6, truth, torch.randint(0, classes, (1,), generator=g))
    truth[:, :2] = 255
    return guess, truth


@pytest.mark.parametrize("seed", range(5))
def test_the_table_equals_counting_pixel_by_pixel(seed: int) -> None:
    guess, truth = random_maps(seed)
    table = confusion_matrix(guess, truth, 5)
    assert torch.equal(table, metrics.confusion_matrix_loop(guess, truth, 5))
    assert table.sum() == 3 * 7 * 11
    assert torch.equal(
        confusion_matrix(truth.clamp(max=4), truth.clamp(max=4), 5, None).diagonal().sum(), truth.new_tensor(297)
    )


@pytest.mark.parametrize("present", [5, 3])
@pytest.mark.parametrize("seed", range(4))
def test_all_scores_equal_those_of_torchmetrics(seed: int, present: int) -> None:
    from torchmetrics.functional.classification import (
        multiclass_accuracy,
        multiclass_f1_score,
        multiclass_jaccard_index,
    )

    guess, truth = random_maps(seed, present=present)
    table = confusion_matrix(guess, truth, 5)
    ours = metrics.scores(table)
    same = {"num_classes": 5, "ignore_index": 255}
    assert ours["pixel accuracy"] == pytest.approx(float(multiclass_accuracy(guess, truth, average="micro", **same)))
    assert ours["mean IoU"] == pytest.approx(float(multiclass_jaccard_index(guess, truth, average="macro", **same)))
    assert ours["mean Dice"] == pytest.approx(float(multiclass_f1_score(guess, truth, average="macro", **same)))
    weighted = float(multiclass_jaccard_index(guess, truth, average="weighted", **same))
    assert ours["weighted IoU"] == pytest.approx(weighted)
    recall = multiclass_accuracy(guess, truth, average=None, **same)
    true = torch.tensor([(truth == k).any() for k in range(5)])
    assert ours["mean accuracy"] == pytest.approx(float(recall[true].mean()))
    iou = multiclass_jaccard_index(guess, truth, average=None, **same)
    assert metrics.class_iou(table).nan_to_num(0.0).numpy() == pytest.approx(iou.numpy())


@pytest.mark.parametrize("seed", range(3))
def test_dice_equals_that_of_the_segmentation_package(seed: int) -> None:
    from torchmetrics.segmentation import DiceScore, MeanIoU

    guess, truth = random_maps(seed)
    guess, truth = guess[:, 2:], truth[:, 2:]  # it knows no label to ignore
    table = confusion_matrix(guess, truth, 5, None)
    whole = [t.reshape(1, -1, 11) for t in (guess, truth)]  # it averages over images: make it one
    dice = DiceScore(5, average="none", input_format="index")(*whole)
    iou = MeanIoU(5, per_class=True, input_format="index")(*whole)
    assert metrics.class_dice(table).numpy() == pytest.approx(dice.numpy().ravel())
    assert metrics.class_iou(table).numpy() == pytest.approx(iou.numpy().ravel())


def test_a_case_by_hand_with_an_absent_an_unpredicted_and_an_only_predicted_class() -> None:
    truth = torch.tensor([[0, 0, 0, 0, 1, 255]])
    guess = torch.tensor([[0, 0, 0, 2, 0, 3]])
    table = confusion_matrix(guess, truth, 4)
    assert table.tolist() == [[3, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    iou = metrics.class_iou(table)
    assert iou[:3].tolist() == [3 / 5, 0, 0]
    assert iou[3].isnan()
    assert metrics.mean_iou(table) == pytest.approx(0.2)  # class 2 counts, class 3 does not
    assert metrics.mean_accuracy(table) == pytest.approx((3 / 4 + 0) / 2)  # class 2 is not in the truth
    assert metrics.pixel_accuracy(table) == pytest.approx(3 / 5)
    assert metrics.frequency_weighted_iou(table) == pytest.approx(4 / 5 * 3 / 5)


def test_dice_and_iou_order_alike_and_differ_as_the_formula_says() -> None:
    guess, truth = random_maps(1)
    table = confusion_matrix(guess, truth, 5)
    iou, dice = metrics.class_iou(table), metrics.class_dice(table)
    assert torch.allclose(dice, 2 * iou / (1 + iou))


def test_tables_of_batches_add_up_but_means_of_images_are_another_score() -> None:
    guess, truth = random_maps(2)
    whole = confusion_matrix(guess, truth, 5)
    parts = [confusion_matrix(guess[i], truth[i], 5) for i in range(3)]
    assert torch.equal(whole, sum(parts))
    assert metrics.mean_iou(whole) != pytest.approx(sum(map(metrics.mean_iou, parts)) / 3, abs=1e-4)


def test_nothing_to_count_gives_nan_not_a_number_that_looks_like_a_score() -> None:
    empty = confusion_matrix(torch.zeros(2, 2, dtype=torch.int64), torch.full((2, 2), 255), 3)
    assert empty.sum() == 0
    assert all(math.isnan(value) for value in metrics.scores(empty).values())


def test_wrong_input_is_refused_with_its_values() -> None:
    truth = torch.zeros(2, 2, dtype=torch.int64)
    with pytest.raises(TypeError, match="argmax"):
        confusion_matrix(torch.rand(2, 2), truth, 3)
    with pytest.raises(ValueError, match=r"0\.\.2 or be 255, got 0\.\.7"):
        confusion_matrix(truth, torch.tensor([[0, 7], [0, 0]]), 3)
    with pytest.raises(ValueError, match="predicted must lie"):
        confusion_matrix(truth + 3, truth, 3)
    with pytest.raises(ValueError, match="shape"):
        confusion_matrix(truth[:1], truth, 3)
