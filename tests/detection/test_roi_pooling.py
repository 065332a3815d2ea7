"""RoI pooling: cells by hand, against loops, against torchvision forward and backward."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import ops

from course_utils.detection.roi_pooling import quantise, roi_pool, roi_pool_loop, rois_of
from tests.detection.made_boxes import UNTIMED, random_boxes


def maps(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def regions(n: int, pictures: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Regions in 100 x 100 pixels; some stand out, the last one lies outside."""
    boxes = random_boxes(n, seed, dtype=dtype)
    boxes[-1] += 1000
    number = torch.randint(0, pictures, (n, 1), generator=torch.Generator().manual_seed(seed)).to(dtype)
    return torch.cat((number, boxes), dim=1)


def test_what_rounding_does_to_a_region() -> None:
    """30 to 69 pixels at stride 16 are 1.875 to 4.3 cells: rounded to cells 2, 3 and 4, cut into overlapping halves."""
    bins = quantise(torch.tensor([[30.0, 0, 69, 31]]), (10, 10), 2, 1 / 16)
    assert bins.columns.tolist() == [[[2, 4], [3, 5]]]
    assert bins.rows.tolist() == [[[0, 2], [1, 3]]]


def test_pooling_by_hand() -> None:
    plane = torch.arange(16.0).reshape(1, 1, 4, 4)
    pooled = roi_pool(plane, torch.tensor([[0.0, 0, 0, 2, 2]]), 2)
    assert pooled.tolist() == [[[[5, 6], [9, 10]]]]


def test_a_shift_of_seven_pixels_at_stride_16_changes_nothing() -> None:
    features, roi = maps(1, 2, 8, 8), torch.tensor([[0.0, 16, 16, 80, 80]], dtype=torch.float64)
    moved = roi + torch.tensor([0, 7, 7, 7, 7])
    assert torch.equal(roi_pool(features, roi, 3, 1 / 16), roi_pool(features, moved, 3, 1 / 16))


@pytest.mark.parametrize("output_size", [1, 2, 7, (3, 5)])
@pytest.mark.parametrize("spatial_scale", [1.0, 0.1, 1 / 16])
def test_fast_and_slow_agree(output_size, spatial_scale: float) -> None:
    features, rois = maps(2, 2, 9, 11), regions(6, 2)
    rois[:, 1:] *= 0.1 / spatial_scale  # the same cells at every scale
    fast, slow = features.clone().requires_grad_(), features.clone().requires_grad_()
    a, b = roi_pool(fast, rois, output_size, spatial_scale), roi_pool_loop(slow, rois, output_size, spatial_scale)
    assert torch.equal(a, b)
    grad = maps(*a.shape, seed=1)
    a.backward(grad)
    b.backward(grad)
    torch.testing.assert_close(fast.grad, slow.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spatial_scale", [1.0, 0.25, 1 / 16])
@pytest.mark.parametrize("output_size", [1, 7, (2, 13)])
@pytest.mark.parametrize("levels", [0, 3])
def test_values_and_gradients_equal_torchvisions(dtype, spatial_scale: float, output_size, levels: int) -> None:
    features = maps(3, 4, 20, 25, dtype=dtype)
    if levels:  # few different values: many equal maxima, of which one gets the gradient
        features = (features * levels).round().clamp(-levels, levels)
    rois = regions(40, 3, dtype=dtype)
    ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    a, b = roi_pool(ours, rois, output_size, spatial_scale), ops.roi_pool(theirs, rois, output_size, spatial_scale)
    assert torch.equal(a, b)
    grad = maps(*a.shape, seed=2, dtype=dtype)
    a.backward(grad)
    b.backward(grad)
    torch.testing.assert_close(ours.grad, theirs.grad)


@given(st.floats(-5, 40, width=32), st.floats(-5, 40, width=32), st.floats(0, 40, width=32), st.integers(1, 14))
@UNTIMED
def test_any_rounding_is_torchvisions(x: float, y: float, side: float, bins: int) -> None:
    """A map whose values are all different: one wrong cell shows."""
    for dtype in (torch.float32, torch.float64):
        rising = torch.arange(900, dtype=dtype).reshape(1, 1, 30, 30)
        roi = torch.tensor([[0, x, y, x + side, y + side]], dtype=dtype)
        for features in (rising, -rising):
            assert torch.equal(roi_pool(features, roi, bins), ops.roi_pool(features, roi, bins))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bins_are_cut_as_torchvision_cuts_them_at_all_sizes(dtype: torch.dtype) -> None:
    """Where a product of floats misses a whole number, 7 cells in 13 bins for one, both miss it."""
    rising = torch.arange(40, dtype=dtype).expand(1, 1, 1, 40)
    last = torch.arange(40, dtype=dtype)
    nothing = torch.zeros_like(last)
    rois = torch.stack((nothing, nothing, nothing, last, nothing), dim=1)
    for bins in range(1, 15):
        for features in (rising, -rising):
            assert torch.equal(roi_pool(features, rois, (1, bins)), ops.roi_pool(features, rois, (1, bins)))


def test_halves_are_rounded_away_from_zero() -> None:
    box = torch.tensor([[0.5, -0.5, 2.5, 3.5]])
    assert quantise(box, (9, 9), 1).columns.tolist() == [[[1, 4]]]
    assert quantise(box, (9, 9), 1).rows.tolist() == [[[0, 5]]]  # from -1 to 4, cut off at the border


def test_the_backward_is_the_derivative() -> None:
    features, rois = maps(2, 2, 6, 7).requires_grad_(), regions(5, 2)
    assert torch.autograd.gradcheck(lambda x: roi_pool(x, rois, (2, 3), 0.07), (features,))


def test_a_cell_that_wins_two_bins_gets_both_gradients() -> None:
    plane = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    plane[0, 0, 1, 1] = 5
    plane.requires_grad_()
    roi_pool(plane, torch.tensor([[0.0, 0, 0, 2, 2]]).double(), 2).sum().backward()
    assert plane.grad[0, 0].tolist() == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]


