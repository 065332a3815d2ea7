"""Chapter 06c: every system works, every claim is checked, every numbered equation is what the code does."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional as F

from course_utils import models
from course_utils.data import Batches
from course_utils.data.synthetic import make_images
from course_utils.models import summarise
from course_utils.models.vgg import CHANNELS, STAGES, VGG
from course_utils.plotting.deep_networks import challenge_years
from course_utils.runtime import band, load_record, repo_root
from course_utils.scratch.convolution_kinds.receptive_field import Layer, gradient_support, receptive_fields
from course_utils.scratch.initialisation.schemes import initialise
from course_utils.scratch.robustness.by_layer import (
    distances_by_layer,
    layer_outputs,
    probability_of_truth,
    relative_distance,
)
from course_utils.scratch.small_kernels.composition import (
    compose,
    compose_by_loops,
    most_halvings,
    same_function,
    stack_field,
    stack_weights,
)
from course_utils.scratch.small_kernels.factorisation import fit_pair, residual_share, shifted_pair, through_relu
from course_utils.training import evaluate, fit

PARAMETERS = {11: 132_863_336, 13: 133_047_848, 16: 138_357_544, 19: 143_667_240}


@cache
def account(name):
    with torch.device("meta"):
        return summarise(models.build(name), models.NETWORKS[name].input_shape)


@cache
def facts():
    return yaml.safe_load((repo_root() / "book" / "depth.yml").read_text(encoding="utf-8"))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def extent(layers, size=900):
    """Pixels from the first to the last with a gradient, for a unit in the middle."""
    jump = receptive_fields(layers)[-1].jump
    seen = np.flatnonzero(gradient_support(layers, size, size // jump // 2))
    return int(seen[-1] - seen[0] + 1)


def vgg_stack(stages):
    return [layer for n in stages for layer in [Layer(3, padding=1)] * n + [Layer(2, 2)]]


def alexnet_stack(pool):
    return [Layer(11, 4, 2), Layer(pool, 2), Layer(5, padding=2), Layer(pool, 2)] + [Layer(3, padding=1)] * 3


def field_in_two_dimensions(stack, side):
    """Height and width of what one unit of a network can see, by its gradient; all weights positive."""
    for layer in stack.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / 9)
    x = torch.ones(1, stack[0].in_channels, side, side, dtype=torch.float64, requires_grad=True)
    top = stack.double()(x)
    top[0, 0, top.shape[2] // 2, top.shape[3] // 2].backward()
    seen = (x.grad[0, 0] != 0).nonzero()
    return (seen.max(0).values - seen.min(0).values + 1).tolist()


# ---- systems ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", STAGES)
def test_s166_each_configuration_has_its_parameters_and_shapes(depth):
    summary = account(f"vgg{depth}")
    assert summary.parameters == PARAMETERS[depth]
    assert summary.depth == depth
    pools = [row.shape for row in summary.rows if row.name == "pool"]
    assert pools == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert summary.rows[-1].shape == (1000,)
    kernels = {p.shape[2:] for name, p in _meta(f"vgg{depth}").named_parameters() if p.ndim == 4}
    assert kernels == {(3, 3)}


def _meta(name):
    with torch.device("meta"):
        return models.build(name)


def test_s166_a_thin_vgg_learns():
    torch.manual_seed(0)
    train, test = make_images(1500, 16, seed=1, difficulty="easy"), make_images(400, 16, seed=2, difficulty="easy")
    model = initialise(VGG((1, 1, 1), 10, width=1 / 8, input_size=16, dropout=0.0), "he fan_in")
    before = evaluate(model, Batches(test, 400, shuffle=False)).accuracy
    fit(model, Batches(train, 64, seed=0), epochs=4, lr=2e-3, schedule="one_cycle", progress=False)
    after = evaluate(model, Batches(test, 400, shuffle=False)).accuracy
    assert before < 0.25
    assert after > 0.55


@pytest.mark.parametrize(("layers", "field"), [(1, 3), (2, 5), (3, 7)])
def test_s167_the_field_of_a_stack(layers, field):
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(layers)])
    assert field_in_two_dimensions(stack, 15) == [field, field]
    assert stack_field([3] * layers) == field


def test_s167_a_stack_has_fewer_weights_at_equal_channels():
    for n in (2, 3, 4, 5):
        stack = sum(nn.Conv2d(8, 8, 3, bias=False).weight.numel() for _ in range(n))
        large = nn.Conv2d(8, 8, 2 * n + 1, bias=False).weight.numel()
        assert stack == stack_weights([3] * n, [8] * (n + 1)) < large == stack_weights([2 * n + 1], [8, 8])


@pytest.mark.parametrize("seed", range(5))
def test_s167_a_pair_with_several_maps_between_is_any_5x5(seed):
    kernel, x = normal(5, 5, seed=seed), normal(2, 1, 11, 11, seed=100 + seed)
    for pair, maps in ((shifted_pair(kernel), 9), (fit_pair(kernel, 2, seed=seed), 2)):
        assert len(pair.first) == maps
        assert pair.residual < 1e-20
        assert same_function(pair.first, pair.second, kernel[None, None], x) < 1e-9


def test_s168_thin_vggs_of_several_depths_with_seeds():
    record = load_record("06c_depth.shapes")
    assert len(record["seeds"]) >= 5
    assert "torch" in str(record["provenance"])
    depths = {int(depth): tuple(stages) for depth, stages in record["stages"].items()}
    errors = {}
    for depth, stages in depths.items():
        model = VGG(stages, 10, width=1 / 8, input_size=16)
        assert summarise(model, (3, 16, 16)).depth == depth
        errors[depth] = band("06c_depth.shapes", f"error, {depth} layers")
        assert errors[depth].count >= 5
        assert errors[depth].minimum < errors[depth].maximum
    assert sorted(errors) == [6, 9, 12, 18]
    assert errors[6].minimum > errors[9].maximum
    assert errors[9].minimum > errors[12].median


def test_s168_large_kernels_lose_against_the_stacks_with_their_field():
    errors = load_record("06c_depth.shapes")["metrics"]
    for twin, stack in (("one 5x5", "9 layers"), ("one 7x7", "12 layers")):
        assert all(a > b for a, b in zip(errors[f"error, {twin}"], errors[f"error, {stack}"], strict=True))


def test_the_family_stands_as_in_the_table_of_all_networks():
    from course_utils.models.reported import REPORTED

    family = {entry["name"]: entry["top5_error"] for entry in facts()["family"]}
    for name, network in zip("ABDE", ("vgg11", "vgg13", "vgg16", "vgg19"), strict=True):
        assert REPORTED[network].top5 == family[name]


def test_s175_the_chart_comes_from_a_file_with_sources():
    keys = (repo_root() / "book" / "references.bib").read_text(encoding="utf-8")
    for entry in facts()["challenge"]:
        assert entry["images"] in ("test", "validation")
        assert f"{{{entry['source']}," in keys
        assert entry["where"]
        assert 0 < entry["top5_error"] < 100
        assert entry["models"] >= 0
        if "model" in entry:
            assert account(entry["model"]).depth == entry["depth"]
            assert abs(models.NETWORKS[entry["model"]].year - entry["year"]) == 0
    assert {entry["images"] for entry in facts()["challenge"]} == {"test", "validation"}


def test_s175_the_chart_draws_every_entry_and_flags_validation():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    entries = facts()["challenge"]
    figure, (upper, lower) = plt.subplots(2, 1)
    challenge_years(upper, lower, entries)
    drawn = [(*line.get_xydata()[0], line) for line in upper.lines if len(line.get_xydata()) == 1]
    assert len(drawn) == len(entries)
    for (year, error, line), entry in zip(drawn, entries, strict=True):
        assert (year, error) == (entry["year"], entry["top5_error"])
        assert (line.get_markerfacecolor() == "white") == (entry["images"] == "validation")
        assert (line.get_marker() == "o") == (entry["models"] == 1)
        assert (line.get_marker() == "^") == (entry["depth"] is None)
    depths = {(e["year"], e["depth"]) for e in entries if e["depth"]}
    assert {tuple(line.get_xydata()[0]) for line in lower.lines} == depths
    plt.close(figure)


# ---- claims -------------------------------------------------------------------------------------


def test_c193_2013_was_not_deeper():
    winners = {}
    for entry in facts()["challenge"]:
        if entry.get("winner"):
            winners[entry["year"]] = entry["depth"]
    assert winners[2012] == winners[2013] == account("alexnet").depth == account("zfnet").depth == 8
    assert winners[2013] < winners[2014] < winners[2015] < winners[2017]


def test_c195_pooling_after_each_layer_stops_at_the_logarithm():
    for side in (2, 7, 8, 32, 100, 224, 255, 256):
        x, count = torch.zeros(1, 1, side, side), 0
        while x.shape[-1] > 1:
            x, count = F.max_pool2d(F.conv2d(x, torch.zeros(1, 1, 3, 3), padding=1), 2), count + 1
        assert count == int(np.log2(side)) == most_halvings(side)
        with pytest.raises(RuntimeError):
            F.max_pool2d(x, 2)
    assert most_halvings(224) == 7


def test_c196_alexnet_has_convolutions_without_pooling():
    rows = [row.name for row in account("alexnet").rows if row.name.startswith(("conv", "pool"))]
    assert rows == ["conv1", "pool", "conv2", "pool", "conv3", "conv4", "conv5", "pool"]
    kinds = [row.kind for row in account("lenet5").rows if row.name in ("c1", "s2", "c3", "s4")]
    assert kinds == ["Conv2d", "Subsampling", "TableConv2d", "Subsampling"]


def test_c197_weights_of_stacks():
    for c in (1, 3, 64):
        assert stack_weights([3, 3], [c] * 3) == 18 * c**2 < 25 * c**2 == nn.Conv2d(c, c, 5).weight.numel()
        assert stack_weights([3, 3, 3], [c] * 4) == 27 * c**2 < 49 * c**2 == nn.Conv2d(c, c, 7).weight.numel()
    # Not with unequal channels: the first layer of a network.
    assert stack_weights([3, 3], [3, 64, 64]) == 38_592 > 4_800 == stack_weights([5], [3, 64])


def test_c198_one_map_approximates_and_more_are_exact():
    kernels = normal(20, 5, 5)
    missing = [fit_pair(kernel, 1, seed=0).residual for kernel in kernels]
    assert 0.05 < np.median(missing) < 0.15
    assert min(missing) > 0.005  # none of them is within reach
    reachable = compose(normal(1, 1, 3, 3, seed=5), normal(1, 1, 3, 3, seed=6))[0, 0]
    assert fit_pair(reachable, 1, seed=0).residual < 1e-20  # and the search finds one that is
    x = normal(2, 1, 12, 12, seed=3)
    right = F.conv2d(x, kernels[0][None, None])
    for pair, maps in ((fit_pair(kernels[0], 2), 4), (shifted_pair(kernels[0]), 18)):
        bent = through_relu(pair)
        assert len(bent.first) == maps
        torch.testing.assert_close(F.conv2d(F.conv2d(x, bent.first).relu(), bent.second), right)
        cut = F.conv2d(F.conv2d(x, pair.first).relu(), pair.second)
        assert (cut - right).abs().max() > 0.1


def test_c199_parameters_and_their_ratio_to_alexnet():
    ratios = [account(f"vgg{depth}").parameters / account("alexnet").parameters for depth in STAGES]
    assert (round(min(ratios), 2), round(max(ratios), 2)) == (2.18, 2.36)
    assert account("vgg16").parameters == pytest.approx(140e6, rel=0.02)
    assert min(PARAMETERS.values()) == pytest.approx(133e6, rel=0.002)


def test_c200_twice_the_layers_of_alexnet():
    assert account("vgg16").depth / account("alexnet").depth == 2
    assert account("vgg19").depth / account("alexnet").depth == pytest.approx(2.4, abs=0.03)


def test_c201_convolutions_of_the_family():
    counts = [sum(row.kind == "Conv2d" for row in account(f"vgg{depth}").rows) for depth in STAGES]
    assert counts == [8, 10, 13, 16]
    assert [count + 3 for count in counts] == list(STAGES) == [11, 13, 16, 19]


def test_c202_the_protocol_of_vggs_errors_is_in_the_file():
    vgg = {entry["models"]: entry for entry in facts()["challenge"] if entry["network"] == "VGG"}
    assert {n: e["top5_error"] for n, e in vgg.items()} == {7: 7.3, 1: 7.0, 2: 6.8}
    assert all(entry["images"] == "test" for entry in vgg.values())


def test_c203_reported_plateau_and_ours():
    reported = {entry["name"]: entry for entry in facts()["family"]}
    gains = [reported[a]["top5_error"] - reported[b]["top5_error"] for a, b in pairwise("ABCDE")]
    assert all(gain > 0.4 for gain in gains[:3])
    assert gains[3] < 0
    ours = {depth: band("06c_depth.shapes", f"error, {depth} layers").median for depth in (6, 9, 12, 18)}
    assert ours[6] - ours[9] > 0.05
    assert ours[9] - ours[12] > 0.02
    assert ours[12] - ours[18] < 0.02


def test_c204_what_alexnet_sees():
    assert extent(alexnet_stack(3)) == 163 == account("alexnet")["conv5"].field.size[0]
    assert extent([*alexnet_stack(3), Layer(3, 2)]) == 195
    last_pool = [row for row in account("alexnet").rows if row.name == "pool"][-1]
    assert last_pool.field.size == (195, 195)
    assert extent(alexnet_stack(2)) == 151


def test_c205_what_vgg_sees():
    for depth, last, pooled in ((16, 196, 212), (19, 252, 268)):
        assert extent(vgg_stack(STAGES[depth])[:-1]) == last
        assert extent(vgg_stack(STAGES[depth])) == pooled
        pools = [row.field.size[0] for row in account(f"vgg{depth}").rows if row.name == "pool"]
        assert pools[-1] == pooled
    assert extent([*vgg_stack(STAGES[16]), Layer(3, padding=1)]) == 276


def test_c205_the_gradient_of_the_network_itself():
    model = models.build("vgg16", width=1 / 512, input_size=320).double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1 / 9)
    model.pool = nn.AvgPool2d(2)
    x = torch.ones(1, 3, 320, 320, dtype=torch.float64, requires_grad=True)
    model.features(x)[0, 0, 5, 5].backward()
    seen = (x.grad[0, 0] != 0).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [212, 212]


def test_c206_a_linear_layer_sees_everything():
    torch.manual_seed(0)
    model = VGG((1, 1, 1), 5, width=1 / 8, input_size=32).double().eval()
    model.pool = nn.AvgPool2d(2)
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    (before,) = torch.autograd.grad(model.features(x)[0, :, 0, 0].sum(), x)
    assert (before[0, 0, -1] == 0).all()  # a unit in the corner of the last map does not see the other end
    (after,) = torch.autograd.grad(model(x)[0, 0], x)
    assert (after != 0).all()


def test_c207_padded_layers_keep_the_resolution():
    x = torch.rand(1, 2, 32, 32)
    for _ in range(50):
        x = F.conv2d(x, torch.rand(2, 2, 3, 3) / 9, padding=1)
        assert x.shape[2:] == (32, 32)
    assert F.conv2d(x, torch.rand(2, 2, 3, 3)).shape[2:] == (30, 30)


# ---- equations ----------------------------------------------------------------------------------


def test_eq_6_61_halvings():
    for side in range(1, 600):
        assert most_halvings(side) == int(np.floor(np.log2(side)))


def test_eq_6_62_field_of_a_stack():
    for k in (2, 3, 5):
        for n in (1, 2, 4):
            assert stack_field([k] * n) == 1 + n * (k - 1) == extent([Layer(k)] * n, 60)


def test_eq_6_63_weights():
    for n in (1, 2, 3, 5):
        for c in (1, 7):
            assert stack_weights([3] * n, [c] * (n + 1)) == 9 * n * c**2
            assert stack_weights([stack_field([3] * n)], [c, c]) == (2 * n + 1) ** 2 * c**2


def test_eq_6_64_the_kernel_of_two_layers():
    lower, upper = normal(4, 2, 3, 3), normal(3, 4, 2, 2, seed=1)
    kernel = compose(lower, upper)
    torch.testing.assert_close(kernel, compose_by_loops(lower, upper))
    o, c, u, v = 1, 0, 2, 3
    total = sum(
        upper[o, m, a, b] * lower[m, c, u - a, v - b]
        for m in range(4)
        for a in range(2)
        for b in range(2)
        if 0 <= u - a < 3 and 0 <= v - b < 3
    )
    assert kernel[o, c, u, v].item() == pytest.approx(total.item())
    assert same_function(lower, upper, kernel, normal(2, 2, 9, 8, seed=2)) < 1e-12


def test_eq_6_65_missing_share():
    kernel, first, second = normal(5, 5), normal(1, 1, 3, 3, seed=1), normal(1, 1, 3, 3, seed=2)
    gap = kernel - compose(first, second)[0, 0]
    assert residual_share(kernel, first, second) == pytest.approx(float((gap**2).sum() / (kernel**2).sum()))
    found = fit_pair(kernel, 1)
    assert found.residual == pytest.approx(residual_share(kernel, found.first, found.second))
    # At a best pair no small change helps: the slope of the missing share is 0.
    first, second = found.first.clone().requires_grad_(), found.second.clone().requires_grad_()
    ((kernel - compose(first, second)[0, 0]) ** 2).sum().backward()
    assert max(first.grad.abs().max(), second.grad.abs().max()) < 1e-5


def test_eq_6_66_two_relus_are_straight():
    x = normal(100)
    torch.testing.assert_close(x.relu() - (-x).relu(), x)


def test_eq_6_67_parameters_and_work_of_every_convolution():
    before = 3
    for row in account("vgg16").rows:
        if row.kind == "Conv2d":
            after, h, w = row.shape
            assert row.parameters == 9 * before * after + after
            assert row.multiply_adds == 9 * before * after * h * w
            before = after
    assert before == CHANNELS[-1]


def test_eq_6_68_field_of_the_family():
    for depth, stages in STAGES.items():
        formula = 1 + sum((2 * n + 1) * 2 ** (t - 1) for t, n in enumerate(stages, start=1))
        assert formula == extent(vgg_stack(stages))
        assert formula == [row.field.size[0] for row in account(f"vgg{depth}").rows if row.name == "pool"][-1]


def test_eq_6_69_relative_distance():
    before, after = normal(5, 7), normal(5, 7, seed=1)
    moved = np.mean([float((before[i] - after[i]).norm()) for i in range(5)])
    apart = np.mean([float((before[i] - before[j]).norm()) for i in range(5) for j in range(5) if i != j])
    assert relative_distance(before, after) == pytest.approx(moved / apart)
    assert relative_distance(before, before) == 0
    assert relative_distance(3 * before, 3 * after) == pytest.approx(relative_distance(before, after))
    with pytest.raises(ValueError, match="at least 2 pictures, got 1"):
        relative_distance(before[:1], after[:1])


# ---- representations, layer by layer ------------------------------------------------------------


def test_layer_outputs_are_those_of_the_forward_pass():
    torch.manual_seed(0)
    model = VGG((1, 1), 4, width=1 / 16, input_size=8).eval()
    x = torch.randn(3, 3, 8, 8)
    kept = layer_outputs(model, x, ["input", "conv1_1", "fc7", "output"])
    torch.testing.assert_close(kept["input"], x.flatten(1))
    torch.testing.assert_close(kept["conv1_1"], model.conv1_1(x).relu().flatten(1))
    torch.testing.assert_close(kept["output"], model(x).softmax(1))
    assert list(kept) == ["input", "conv1_1", "fc7", "output"]
    assert not model.conv1_1._forward_hooks
    with pytest.raises(KeyError, match="no layer 'conv9_9'"):
        layer_outputs(model, x, ["conv9_9"])
    truth = probability_of_truth(model, x, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(truth, kept["output"][range(3), [0, 1, 2]])


def test_a_layer_that_averages_over_all_places_does_not_notice_a_roll():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 6, 3, padding=1, padding_mode="circular")
    model = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    x = normal(6, 1, 8, 8)
    found = distances_by_layer(model, x, x.roll(3, -1), ["input", "0", "2"])
    assert found["2"] < 1e-12 < 0.5 < min(found["input"], found["0"])


def test_what_the_record_says_of_robustness():
    def metric(who, what):
        return band("06c_depth.shapes", f"{who}: {what}")

    for change in ("moved 2", "scaled 1.35"):  # the first layers move more than the pixels, the output less
        layers = {
            name: metric("trained upright", f"{change}, {name}") for name in ("input", "conv1_2", "conv3_2", "output")
        }
        assert layers["conv1_2"].minimum > layers["input"].maximum
        assert layers["output"].maximum < layers["conv3_2"].minimum
    turned = metric("trained upright", "turned 45, output")
    assert turned.minimum > metric("trained upright", "moved 2, output").maximum
    values = load_record("06c_depth.shapes")["metrics"]
    for who, low, high in (("trained upright", 0.1, 0.5), ("trained at all angles", 0.7, 1.3)):
        pairs = zip(values[f"{who}: turned 45, truth"], values[f"{who}: as it was, truth"], strict=True)
        assert all(low < after / before < high for after, before in pairs)


def test_the_record_of_real_pictures_holds_what_the_chapter_says_of_it():
    record = load_record("06c_depth.cifar10")
    errors = {depth: band("06c_depth.cifar10", f"error, {depth} layers") for depth in (6, 9, 12)}
    assert all(e.count == len(record["seeds"]) and 0.3 < e.minimum <= e.maximum < 0.7 for e in errors.values())
    assert errors[6].median < errors[9].median  # in a short run on few pictures more layers did not pay
    assert errors[6].median < errors[12].median
