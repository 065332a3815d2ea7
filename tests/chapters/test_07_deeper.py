"""Chapter 07: every system works, every claim is checked, every numbered equation is what the code does."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional as F

from course_utils import data, models
from course_utils.models.bn_inception import TABLE as TABLE_2
from course_utils.models.bn_inception import mismatches
from course_utils.models.googlenet import TABLE, GoogLeNet, Inception, NaiveInception
from course_utils.models.mini_inception import MiniInception, MiniInceptionResNet, residual_block
from course_utils.models.reported import REPORTED
from course_utils.models.summary import Summary
from course_utils.runtime import band, load_record, repo_root
from course_utils.scratch.convolution_kinds.sizes import output_size
from course_utils.scratch.inception.cost import (
    factorised_share,
    naive_cost,
    reduced_cost,
    reduction_pays_below,
)
from course_utils.scratch.inception.race import loss_of_all, race


@cache
def account(name: str) -> Summary:
    with torch.device("meta"):
        return models.summarise(models.build(name), models.NETWORKS[name].input_shape)


def body(name: str) -> int:
    return account(name).parameters - account(name).unused


@pytest.fixture(scope="module")
def digits() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    found = []
    for split, count in (("train", 1297), ("test", 200)):
        part = data.load("digits", split)
        images = F.interpolate(part.images[:count].float(), size=16, mode="bilinear")
        found.append((images / 255 - 0.3, part.labels[:count]))
    return found[0], found[1]


# ---- systems --------------------------------------------------------------------------------------


def test_s177_googlenet_has_its_count_and_22_layers_and_a_small_one_trains(digits) -> None:
    assert body("googlenet") == 6_998_552
    assert account("googlenet").depth == 22
    torch.manual_seed(0)
    run = race(MiniInception(10, 1, norm=True), *digits, lr=0.03, limit=60, every=20)
    assert run.accuracy[0] < 0.8 < run.accuracy[-1]


def test_s178_naive_block_stacks_four_views_with_the_predicted_maps_and_cost() -> None:
    block, x = NaiveInception(192, 64, 128, 32), torch.randn(2, 192, 28, 28)
    one, three, five, pool = block(x).split([64, 128, 32, 192], dim=1)
    torch.testing.assert_close(one, F.relu(F.conv2d(x, block.one.weight, block.one.bias)))
    torch.testing.assert_close(three, F.relu(F.conv2d(x, block.three.weight, block.three.bias, padding=1)))
    torch.testing.assert_close(five, F.relu(F.conv2d(x, block.five.weight, block.five.bias, padding=2)))
    torch.testing.assert_close(pool, F.max_pool2d(x, 3, stride=1, padding=1))
    cost = naive_cost(192, 64, 128, 32)
    assert cost == (387_072, 416)
    assert models.summarise(block, (192, 28, 28)).multiply_adds == 28 * 28 * cost.multiply_adds
    maps = 192
    for widths in TABLE.values():
        maps = naive_cost(maps, widths.one, widths.three, widths.five).out_channels
    assert maps == 4944


def test_s179_reductions_keep_the_shape_for_the_computed_share_of_the_cost() -> None:
    naive, alike = NaiveInception(192, 64, 128, 32), Inception(192, TABLE["3a"]._replace(pool=192))
    x = torch.randn(1, 192, 28, 28)
    assert alike(x).shape == naive(x).shape == (1, 416, 28, 28)
    measured = [models.summarise(block, (192, 28, 28)).multiply_adds for block in (alike, naive)]
    computed = reduced_cost(192, 64, 96, 128, 16, 32, 192).multiply_adds, naive_cost(192, 64, 128, 32).multiply_adds
    assert measured[0] / measured[1] == computed[0] / computed[1] == pytest.approx(0.5013, abs=1e-4)
    published = models.summarise(Inception(192, TABLE["3a"]), (192, 28, 28))
    assert published.multiply_adds / measured[1] == pytest.approx(0.4220, abs=1e-4)


def head_ratio(start: str, place: str, seed: int = 0) -> float:
    """Norm of a gradient with the heads' losses over that without."""
    torch.manual_seed(seed)
    model = GoogLeNet().train()
    if start == "he":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    outputs, y = model(torch.randn(1, 3, 224, 224)), torch.tensor([7])
    weight = model.get_submodule(place).weight
    (alone,) = torch.autograd.grad(loss_of_all(outputs[:1], y), weight, retain_graph=True)
    (helped,) = torch.autograd.grad(loss_of_all(outputs, y), weight)
    return (helped.norm() / alone.norm()).item()


