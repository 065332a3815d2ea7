"""Turns and scales: exact where the grid allows it, and kernels with the symmetry they claim."""

import math

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.equivariance.rotations import (
    enlarge,
    is_turn_symmetric,
    isotropic_kernel,
    move_gap,
    quarter_turn_gap,
    turn,
)

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(1, 1, 11, 11, generator=DRAW, dtype=torch.float64)


def layer_of(kernel):
    return lambda x: F.conv2d(x, kernel[None, None], padding=kernel.shape[0] // 2)


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("profile", [None, torch.cos, lambda r: (r < 1.5).double()])
def test_isotropic_kernels_depend_on_distance_alone_and_pass(size, profile):
    kernel = isotropic_kernel(size, profile)
    by_distance = {}
    for i in range(size):
        for j in range(size):
            squared = (i - size // 2) ** 2 + (j - size // 2) ** 2
            assert by_distance.setdefault(squared, kernel[i, j].item()) == kernel[i, j].item()
    assert is_turn_symmetric(kernel)
    for turns in (1, 2, 3):
        assert quarter_turn_gap(layer_of(kernel), X, turns).abs().max() < 1e-12


def test_a_random_kernel_fails():
    kernel = torch.randn(3, 3, generator=DRAW, dtype=torch.float64)
    assert not is_turn_symmetric(kernel)
    assert quarter_turn_gap(layer_of(kernel), X).abs().max() > 0.5


@pytest.mark.parametrize("shape", [(1, 1, 11, 11), (2, 3, 8, 8)])
def test_turning_by_quarters_needs_no_interpolation(shape):
    x = torch.randn(shape, generator=DRAW, dtype=torch.float64)
    for quarters in (0, 1, 2, 3):
        assert torch.allclose(turn(x, 90 * quarters), torch.rot90(x, quarters, (-2, -1)), atol=1e-10)


def test_turning_keeps_circles_on_a_map_that_is_not_square():
    rows, columns = torch.meshgrid(torch.arange(21.0), torch.arange(41.0), indexing="ij")
    angle = math.radians(45)
    dot = torch.exp(-((rows - 10) ** 2 + (columns - 26) ** 2) / 4)[None, None].double()  # 6 pixels right of the centre
    turned = turn(dot, 45)[0, 0]
    r, q = divmod(int(turned.argmax()), 41)
    assert abs(r - (10 - 6 * math.sin(angle))) <= 1
    assert abs(q - (20 + 6 * math.cos(angle))) <= 1


def test_enlarging_by_one_changes_nothing_and_by_two_doubles_distances():
    assert torch.allclose(enlarge(X, 1.0), X, atol=1e-12)
    dot = torch.zeros(1, 1, 21, 21, dtype=torch.float64)
    dot[0, 0, 10, 13] = 1
    assert divmod(int(enlarge(dot, 2.0).argmax()), 21) == (10, 16)


def test_gap_is_zero_for_what_commutes_and_leaves_out_the_margin():
    assert move_gap(lambda x: 3 * x, X, lambda x: turn(x, 20)) < 1e-12
    border = torch.zeros_like(X)
    border[..., 0, :] = 1
    assert move_gap(lambda x: x + border, X, lambda x: turn(x, 90)) > 0.1
    assert move_gap(lambda x: x + border, X, lambda x: turn(x, 90), margin=2) < 1e-12


def test_an_even_kernel_has_no_centre():
    with pytest.raises(ValueError, match="size must be odd, got 4"):
        isotropic_kernel(4)
    with pytest.raises(ValueError, match="factor must be greater than 0"):
        enlarge(X, 0)
