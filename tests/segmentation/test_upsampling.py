"""Zero insertion and a kernel: against PyTorch's interpolation, borders included, and our own transposed layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.convolution_kinds.transposed import insert_zeros, phase_spread, transposed_conv2d_loops
from course_utils.segmentation import upsampling
from course_utils.segmentation.upsampling import Upsample, upsample_by_zero_insertion

FACTORS = (1, 2, 3, 4, 5, 8)
SIZES = ((1, 1), (1, 4), (3, 2), (5, 7))


def maps(size: tuple[int, int], channels: int = 3) -> torch.Tensor:
    return torch.randn(2, channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_bilinear_equals_interpolate_everywhere(factor: int, size: tuple[int, int]) -> None:
    x = maps(size)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample_by_zero_insertion(x, factor), expected, atol=1e-13)
    assert torch.allclose(Upsample(3, factor, dtype=torch.float64)(x), expected, atol=1e-13)
    mixing = Upsample(3, factor, learn=True, mix=True, dtype=torch.float64)
    assert torch.allclose(mixing(x), expected, atol=1e-13)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_without_repeated_borders_only_a_rim_differs_and_it_is_darker(factor: int) -> None:
    x = maps((5, 6)).abs() + 0.5
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear")
    plain = upsample_by_zero_insertion(x, factor, borders=False)
    rim = factor // 2
    assert torch.allclose(plain[:, :, rim:-rim, rim:-rim], expected[:, :, rim:-rim, rim:-rim], atol=1e-13)
    assert (plain < expected - 1e-9)[:, :, :rim].all()
    assert (plain < expected - 1e-9)[:, :, :, -rim:].all()
    assert torch.allclose(Upsample(3, factor, borders=False, dtype=torch.float64)(x), plain, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_with_corners_aligned_it_equals_interpolate_with_no_care_for_borders(
    factor: int, size: tuple[int, int]
) -> None:
    x = maps(size)
    target = [factor * (n - 1) + 1 for n in size]
    expected = F.interpolate(x, size=target, mode="bilinear", align_corners=True)
    assert torch.allclose(upsample_by_zero_insertion(x, factor, align_corners=True), expected, atol=1e-13)
    assert torch.allclose(Upsample(3, factor, align_corners=True, dtype=torch.float64)(x), expected, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_nearest_is_exact_with_a_kernel_of_ones(factor: int, size: tuple[int, int]) -> None:
    x = maps(size)
    expected = F.interpolate(x, scale_factor=factor, mode="nearest")
    assert torch.equal(Upsample(3, factor, "nearest").double()(x), expected)
    assert torch.allclose(upsample_by_zero_insertion(x, factor, "nearest"), expected, atol=1e-14)
    assert (upsampling.kernel(factor, "nearest") == 1).all()


@pytest.mark.parametrize("factor", [2, 3])
def test_it_is_the_transposed_convolution_of_chapter_05b(factor: int) -> None:
    x = maps((4, 3), 2)
    k = upsampling.kernel(factor)
    weight = torch.zeros(2, 2, *k.shape, dtype=torch.float64)
    weight[0, 0] = weight[1, 1] = k
    stamps = transposed_conv2d_loops(
        x.numpy(), weight.numpy(), stride=factor, padding=upsampling.crop_of(len(k), factor)
    )
    plain = upsample_by_zero_insertion(x, factor, borders=False)
    assert np.allclose(stamps, plain.numpy(), atol=1e-14)
    assert np.array_equal(insert_zeros(x.numpy(), factor), upsampling.spread(x, factor).numpy())


@pytest.mark.parametrize("factor", FACTORS)
def test_every_phase_of_a_kernel_sums_to_one_so_a_flat_map_stays_flat(factor: int) -> None:
    for corners in (False, True):
        line = upsampling.triangle(factor, corners)
        assert all(line[phase::factor].sum().item() == pytest.approx(1) for phase in range(factor))
    flat = Upsample(2, factor)(torch.ones(1, 2, 4, 4))
    assert torch.allclose(flat, torch.ones_like(flat))
    assert phase_spread(flat.numpy(), factor) < 1e-6


def test_the_kernel_of_the_paper() -> None:
    assert upsampling.triangle(2).tolist() == [0.25, 0.75, 0.75, 0.25]
    assert upsampling.triangle(3).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    assert upsampling.kernel(8).shape == (16, 16)
    assert upsampling.kernel(32).shape == (64, 64)


@pytest.mark.parametrize("mix", [False, True])
def test_weights_started_at_bilinear_learn_more_than_frozen_ones(mix: bool) -> None:
    photo = data.photo("astronaut", 96).float()[None] / 255
    small = F.avg_pool2d(photo, 2)
    if mix:
        small = small[:, [1, 2, 0]]  # only a layer that mixes channels can put them back
    frozen = Upsample(3, 2)
    learned = Upsample(3, 2, learn=True, mix=mix)
    assert not list(frozen.parameters())
    assert torch.equal(frozen(small), learned(small)) or mix
    start = F.mse_loss(frozen(small), photo).item()
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.01)
    for _ in range(60):
        loss = F.mse_loss(learned(small), photo)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < (0.5 if mix else 0.95) * start
    assert sum(p.numel() for p in learned.parameters()) == (9 if mix else 3) * 16


def test_gradients_and_refusals() -> None:
    x = maps((3, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: upsample_by_zero_insertion(v, 3), (x,))
    assert torch.autograd.gradcheck(Upsample(3, 2, learn=True, mix=True).double(), (x,))
    with pytest.raises(ValueError, match="learn=True"):
        Upsample(3, 2, mix=True)
    with pytest.raises(ValueError, match="align_corners"):
        Upsample(3, 2, "nearest", align_corners=True)
    with pytest.raises(ValueError, match="factor must be at least 1"):
        Upsample(3, 0)
    assert isinstance(Upsample(1, 2, learn=True).weight, nn.Parameter)