def test_s180_heads_enlarge_the_first_gradient_and_vanish_at_inference() -> None:
    assert head_ratio("default", "conv1") > 30
    assert 1 < head_ratio("he", "conv1") < 3
    assert head_ratio("default", "inception_5b.three") == 1
    torch.manual_seed(0)
    model, slim, x = GoogLeNet(7), GoogLeNet(7, heads=False).eval(), torch.randn(1, 3, 224, 224)
    slim.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("head_")})
    with torch.no_grad():
        assert len(model.train()(x)) == 3
        answer = model.eval()(x)
        assert torch.equal(answer, slim(x))
    assert answer.abs().max() > 0


def test_s181_the_table_of_bn_inception_has_three_rows_that_do_not_add_up() -> None:
    assert mismatches() == {"4c": (576, 608), "4d": (576, 608), "4e": (1024, 1056)}
    shapes = {row.name: row.shape for row in account("bn_inception").stages().rows}
    for name, row in TABLE_2.items():
        right = shapes[f"inception_{name}"][0] == row.printed
        assert right == (name not in mismatches()) or name == "5b"  # 5b is averaged with its stage
    with torch.device("meta"):
        network = models.build("bn_inception")
    assert network.inception_4d.one.conv.in_channels == 608
    assert network.inception_5a.one.conv.in_channels == 1056
    assert network(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 1000)


def test_s182_inception_v3_runs_at_299_pixels_with_rows_and_columns_of_seven() -> None:
    model = models.build("inception_v3").eval()
    assert sum(p.numel() for p in model.parameters()) == 27_161_264
    assert body("inception_v3") == 23_834_568
    kernels = [m.kernel_size for m in model.b1.seven.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [(1, 1), (1, 7), (7, 1)]
    x = torch.randn(2, 3, 299, 299)
    with torch.no_grad():
        answer = model(x)
    assert answer.shape == (2, 1000)
    assert answer.isfinite().all()
    assert not torch.equal(answer[0], answer[1])


def test_s183_inception_v4_runs_and_its_grids_are_those_of_the_formula() -> None:
    model, grids = models.build("inception_v4").eval(), {}
    for name in ("stem", "a", "reduction_a", "b", "reduction_b", "c"):
        keep = lambda module, _, out, name=name: grids.update({name: tuple(out.shape[1:])})
        getattr(model, name).register_forward_hook(keep)
    with torch.no_grad():
        assert model(torch.randn(1, 3, 299, 299)).isfinite().all()
    size, expected = 299, []
    for kernel, stride in ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2)):
        size = output_size(size, kernel, stride)
        expected.append(size)
    assert grids == {
        "stem": (384, expected[4], 35),
        "a": (384, 35, 35),
        "reduction_a": (1024, expected[5], 17),
        "b": (1024, 17, 17),
        "reduction_b": (1536, expected[6], 8),
        "c": (1536, 8, 8),
    }
    assert sum(p.numel() for p in model.parameters()) == 42_679_816


