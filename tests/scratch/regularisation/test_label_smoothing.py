"""Smoothed cross-entropy against torch, and where the lecture's form agrees."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.regularisation.label_smoothing import (
    best_gap,
    lecture_formula,
    smoothed_cross_entropy,
    smoothed_gradient,
    smoothed_targets,
)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 2), (5, 4), (20, 10)])
def test_value_and_gradient_are_torchs(shape, epsilon):
    rng = np.random.default_rng(0)
    scores, y = 3 * rng.normal(size=shape), rng.integers(0, shape[1], shape[0])
    t = torch.tensor(scores, requires_grad=True)
    loss = F.cross_entropy(t, torch.tensor(y), label_smoothing=epsilon)
    loss.backward()
    assert smoothed_cross_entropy(scores, y, epsilon) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(smoothed_gradient(scores, y, epsilon), t.grad, atol=1e-14)


def test_targets_sum_to_one():
    targets = smoothed_targets([0, 2], 3, 0.3)
    np.testing.assert_allclose(targets, [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])


def test_two_classes_match_with_the_sign_turned_and_epsilon_doubled():
    rng = np.random.default_rng(1)
    scores, y = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    assert -lecture_formula(scores, y, 0.1) == pytest.approx(smoothed_cross_entropy(scores, y, 0.2), rel=1e-12)


def test_with_more_classes_no_epsilon_matches():
    a, b = np.log([[0.9, 0.0999, 5e-5, 5e-5]]), np.log([[0.9, 0.1 / 3, 0.1 / 3, 0.1 / 3]])
    assert lecture_formula(a, [0], 0.1) == pytest.approx(lecture_formula(b, [0], 0.1))
    for epsilon in np.linspace(0.01, 1, 50):
        assert smoothed_cross_entropy(a, [0], epsilon) > smoothed_cross_entropy(b, [0], epsilon) + 1e-4


def test_the_lecture_formula_is_never_positive():
    scores = 5 * np.random.default_rng(2).normal(size=(200, 4))
    assert all(lecture_formula(scores[[i]], [0], 0.1) <= 0 for i in range(200))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    direct = (0.9 * np.log(p[:, 0]) + 0.1 * np.log(1 - p[:, 0])).mean()
    assert lecture_formula(scores, np.zeros(200, dtype=int), 0.1) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize(("classes", "epsilon"), [(2, 0.2), (10, 0.1)])
def test_the_best_gap_has_no_gradient(classes, epsilon):
    scores = np.zeros((1, classes))
    scores[0, 0] = best_gap(classes, epsilon)
    assert np.abs(smoothed_gradient(scores, [0], epsilon)).max() < 1e-12
