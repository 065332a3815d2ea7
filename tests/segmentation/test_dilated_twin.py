"""Strided network, dilated twin, shifted runs: three ways to the same numbers."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.vgg import VGG
from course_utils.segmentation.convolutionalise import convolutionalise, layers_in_a_row, total_stride, vgg_in_a_row
from course_utils.segmentation.dilated_twin import DilatedAvgPool, dilated_twin
from course_utils.segmentation.shift_and_stitch import shift_and_stitch, shifts, stitch


def halving(kind: str, channels: int, padding: bool) -> nn.Module:
    p = int(padding)
    return {
        "conv": nn.Conv2d(channels, channels, 3, stride=2, padding=p),
        "max": nn.MaxPool2d(2, padding=p),
        "max3": nn.MaxPool2d(3, 2, padding=p),
        "average": nn.AvgPool2d(2, padding=p),
        "average of seen": nn.AvgPool2d(3, 2, padding=p, count_include_pad=False),
    }[kind]


def network(kind: str, halvings: int = 2, padding: bool = False, channels: int = 3) -> nn.Sequential:
    """A convolution before every halving and two at the end."""
    torch.manual_seed(halvings)
    layers: list[nn.Module] = []
    p = int(padding)
    for _ in range(halvings):
        layers += [nn.Conv2d(channels, channels, 3, padding=p), nn.Tanh(), halving(kind, channels, padding)]
    layers.append(nn.Sequential(nn.Conv2d(channels, 4, 3, padding=p), nn.ReLU(), nn.Conv2d(4, 2, (2, 1))))
    return nn.Sequential(*layers).double()


def image(size: tuple[int, int], channels: int = 3) -> Tensor:
    return torch.randn(2, channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


KINDS = ("conv", "max", "max3", "average", "average of seen")


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_twin_read_on_the_coarse_grid_is_the_strided_network(kind: str, padding: bool) -> None:
    model = network(kind, 2, padding)
    twin = dilated_twin(model)
    assert total_stride(model) == 4
    assert all(getattr(layer, "stride", 1) in (1, (1, 1)) for layer in layers_in_a_row(twin))
    for size in product((36, 37, 38, 39), (41, 42)):
        x = image(size)
        coarse, dense = model(x), twin(x)
        assert dense[:, :, ::4, ::4].shape == coarse.shape
        assert (dense[:, :, ::4, ::4] - coarse).abs().max() < 1e-10


@pytest.mark.parametrize(("kind", "halvings"), [*product(KINDS, (1, 2)), ("conv", 3), ("max", 3), ("max3", 3)])
def test_stitching_all_shifts_is_the_twin_everywhere(kind: str, halvings: int) -> None:
    model, factor = network(kind, halvings), 2**halvings
    calls: list[int] = []
    model.register_forward_hook(lambda *_: calls.append(1))
    size = {1: (17, 20), 2: (33, 34), 3: (67, 70)}[halvings]
    x = image(size)[:1]
    dense = dilated_twin(model)(x)
    stitched = shift_and_stitch(model, x, factor)
    assert len(calls) == factor**2
    assert stitched.shape == dense.shape
    assert (stitched - dense).abs().max() < 1e-10


def test_a_five_times_halved_network_asks_for_1024_runs() -> None:
    assert len(list(shifts(2**5))) == 32 * 32 == 1024


def test_with_padding_inside_shifted_runs_agree_with_the_twin_away_from_the_border_only() -> None:
    model = network("max", 2, padding=True)
    x = image((48, 48))[:1]
    dense, stitched = dilated_twin(model)(x), shift_and_stitch(model, x, 4)
    height, width = (min(a, b) for a, b in zip(dense.shape[2:], stitched.shape[2:], strict=True))
    difference = (dense[:, :, :height, :width] - stitched[:, :, :height, :width]).abs()
    assert difference[:, :, 20:-20, 20:-20].max() < 1e-10 < 1e-3 < difference.max()


def test_an_output_stride_keeps_the_first_strides_as_yu_and_koltun_keep_three_poolings() -> None:
    model = vgg_in_a_row(VGG(11, 4, width=0.05, input_size=64).double().eval())
    features = nn.Sequential(*list(model)[: [isinstance(m, nn.Flatten) for m in model].index(True)])
    twin = dilated_twin(features, output_stride=8)
    pools = [m for m in layers_in_a_row(twin) if isinstance(m, nn.MaxPool2d)]
    assert [pool.stride for pool in pools] == [(2, 2)] * 3 + [(1, 1)] * 2
    convs = [m for m in twin if isinstance(m, nn.Conv2d)]
    assert [c.dilation[0] for c in convs] == [1] * 6 + [2] * 2  # the fifth stage is dilated by 2
    x = image((64, 96))[:1]
    assert twin(x).shape[2:] == (64 // 8 - 3, 96 // 8 - 3)  # a pooling of 2 without stride loses one, one of rate 2 two
    assert (twin(x)[:, :, ::4, ::4] - features(x)).abs().max() < 1e-10


def test_a_classifier_turned_dense_scores_every_crop() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        ConvNormAct(3, 4, padding=0), nn.MaxPool2d(2), ConvNormAct(4, 4, stride=2, padding=0), nn.Flatten(),
        nn.Linear(4 * 9, 5), nn.ReLU(), nn.Linear(5, 3),
    ).double().eval()  # fmt: skip
    dense = dilated_twin(convolutionalise(model, (3, 16, 16)))
    x = image((20, 23))[:1]
    assert dense(x).shape == (1, 3, 20 - 15, 23 - 15)
    for i, j in product(range(5), range(8)):
        crop = x[:, :, i : i + 16, j : j + 16]
        assert (dense(x)[:, :, i, j] - model(crop)).abs().max() < 1e-10


def test_global_pooling_too_becomes_dense() -> None:
    torch.manual_seed(0)
    body = [ConvNormAct(3, 4, stride=2, padding=0), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)]
    model = nn.Sequential(*body, nn.Flatten(), nn.Linear(4, 2)).double().eval()
    row = convolutionalise(model, (3, 17, 17))  # 8, then 4, then their mean
    assert total_stride(row) == 4
    dense, x = dilated_twin(row), image((20, 21))[:1]
    for i, j in product(range(4), range(5)):
        assert (dense(x)[:, :, i, j] - model(x[:, :, i : i + 17, j : j + 17])).abs().max() < 1e-10


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kernel_size", [2, 3, (1, 4)])
def test_same_padding_stays_in_place(kernel_size: int | tuple[int, int]) -> None:
    model = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 2, kernel_size, padding="same"), nn.ZeroPad2d((1, 0, 2, 0)))
    twin = dilated_twin(model.double())
    x = image((12, 15))
    assert (twin(x)[:, :, ::2, ::2] - model(x)).abs().max() < 1e-10


def test_the_twin_has_its_own_weights_and_trains() -> None:
    model = network("max")
    twin = dilated_twin(model)
    assert [p.shape for p in twin.parameters()] == [p.shape for p in model.parameters()]
    assert not {p.data_ptr() for p in twin.parameters()} & {p.data_ptr() for p in model.parameters()}
    twin(image((30, 30))).sum().backward()
    assert all(p.grad is not None for p in twin.parameters())


def test_dilated_averages_without_dilation_are_pytorchs() -> None:
    x = image((9, 8))
    for count in (True, False):
        ours = DilatedAvgPool((3, 2), (2, 1), (1, 1), (1, 1), count)
        assert torch.allclose(ours(x), nn.AvgPool2d((3, 2), (2, 1), 1, count_include_pad=count)(x), atol=1e-14)


def test_what_has_no_twin_is_refused_with_the_remedy() -> None:
    for layer, message in (
        (nn.Linear(2, 2), "convolutionalise"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), "reflect"),
        (nn.Conv2d(1, 1, 3, stride=(1, 2)), r"\(1, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            dilated_twin(nn.Sequential(layer))
    with pytest.raises(ValueError, match=r"too small after a shift by \(2, 0\)"):
        shift_and_stitch(network("conv"), image((26, 26)), 4)  # 25 rows are the fewest
    with pytest.raises(ValueError, match="factor must be at least 1"):
        stitch({}, 0) if list(shifts(0)) else None
