"""Chapter 11b: the four ways back to full resolution, on other inputs than the chapter's where it is quick."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.summary import summarise
from course_utils.models.vgg import VGG
from course_utils.runtime import band, load_record
from course_utils.segmentation.convolutionalise import vgg_in_a_row
from course_utils.segmentation.dilated_twin import dilated_twin
from course_utils.segmentation.dilation import (
    context_module,
    fields_of,
    hybrid_rates,
    second_layer_gap,
    support,
    support_map,
    weights_of,
)
from course_utils.segmentation.encoder_decoder import EncoderDecoder
from course_utils.segmentation.memory import activation_account, kept_bytes, resolution_costs, total_bytes
from course_utils.segmentation.unet import UNet, valid_output_size
from course_utils.segmentation.unpooling import unpool_by_winners, unpool_by_winners_loop
from tools.bands import SOURCES, tagged_code

WAYS = ("nails", "transposed", "winners")


@cache
def world() -> dict[str, Any]:
    """The chapter's own drawn cells and training, for a seed that the chapter does not use."""
    code = tagged_code("11b_unet", "unpooling").split("unpooling_result = {}")[0]
    namespace: dict[str, Any] = {"SEED": 17, "__name__": "chapter"}
    exec(compile(code, "<chapter 11b>", "exec"), namespace)
    return namespace


def values(record: str) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(v) for name, v in load_record(f"11b_unet.{record}")["metrics"].items()}


def halvings(kind: str, channels: tuple[int, ...] = (3, 4, 6, 8)) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(channels):
        if kind == "conv":
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()]
        else:
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], 5, 3, padding=1)).double().eval()


def test_three_poolings_forget_which_of_64_pixels_it_was() -> None:
    x = torch.eye(64).view(64, 1, 8, 8)
    for _ in range(3):
        x = F.max_pool2d(x, 2)
    assert len(x.flatten(1).unique(dim=0)) == 1


def test_s264_a_mini_hourglass_trains_and_returns_to_the_inputs_size() -> None:
    w = world()
    torch.manual_seed(17)
    net = EncoderDecoder(1, 2, width=8, depth=3, unpooling="transposed")
    before = w["both_scores"](net.eval(), w["new_cells"], w["new_true"])[0]
    losses = w["learn_cells"](net, steps=60)
    after = w["both_scores"](net, w["new_cells"], w["new_true"])[0]
    assert sum(losses[-10:]) < sum(losses[:10]) / 2
    assert after > max(0.75, before + 0.2)
    for size in ((48, 48), (50, 45), (9, 31)):
        assert net(torch.zeros(1, 1, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_equation_11_31_sides_halve_to_the_waist_and_come_back(depth: int) -> None:
    net, n, sides = EncoderDecoder(1, 2, 2, depth), 64, []
    for part in (*net.down, net.middle, *net.up):
        part.register_forward_hook(lambda layer, x, out: sides.append(out.shape[2]))
    net(torch.zeros(1, 1, n, n))
    down = [n // 2**level for level in range(depth + 1)]
    assert sides == [*down, *down[-2::-1]]


def test_equation_11_32_unpooling_puts_values_at_the_winners_and_is_the_gradient_of_max_pooling() -> None:
    g = torch.Generator().manual_seed(3)
    x = torch.randn(2, 3, 10, 6, generator=g, dtype=torch.float64).requires_grad_()
    pooled, winners = F.max_pool2d(x, 2, return_indices=True)
    v = torch.randn(pooled.shape, generator=g, dtype=torch.float64)
    up = unpool_by_winners(v, winners, (10, 6))
    assert torch.equal(up, torch.from_numpy(unpool_by_winners_loop(v.numpy(), winners.numpy(), (10, 6))))
    assert torch.equal(up, torch.autograd.grad(pooled, x, v)[0])
    assert torch.equal(up.flatten(2).gather(2, winners.flatten(2)).view_as(v), v)
    assert (up != 0).sum() == v.numel()


def test_s265_unpooling_and_transposed_convolution_restore_the_shape_and_are_compared() -> None:
    x = torch.zeros(1, 1, 44, 37)
    for way in WAYS:
        assert EncoderDecoder(1, 2, 4, 3, unpooling=way)(x).shape == (1, 2, 44, 37)
    assert F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(44, 37)).shape == x.shape
    metrics = values("unpooling")
    for way in WAYS:
        assert len(metrics[way]) >= 5
        assert (metrics[way] > 0.85).all(), way
        assert (metrics[f"{way} rim"] < metrics[way]).all(), way
    for rival in ("nails", "transposed"):
        assert (metrics["winners rim"] > metrics[f"{rival} rim"]).all(), rival


@pytest.mark.parametrize("kind", ["conv", "pool"])
def test_s266_c272_equation_11_33_the_dilated_twin_has_the_same_values_on_the_coarse_grid(kind: str) -> None:
    torch.manual_seed(5)
    net = halvings(kind)
    x = torch.randn(2, 3, 48, 40, dtype=torch.float64)
    with torch.no_grad():
        coarse = net(x)
        for goal in (4, 2, 1):
            fine, step = dilated_twin(net, goal)(x), 8 // goal
            sampled = fine[:, :, ::step, ::step][:, :, : coarse.shape[2], : coarse.shape[3]]
            torch.testing.assert_close(sampled, coarse, rtol=0, atol=1e-12)
            assert fine.shape[2] > coarse.shape[2]
    fields = [summarise(m.float(), (3, 48, 48)).rows[-1].field for m in (net, dilated_twin(net))]
    assert fields[0].size == fields[1].size


def test_c272_without_dilating_what_follows_the_values_differ() -> None:
    torch.manual_seed(5)
    net = halvings("pool")
    x = torch.randn(1, 3, 48, 48, dtype=torch.float64)
    forgotten = nn.Sequential(*net[:8], nn.MaxPool2d(2, stride=1), net[9])
    with torch.no_grad():
        assert (forgotten(x)[:, :, ::2, ::2][:, :, :6, :6] - net(x)).abs().max() > 1e-3


def test_c270_fields_of_rates_1_2_4_are_3_7_15() -> None:
    assert fields_of((1, 2, 4, 8)) == [3, 7, 15, 31]
    for n, side in ((1, 3), (2, 7), (3, 15), (4, 31)):
        seen = support_map([2**i for i in range(n)])
        assert seen.shape == (side, side)
        assert seen.all()


def test_c271_equation_11_34_fields_grow_exponentially_weights_linearly() -> None:
    for n in range(1, 9):
        rates = [2**i for i in range(n)]
        assert fields_of(rates)[-1] == 1 + sum(2 * r for r in rates) == 2 ** (n + 1) - 1
        layers = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=r, bias=False) for r in rates])
        assert weights_of(rates) == 9 * n == sum(p.numel() for p in layers.parameters())


