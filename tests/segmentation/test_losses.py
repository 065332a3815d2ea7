"""Losses of every pixel: against PyTorch, loops, and the scores that they stand for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.scratch.fully_convolutional.dense_outputs import pixel_cross_entropy as by_numpy
from course_utils.segmentation import losses, metrics


def batch(seed: int = 0, classes: int = 4) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 5, 6, generator=g, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, classes, (2, 5, 6), generator=g)
    target[:, 0] = 255
    return logits, target


def test_the_loss_is_the_mean_of_independent_pixel_losses() -> None:
    logits, target = batch()
    alone = [
        F.cross_entropy(logits[n, :, i, j][None], target[n, i, j][None])
        for n in range(2)
        for i in range(1, 5)
        for j in range(6)
    ]
    loss = losses.pixel_cross_entropy(logits, target)
    assert torch.allclose(loss, torch.stack(alone).mean(), atol=1e-14)
    (ours,) = torch.autograd.grad(loss, logits)
    (theirs,) = torch.autograd.grad(torch.stack(alone).mean(), logits)
    assert torch.allclose(ours, theirs, atol=1e-15)
    assert (ours[:, :, 0] == 0).all()
    assert (ours[:, :, 1:] != 0).all()
    assert torch.allclose(losses.pixel_losses(logits, target)[:, 1:].flatten(), torch.stack(alone))


def test_it_equals_the_loss_written_in_numpy() -> None:
    logits, target = batch()
    whole = target.clamp(max=3)
    value, gradient = by_numpy(logits.detach().numpy(), whole.numpy())
    loss = losses.pixel_cross_entropy(logits, whole)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-13)
    assert logits.grad is not None
    assert torch.allclose(logits.grad, torch.from_numpy(gradient), atol=1e-15)


@pytest.mark.parametrize("ignore", [255, 0])
def test_weights_of_classes_and_the_ignored_label_are_pytorchs(ignore: int) -> None:
    logits, target = batch(1)
    target[target == 255] = ignore
    weights = torch.tensor([0.5, 2.0, 0.0, 7.0], dtype=torch.float64)
    ours = losses.pixel_cross_entropy(logits, target, ignore, weights)
    theirs = F.cross_entropy(logits, target, weight=weights, ignore_index=ignore)
    assert torch.allclose(ours, theirs, atol=1e-14)
    a, b = (torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs))
    assert torch.allclose(a, b, atol=1e-15)


def test_a_batch_in_which_nothing_counts_does_no_harm() -> None:
    logits, target = batch()
    target[:] = 255
    loss = losses.pixel_cross_entropy(logits, target)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert (gradient == 0).all()
    assert F.cross_entropy(logits, target, ignore_index=255).isnan()


def test_pixel_weights_count_like_repeated_pixels() -> None:
    logits, target = batch(2)
    weights = torch.zeros(target.shape, dtype=torch.float64)
    weights[0, 1, 1], weights[1, 2, 3] = 1, 3
    alone = losses.pixel_losses(logits, target)
    expected = (alone[0, 1, 1] + 3 * alone[1, 2, 3]) / 4
    assert torch.allclose(losses.pixel_cross_entropy(logits, target, pixel_weights=weights), expected)


def test_balanced_weights_give_classes_equal_parts() -> None:
    target = torch.tensor([[[0] * 12 + [1] * 3 + [2] * 1 + [255] * 4]])
    shares = losses.class_frequencies(target, 4)
    assert shares.tolist() == [12 / 16, 3 / 16, 1 / 16, 0]
    inverse = losses.balanced_class_weights(shares, "inverse")
    assert torch.allclose((shares * inverse)[:3], torch.full((3,), 1 / 3, dtype=torch.float64))
    assert inverse[3] == 0
    median = losses.balanced_class_weights(shares)
    assert median[1] == 1
    assert torch.allclose(median / median[0], inverse / inverse[0])


def test_soft_dice_is_the_loop_over_classes_and_its_gradient_is_right() -> None:
    logits, target = batch(3)
    p = logits.softmax(1)[:, :, 1:]
    expected = []
    for k in range(4):
        y = (target[:, 1:] == k).double()
        expected.append((2 * (p[:, k] * y).sum() + 1) / (p[:, k].sum() + y.sum() + 1))
    assert torch.allclose(losses.dice_loss(logits, target), 1 - torch.stack(expected).mean())
    assert torch.autograd.gradcheck(lambda z: losses.dice_loss(z, target), (logits,))
    assert (torch.autograd.grad(losses.dice_loss(logits, target), logits)[0][:, :, 0] == 0).all()


def test_with_sure_predictions_dice_is_one_minus_the_score() -> None:
    logits, target = batch(4)
    target[target == 3] = 2
    hard = logits[:, :3].argmax(1)
    sure = torch.cat([F.one_hot(hard, 3).movedim(-1, 1).double() * 2e3, logits.new_full((2, 1, 5, 6), -1e4)], 1)
    table = metrics.confusion_matrix(hard, target, 4)
    assert metrics.class_dice(table)[3].isnan()
    assert losses.dice_loss(sure, target, smooth=0).item() == pytest.approx(1 - metrics.mean_dice(table))


def test_weights_are_heavy_only_in_narrow_gaps() -> None:
    instances = torch.zeros(20, 30, dtype=torch.int64)
    instances[5:15, 2:10], instances[5:15, 11:20] = 1, 2  # a gap of one pixel
    weights = losses.border_weights(instances, w0=10, sigma=5)
    assert weights[8, 10] == pytest.approx(10 * math.exp(-(2**2) / 50))
    assert (weights[instances != 0] == 0).all()
    assert weights[8, 28] < 0.1 < weights[8, 10]
    assert (losses.border_weights((instances == 1).long()) == 0).all()


def test_a_network_that_knows_nothing_starts_at_ln_k_and_wrong_input_is_refused() -> None:
    logits, target = batch()
    flat = torch.zeros_like(logits)
    assert losses.pixel_cross_entropy(flat, target).item() == pytest.approx(losses.expected_start_loss(4))
    with pytest.raises(ValueError, match="shape"):
        losses.pixel_cross_entropy(logits, target[:, 1:])
    with pytest.raises(ValueError, match=r"0\.\.3"):
        losses.pixel_cross_entropy(logits, target, ignore=None)
