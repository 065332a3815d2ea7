"""Chapter 07c: blocks and what they cost. Every cell of the comparison table is held by a second, independent way."""

from __future__ import annotations

import math
import re
from functools import cache

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models
from course_utils.models.comparison import Account
from course_utils.models.comparison import account as uncached_account
from course_utils.models.densenet import TABLE as DENSE_TABLE
from course_utils.models.densenet import DenseLayer, SmallDenseNet, Transition
from course_utils.models.efficientnet import FAMILY, EfficientNet, Gate, compound_factors, round_channels
from course_utils.models.efficientnet import TABLE as EFFICIENT_TABLE
from course_utils.models.miniature import KINDS, Miniature, width_for
from course_utils.models.reported import REPORTED
from course_utils.models.resnet import TABLE as RESNET_TABLE
from course_utils.models.resnet import Bottleneck
from course_utils.models.senet import SqueezeExcitation
from course_utils.models.vgg import STAGES
from course_utils.models.xception import SeparableConv, XceptionBlock
from course_utils.recipes import miniatures
from course_utils.runtime import band, load_record, repo_root
from course_utils.scratch.blocks.counting import (
    Counts,
    conv_cost,
    dense_block_weights,
    dense_channels,
    densenet_counts,
    efficientnet_counts,
    gate_parameters,
    hook_counts,
    resnet_counts,
    small_resnet_counts,
    vgg_counts,
)
from course_utils.scratch.blocks.switch import make_switch_images, with_bar
from course_utils.scratch.convolution_kinds.receptive_field import Layer, receptive_fields
from course_utils.training import fit
from tools.bands import run_once, tagged_code

VERY_DEEP = ("resnet1202_small", "resnet1001")
MOST = [name for name in models.names() if name not in VERY_DEEP]


@cache
def account(name: str) -> Account:
    return uncached_account(name)


@cache
def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return models.build(name).eval()


def weights_of(module: nn.Module) -> int:
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))


# ---- S202, S203: three counts ---------------------------------------------------------------------


