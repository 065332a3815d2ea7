"""Inversion: exact where the layer keeps everything, free where it keeps nothing, and no trace left in the network."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from course_utils.explain.inversion import invert, relative_error
from course_utils.explain.regularisers import Regularisers, total_variation


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip


def pictures(n: int = 2) -> torch.Tensor:
    return 0.15 + 0.7 * torch.rand(n, 2, 8, 8, generator=torch.Generator().manual_seed(5))


def test_a_layer_that_keeps_everything_is_inverted_exactly():
    found = invert(network(), "0", pictures(), steps=300, lr=0.05)
    assert found.feature_error.max() < 1e-5
    assert found.pixel_error.max() < 0.01
    torch.testing.assert_close(found.images, pictures(), atol=0.05, rtol=0)


def test_a_layer_that_averages_is_matched_by_another_picture():
    found = invert(network(), "5", pictures(), steps=300, lr=0.05)
    assert found.feature_error.max() < 1e-3
    assert found.pixel_error.min() > 0.1
    other = invert(network(), "5", pictures(), steps=300, lr=0.05, seed=1)
    assert (found.images - other.images).pow(2).mean().sqrt() > 0.02


def test_numbers_are_those_of_the_pictures():
    model, x = network().eval(), pictures()
    found = invert(model, "3", x, steps=20)
    with torch.no_grad():
        wanted, got = model[:4](x), model[:4](found.images)
    expected = (wanted - got).pow(2).sum((1, 2, 3)) / wanted.pow(2).sum((1, 2, 3))
    torch.testing.assert_close(found.feature_error, expected)
    torch.testing.assert_close(relative_error(got, wanted), expected)
    torch.testing.assert_close(found.pixel_error, (found.images - x).pow(2).mean((1, 2, 3)).sqrt())
    assert found.history.shape == (20, 2)
    assert (found.history[-1] < found.history[0]).all()


def test_a_batch_gives_what_single_pictures_give():
    model, x = network(), pictures(3)
    start = torch.full_like(x, 0.5) + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    together = invert(model, "3", x, steps=15, start=start)
    for i in range(3):
        alone = invert(model, "3", x[i : i + 1], steps=15, start=start[i : i + 1])
        torch.testing.assert_close(together.images[i], alone.images[0], atol=1e-4, rtol=0)


def test_total_variation_and_the_other_wishes_take_hold():
    x = pictures()
    plain = invert(network(), "5", x, steps=60)
    smooth = invert(network(), "5", x, Regularisers(tv=1.0), steps=60)
    assert (total_variation(smooth.images) < 0.5 * total_variation(plain.images)).all()
    for wishes in (Regularisers(blur=1.0), Regularisers(l2=5.0, centre=0.5), Regularisers(jitter=2)):
        assert not torch.equal(invert(network(), "5", x, wishes, steps=60).images, plain.images)


def test_jitter_moves_both_pictures_alike():
    x = pictures()
    found = invert(network(), "0", x, Regularisers(jitter=3), steps=300)
    assert found.pixel_error.max() < 0.02


def test_the_network_is_left_as_it_was():
    model = network().train()
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    invert(model, model[3], pictures(), steps=5)
    with pytest.raises(KeyError, match="no layer 'nowhere'"):
        invert(model, "nowhere", pictures(), steps=5)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert not model[0].weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_errors_say_what_to_do():
    model = network()
    silent = copy.deepcopy(model)
    silent[0].weight.data.zero_()
    silent[0].bias.data.fill_(-1.0)
    with pytest.raises(ValueError, match="keeps nothing to invert"):
        invert(silent, "2", pictures(), steps=2)
    with pytest.raises(ValueError, match="start must have shape"):
        invert(model, "0", pictures(), steps=2, start=torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match="x must have shape"):
        invert(model, "0", torch.zeros(2, 8, 8), steps=2)
    with pytest.raises(ValueError, match="low must be below high"):
        invert(model, "0", pictures(), low=1.0)