def test_s266_the_context_module_sees_67_pixels_and_starts_as_the_identity() -> None:
    module = context_module(3)
    x = torch.rand(1, 3, 70, 70, requires_grad=True)
    torch.testing.assert_close(module(x), x)
    for p in module.parameters():
        nn.init.constant_(p, 0.1)
    (gradient,) = torch.autograd.grad(module(x)[0, 0, 35, 35], x)
    rows = gradient[0, 0].abs().sum(1).nonzero()[:, 0]
    assert rows.max() - rows.min() + 1 == 67


def test_c273_the_last_two_poolings_only_give_an_eighth() -> None:
    with torch.device("meta"):
        row = list(vgg_in_a_row(VGG()))
    body = nn.Sequential(*row[: [isinstance(layer, nn.Flatten) for layer in row].index(True)])
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in body) == 5
    twin = dilated_twin(body, 8)
    strides = [layer.stride for layer in twin if isinstance(layer, nn.MaxPool2d)]
    assert strides == [(2, 2)] * 3 + [(1, 1)] * 2
    assert summarise(twin, (3, 224, 224)).rows[-1].field.stride == (8, 8)


def test_s267_c274_repeated_rate_2_leaves_holes_in_the_gradient() -> None:
    for n, seen, side in ((1, 3, 5), (2, 5, 9), (3, 7, 13)):
        field = support_map([2] * n)
        assert field.shape == (side, side)
        assert field[0].sum() == seen
        assert field.sum() == seen**2
        assert not field[1].any()
        assert support([2] * n).sum() == seen


def test_s267_hybrid_rates_close_the_holes_at_the_same_field_and_weights() -> None:
    rates = hybrid_rates(3, 2)
    assert support_map(rates).all()
    assert fields_of(rates)[-1] == fields_of((2, 2, 2))[-1] == 13
    assert weights_of(rates) == weights_of((2, 2, 2))


@pytest.mark.parametrize("rate", [2, 3])
def test_equation_11_35_equal_rates_keep_phases_apart(rate: int) -> None:
    torch.manual_seed(1)
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=rate, padding=rate) for _ in range(3)])
    x = torch.randn(1, 1, 24, 24)
    other = torch.randn(1, 1, 24, 24)
    other[:, :, 1::rate, ::rate] = x[:, :, 1::rate, ::rate]  # one phase stays
    with torch.no_grad():
        a, b = stack(x), stack(other)
    assert torch.equal(a[:, :, 1::rate, ::rate], b[:, :, 1::rate, ::rate])
    assert not torch.allclose(a[:, :, ::rate, ::rate], b[:, :, ::rate, ::rate])