def closed_forms() -> dict[str, Counts]:
    found = {f"vgg{depth}": vgg_counts(stages) for depth, stages in STAGES.items()}
    for depth, (block, repetitions) in RESNET_TABLE.items():
        deep = block is Bottleneck
        found[f"resnet{depth}"] = resnet_counts(repetitions, bottleneck=deep)
        found[f"se_resnet{depth}"] = resnet_counts(repetitions, bottleneck=deep, reduction=16)
        if not deep:
            found[f"plain{depth}"] = resnet_counts(repetitions, bottleneck=False, residual=False)
    for depth in (20, 56, 110):
        found[f"resnet{depth}_small"] = small_resnet_counts((depth - 2) // 6)
    for depth, (layers, growth, start) in DENSE_TABLE.items():
        found[f"densenet{depth}"] = densenet_counts(layers, growth, start)
    for depth in (40, 100):
        found[f"densenet{depth}"] = densenet_counts([(depth - 4) // 6] * 3, 12, 24, small=True)
    for name, (width, depth, side, _) in FAMILY.items():
        found[f"efficientnet_{name}"] = efficientnet_counts(EFFICIENT_TABLE, width, depth, side, round_channels)
    return found


CLOSED = closed_forms()


@pytest.mark.parametrize("name", CLOSED)
def test_s202_the_account_equals_the_closed_form_of_the_papers_table(name: str) -> None:
    assert (account(name).parameters, account(name).multiply_adds) == tuple(CLOSED[name])


@pytest.mark.parametrize("name", MOST)
def test_s202_counts_by_hooks_are_those_of_the_trace(name: str) -> None:
    counted = hook_counts(on_meta(name), models.NETWORKS[name].input_shape)
    expected = account(name).multiply_adds
    if name == "lenet5":  # its third layer has a table of connections and calls its convolution as a function
        assert counted.parameters == 60_000
        assert expected - counted.multiply_adds == 25 * 6 * 16 * 100
        return
    assert (counted.parameters, counted.multiply_adds) == (account(name).parameters, expected)


@pytest.mark.parametrize("name", MOST)
def test_s203_multiply_adds_are_half_of_torchs_flops(name: str) -> None:
    x = torch.zeros(1, *models.NETWORKS[name].input_shape, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        on_meta(name)(x)
    assert counter.get_total_flops() == 2 * account(name).multiply_adds


def test_s203_a_very_deep_network_has_the_closed_forms_counts() -> None:
    found = account("resnet1202_small")
    assert (found.parameters, found.multiply_adds, found.depth) == (*small_resnet_counts(200), 1202)


def longest_path(out: Tensor) -> int:
    """Convolutions and matrix products on the longest way through autograd's graph."""
    best: dict[object, int] = {}
    stack = [out.grad_fn]
    while stack:
        node = stack[-1]
        before = [n for n, _ in node.next_functions if n is not None]
        missing = [n for n in before if n not in best]
        if missing:
            stack.extend(missing)
            continue
        own = node.name().startswith(("ConvolutionBackward", "AddmmBackward", "MmBackward"))
        best[node] = own + max((best[n] for n in before), default=0)
        stack.pop()
    return best[out.grad_fn]


@pytest.mark.parametrize("name", MOST)
def test_s203_depth_is_the_longest_way_through_autograds_graph(name: str) -> None:
    x = torch.zeros(1, *models.NETWORKS[name].input_shape, device="meta", requires_grad=True)
    found = longest_path(on_meta(name)(x))
    # The outputs of LeNet-5 are distances, no linear layer; gates are no part of the depth that papers count.
    gates = 2 * sum(isinstance(m, (SqueezeExcitation, Gate)) for m in on_meta(name).modules())
    assert account(name).depth == found - gates


@pytest.mark.parametrize("name", models.names())
def test_s203_year_and_size_are_the_papers(name: str) -> None:
    years = {"lenet": 1998, "alexnet": 2012, "zfnet": 2013, "vgg": 2014, "googlenet": 2014, "bn_": 2015, "plain": 2015}
    years |= {"inception_v3": 2015, "resnet164": 2016, "resnet1001": 2016, "resnet": 2015, "inception_": 2016}
    years |= {"densenet": 2017, "xception": 2017, "se_": 2017, "efficientnet": 2019}
    assert models.NETWORKS[name].year == next(year for start, year in years.items() if name.startswith(start))
    side = 32 if name.startswith("lenet") or name.endswith("small") or name in SMALL else 224
    side = 299 if name.startswith(("inception", "xception")) else side
    if name.startswith("efficientnet"):
        side = FAMILY[name[-2:]][2]
    assert models.NETWORKS[name].input_shape[1:] == (side, side)


SMALL = ("resnet164", "resnet1001", "densenet40", "densenet100")


def plan(name: str) -> list[Layer]:
    """The layers of the widest view, written down from the papers."""
    halve, three = Layer(3, stride=2), Layer(3)
    start = [Layer(7, stride=2), halve]
    if name == "lenet5":
        return [Layer(5), Layer(2, stride=2)] * 2
    if name == "lenet5_modern":  # the map before its last pooling: the code pools and flattens in one step
        return [Layer(5), Layer(2, stride=2), Layer(5)]
    if name.startswith("alexnet"):
        return [Layer(11, stride=4), halve, Layer(5), halve, three, three, three, halve]
    if name == "zfnet":
        return [Layer(7, stride=2), halve, Layer(5, stride=2), halve, three, three, three, halve]
    if name.startswith("vgg"):
        return [layer for n in STAGES[int(name[3:])] for layer in [three] * n + [Layer(2, stride=2)]]
    if name == "googlenet":
        return [*start, three, halve, *[Layer(5)] * 2, halve, *[Layer(5)] * 5, halve, *[Layer(5)] * 2]
    if name.startswith(("resnet", "plain")) and name[-2:] in ("18", "34", "50", "01", "52") and name != "resnet1001":
        block, repetitions = RESNET_TABLE[int(name[-3:] if name[-3:].isdigit() else name[-2:])]
        layers = start
        for stage, count in enumerate(repetitions):
            for i in range(count):
                step = 2 if stage and i == 0 else 1
                layers = layers + (
                    [Layer(1, stride=step), three] if block is Bottleneck else [Layer(3, stride=step), three]
                )
        return layers
    if name.endswith("_small") or name == "resnet164":
        blocks = 18 if name == "resnet164" else (int(name[6:-6]) - 2) // 6
        first = (
            (lambda s: [Layer(1, stride=s), three]) if name == "resnet164" else (lambda s: [Layer(3, stride=s), three])
        )
        return [three] + [layer for s in (1, 2, 2) for i in range(blocks) for layer in first(s if i == 0 else 1)]
    if name.startswith("densenet"):
        depth = int(name[8:])
        counts = DENSE_TABLE[depth][0] if depth in DENSE_TABLE else [(depth - 4) // 6] * 3
        layers = start if depth in DENSE_TABLE else [three]
        for i, count in enumerate(counts):
            layers = layers + [three] * count + [Layer(2, stride=2)] * (i < len(counts) - 1)
        return layers
    assert name == "xception"
    entry = [Layer(3, stride=2), three, *[three, three, halve] * 3]
    return [*entry, *[three] * 24, three, three, halve, three, three]


FIELDS = [n for n in MOST if not n.startswith(("inception", "bn_", "se_", "efficientnet"))]


@pytest.mark.parametrize("name", FIELDS)
def test_s203_the_field_is_that_of_the_papers_layers(name: str) -> None:
    assert account(name).field == receptive_fields(plan(name))[-1].size


@pytest.mark.parametrize("name", [n for n in MOST if n.startswith(("inception", "bn_", "se_", "efficientnet"))])
def test_s203_other_fields(name: str) -> None:
    # Inceptions: Araujo, Norris and Sim (2019). Their Inception-ResNet-v2 is a later one with twice the blocks (10, 20
    # and 10); the paper's has 5, 10 and 5, so that 5 * 32 + 10 * 96 + 5 * 64 of 3039 are missing, but for the last 8.
    known = {"bn_inception": 699, "inception_v3": 1311, "inception_v4": 2071}
    if name in known:
        assert account(name).field == known[name]
    elif name == "inception_resnet_v2":
        assert account(name).field == 3039 - (5 * 32 + 10 * 96 + 5 * 64) - 8
    else:  # a gate looks at the whole map, so a unit behind it depends on the whole image
        assert account(name).field > models.NETWORKS[name].input_shape[-1]


def test_s203_reported_errors_name_a_network_a_protocol_and_a_source() -> None:
    references = (repo_root() / "book" / "references.bib").read_text(encoding="utf-8")
    assert set(REPORTED) <= set(models.names())
    for entry in REPORTED.values():
        assert f"{{{entry.source}," in references
        assert entry.protocol in ("one crop", "ten crops", "whole image")
        assert 2 < entry.top5 < 20


PAPERS = {  # words of the title of the paper in which a network's error stands
    "alexnet": "imagenet classification with deep",
    "zfnet": "visualizing and understanding",
    "vgg": "very deep convolutional networks",
    "googlenet": "going deeper",
    "bn_inception": "inception-v4",
    "inception": "inception-v4",
    "plain": "deep residual learning",
    "resnet": "deep residual learning",
    "densenet": "densely connected",
    "xception": "xception",
    "se_resnet": "squeeze-and-excitation",
    "efficientnet": "efficientnet",
}


def test_s203_reported_errors_come_from_the_paper_of_the_network() -> None:
    references = (repo_root() / "book" / "references.bib").read_text(encoding="utf-8")
    title_of = dict(re.findall(r"@\w+\{([\w-]+),.*?title = \{\{(.+?)\}\}", references, re.DOTALL))
    for name, entry in REPORTED.items():
        assert (
            next(words for start, words in PAPERS.items() if name.startswith(start)) in title_of[entry.source].lower()
        )


def test_s203_reported_errors_fall_along_each_family_and_agree_with_the_chart_of_depth() -> None:
    numbered = {name: int(re.sub(r"\D", "", name)) for name in REPORTED if re.search(r"\d$", name)}
    for family in ("resnet", "densenet", "se_resnet", "efficientnet_b"):
        members = sorted((n for n in numbered if re.fullmatch(family + r"\d+", n)), key=numbered.get)
        errors = [REPORTED[name].top5 for name in members]
        assert len(errors) >= 3
        assert errors == sorted(errors, reverse=True)
        assert len({REPORTED[name].protocol for name in members}) == 1
    assert REPORTED["plain34"].top5 > REPORTED["resnet34"].top5 + 2
    rows = yaml.safe_load((repo_root() / "book" / "depth.yml").read_text(encoding="utf-8"))["family"]
    family = {row["name"]: row["top5_error"] for row in rows}
    vgg = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}  # one size in training and in the test
    assert {letter: family[letter] for letter in vgg} == {letter: REPORTED[name].top5 for letter, name in vgg.items()}


# ---- S198: dense ----------------------------------------------------------------------------------


def test_s198_a_layer_appends_its_growth_and_keeps_the_rest() -> None:
    x = torch.randn(2, 10, 4, 4)
    block = nn.Sequential(*(DenseLayer(10 + 6 * i, 6) for i in range(5)))
    for i, layer in enumerate(block, start=1):
        y = layer(x)
        assert y.shape[1] == dense_channels(10, 6, i) == 10 + 6 * i
        assert torch.equal(y[:, : x.shape[1]], x)
        x = y
    assert Transition(40)(x).shape == (2, 20, 2, 2)


def test_s198_a_mini_net_trains() -> None:
    torch.manual_seed(0)
    digits = data.load("digits", "train").subset(torch.arange(600))
    model = SmallDenseNet(10, growth=8, in_channels=1)
    history = fit(model, data.Batches(digits, 50), epochs=3, lr=1e-2, progress=False)
    assert history.train_accuracy[-1] > 0.8 > history.train_accuracy[0]
    assert band("07c_blocks.dense", "accuracy").minimum > 0.8


def test_the_weights_of_a_dense_block_in_closed_form() -> None:
    for start, growth, layers in ((16, 8, 5), (64, 32, 6), (3, 1, 1)):
        block = [nn.Conv2d(start + growth * i, growth, 3, bias=False) for i in range(layers)]
        assert dense_block_weights(start, growth, layers) == sum(c.weight.numel() for c in block)


# ---- S199: separable ------------------------------------------------------------------------------


def test_s199_xception_blocks_have_shortcuts_and_the_formulas_parameters() -> None:
    block = XceptionBlock((40, 40, 40, 40))
    assert sum(p.numel() for p in block.parameters()) == 3 * (40**2 + 9 * 40 + 2 * 40)
    for p in block.parameters():
        nn.init.zeros_(p)
    x = torch.randn(2, 40, 5, 5)
    assert torch.equal(block(x), x)
    halved = XceptionBlock((16, 24, 24), halve=True)
    assert halved.shortcut is not None
    assert halved(torch.randn(2, 16, 8, 8)).shape == (2, 24, 4, 4)


@pytest.mark.parametrize("ch", [1, 8, 64, 200])
def test_c239_weights_of_a_separable_layer(ch: int) -> None:
    split, whole = weights_of(SeparableConv(ch, ch)), nn.Conv2d(ch, ch, 3, bias=False).weight.numel()
    assert split == ch * ch + 9 * ch
    assert split / whole == pytest.approx(1 / 9 + 1 / ch)
    if ch == 64:
        assert (split, whole) == (4672, 36864)


def test_c240_both_orders_cost_the_same_for_equal_widths_only_and_differ_as_functions() -> None:
    look, mix = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.Conv2d(6, 6, 1, bias=False)
    x = torch.randn(1, 6, 7, 7)
    assert not torch.allclose(look(mix(x)), mix(look(x)), atol=1e-3)
    cost = lambda a, b, kept: 9 * kept + a * b
    assert cost(64, 64, 64) == 4672
    assert cost(64, 128, 64) < cost(64, 128, 128)
    with torch.no_grad():
        block = SeparableConv(6, 6).eval()
        assert torch.allclose(block(x), block.norm(block.pointwise(block.depthwise(x))))


# ---- S200: squeeze and excitation -----------------------------------------------------------------


def test_s200_gates_lie_between_0_and_1_and_cost_little() -> None:
    torch.manual_seed(0)
    gate = SqueezeExcitation(64)
    gates = gate.gates(5 * torch.randn(16, 64, 8, 8))
    assert 0 < gates.min() < gates.max() < 1
    for depth in (18, 34, 50, 101, 152):
        plain, gated = account(f"resnet{depth}"), account(f"se_resnet{depth}")
        assert 1 < gated.multiply_adds / plain.multiply_adds < 1.01
        assert 1 < gated.parameters / plain.parameters < 1.12
    assert gate_parameters(64, 16) == sum(p.numel() for p in gate.parameters())


def test_s200_the_gate_follows_a_planted_global_cue() -> None:
    found = run_once(tagged_code("07c_blocks", "switch"), "switch", 0)
    assert found["with a gate"] > found["without a gate"] + 0.1
    assert found["largest gap"] > 5 * found["typical spread"]
    assert found["swayed"] > 0.95  # a bar painted into the picture changes the answer to the other patch's
    starts = load_record("07c_blocks.switch")
    assert len(starts["seeds"]) == 20
    assert sum(right > 0.95 for right in starts["metrics"]["with a gate"]) > 10  # not every start finds the bar
    assert max(starts["metrics"]["without a gate"]) < 0.85


def test_s200_pictures_with_a_switch_are_what_they_say() -> None:
    pictures = make_switch_images(400, seed=3)
    assert torch.equal(pictures.answer, torch.where(pictures.switch == 1, pictures.green, pictures.red))
    blue = (pictures.images[:, 2] > 0.8).flatten(1).sum(1)
    assert torch.equal(blue > 0, pictures.switch == 1)
    assert set(blue.tolist()) == {0, 60}
    red = pictures.images[:, 0, 6:14, 6:14]
    across, down = red.diff(dim=2).abs().sum((1, 2)), red.diff(dim=1).abs().sum((1, 2))
    assert ((across > down).long() == pictures.red).float().mean() > 0.95
    assert torch.equal(with_bar(pictures.images)[:, :2], pictures.images[:, :2])
    assert (with_bar(pictures.images)[:, 2, :3] == 0.9).all()


def test_c241_without_the_two_layers_each_map_knows_itself_alone() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 16, 5, 5, requires_grad=True)
    literal = x.mean(dim=(2, 3))
    (g,) = torch.autograd.grad(literal[0, 3], x)
    assert (g.abs().sum((0, 2, 3)) > 0).sum() == 1
    (g,) = torch.autograd.grad(SqueezeExcitation(16, 1).gates(x)[0, 3], x)
    assert (g.abs().sum((0, 2, 3)) > 0).all()


def test_equation_7_66_is_the_gate() -> None:
    torch.manual_seed(0)
    gate, x = SqueezeExcitation(24, 4), torch.randn(3, 24, 4, 5)
    z = x.mean(dim=(2, 3))
    s = torch.sigmoid(F.relu(z @ gate.w1.weight.T + gate.w1.bias) @ gate.w2.weight.T + gate.w2.bias)
    torch.testing.assert_close(gate(x), s[:, :, None, None] * x)


# ---- S201: compound scaling -----------------------------------------------------------------------


def test_s201_cost_grows_as_predicted_and_a_mini_net_trains() -> None:
    start = account("efficientnet_b0").multiply_adds
    for name, (width, depth, side, _) in FAMILY.items():
        grown = account(f"efficientnet_{name}").multiply_adds / start
        blocks = sum(math.ceil(stage.layers * depth) for stage in EFFICIENT_TABLE) / 16  # rounded up, stage by stage
        assert grown == pytest.approx(blocks * width**2 * (side / 224) ** 2, rel=0.15)
    d, w, r = compound_factors(1.0)
    assert d * w**2 * r**2 == pytest.approx(1.92, abs=0.01)
    assert band("07c_blocks.efficient", "accuracy").median > 0.6
    with torch.device("meta"):
        mini = EfficientNet("b0", 10, width=0.25, depth=0.34)
    assert sum(p.numel() for p in mini.parameters()) < 300_000
    torch.manual_seed(0)
    mini = EfficientNet("b0", 10, width=0.25, depth=0.34)
    images = data.load("digits", "train").subset(torch.arange(640))
    larger = lambda x, generator: F.interpolate(x, scale_factor=2, mode="bilinear").repeat(1, 3, 1, 1)
    history = fit(mini, data.Batches(images, 64, augment=larger), epochs=3, lr=1e-2, progress=False)
    assert history.train_accuracy[-1] > 0.4 > history.train_accuracy[0]


# ---- S204: strides --------------------------------------------------------------------------------


def test_s204_strided_is_within_two_points_of_pooled() -> None:
    pooled, strided = (band("07c_blocks.pooling", name) for name in ("max", "stride"))
    fair = band("07c_blocks.pooling", "convolve, then max")
    assert min(pooled.count, strided.count, fair.count) >= 3
    assert strided.median < fair.median  # the chapter says so: with equal weights, pooling is ahead on small digits
    assert abs(pooled.median - strided.median) <= 0.02
    kinds = [type(m) for m in Miniature("plain", 8, pool="stride").modules()]
    assert nn.MaxPool2d not in kinds
    same = [
        sum(p.numel() for p in Miniature("plain", 8, pool=p).parameters()) for p in ("stride", "convolve, then max")
    ]
    assert same[0] == same[1]


# ---- miniatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_miniature_answers_and_learns_from_every_weight(kind: str) -> None:
    torch.manual_seed(0)
    model = Miniature(kind, 16, 2)
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.ndim > 1)


def test_width_for_a_price_and_bad_options() -> None:
    assert width_for("residual", 3.46e6) == 16
    with pytest.raises(ValueError, match="width must be a multiple of 8, got 12"):
        Miniature("plain", 12)
    with pytest.raises(ValueError, match="kind must be one of"):
        Miniature("denser")


def test_the_map_is_of_the_recipes_networks_at_their_prices() -> None:
    record = load_record("miniatures")
    assert set(record["metrics"]) == set(miniatures.NETWORKS)
    assert len(record["seeds"]) == miniatures.SEEDS
    for name in record["metrics"]:
        make = miniatures.NETWORKS[name]
        with torch.device("meta"):
            bill = models.summarise(make(), (3, 32, 32))
        assert (record["parameters"][name], record["multiply_adds"][name]) == (bill.parameters, bill.multiply_adds)
        assert 9_000 < bill.parameters < 300_000
        assert len(record["metrics"][name]) == len(record["seeds"])
    equal = ("residual 8 wide", "gated 8 wide", "dense", "separable", "inception", "efficient")
    prices = [models.summarise(miniatures.NETWORKS[name](), (3, 32, 32)).multiply_adds for name in equal]
    assert max(prices) < 1.4 * min(prices)
    middle = {name: band("miniatures", name).median for name in record["metrics"]}
    assert middle["residual 20"] > middle["VGG 20"]
    assert middle["residual 38"] > middle["VGG 38"]
    assert middle["VGG 8"] > middle["LeNet"] > 0.3


# ---- the other claims and equations ---------------------------------------------------------------


def test_c237_fewer_parameters_and_one_linear_layer() -> None:
    linears = lambda name: sum(isinstance(m, nn.Linear) for m in on_meta(name).modules())
    assert (linears("vgg16"), linears("resnet50"), linears("resnet152"), linears("bn_inception")) == (3, 1, 1, 1)
    rounded = {n: round(account(n).parameters / 1e6, 1) for n in ("googlenet", "resnet50", "resnet152", "vgg16")}
    assert rounded == {"googlenet": 7.0, "resnet50": 25.6, "resnet152": 60.2, "vgg16": 138.4}


def test_c238_channels_of_densenet121_after_each_block() -> None:
    stages = {row.name: row.shape[0] for row in models.summarise(on_meta("densenet121"), (3, 224, 224)).stages().rows}
    channels = 64
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        channels = dense_channels(channels, 32, layers)
        assert stages[f"block{block}"] == channels
        channels //= 2


def test_c242_the_reported_error_is_quoted_with_its_protocol() -> None:
    source = (repo_root() / "notebooks" / "src" / "07c_blocks.py").read_text(encoding="utf-8")
    assert "17.3 / 3.8" in source
    assert "320 x 320" in source
    gated = REPORTED["se_resnet50"]
    assert f"lowers ResNet-50 from 7.48 to {gated.top5} % top-5 (table 2, {gated.protocol} of 224 pixels)" in source
    # twice the pixels: nearly twice the work for the same weights, so 320 pixels are another budget
    larger = models.summarise(on_meta("se_resnet50"), (3, 320, 320))
    assert larger.parameters == account("se_resnet50").parameters
    assert larger.multiply_adds / account("se_resnet50").multiply_adds == pytest.approx((320 / 224) ** 2, rel=0.05)


@pytest.mark.parametrize(("k", "groups", "stride"), [(3, 1, 1), (5, 4, 2), (1, 1, 1), (3, 8, 1)])
def test_equation_7_61_counts_weights_and_uses(k: int, groups: int, stride: int) -> None:
    layer = nn.Conv2d(8, 16, k, stride, k // 2, groups=groups, bias=False)
    bill = models.summarise(layer, (8, 12, 12))
    assert bill.parameters == k * k * 8 * 16 // groups
    assert bill.multiply_adds == conv_cost(8, 16, k, bill.rows[-1].shape[-1], groups)