def test_s184_a_scaled_residual_block_is_the_identity_at_zero_and_trains(digits) -> None:
    torch.manual_seed(0)
    block, x = residual_block(32, 0.2, norm=True), torch.randn(2, 32, 8, 8).relu()
    assert not torch.allclose(block(x), x)
    nn.init.zeros_(block.project.weight)
    nn.init.zeros_(block.project.bias)
    assert torch.equal(block(x), x)
    accuracy = {}
    for scale in (0.2, 1.0):
        torch.manual_seed(0)
        model = MiniInceptionResNet(10, 1, scale=scale, norm=False)
        run = race(model, *digits, lr=0.03, limit=50, every=50)
        accuracy[scale] = run.accuracy[-1] if run.accuracy else 0.1
    assert accuracy[0.2] > accuracy[1.0] + 0.1
    found = {name: band("07_deeper.residual", name) for name in load_record("07_deeper.residual")["metrics"]}
    assert all(b.count == 20 for b in found.values())
    assert found["normalised, s = 0.2"].minimum > 0.7
    assert found["bare, s = 0.2"].median > 2 * found["bare, s = 1"].median


def test_s185_with_normalisation_the_target_comes_in_fewer_steps(digits) -> None:
    runs = {}
    for norm in (True, False):
        torch.manual_seed(0)
        runs[norm] = race(MiniInception(10, 1, norm=norm), *digits, lr=0.03, limit=60, target=0.85, every=10)
    assert runs[True].reached
    assert not runs[False].reached
    with_norm, without = band("07_deeper.norm", "with"), band("07_deeper.norm", "without")
    assert with_norm.count == without.count == 20
    assert with_norm.maximum < without.minimum  # on every seed
    assert with_norm.median < 0.6 * without.median
    limit = without.maximum  # a run that never arrives counts with its limit
    assert sum(steps == limit for steps in load_record("07_deeper.norm")["metrics"]["without"]) > 10
    record = load_record("07_deeper.mnist")
    fewest = {
        kind: min(np.median(record["metrics"][f"{kind}: steps at {rate}"]) for rate in record["rates"])
        for kind in record["kinds"]
    }
    assert len(record["seeds"]) >= 5
    assert all(len(values) == len(record["seeds"]) for values in record["metrics"].values())
    assert fewest["norm"] < 0.6 * fewest["plain"]


# ---- claims ---------------------------------------------------------------------------------------


def test_c208_googlenet_has_seven_million_parameters_not_five() -> None:
    assert sum(row.parameters for row in account("googlenet").stages().rows) == body("googlenet") == 6_998_552
    assert account("googlenet").parameters == 13_378_280
    assert round(account("alexnet").parameters / 12, -5) == 5_100_000  # where five came from


def test_c209_it_is_8_71_times_smaller_than_alexnet() -> None:
    ratio = account("alexnet").parameters / body("googlenet")
    assert ratio == pytest.approx(8.71, abs=0.005)
    printed = [2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000]
    assert sum(printed) == pytest.approx(6797.7)
    rows = account("googlenet").stages()
    assert int(rows["inception_3a"].parameters / 1024) == 159
    assert round(rows["inception_4c"].parameters / 1024) != 463
    assert 7 * 7 * 3 * 8 + 24 * 64 == 2712


def test_c210_the_longest_way_has_22_layers() -> None:
    assert 1 + 2 + 2 * len(TABLE) + 1 == account("googlenet").depth == 22


def test_c211_one_linear_layer_remains() -> None:
    with torch.device("meta"):
        linears = [m for m in GoogLeNet(heads=False).modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linears] == [(1024, 1000)]
    assert sum(p.numel() for p in linears[0].parameters()) == 1_025_000


def test_c212_heads_help_the_gradient_where_it_vanished_and_hardly_the_training() -> None:
    assert head_ratio("default", "conv1", seed=1) > 20 * head_ratio("he", "conv1", seed=1)
    record = load_record("07_deeper.mnist")
    metrics = record["metrics"]
    best = lambda kind: max(np.median(metrics[f"{kind}: accuracy at {rate}"]) for rate in record["rates"])
    assert abs(best("heads") - best("plain")) < 0.03
    assert abs(best("norm and heads") - best("norm")) < 0.03
    arrived = lambda kind: sum(
        steps < record["limit"] for rate in record["rates"] for steps in metrics[f"{kind}: steps at {rate}"]
    )
    assert abs(arrived("heads") - arrived("plain")) <= 3
    assert arrived("norm") > 3 * arrived("heads")


