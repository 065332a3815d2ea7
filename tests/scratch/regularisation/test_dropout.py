"""Masks, their scale, and every thinned network counted."""

import itertools

import numpy as np
import pytest
import torch

from course_utils.scratch.regularisation.dropout import (
    all_masks,
    draw_mask,
    dropout,
    dropout_backward,
    dropout_loss,
    fit_dropout_regression,
    geometric_mean,
    mask_probability,
    predict,
    random_layers,
    scaled_prediction,
    thinned_predictions,
)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_masks_have_the_rate_and_the_mean_is_kept(rate):
    mask = draw_mask((400, 500), rate, np.random.default_rng(0))
    assert set(np.unique(mask)) <= {0.0, 1.0}
    assert abs(1 - mask.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / mask.size) + 1e-12
    x = np.random.default_rng(1).normal(size=500) + 1
    assert dropout(x, mask, rate).mean() == pytest.approx(x.mean(), abs=0.02 / (1 - rate))


@pytest.mark.parametrize("shape", [(1,), (6, 4), (2, 3, 5)])
def test_backward_is_autograds(shape):
    rng = np.random.default_rng(2)
    x, mask = rng.normal(size=shape).T, draw_mask(shape, 0.4, rng).T  # not contiguous
    t = torch.tensor(x.copy(), requires_grad=True)
    upstream = rng.normal(size=x.shape)
    (t * torch.tensor(mask.copy()) / 0.6).backward(torch.tensor(upstream))
    np.testing.assert_allclose(dropout_backward(upstream, mask, 0.4), t.grad, atol=1e-14)


def test_torchs_layer_has_the_same_two_values():
    layer = torch.nn.Dropout(0.25)
    out = layer(torch.ones(1000, dtype=torch.float64))
    assert set(out.tolist()) == {0.0, 1 / 0.75}
    assert torch.equal(layer.eval()(torch.ones(3)), torch.ones(3))


def test_all_masks_are_there_once_and_their_probabilities_sum_to_one():
    masks = all_masks(5)
    assert len({tuple(m) for m in masks}) == 2**5
    for rate in (0.2, 0.5):
        assert mask_probability(masks, rate).sum() == pytest.approx(1)
    assert np.unique(mask_probability(masks, 0.5)).tolist() == [2.0**-5]
    assert mask_probability([[1.0, 0.0, 0.0]], 0.2)[0] == pytest.approx(0.8 * 0.04)
    with pytest.raises(ValueError, match="units must be at most 16, got 17"):
        all_masks(17)


def test_predictions_side_by_side_are_those_one_by_one():
    layers = random_layers([3, 4, 2, 3], np.random.default_rng(3))
    x = np.array([0.3, -1.0, 2.0])
    together, _ = thinned_predictions(x, layers)
    alone = [predict(x, layers, [np.array(m[:4]), np.array(m[4:])]) for m in itertools.product((0.0, 1.0), repeat=6)]
    np.testing.assert_allclose(together, alone, atol=1e-14)
    np.testing.assert_allclose(predict(x, layers, [np.ones(4), np.ones(2)]), predict(x, layers), atol=1e-14)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_scaling_is_the_geometric_mean(seed, rate):
    rng = np.random.default_rng(seed)
    layers, x = random_layers([5, 8, 4], rng, scale=2.0), rng.normal(size=5)
    mean, raw = geometric_mean(*thinned_predictions(x, layers, rate))
    assert np.abs(mean - scaled_prediction(x, layers, rate)).max() < 1e-12
    assert raw < 1 - 1e-6


def test_two_hidden_layers_are_not():
    rng = np.random.default_rng(0)
    layers, x = random_layers([5, 5, 5, 4], rng, scale=2.0), rng.normal(size=5)
    mean, _ = geometric_mean(*thinned_predictions(x, layers))
    assert np.abs(mean - scaled_prediction(x, layers)).max() > 1e-3


def test_regression_with_dropout_is_an_adaptive_l2_penalty():
    rng = np.random.default_rng(4)
    x, y, w = rng.normal(size=(7, 4)) * [1, 2, 3, 4], rng.normal(size=7), rng.normal(size=4)
    for rate in (0.1, 0.5):
        # independent masks for each example: the mean over all masks, example by example
        total = 0.0
        for sample, target in zip(x, y):
            masks = all_masks(4)
            errors = (target - dropout(sample, masks, rate) @ w) ** 2
            total += mask_probability(masks, rate) @ errors
        assert dropout_loss(w, x, y, rate) == pytest.approx(total / (2 * len(x)), rel=1e-12)
        best = fit_dropout_regression(x, y, rate)
        for _ in range(50):
            assert dropout_loss(best, x, y, rate) <= dropout_loss(best + 0.1 * rng.normal(size=4), x, y, rate)


def test_wrong_rates_are_named():
    with pytest.raises(ValueError, match="rate must be less than 1, got 1"):
        draw_mask(3, 1.0, np.random.default_rng(0))
