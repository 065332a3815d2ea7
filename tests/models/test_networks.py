"""Every network: counts to the unit, shapes, torchvision's outputs with torchvision's weights, bad input."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from course_utils import models
from course_utils.models.bn_inception import mismatches
from course_utils.models.comparison import Account
from course_utils.models.comparison import account as uncached_account
from course_utils.models.efficientnet import MBConv, Stage, compound_factors
from course_utils.models.inception_resnet import block_a
from course_utils.models.preact_resnet import PreActivationBlock
from course_utils.models.resnet import BasicBlock, Bottleneck
from course_utils.models.senet import SqueezeExcitation
from course_utils.models.torchvision_keys import load_torchvision

# Parameters for 1,000 classes (10 for small images), heads of training left out. From the papers where they give
# exact numbers, else from independent builds: torchvision's, and for Xception, SE and Inception v4 their authors'.
PARAMETERS = {
    "lenet5": 60_000,
    "lenet5_modern": 61_706,
    "alexnet": 60_965_224,
    "alexnet_whole": 62_378_344,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "googlenet": 6_998_552,
    "inception_v3": 23_834_568,
    "inception_v4": 42_679_816,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "xception": 22_855_952,
    "se_resnet50": 28_088_024,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b7": 66_347_960,
}
# Side of the field of the last map, from Araujo, Norris & Sim, Distill 2019, table of open-source models.
FIELDS = {"alexnet": 195, "vgg16": 212, "bn_inception": 699, "inception_v3": 1311, "inception_v4": 2071}
FIELDS |= {"resnet50": 483, "resnet101": 1027, "resnet152": 1507}
DEPTHS = {"alexnet": 8, "zfnet": 8, "vgg19": 19, "googlenet": 22, "bn_inception": 34, "resnet18": 18, "resnet152": 152}
DEPTHS |= {"densenet121": 121, "se_resnet50": 50, "resnet20_small": 20, "resnet110_small": 110, "resnet164": 164}


@cache
def account(name: str) -> Account:
    return uncached_account(name)


SMALL_ENOUGH = [name for name in models.names() if name not in ("resnet1202_small", "resnet1001")]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_to_the_unit(name: str) -> None:
    assert account(name).parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_fields_are_those_of_the_literature(name: str) -> None:
    assert account(name).field == FIELDS[name]


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_counts_layers_as_the_papers_do(name: str) -> None:
    assert account(name).depth == DEPTHS[name]


@pytest.mark.parametrize(
    ("name", "options", "giga"),
    [
        ("resnet18", {}, 1.81),
        ("resnet34", {}, 3.66),
        ("resnet50", {}, 3.86),
        ("resnet50", {"stride_on": "3x3"}, 4.09),
        ("resnet101", {}, 7.57),
        ("resnet152", {}, 11.28),
        ("vgg16", {}, 15.47),
        ("vgg19", {}, 19.63),
    ],
)
def test_multiply_adds_in_billions(name: str, options: dict, giga: float) -> None:
    with torch.device("meta"):
        model = models.build(name, **options)
    assert models.summarise(model).multiply_adds / 1e9 == pytest.approx(giga, abs=0.005)


@pytest.mark.parametrize("name", SMALL_ENOUGH)
def test_every_network_answers_with_one_logit_a_class(name: str) -> None:
    network = models.NETWORKS[name]
    with torch.device("meta"):
        model = models.build(name).eval()
        out = model(torch.empty(2, *network.input_shape))
    assert out.shape == (2, 10 if network.input_shape[-1] == 32 else 1000)


@pytest.mark.parametrize("name", SMALL_ENOUGH)
def test_every_network_says_what_is_wrong_with_its_input(name: str) -> None:
    channels = models.NETWORKS[name].input_shape[0]
    with torch.device("meta"):
        model = models.build(name).eval()
        with pytest.raises(ValueError, match=rf"x must be images \(N, {channels}, H, W\), got shape \(2, 7, 64, 64\)"):
            model(torch.empty(2, 7, 64, 64))


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("vgg11", {"batch_norm": False}, 224),
        ("resnet18", {"stride_on": "3x3"}, 65),
        ("resnet50", {"stride_on": "3x3"}, 64),
        ("densenet121", {}, 64),
        ("inception_v3", {}, 96),
        ("efficientnet_b0", {}, 64),
    ],
)
def test_torchvisions_weights_give_torchvisions_outputs(name: str, options: dict, size: int) -> None:
    import torchvision

    extra = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):  # no time for starting weights that are not used
        reference = getattr(torchvision.models, name)(weights=None, num_classes=7, **extra).eval()
        model = models.build(name, num_classes=7, **options).eval()
    reference.to_empty(device="cpu")
    torch.manual_seed(0)
    for key, value in reference.state_dict().items():  # numbers that a swapped or forgotten layer would show
        if value.ndim > 1:
            value.normal_(0, value[0].numel() ** -0.5)
        elif key.endswith(("running_var", "weight")):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point():
            value.normal_(0, 0.1)
    load_torchvision(model.to_empty(device="cpu"), reference.state_dict())
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected, found = reference(x), model(x)
    assert expected.abs().max() > 0.01
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))


def test_weights_of_another_network_are_refused() -> None:
    import torchvision

    with pytest.raises(TypeError, match=r"model must be one of DenseNet, EfficientNet.*got LeNet5"):
        load_torchvision(models.build("lenet5"), {})
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        load_torchvision(models.build("resnet34"), torchvision.models.resnet18(weights=None).state_dict())


def test_the_three_rows_of_the_inception_table_that_do_not_add_up() -> None:
    assert mismatches() == {"4c": (576, 608), "4d": (576, 608), "4e": (1024, 1056)}
    with torch.device("meta"):
        stages = models.summarise(models.build("bn_inception")).stages()
    shapes = {row.name.removeprefix("inception_"): row.shape for row in stages.rows}
    assert shapes["3c"] == (576, 14, 14)
    assert shapes["4c"] == (608, 14, 14)
    assert shapes["4e"] == (1056, 7, 7)


def test_a_plain_twin_has_the_same_layers_and_no_shortcuts() -> None:
    twin, net = models.build("resnet20_small", residual=False), models.build("resnet20_small")
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in net.parameters())
    twin.load_state_dict(net.state_dict())
    x = torch.randn(1, 3, 32, 32)
    assert not torch.allclose(twin.eval()(x), net.eval()(x))


@pytest.mark.parametrize("make", [lambda: BasicBlock(8, 8), lambda: Bottleneck(8, 2), lambda: block_a(0.2)])
def test_a_residual_block_with_a_zero_branch_hands_on_what_is_not_negative(make) -> None:
    block = make().eval()
    x = torch.randn(2, 384 if hasattr(block, "project") else 8, 5, 5)
    for name, p in block.named_parameters():
        if "norm" in name or "project" in name:
            nn.init.zeros_(p)
    assert torch.equal(block(x.relu()), x.relu())
    assert not torch.equal(block(x), x)


def test_a_pre_activation_block_hands_on_any_input() -> None:
    block = PreActivationBlock(8, 8, bottleneck=True)
    for conv in block.convs:
        nn.init.zeros_(conv.weight)
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x)


def test_bottleneck_costs_less_than_the_basic_block_and_gives_more() -> None:
    wide, basic = Bottleneck(256, 64), BasicBlock(64, 64)
    count = lambda block: sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))
    assert (count(wide), count(basic)) == (69_632, 73_728)
    assert wide(torch.randn(1, 256, 4, 4)).shape[1] == 256


def test_gates_lie_between_zero_and_one_and_follow_the_means() -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcitation(32), torch.randn(4, 32, 6, 6)
    gates = block.gates(x)
    assert gates.shape == (4, 32)
    assert 0 < gates.min() < gates.max() < 1
    assert torch.allclose(block(x), gates[:, :, None, None] * x)
    shuffled = x.flatten(2)[:, :, torch.randperm(36)].view_as(x)
    assert torch.allclose(block.gates(shuffled), gates, atol=1e-6)


def test_compound_scaling_doubles_the_cost_with_each_step() -> None:
    depth, width, resolution = compound_factors(1.0)
    assert depth * width**2 * resolution**2 == pytest.approx(1.92, abs=0.005)
    assert compound_factors(0) == (1, 1, 1)


def test_stochastic_depth_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block, x = MBConv(8, Stage(1, 3, 1, 8, 1), 1, drop=0.5), torch.randn(2000, 8, 3, 3)
    kept = (block.train()(x) - x).flatten(1).abs().sum(1) > 0
    assert 0.45 < kept.float().mean() < 0.55


def test_vgg_as_convolution_answers_at_every_place_of_a_larger_image() -> None:
    torch.manual_seed(0)
    model = models.build("vgg11", width=1 / 16, input_size=32, num_classes=5).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        dense = model.dense(x)
        assert dense.shape == (1, 5, 2, 3)
        crop = x[:, :, :32, :32]
        assert torch.allclose(model(crop), model.dense(crop)[:, :, 0, 0], atol=1e-6)
        # A crop's features see zeros where the whole image goes on, so scores of crops and of places differ.
        assert not torch.allclose(model(crop), dense[:, :, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50", {"depth": 51}, "depth must be one of"),
        ("resnet20_small", {"depth": 21}, r"depth must be 6n \+ 2"),
        ("densenet40", {"depth": 41}, r"depth must be 6n \+ 4"),
        ("alexnet", {"without": ("conv1",)}, "without must be one of"),
        ("vgg16", {"input_size": 100}, "input_size must be a multiple of 32, got 100"),
        ("resnet1001", {"depth": 1000}, r"depth must be 9n \+ 2"),
        ("vgg16", {"num_classes": 0}, "num_classes must be at least 1, got 0"),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.build(name, **options)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="resnet50"):
        models.build("resnet5O")


def test_what_alexnet_loses_without_its_layers() -> None:
    def parameters(*without: str) -> int:
        with torch.device("meta"):
            return sum(p.numel() for p in models.build("alexnet", without=without).parameters())

    whole = parameters()
    assert whole - parameters("fc7") == 4096 * 4097
    assert whole - parameters("fc6", "fc7") == 49_414_144
    assert whole - parameters("conv3", "conv4") > 0
    with torch.device("meta"):
        assert models.summarise(models.build("alexnet", without=("conv3", "conv4", "fc6", "fc7"))).depth == 4
