"""Networks from LeNet-5 to EfficientNet, one file each, and the account of what they are made of.

``build(name)`` makes one of ``names()``; ``summarise(model)`` accounts for any ``nn.Module``. Modules are imported
on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from course_utils.check import check_choice

if TYPE_CHECKING:
    from torch import nn

    from course_utils.models.summary import Summary, summarise

__all__ = ["NETWORKS", "Network", "Summary", "build", "names", "summarise"]


@dataclass(frozen=True)
class Network:
    """One network of the package.

    Args:
        module: file, without its ending.
        factory: class in it.
        options: that make this member of the family.
        input_shape: of one image in its paper, (C, H, W).
        year: of its paper.
    """

    module: str
    factory: str
    options: dict[str, Any]
    input_shape: tuple[int, int, int]
    year: int


def _family(
    module: str, factory: str, shape: tuple[int, int, int], year: int, **members: dict[str, Any]
) -> dict[str, Network]:
    return {name: Network(module, factory, options, shape, year) for name, options in members.items()}


LARGE, LARGER, SMALL = (3, 224, 224), (3, 299, 299), (3, 32, 32)
NETWORKS: dict[str, Network] = {
    **_family("lenet5", "LeNet5", (1, 32, 32), 1998, lenet5={}),
    **_family("lenet5", "ModernLeNet", (1, 32, 32), 1998, lenet5_modern={}),
    **_family("alexnet", "AlexNet", LARGE, 2012, alexnet={}, alexnet_whole={"groups": 1}),
    **_family("zfnet", "ZFNet", LARGE, 2013, zfnet={}),
    **_family("vgg", "VGG", LARGE, 2014, **{f"vgg{d}": {"depth": d} for d in (11, 13, 16, 19)}),
    **_family("googlenet", "GoogLeNet", LARGE, 2014, googlenet={}),
    **_family("bn_inception", "BNInception", LARGE, 2015, bn_inception={}),
    **_family("inception_v3", "InceptionV3", LARGER, 2015, inception_v3={}),
    **_family("resnet", "ResNet", LARGE, 2015, **{f"resnet{d}": {"depth": d} for d in (18, 34, 50, 101, 152)}),
    **_family("resnet", "ResNet", LARGE, 2015, plain18={"depth": 18, "residual": False}),
    **_family("resnet", "ResNet", LARGE, 2015, plain34={"depth": 34, "residual": False}),
    **_family("resnet", "SmallResNet", SMALL, 2015, **{f"resnet{d}_small": {"depth": d} for d in (20, 56, 110, 1202)}),
    **_family("preact_resnet", "PreActivationResNet", SMALL, 2016, resnet164={"depth": 164}, resnet1001={}),
    **_family("inception_v4", "InceptionV4", LARGER, 2016, inception_v4={}),
    **_family("inception_resnet", "InceptionResNetV2", LARGER, 2016, inception_resnet_v2={}),
    **_family("densenet", "DenseNet", LARGE, 2017, **{f"densenet{d}": {"depth": d} for d in (121, 161, 169, 201)}),
    **_family("densenet", "SmallDenseNet", SMALL, 2017, densenet40={"depth": 40}, densenet100={"depth": 100}),
    **_family("xception", "Xception", LARGER, 2017, xception={}),
    **_family("senet", "SEResNet", LARGE, 2017, **{f"se_resnet{d}": {"depth": d} for d in (18, 34, 50, 101, 152)}),
    **{
        f"efficientnet_b{i}": Network("efficientnet", "EfficientNet", {"variant": f"b{i}"}, (3, side, side), 2019)
        for i, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
}


def names() -> tuple[str, ...]:
    """Return the names that :func:`build` knows, oldest first."""
    return tuple(NETWORKS)


def build(name: str, **options: Any) -> nn.Module:
    """Return an untrained network by name.

    Args:
        name: one of :func:`names`, such as ``resnet50``.
        options: of its class, such as ``num_classes=10``; they overrule the family member's own.

    Raises:
        ValueError: if there is no such network; the message names the nearest.
    """
    network = NETWORKS[check_choice("name", name, NETWORKS)]
    factory = getattr(import_module(f"{__name__}.{network.module}"), network.factory)
    return factory(**network.options | options)


def __getattr__(name: str) -> Any:
    if name in {"Summary", "summarise"}:
        return getattr(import_module(f"{__name__}.summary"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
