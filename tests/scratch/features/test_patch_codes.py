"""Patches, their codes and their pooling."""

import numpy as np
import pytest
import torch

from course_utils.scratch.features.patch_codes import (
    describe,
    hard_codes,
    normalise_patches,
    patches,
    pool,
    triangle_codes,
)


def test_patches_are_windows_of_the_image() -> None:
    images = torch.rand(2, 1, 11, 9)
    cut = patches(images, size=4, stride=3)
    assert cut.shape == (2, 3, 2, 16)
    for i in range(3):
        for j in range(2):
            window = images[:, 0, 3 * i : 3 * i + 4, 3 * j : 3 * j + 4]
            assert torch.equal(cut[:, i, j], window.flatten(1))


def test_normalised_patches_forget_offset_and_nearly_forget_gain() -> None:
    x = torch.rand(20, 36, dtype=torch.float64)
    assert torch.allclose(normalise_patches(x), normalise_patches(x + 3), atol=1e-9)
    assert torch.allclose(normalise_patches(x, 1e-9), normalise_patches(5 * x, 1e-9), atol=1e-6)
    assert normalise_patches(torch.full((1, 36), 0.7)).abs().max() < 1e-4


def test_codes_follow_their_definition() -> None:
    x, centres = torch.randn(6, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    distances = torch.stack([(x - c).norm(dim=1) for c in centres], dim=1)
    expected = torch.clamp(distances.mean(dim=1, keepdim=True) - distances, min=0)
    assert torch.allclose(triangle_codes(x, centres), expected)
    hard = hard_codes(x, centres)
    assert torch.equal(hard.argmax(1), distances.argmin(1))
    assert torch.equal(hard.sum(1), torch.ones(6, dtype=torch.float64))


def test_triangle_codes_are_zero_for_a_good_part() -> None:
    codes = triangle_codes(torch.randn(500, 10), torch.randn(40, 10))
    assert 0.3 < (codes == 0).float().mean() < 0.7


def test_pooling_averages_and_one_region_forgets_places() -> None:
    codes = torch.rand(2, 4, 4, 3)
    quarters = pool(codes, 2).view(2, 3, 2, 2)
    assert torch.allclose(quarters[:, :, 1, 0], codes[:, 2:, :2].mean(dim=(1, 2)))
    assert torch.allclose(pool(codes, 1), pool(codes.flip(1), 1))
    assert not torch.allclose(pool(codes, 2), pool(codes.flip(1), 2))


def test_chunks_change_nothing() -> None:
    images, centres = torch.rand(7, 1, 12, 12), torch.randn(5, 36)

    def encode(x: torch.Tensor) -> torch.Tensor:
        return triangle_codes(x, centres)

    assert torch.allclose(describe(images, encode, chunk=2), describe(images, encode, chunk=100), atol=1e-6)


def test_refuses_patches_larger_than_the_image() -> None:
    with pytest.raises(ValueError, match="size must be at most 5"):
        patches(torch.zeros(1, 1, 5, 8), size=6)
    assert np.isfinite(describe(torch.zeros(1, 1, 8, 8), lambda x: x).numpy()).all()
