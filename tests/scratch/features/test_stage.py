"""The stage and its four steps, one by one; moved and shaded digits."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.features.jitter import jitter, shade
from course_utils.scratch.features.stage import (
    STEPS,
    average_pool_loop,
    gaussian_window,
    local_contrast,
    random_filters,
    stage,
)


def test_local_contrast_follows_its_formula_at_an_inner_pixel() -> None:
    x = torch.rand(1, 3, 15, 15, dtype=torch.float64)
    window = gaussian_window(7).double()

    def mean_at(maps: torch.Tensor, r: int, c: int) -> torch.Tensor:
        return (maps[0, :, r - 3 : r + 4, c - 3 : c + 4] * window).sum(dim=(1, 2)).mean()

    means = F.conv2d(F.pad(x, (3,) * 4, mode="replicate"), window.expand(1, 3, 7, 7) / 3)
    assert torch.isclose(means[0, 0, 7, 7], mean_at(x, 7, 7))
    centred = x - means
    deviations = F.conv2d(F.pad(centred**2, (3,) * 4, mode="replicate"), window.expand(1, 3, 7, 7) / 3).sqrt()
    expected = centred[0, :, 7, 7] / max(deviations[0, 0, 7, 7], deviations.mean())
    assert torch.allclose(local_contrast(x)[0, :, 7, 7], expected)


def test_local_contrast_ignores_gain_and_offset_and_survives_a_blank() -> None:
    x = torch.rand(4, 1, 20, 20)
    assert (local_contrast(3 * x + 7) - local_contrast(x)).abs().max() < 1e-3
    blank = local_contrast(torch.full((1, 1, 12, 12), 0.5))
    assert torch.isfinite(blank).all()
    assert blank.abs().max() < 0.01


def test_stage_is_its_primitives_in_turn() -> None:
    x, filters = torch.rand(2, 3, 14, 14), random_filters(5, 3, 3)
    by_hand = F.avg_pool2d(F.conv2d(local_contrast(x), filters).abs(), 2)
    assert torch.equal(stage(x, filters), by_hand)
    assert torch.allclose(stage(x, filters), average_pool_loop(F.conv2d(local_contrast(x), filters).abs(), 2))


@pytest.mark.parametrize("without", STEPS)
def test_each_step_can_be_left_out_and_matters(without: str) -> None:
    x, filters = torch.rand(2, 4, 14, 14), random_filters(4, 4, 3)
    full, less = stage(x, filters), stage(x, filters, without=without)
    assert full.shape == less.shape
    assert (full - less).abs().max() > 1e-3


def test_two_stages_without_nonlinearity_and_normalisation_are_linear() -> None:
    first, second = random_filters(4, 1, 3), random_filters(6, 4, 3)

    def linear(x: torch.Tensor) -> torch.Tensor:
        h = F.avg_pool2d(F.conv2d(x, first), 2)
        return F.avg_pool2d(F.conv2d(h, second), 2)

    a, b = torch.rand(2, 1, 1, 20, 20)
    assert torch.allclose(linear(2 * a - 3 * b), 2 * linear(a) - 3 * linear(b), atol=1e-5)


def test_random_filters_have_no_mean_and_length_one() -> None:
    filters = random_filters(8, 3, 5, seed=2)
    assert filters.mean(dim=(2, 3)).abs().max() < 1e-6
    assert torch.allclose(filters.flatten(1).norm(dim=1), torch.ones(8))
    assert torch.equal(filters, random_filters(8, 3, 5, seed=2))


def test_unknown_step_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'pool'"):
        stage(torch.rand(1, 1, 9, 9), random_filters(1, 1, 3), without="pol")


def test_jitter_moves_and_dims_but_keeps_the_digit() -> None:
    images = torch.rand(30, 1, 8, 8)
    frames = jitter(images, frame=24, size=16, seed=1)
    assert frames.shape == (30, 1, 24, 24)
    assert frames.min() >= 0
    assert frames.max() <= 1
    assert torch.equal(frames, jitter(images, seed=1))
    corners = {tuple((f[0] != f[0, 0, 0]).nonzero()[0].tolist()) for f in jitter(torch.ones(30, 1, 8, 8) * 0.9, seed=3)}
    assert len(corners) > 10
    with pytest.raises(ValueError, match="frame must be at least 16"):
        jitter(images, frame=10)


def test_shade_falls_off_to_the_given_light() -> None:
    x = torch.ones(200, 1, 16, 16)
    dark = shade(x, low=0.2, seed=0)
    assert dark.max() <= 1 + 1e-6
    assert 0.2 - 1e-6 <= dark.min() < 0.25
    assert torch.equal(shade(x, low=1.0), x)
