"""Shuffled tiles against loops; noisy words against their probabilities."""

from __future__ import annotations

import pytest
import torch

from course_utils.scratch.transfer.tiles import shuffle_tiles, shuffle_tiles_by_loops
from course_utils.scratch.transfer.word_noise import forget_and_invent, noisy_probability


@pytest.mark.parametrize("tile", [1, 2, 3, 6])
def test_tiles_equal_loops_and_keep_distances(tile: int) -> None:
    images = torch.arange(2 * 3 * 6 * 12).reshape(2, 3, 6, 12)
    moved = shuffle_tiles(images, tile, seed=4)
    assert torch.equal(moved, shuffle_tiles_by_loops(images, tile, seed=4))
    assert torch.equal(moved.flatten().sort().values, images.flatten())
    assert torch.equal((moved[0] - moved[1]).square().sum(), (images[0] - images[1]).square().sum())
    assert torch.equal(moved, images) == (tile == 1)


def test_tiles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="tile must divide"):
        shuffle_tiles(torch.zeros(1, 1, 6, 6), 4)


def test_words_are_forgotten_and_invented_at_the_asked_rates() -> None:
    words = torch.rand(4000, 12, generator=torch.Generator().manual_seed(0)) < 0.2
    found = forget_and_invent(words, 0.5, 0.1, seed=1)
    assert found[words].double().mean() == pytest.approx(0.5, abs=0.02)
    assert found[~words].double().mean() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(forget_and_invent(words, 0, 0), words)
    assert torch.equal(forget_and_invent(words, 1, 1), ~words)
    assert found.double().mean() == pytest.approx(noisy_probability(float(words.double().mean()), 0.5, 0.1), abs=0.01)


def test_bad_words_are_refused() -> None:
    with pytest.raises(TypeError, match="words must be bool"):
        forget_and_invent(torch.zeros(2, 2), 0.1, 0.1)
    with pytest.raises(ValueError, match="miss"):
        forget_and_invent(torch.zeros(2, 2, dtype=torch.bool), 1.1, 0.1)
