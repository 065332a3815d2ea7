"""Chapter 06b: every system works, every claim is checked, every numbered equation is what the code does."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import models
from course_utils.data.synthetic import make_images
from course_utils.models.alexnet import AlexNet
from course_utils.models.lenet5 import LeNet5
from course_utils.models.zfnet import ZFNet
from course_utils.runtime import band, load_record
from course_utils.scratch.convolution_kinds.sizes import output_size
from course_utils.scratch.evaluation.filter_spectrum import aliased_share
from course_utils.scratch.evaluation.hierarchy import ClassTree, hierarchical_error
from course_utils.scratch.evaluation.top_k import ranks, top_k_error, top_k_error_by_hand, top_k_guesses
from course_utils.scratch.initialisation.schemes import initialise
from course_utils.scratch.parallel.launch import in_processes

ABLATIONS = ("without fc7", "without fc6, fc7", "without conv3, conv4", "without all four")


@cache
def account(name="alexnet", without=(), side=224):
    with torch.device("meta"):
        model = models.build(name, without=without) if without else models.build(name)
    return models.summarise(model, (3, side, side))


def linear_share(total):
    rows = [row for row in total.rows if row.name.startswith("fc")]
    return sum(row.parameters for row in rows) / total.parameters


def small(**options):
    model = AlexNet(10, width=1 / 8, input_size=64, dropout=0.0, **options)
    return initialise(model, "he fan_in", generator=torch.Generator().manual_seed(0))


# ---- systems ------------------------------------------------------------------------------------


def test_s162_counts_maps_and_a_copy_that_trains():
    assert account().parameters == 60_965_224
    assert account("alexnet_whole").parameters == 62_378_344
    maps = [row.shape[1] for row in account().rows if row.name.startswith(("conv", "pool"))]
    assert maps == [55, 27, 27, 13, 13, 13, 13, 6]
    shapes = make_images(96, 64, seed=3, difficulty="easy")
    x, model = (shapes.images.float() / 255 - 0.45) / 0.25, small()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(45):
        optimiser.zero_grad()
        F.cross_entropy(model(x), shapes.labels).backward()
        optimiser.step()
    assert (model(x).argmax(1) == shapes.labels).double().mean() > 0.8
    learned = band("06b_alexnet.miniature", "top-1 error")
    assert learned.count == 20
    assert learned.maximum < 0.35


def halves(seed, steps):
    import torch
    from torch.nn import functional as F

    from course_utils.models.alexnet import AlexNet
    from course_utils.models.alexnet_cards import AlexNetCard
    from course_utils.scratch.initialisation.schemes import initialise
    from course_utils.training.distributed import join

    group = join()
    draw = torch.Generator().manual_seed(seed)
    whole = initialise(AlexNet(4, width=1 / 8, input_size=64, dropout=0.0), "he fan_in", generator=draw).double()
    x, y = torch.randn(4, 3, 64, 64, generator=draw).double(), torch.arange(4)
    net = whole if group.size == 1 else AlexNetCard(whole, group.rank)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
    found = {"losses": []}
    for step in range(steps):
        optimiser.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        if step == 0:
            found["logits"] = logits.detach()
            found["gradients"] = {n: p.grad.clone() for n, p in net.named_parameters()}
        optimiser.step()
        found["losses"].append(loss.item())
    return found


@cache
def cards():
    return halves(seed=1, steps=5), in_processes(halves, seed=1, steps=5)


def test_s163_two_processes_give_the_output_of_one():
    whole, parts = cards()
    for part in parts:
        assert (part["logits"] - whole["logits"]).abs().max() < 1e-12
    assert whole["logits"].abs().max() > 1e-3


def test_s163_groups_are_the_split():
    """A grouped layer is two layers side by side, each on half of the maps."""
    model = small()
    x = torch.randn(2, 12, 7, 7)
    for layer, maps in ((model.conv2, 12), (model.conv4, 48), (model.conv5, 48)):
        x = torch.randn(2, maps, 7, 7)
        apart = [
            F.conv2d(half, w, b, padding=layer.padding)
            for half, w, b in zip(x.chunk(2, 1), layer.weight.chunk(2), layer.bias.chunk(2))
        ]
        assert torch.allclose(torch.cat(apart, 1), layer(x), atol=1e-5)


def test_s164_parameters_and_the_largest_fall():
    fewer = {
        without: account().parameters - account("alexnet", without).parameters
        for without in (("fc7",), ("fc6", "fc7"), ("conv3", "conv4"), ("conv3", "conv4", "fc6", "fc7"))
    }
    assert list(fewer.values()) == [16_781_312, 49_414_144, 1_696_512, 51_110_656]
    metrics = load_record("06b_alexnet.ablation")["metrics"]
    assert set(metrics) == {"whole", *ABLATIONS}
    for seed, whole in enumerate(metrics["whole"]):
        falls = [whole - metrics[name][seed] for name in ABLATIONS]
        assert max(falls) == falls[-1]  # convolutions and linear layers both gone
    assert np.median(metrics["whole"]) - np.median(metrics["without all four"]) > 0.08
    assert len(metrics["whole"]) >= 5
    for name, without in zip(ABLATIONS, fewer):
        count = sum(p.numel() for p in small(without=without).parameters())
        assert load_record("06b_alexnet.ablation")["parameters"][name] == count


def test_s165_zfnet_runs_is_counted_and_its_filters_are_compared():
    net = ZFNet(10, width=1 / 8, input_size=64)
    assert (net.conv1.kernel_size, net.conv1.stride) == ((7, 7), (2, 2))
    assert net(torch.randn(2, 3, 64, 64)).shape == (2, 10)
    assert account("zfnet").parameters == 62_357_608
    assert account("alexnet_whole").parameters - 62_357_608 == 96 * 3 * (11**2 - 7**2)
    record = load_record("06b_alexnet.zfnet")
    for name, side, stride in (("AlexNet", 11, 4), ("ZFNet", 7, 2)):
        filters = np.array(record["filters"][name]).reshape(12, 3, side, side)
        assert aliased_share(filters, stride).mean() == pytest.approx(
            record["metrics"][f"{name}, aliased trained"][0], abs=2e-3
        )
    metrics = record["metrics"]
    assert min(metrics["AlexNet, aliased trained"]) > max(metrics["ZFNet, aliased trained"])
    assert abs(np.median(metrics["AlexNet"]) - np.median(metrics["ZFNet"])) < 0.02  # no gain to see in small


def test_s169_top_k_is_brute_force_on_the_course_s_set():
    shapes = make_images(60, 64, seed=9, difficulty="easy")
    with torch.no_grad():
        scores = small().eval()(shapes.images.float() / 255).numpy()
    assert scores.shape[1] == 10 > 5
    for k in range(1, 11):
        assert top_k_error(scores, shapes.labels.numpy(), k) == top_k_error_by_hand(scores, shapes.labels.numpy(), k)


def parts_of_a_batch(seed, pictures):
    import torch
    from torch.nn import functional as F

    from course_utils.data.synthetic import make_images
    from course_utils.models.alexnet import AlexNet
    from course_utils.scratch.initialisation.schemes import initialise
    from course_utils.training.distributed import average_gradients, join

    group = join()
    model = AlexNet(10, width=1 / 8, input_size=64, dropout=0.0)
    initialise(model, "he fan_in", generator=torch.Generator().manual_seed(seed))
    shapes = make_images(pictures, 64, seed=seed, difficulty="easy")
    mine = slice(group.rank, None, group.size)
    F.cross_entropy(model((shapes.images[mine].float() / 255 - 0.45) / 0.25), shapes.labels[mine]).backward()
    alone = model.fc8.weight.grad.clone()
    if group.size > 1:
        average_gradients(model)
    return {"alone": alone, "gradients": {name: p.grad for name, p in model.named_parameters()}}


@cache
def shared_batch():
    return parts_of_a_batch(seed=2, pictures=32), in_processes(parts_of_a_batch, seed=2, pictures=32)


def test_s173_averaged_gradients_of_two_processes_are_those_of_one():
    one, two = shared_batch()
    for name, gradient in one["gradients"].items():
        for part in two:
            assert (gradient - part["gradients"][name]).abs().max() < 1e-6
    assert (one["gradients"]["fc8.weight"] - two[0]["alone"]).abs().max() > 1e-3  # a part alone is not enough


def stages(seed, steps):
    import torch
    from torch import distributed
    from torch.nn import functional as F

    from course_utils.models.alexnet import AlexNet
    from course_utils.training.distributed import join

    group = join()
    torch.manual_seed(seed)
    model = AlexNet(4, width=1 / 8, input_size=64, dropout=0.0)
    data = [(torch.randn(8, 3, 64, 64), torch.arange(8) % 4) for _ in range(steps)]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    losses = []
    for x, y in data:
        optimiser.zero_grad()
        if group.size == 1:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
        elif group.rank == 0:
            maps = model.features(x)
            distributed.send(maps.detach(), 1)
            pull = torch.empty_like(maps)
            distributed.recv(pull, 1)
            maps.backward(pull)
        else:
            maps = torch.empty(8, 32, 1, 1)
            distributed.recv(maps, 0)
            maps.requires_grad_()
            loss = F.cross_entropy(model.classify(maps), y)
            loss.backward()
            distributed.send(maps.grad, 0)
        optimiser.step()
        if group.rank == group.size - 1:
            losses.append(loss.item())
    return losses


def test_s174_a_stage_each_gives_the_same_losses():
    alone = stages(seed=4, steps=6)
    first, second = in_processes(stages, seed=4, steps=6)
    assert first == []
    assert np.allclose(second, alone, rtol=1e-5, atol=1e-6)
    assert np.ptp(alone) > 1e-4  # the losses move


def test_s174_half_of_every_layer_gives_the_same_losses():
    whole, parts = cards()
    for part in parts:
        assert np.allclose(part["losses"], whole["losses"], rtol=1e-9)
    assert whole["losses"][-1] < 0.9 * whole["losses"][0]  # it learns


def test_s176_the_tree_forgives_kin():
    tree = ClassTree({"pug": "dog", "husky": "dog", "dog": "animal", "cat": "animal", "animal": "all", "cup": "all"})
    classes = ("pug", "husky", "cat", "cup")
    labels = [0, 1, 2, 3]
    assert hierarchical_error(tree, classes, [[0], [1], [2], [3]], labels) == 0
    sibling = hierarchical_error(tree, classes, [[1]], [0])
    distant = hierarchical_error(tree, classes, [[3]], [0])
    assert 0 < sibling < hierarchical_error(tree, classes, [[2]], [0]) < distant == 1
    for name in ("hierarchical error, 1", "hierarchical error, 5"):
        assert band("06b_alexnet.miniature", name).maximum < 0.3


# ---- claims -------------------------------------------------------------------------------------


def test_c171_five_convolutions_and_three():
    assert sum(row.kind == "Conv2d" for row in account().rows) == 5
    assert {"c1", "c3", "c5"} <= {name for name, _ in LeNet5().named_children()}


def test_c172_224_needs_padding():
    assert (224 - 11) / 4 + 1 == 54.25
    assert [output_size(224, 11, 4), output_size(227, 11, 4), output_size(224, 11, 4, 2)] == [54, 55, 55]


def test_c173_same_padded_maps_need_too_many_parameters():
    same = [224]
    for kernel, stride in ((11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 2)):
        same.append(output_size(same[-1], kernel, stride, (kernel - 1) // 2))
    assert same == [224, 56, 28, 28, 14, 14, 7]
    for name, expected in (("alexnet", 74_596_712), ("alexnet_whole", 76_009_832)):
        assert account(name).parameters + 4096 * 256 * (49 - 36) == expected
    with torch.device("meta"):  # an image large enough for maps of 7 shows the same growth
        wide = AlexNet(input_size=256)
    assert models.summarise(wide, (3, 256, 256))["fc6"].parameters == 4096 * (256 * 49 + 1)


def test_c174_the_last_convolution_has_fewer_channels():
    channels = [row.shape[0] for row in account().rows if row.name.startswith("conv")]
    assert channels == [96, 256, 384, 384, 256]
    assert channels != sorted(channels)


def test_c175_c176_sixty_and_sixty_two_million():
    assert round(account().parameters / 1e6) == 61
    assert account().parameters == 60_965_224
    assert account("alexnet_whole").parameters == 62_378_344


def test_c177_units():
    assert sum(np.prod(row.shape) for row in account().rows if row.name.startswith(("conv", "fc"))) == 659_272
    assert 55 * 55 * 96 == 290_400 != 253_440


def test_c178_linear_layers_hold_most():
    assert linear_share(account()) == pytest.approx(0.962, abs=5e-4)


def test_c179_eight_layers_and_the_first():
    assert account().depth == 8
    assert account()["conv1"].parameters - 96 == 34_848 == 96 * 11 * 11 * 3


def test_c180_overlapping_windows():
    side = 55
    for expected in (27, 13, 6):
        assert output_size(side, 3, 2) == output_size(side, 2, 2) == expected
        side = expected
    pool = AlexNet(2, width=1 / 8, input_size=64).pool
    assert (pool.kernel_size, pool.stride) == (3, 2)


def test_c181_c182_c183_layers_left_out():
    assert account().parameters - account("alexnet", ("fc7",)).parameters == 4096 * 4097 == 16_781_312
    both = account().parameters - account("alexnet", ("fc6", "fc7")).parameters
    assert both == 49_414_144 == 54_534_144 - 1000 * (9216 - 4096)
    assert account("alexnet", ("conv3", "conv4", "fc6", "fc7")).depth == 4


def test_c184_the_order_shows_in_small():
    metrics = load_record("06b_alexnet.ablation")["metrics"]
    fall = {name: np.median(np.array(metrics["whole"]) - np.array(metrics[name])) for name in ABLATIONS}
    assert fall["without all four"] > 3 * max(fall[name] for name in ABLATIONS[:-1])


def test_c185_c192_c194_quoted_with_their_protocol():
    """Facts about the world: the page quotes them with split and number of networks, and its sources exist."""
    from course_utils.runtime import repo_root

    page = (repo_root() / "notebooks" / "src" / "06b_alexnet.py").read_text(encoding="utf-8")
    assert (
        "| seven, averaged; two trained on all of ImageNet first, with a sixth convolution | 36.7 | 15.4 | **15.3** |"
        in page
    )
    bibliography = (repo_root() / "book" / "references.bib").read_text(encoding="utf-8")
    for key in ("krizhevsky-2012", "zeiler-fergus-2014", "russakovsky-2015", "krizhevsky-2014"):
        assert f"{{{key}," in bibliography
        assert f"references.md#{key}" in page


def test_reported_errors_agree_with_the_file_and_the_table_of_all_networks():
    import yaml

    from course_utils.models.reported import REPORTED
    from course_utils.runtime import repo_root

    facts = yaml.safe_load((repo_root() / "book" / "depth.yml").read_text(encoding="utf-8"))["challenge"]
    alone = {e["model"]: e["top5_error"] for e in facts if e["models"] == 1 and e["images"] == "validation"}
    assert {name: REPORTED[name].top5 for name in ("alexnet", "zfnet")} == {
        name: alone[name] for name in ("alexnet", "zfnet")
    }
    page = (repo_root() / "notebooks" / "src" / "06b_alexnet.py").read_text(encoding="utf-8")
    assert f"| one network | 40.7 | {alone['alexnet']} |" in page
    assert f"reports 38.4 and {alone['zfnet']} % (top-1 and top-5, validation, one network)" in page


def test_c186_sixty_thousand_not_a_thousand():
    assert 20 < 1_281_167 / 60_000 < 22


def test_c187_c188_the_count_makes_six_days_possible():
    operations = 6 * account().multiply_adds * 1_200_000 * 90
    share = operations / (6 * 86400) / 2 / 1.58e12
    assert 0.1 < share < 0.6


def test_c189_the_three_numbers_are_one_data_set():
    training, everything = 1_281_167, 1_281_167 + 50_000 + 100_000
    assert [round(training / 1e6, 1), round(everything / 1e6, 1)] == [1.3, 1.4]
    assert int(training / 1e5) / 10 == 1.2


def test_c191_among_five():
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(0, 5, size=(80, 12)), rng.integers(0, 12, size=80)
    hit = [label in row for row, label in zip(top_k_guesses(scores, 5).tolist(), labels.tolist())]
    assert top_k_error(scores, labels, 5) == pytest.approx(1 - np.mean(hit))


# ---- equations ----------------------------------------------------------------------------------


def test_equation_31_backward_costs_two_products_more():
    """Count the matrix products of a training step of a linear layer: one forward, two backward."""
    from torch.utils.flop_counter import FlopCounterMode

    layer, x = nn.Linear(7, 5, bias=False), torch.randn(3, 7, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        y = layer(x)
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    assert forward.get_total_flops() == 2 * 3 * 7 * 5
    assert backward.get_total_flops() == 2 * forward.get_total_flops()


@pytest.mark.parametrize(("c", "o", "k", "g"), [(3, 96, 11, 1), (96, 256, 5, 2), (384, 256, 3, 2), (8, 12, 3, 4)])
def test_equation_32_parameters_of_a_grouped_layer(c, o, k, g):
    layer = nn.Conv2d(c, o, k, groups=g)
    assert sum(p.numel() for p in layer.parameters()) == o * (c // g * k**2 + 1)


def test_equation_33_places():
    scores, labels = np.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]]), np.array([2, 0, 2])
    assert ranks(scores, labels).tolist() == [1, 1, 2]
    assert [top_k_error(scores, labels, k) for k in (1, 2, 3)] == [1, 1 / 3, 0]


def test_equation_34_climb_to_the_common_ancestor():
    tree = ClassTree({"a": "x", "b": "x", "x": "root", "c": "y", "y": "root", "d": "y"})
    assert [tree.distance("a", other) for other in "abcd"] == [0, 0.5, 1, 1]
    assert hierarchical_error(tree, "abcd", [[2, 1], [3, 2]], [0, 0]) == pytest.approx((0.5 + 1) / 2)


def test_equation_35_share_of_short_waves():
    columns = np.arange(64)
    for cycles, stride in ((3, 4), (12, 4), (12, 2), (20, 2)):
        wave = np.tile(np.cos(2 * np.pi * cycles * columns / 64), (64, 1))[None, None]
        assert aliased_share(wave, stride)[0] == pytest.approx(float(cycles / 64 > 1 / (2 * stride)), abs=1e-9)


def test_equation_36_weighted_mean_of_gradients():
    torch.manual_seed(0)
    net, x, y = nn.Linear(4, 3).double(), torch.randn(7, 4).double(), torch.arange(7) % 3
    gradient = lambda part: torch.autograd.grad(F.cross_entropy(net(x[part]), y[part]), net.weight)[0]
    parts = (slice(0, 5), slice(5, 7))
    total = 5 / 7 * gradient(parts[0]) + 2 / 7 * gradient(parts[1])
    assert torch.allclose(total, gradient(slice(None)), atol=1e-14)
    assert not torch.allclose((gradient(parts[0]) + gradient(parts[1])) / 2, gradient(slice(None)), atol=1e-3)


def test_equation_37_gradients_of_both_cards_are_added():
    whole, parts = cards()
    for number, part in enumerate(parts):
        for name, gradient in part["gradients"].items():
            assert (gradient - whole["gradients"][name].chunk(2)[number]).abs().max() < 1e-12
