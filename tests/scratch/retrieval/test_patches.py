"""Patches come from where they should; histograms count."""

from __future__ import annotations

import pytest
import torch

from course_utils.scratch.retrieval.patches import colour_histogram, cut_at_random


def test_patches_come_from_the_asked_half() -> None:
    photo = torch.zeros(3, 50, 60, dtype=torch.uint8)
    photo[:, :, 30:] = 200
    generator = torch.Generator().manual_seed(0)
    left, right = (cut_at_random(photo, 12, 12, generator, side) for side in (0, 1))
    assert left.shape == (12, 3, 12, 12)
    assert left.max() == 0
    assert right.min() >= 160
    both = cut_at_random(photo, 40, 12, generator)
    assert both.min() == 0
    assert both.max() >= 160


def test_draws_follow_the_generator() -> None:
    photo = torch.randint(256, (3, 40, 40), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    a, b, c = (cut_at_random(photo, 3, 10, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    with pytest.raises(ValueError, match="at least 60"):
        cut_at_random(photo, 1, 30, torch.Generator())


def test_a_histogram_counts_colours_and_forgets_places() -> None:
    images = torch.randint(256, (3, 3, 6, 6), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    counts = colour_histogram(images, 2)
    for n in range(3):
        wanted = torch.zeros(8)
        for row in range(6):
            for column in range(6):
                r, g, b = (int(images[n, c, row, column]) // 128 for c in range(3))
                wanted[4 * r + 2 * g + b] += 1 / 36
        torch.testing.assert_close(counts[n], wanted)
    assert torch.equal(colour_histogram(images.flip(3), 2), counts)
