"""RoI align: places by hand, against loops, against torchvision forward and backward."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import ops

from course_utils.detection import roi_align as module
from course_utils.detection.roi_align import read, reading_weights, roi_align, roi_align_loop, sample_places
from course_utils.detection.roi_pooling import roi_pool
from tests.detection.made_boxes import UNTIMED
from tests.detection.test_roi_pooling import maps, regions

ratios = pytest.mark.parametrize("sampling_ratio", [0, 1, 2, 3])
flags = pytest.mark.parametrize("aligned", [True, False])


def theirs(features: Tensor, rois: Tensor, size, scale: float, sampling_ratio: int, aligned: bool) -> Tensor:
    return ops.roi_align(features, rois, size, scale, sampling_ratio or -1, aligned)


def ramp(height: int = 8, width: int = 10) -> Tensor:
    """A map that says where it is read: value 100 y + x at the middle of cell (y, x)."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return (100 * y + x).double()[None, None]


def test_reading_between_cells_by_hand() -> None:
    plane = torch.tensor([[0.0, 10], [20, 70]])
    assert read(plane, 0, 0.25).item() == 2.5
    assert read(plane, 0.5, 0.5).item() == 25
    assert read(plane, -1, 0).item() == 0  # one cell out still reads the border, which is 0 here
    assert read(plane, 2, 1).item() == 70
    assert read(plane, 2.01, 1).item() == read(plane, 0, -1.01).item() == 0


def test_places_by_hand() -> None:
    """A region from 8 to 40 pixels at stride 16 is 0.5 to 2.5 cells: two bins of one cell, two places each."""
    places, counts = sample_places(torch.tensor([8.0]), torch.tensor([40.0]), 2, 2, 1 / 16, aligned=True)
    assert places.tolist() == [[[0.25, 0.75], [1.25, 1.75]]]
    assert counts.tolist() == [2]
    shifted, _ = sample_places(torch.tensor([8.0]), torch.tensor([40.0]), 2, 2, 1 / 16, aligned=False)
    assert torch.equal(shifted, places + 0.5)


def test_as_many_places_as_cells_when_none_are_asked_for() -> None:
    ends = torch.tensor([2.0, 5.0, 12.0])
    places, counts = sample_places(torch.zeros(3), ends, 2, 0, 1.0, aligned=True)
    assert counts.tolist() == [1, 3, 6]
    assert places.shape == (3, 2, 6)


def test_an_aligned_region_reads_the_centres_of_its_bins() -> None:
    """On a ramp an average over a bin is the value at its centre, to the last digit and without any rounding."""
    roi = torch.tensor([[0, 1.3, 2.1, 7.9, 6.5]], dtype=torch.float64)
    out = roi_align(ramp(), roi, (2, 3), sampling_ratio=2)[0, 0]
    y = 2.1 + (torch.arange(2) + 0.5).double() * 4.4 / 2
    x = 1.3 + (torch.arange(3) + 0.5).double() * 6.6 / 3
    torch.testing.assert_close(out, 100 * y[:, None] + x)


def test_a_region_moves_continuously_where_pooling_jumps() -> None:
    """Half a stride of shift: align follows to the digit, pooling stands still or leaps a cell."""
    shifts = torch.arange(0, 16, 1.0, dtype=torch.float64)
    rois = torch.tensor([[0, 32, 32, 80, 80]], dtype=torch.float64) + shifts[:, None] * torch.tensor([0, 1, 0, 1, 0])
    smooth = roi_align(ramp(), rois, 1, 1 / 16)[:, 0, 0, 0].diff()
    jumps = roi_pool(ramp(), rois, 1, 1 / 16)[:, 0, 0, 0].diff()
    torch.testing.assert_close(smooth, torch.full((15,), 1 / 16).double())
    assert sorted(jumps.tolist()) == [0] * 14 + [1]


@ratios
@flags
@pytest.mark.parametrize("output_size", [1, (2, 3)])
def test_fast_and_slow_agree(sampling_ratio: int, aligned: bool, output_size) -> None:
    features, rois = maps(2, 2, 7, 9), regions(5, 2)
    fast, slow = features.clone().requires_grad_(), features.clone().requires_grad_()
    a = roi_align(fast, rois, output_size, 0.1, sampling_ratio, aligned)
    b = roi_align_loop(slow, rois, output_size, 0.1, sampling_ratio, aligned)
    torch.testing.assert_close(a, b)
    grad = maps(*a.shape, seed=1)
    a.backward(grad)
    b.backward(grad)
    torch.testing.assert_close(fast.grad, slow.grad)


@ratios
@flags
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spatial_scale", [1.0, 0.25, 1 / 16])
def test_values_and_gradients_equal_torchvisions(sampling_ratio: int, aligned: bool, dtype, spatial_scale) -> None:
    features, rois = maps(3, 4, 20, 25, dtype=dtype), regions(40, 3, dtype=dtype)
    for size in (1, 7, (2, 5)):
        mine, other = features.clone().requires_grad_(), features.clone().requires_grad_()
        a = roi_align(mine, rois, size, spatial_scale, sampling_ratio, aligned)
        b = theirs(other, rois, size, spatial_scale, sampling_ratio, aligned)
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        grad = maps(*a.shape, seed=2, dtype=dtype)
        a.backward(grad)
        b.backward(grad)
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)