def test_c213_reported_errors_follow_the_protocol() -> None:
    # Szegedy et al. 2015, table 3: (networks, crops) -> top-5 error in percent, as reported
    reported = {(1, 1): 10.07, (1, 10): 9.15, (1, 144): 7.89, (7, 1): 8.09, (7, 10): 7.62, (7, 144): 6.67}
    for (networks, crops), error in reported.items():
        better = [e for (n, c), e in reported.items() if n >= networks and c >= crops]
        assert error == max(better)
    assert (REPORTED["googlenet"].top5, REPORTED["googlenet"].protocol) == (reported[1, 1], "one crop")
    won = next(row for row in challenge("GoogLeNet") if row.get("winner"))
    assert (won["top5_error"], won["models"], won["images"]) == (round(reported[7, 144], 1), 7, "test")
    text = chapter()
    assert "seven networks to 144 crops" in text
    assert f"One network on one crop is reported with {reported[1, 1]} %" in text


def test_c214_one_by_one_is_25_times_cheaper_with_equal_maps() -> None:
    cost = {k: models.summarise(nn.Conv2d(8, 8, k, padding=k // 2), (8, 9, 9)).multiply_adds for k in (1, 5)}
    assert cost[5] == 25 * cost[1]


def test_c215_one_by_one_is_rarely_the_widest_branch() -> None:
    assert [name for name, w in TABLE.items() if w.one > w.three] == []
    assert [name for name, row in TABLE_2.items() if row.one > row.three] == ["4a", "4b", "5a", "5b"]


def test_c216_ten_blocks_and_34_layers_where_the_table_adds_up_to_32() -> None:
    assert len(TABLE_2) == 10
    assert 1 + 1 + 3 * len(TABLE_2) == 32
    assert account("bn_inception").depth == 34


def test_c217_three_rows_are_wrong() -> None:
    maps = {}
    channels = 192
    for name, row in TABLE_2.items():
        channels = maps[name] = row.one + row.three + row.double + (row.pool_project or channels)
    assert {name: m for name, m in maps.items() if m != TABLE_2[name].printed} == {"4c": 608, "4d": 608, "4e": 1056}
    shapes = {row.name: row.shape[0] for row in account("bn_inception").stages().rows}
    assert all(shapes[f"inception_{name}"] == m for name, m in maps.items() if name != "5b")


def test_c218_the_halving_blocks_are_printed_with_the_size_they_read() -> None:
    shapes = {row.name: row.shape for row in account("bn_inception").stages().rows}
    sides = {name: shapes[f"inception_{name}"][-1] for name in ("3b", "3c", "4d", "4e")}
    assert sides == {"3b": 28, "3c": 14, "4d": 14, "4e": 7}


def test_c219_the_two_errors_belong_to_two_protocols() -> None:
    # Ioffe & Szegedy 2015, figure 4, as reported: (top-1, top-5) in percent
    reported = {"one network, one crop": (25.2, 7.82), "six networks, 144 crops": (20.1, 4.9)}
    one, many = reported.values()
    assert REPORTED["bn_inception"].top5 == round(one[1], 1)
    (ensemble,) = challenge("BN-Inception")
    assert (ensemble["top5_error"], ensemble["models"], ensemble["images"]) == (4.8, 6, "test")
    assert ensemble["top5_error"] < many[1] < one[1]  # the lecture's two numbers are no pair of one network
    text = chapter()
    assert f"{one[0]} % (with {one[1]} % top-5) is *one* network on *one* crop" in text
    assert "4.8 % is six networks, 144 crops each, on the test images" in text
    assert f"{many[1]} % and a top-1 error of {many[0]} %" in text


def challenge(network: str) -> list[dict[str, Any]]:
    """What ``book/depth.yml`` holds of a network's errors on ImageNet."""
    rows = yaml.safe_load((repo_root() / "book" / "depth.yml").read_text(encoding="utf-8"))["challenge"]
    return [row for row in rows if row["network"] == network]


@cache
def chapter() -> str:
    return (repo_root() / "notebooks" / "src" / "07_deeper.py").read_text(encoding="utf-8")


# ---- equations ------------------------------------------------------------------------------------


def test_equation_7_1_a_linear_layer_at_every_pixel() -> None:
    conv, x = nn.Conv2d(3, 5, 1).double(), torch.randn(2, 3, 4, 6, dtype=torch.float64)
    z = conv(x)
    for o in range(5):
        for i, j in ((0, 0), (3, 5), (2, 1)):
            by_hand = conv.bias[o] + sum(conv.weight[o, c, 0, 0] * x[1, c, i, j] for c in range(3))
            torch.testing.assert_close(z[1, o, i, j], by_hand)


@pytest.mark.parametrize(("c", "o", "k"), [(192, 32, 5), (192, 128, 3), (20, 30, 7)])
def test_equation_7_2_where_a_reduction_breaks_even(c: int, o: int, k: int) -> None:
    bound = reduction_pays_below(c, o, k)
    assert bound * c + k * k * bound * o == pytest.approx(k * k * c * o)


def test_equation_7_3_naive_block() -> None:
    c, o1, o3, o5 = 24, 5, 6, 7
    traced = models.summarise(NaiveInception(c, o1, o3, o5), (c, 8, 8))
    assert traced.multiply_adds == 64 * c * (o1 + 9 * o3 + 25 * o5) == 64 * naive_cost(c, o1, o3, o5).multiply_adds
    assert traced.rows[-1].shape[0] == o1 + o3 + o5 + c


@pytest.mark.parametrize("name", TABLE)
def test_equation_7_4_block_with_reductions(name: str) -> None:
    c, (o1, r3, o3, r5, o5, op) = 100, TABLE[name]
    traced = models.summarise(Inception(c, TABLE[name]), (c, 7, 7))
    assert traced.multiply_adds == 49 * (c * (o1 + r3 + r5 + op) + 9 * r3 * o3 + 25 * r5 * o5)
    assert traced.rows[-1].shape[0] == o1 + o3 + o5 + op


def test_equation_7_5_loss_with_heads() -> None:
    model, y = MiniInception(10, heads=True).train(), torch.tensor([1, 2])
    end, on_4a, on_4d = model(torch.randn(2, 3, 32, 32))
    expected = F.cross_entropy(end, y) + 0.3 * (F.cross_entropy(on_4a, y) + F.cross_entropy(on_4d, y))
    torch.testing.assert_close(loss_of_all((end, on_4a, on_4d), y), expected)


def test_equation_7_6_maps_of_a_block() -> None:
    with torch.device("meta"):
        network = models.build("bn_inception")
    before = 192
    for name, row in TABLE_2.items():
        block = network.get_submodule(f"inception_{name}")
        before = row.one + row.three + row.double + (row.pool_project or before)
        assert block.out_channels == before


@pytest.mark.parametrize("n", [3, 5, 7, 11])
def test_equation_7_7_factorised_kernels(n: int) -> None:
    assert factorised_share(n, ((1, n), (n, 1))) == pytest.approx(2 / n)
    assert factorised_share(5, ((3, 3), (3, 3))) == 0.72
    costs = [
        models.summarise(m, (4, 30, 30)).multiply_adds
        for m in (
            nn.Sequential(nn.Conv2d(4, 4, (1, n), padding="same"), nn.Conv2d(4, 4, (n, 1), padding="same")),
            nn.Conv2d(4, 4, n, padding="same"),
        )
    ]
    assert costs[0] / costs[1] == pytest.approx(2 / n)


def test_equation_7_8_scaled_residual() -> None:
    torch.manual_seed(0)
    block, x = residual_block(16, 0.3, norm=False), torch.randn(2, 16, 6, 6)
    branches = torch.cat([branch(x) for branch in block.branches], dim=1)
    torch.testing.assert_close(block(x), F.relu(x + 0.3 * block.project(branches)))