def test_equation_11_36_the_rule_never_passes_a_stack_with_holes() -> None:
    g = np.random.default_rng(1)
    for _ in range(200):
        rates = [1, *g.integers(1, 10, size=int(g.integers(1, 4))).tolist()]
        gap = rates[-1]
        for r in reversed(rates[1:-1]):
            gap = max(gap - 2 * r, 2 * r - gap, r)
        assert second_layer_gap(rates) == gap
        assert gap > 3 or support(rates).all(), rates


def test_s268_c275_equation_11_37_memory_is_four_times_larger_for_each_halving_left_out() -> None:
    work = nn.Sequential(*[layer for _ in range(3) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())])
    kept = [kept_bytes(work, torch.rand(1, 8, side, side)) for side in (8, 16, 32)]
    counted = [total_bytes(activation_account(work, (8, side, side))) for side in (8, 16, 32)]
    for bytes_ in (kept, counted):
        assert [b / a for a, b in pairwise(bytes_)] == [4, 4]
    costs = resolution_costs(halvings("conv").float(), (3, 64, 64))
    assert list(costs) == [8, 4, 2, 1]
    assert [b / a for a, b in pairwise(costs.values())] == [4, 4, 4]


def test_equation_11_38_concatenation_is_two_convolutions_added() -> None:
    torch.manual_seed(2)
    d, u = torch.randn(1, 3, 9, 9).double(), torch.randn(1, 5, 9, 9).double()
    layer = nn.Conv2d(8, 4, 3, bias=False).double()
    apart = F.conv2d(d, layer.weight[:, :3]) + F.conv2d(u, layer.weight[:, 3:])
    torch.testing.assert_close(layer(torch.cat([d, u], 1)), apart)


def test_equation_11_39_sides_of_a_u_net_without_padding() -> None:
    assert valid_output_size(572) == 388
    for depth in (1, 2, 3):
        net = UNet(1, 2, 1, depth).eval()
        tried = 0
        for n in range(12 * 2**depth - 7, 12 * 2**depth + 40):
            try:
                side = valid_output_size(n, depth)
            except ValueError:
                continue
            tried += 1
            assert side == n - 12 * 2**depth + 8
            assert net(torch.zeros(1, 1, n, n)).shape[2] == side
        assert tried >= 2


def test_s269_skips_win_at_the_border_on_drawn_cells_and_on_the_real_one() -> None:
    metrics = values("skips")
    for place in ("drawn", "real"):
        with_skips, without = metrics[f"unet {place} rim"], metrics[f"twin {place} rim"]
        assert len(with_skips) >= 5
        assert (with_skips > without).all(), place
    assert (metrics["unet drawn rim"] - metrics["twin drawn rim"]).min() > 0.2
    w = world()
    rims = []
    for skips in (False, True):
        torch.manual_seed(17)
        net = UNet(1, 2, 8, 3, padding="same", norm=True, skips=skips)
        w["learn_cells"](net, steps=60)
        rims.append(w["both_scores"](net, w["new_cells"], w["new_true"])[1])
    assert rims[1] > rims[0] + 0.05


def test_s269_the_live_u_net_reaches_080_on_cluttered_scenes() -> None:
    scores = band("11b_unet.unet", "iou")
    assert scores.count >= 5
    assert scores.median >= 0.8
    assert scores.minimum > 0.75


def test_equation_11_40_folding_moves_pixels_into_channels_and_back() -> None:
    x = torch.randn(2, 3, 6, 8)
    folded = F.pixel_unshuffle(x, 2)
    for c, a, b in np.ndindex(3, 2, 2):
        assert torch.equal(folded[:, 4 * c + 2 * a + b], x[:, c, a::2, b::2])
    assert torch.equal(F.pixel_shuffle(folded, 2), x)


def test_c276_is_quoted_and_compared_in_miniature() -> None:
    text = (SOURCES / "11b_unet.py").read_text(encoding="utf-8")
    assert "67.6" in text
    assert "62.2" in text
    record = load_record("11b_unet.methods")
    methods = record["methods"]
    assert len(methods) == 9
    for method in methods:
        for name in ("iou", "rim", "ms"):
            assert len(record["metrics"][f"{method} {name}"]) >= 1
        assert record["costs"][method]["parameters"] > 0
    assert record["costs"]["dilated + context"]["memory"] > 2 * record["costs"]["FCN-8s"]["memory"]


def test_the_record_says_what_the_page_says() -> None:
    metrics = {name: torch.tensor(v) for name, v in load_record("11b_unet.methods")["metrics"].items()}
    seeds = min(len(v) for v in metrics.values())
    rim = {name[:-4]: v[:seeds] for name, v in metrics.items() if name.endswith(" rim")}
    assert (rim["FCN-2s"] > rim["FCN-8s"]).all()
    assert (rim["U-Net"] > rim["U-Net without skips"] + 0.05).all()
    time = {name[:-3]: float(v.median()) for name, v in metrics.items() if name.endswith(" ms")}
    assert time["dilated + context"] > time["FCN-8s"]