@given(st.floats(-5, 15), st.floats(-5, 15), st.floats(0, 15), st.floats(0, 15), st.integers(0, 3), st.booleans())
@UNTIMED
def test_any_place_is_torchvisions(x: float, y: float, w: float, h: float, sampling_ratio: int, aligned: bool) -> None:
    features, roi = maps(1, 1, 10, 10), torch.tensor([[0, x, y, x + w, y + h]], dtype=torch.float64)
    a, b = (f(features, roi, (2, 3), 1.0, sampling_ratio, aligned) for f in (roi_align, theirs))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


@pytest.mark.parametrize("edge", [-1.0, -0.5, 0.0, 9.0, 9.5, 10.0])
@flags
def test_places_right_on_the_border_are_torchvisions(edge: float, aligned: bool) -> None:
    """A region without height reads all its places at the same, exact row."""
    offset = 0.5 if aligned else 0.0
    roi = torch.tensor([[0, 2, edge + offset, 6, edge + offset]], dtype=torch.float64)
    features = maps(1, 1, 10, 10)
    for ratio in (0, 1, 2):
        a, b = (f(features, roi, (2, 2), 1.0, ratio, aligned) for f in (roi_align, theirs))
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@ratios
@flags
def test_the_backward_is_the_derivative(sampling_ratio: int, aligned: bool) -> None:
    features, rois = maps(2, 2, 6, 7).requires_grad_(), regions(5, 2)
    assert torch.autograd.gradcheck(lambda x: roi_align(x, rois, (2, 3), 0.07, sampling_ratio, aligned), (features,))


def test_the_backward_is_the_transpose_of_the_forward() -> None:
    features, rois = maps(2, 3, 8, 8).requires_grad_(), regions(6, 2)
    out = roi_align(features, rois, 3, 0.1)
    other = maps(*out.shape, seed=3)
    (back,) = torch.autograd.grad((out * other).sum(), features)
    assert (out * other).sum().item() == pytest.approx((features * back).sum().item())


def test_weights_of_a_bin_inside_sum_to_one_and_of_one_outside_to_nothing() -> None:
    places = torch.tensor([[[1.2, 1.7, 99.0], [20.0, 30.0, 99.0]]])
    matrix = reading_weights(places, torch.tensor([2.0]), 10)
    assert matrix.shape == (1, 2, 10)
    assert matrix.sum(dim=2).tolist() == [[pytest.approx(1), 0]]
    assert matrix[0, 0, 1:3].tolist() == pytest.approx([(0.8 + 0.3) / 2, (0.2 + 0.7) / 2])


def test_a_constant_map_reads_as_the_constant() -> None:
    features, rois = torch.full((2, 1, 12, 12), 3.0).double(), regions(10, 2)[:-1]
    rois[:, 1:] = rois[:, 1:].clamp(5, 95)
    torch.testing.assert_close(roi_align(features, rois, 4, 0.12), torch.full((9, 1, 4, 4), 3.0).double())


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_the_size_of_a_chunk_changes_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rois = regions(20, 3)
    mine, other = maps(3, 2, 8, 8).requires_grad_(), maps(3, 2, 8, 8).requires_grad_()
    wanted = theirs(other, rois, 3, 0.1, 2, True)
    monkeypatch.setattr(module, "CHUNK", chunk)
    pooled = roi_align(mine, rois, 3, 0.1, 2)
    torch.testing.assert_close(pooled, wanted)
    pooled.backward(pooled.detach())
    wanted.backward(wanted.detach())
    torch.testing.assert_close(mine.grad, other.grad)


def test_no_regions_are_welcome() -> None:
    features = maps(2, 3, 5, 5).requires_grad_()
    pooled = roi_align(features, torch.zeros(0, 5).double(), (2, 4))
    assert pooled.shape == roi_align_loop(features, torch.zeros(0, 5).double(), (2, 4)).shape == (0, 3, 2, 4)
    pooled.sum().backward()
    assert features.grad.abs().sum() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_any_precision_and_any_strides(dtype: torch.dtype) -> None:
    features, rois = maps(2, 3, 8, 9).to(dtype), regions(6, 2)[:-1].round()
    turned = features.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)
    assert not turned.is_contiguous()
    pooled = roi_align(turned, rois.to(dtype), 3, 0.125)
    assert pooled.dtype == dtype
    torch.testing.assert_close(pooled, roi_align(features, rois.to(dtype), 3, 0.125))
    torch.testing.assert_close(pooled.double(), roi_align(features.double(), rois, 3, 0.125), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: roi_align(maps(3, 5, 5), torch.zeros(0, 5), 2), ValueError, "features must have shape"),
        (lambda: roi_align(maps(1, 1, 5, 5), torch.tensor([[1.0, 0, 0, 1, 1]]), 2), ValueError, "from 0 to 0, got 1.0"),
        (lambda: roi_align(maps(1, 1, 5, 5), torch.full((1, 5), float("nan")), 2), ValueError, "must be finite"),
        (lambda: roi_align(maps(1, 1, 5, 5), torch.zeros(0, 5), (0, 2)), ValueError, "output_size must be at least 1"),
        (
            lambda: roi_align(maps(1, 1, 5, 5), torch.zeros(0, 5), 2, 1, -1),
            ValueError,
            "sampling_ratio must be at least 0",
        ),
    ],
)
def test_what_cannot_be_aligned_is_refused(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