def test_a_region_outside_gives_zeros_and_no_gradient() -> None:
    features = maps(1, 2, 5, 5).requires_grad_()
    pooled = roi_pool(features, torch.tensor([[0.0, 50, 50, 60, 60]]).double(), 3)
    pooled.sum().backward()
    assert pooled.abs().sum() == 0
    assert features.grad.abs().sum() == 0


def test_no_regions_are_welcome() -> None:
    features = maps(2, 3, 5, 5).requires_grad_()
    pooled = roi_pool(features, torch.zeros(0, 5).double(), (2, 4))
    assert pooled.shape == roi_pool_loop(features, torch.zeros(0, 5).double(), (2, 4)).shape == (0, 3, 2, 4)
    pooled.sum().backward()
    assert features.grad.abs().sum() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_any_precision_and_any_strides(dtype: torch.dtype) -> None:
    features, rois = maps(2, 3, 8, 9).to(dtype), regions(6, 2).round()
    turned = features.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)
    assert not turned.is_contiguous()
    pooled = roi_pool(turned, rois.to(dtype), 3, 0.125)
    assert pooled.dtype == dtype
    assert torch.equal(pooled, roi_pool(features, rois.to(dtype), 3, 0.125))
    torch.testing.assert_close(pooled.double(), roi_pool(features.double(), rois, 3, 0.125))


def test_lists_of_boxes_become_one_table() -> None:
    boxes = [random_boxes(2, 1), torch.zeros(0, 4), random_boxes(3, 2)]
    rois = rois_of(boxes)
    assert rois[:, 0].tolist() == [0, 0, 2, 2, 2]
    features = maps(3, 2, 9, 9, dtype=torch.float32)
    assert torch.equal(roi_pool(features, rois, 2, 0.1), ops.roi_pool(features, boxes, 2, 0.1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: roi_pool(maps(3, 5, 5), torch.zeros(0, 5), 2), ValueError, "features must have shape"),
        (lambda: roi_pool(maps(1, 1, 5, 5), torch.zeros(1, 4), 2), ValueError, r"rois must have shape \(any, 5\)"),
        (lambda: roi_pool(maps(1, 1, 5, 5), [torch.zeros(1, 4)], 2), TypeError, "rois must be a tensor, got list"),
        (lambda: roi_pool(maps(1, 1, 5, 5), torch.tensor([[1.0, 0, 0, 1, 1]]), 2), ValueError, "from 0 to 0, got 1.0"),
        (lambda: roi_pool(maps(2, 1, 5, 5), torch.tensor([[0.5, 0, 0, 1, 1]]), 2), ValueError, "from 0 to 1, got 0.5"),
        (lambda: roi_pool(maps(1, 1, 5, 5), torch.tensor([[0.0, 2, 0, 1, 1]]), 2), ValueError, "x1 <= x2"),
        (lambda: roi_pool(maps(1, 1, 5, 5), torch.full((1, 5), float("nan")), 2), ValueError, "must be finite"),
        (lambda: roi_pool(maps(1, 1, 5, 5), torch.zeros(0, 5), 0), ValueError, "output_size must be at least 1"),
        (
            lambda: roi_pool(maps(1, 1, 5, 5), torch.zeros(0, 5), 2, 0),
            ValueError,
            "spatial_scale must be greater than 0",
        ),
        (lambda: rois_of([]), ValueError, "a tensor for each picture"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
