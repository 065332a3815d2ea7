"""Read torchvision's weights into the course's networks, where both have the same network.

Torchvision names parameters by their place in its code, the course by the papers' names; a map of names is all that
lies between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from course_utils.models.densenet import DenseNet
from course_utils.models.efficientnet import EfficientNet
from course_utils.models.inception_v3 import InceptionV3
from course_utils.models.resnet import ResNet
from course_utils.models.vgg import VGG

Rules = list[tuple[str, str]]

RESNET: Rules = [
    (r"^conv1\.", "conv1.conv."),
    (r"^bn1\.", "conv1.norm."),
    (r"\.downsample\.0\.", ".shortcut.project.conv."),
    (r"\.downsample\.1\.", ".shortcut.project.norm."),
    (r"\.(conv\d)\.", r".\1.conv."),
    (r"\.bn(\d)\.", r".conv\1.norm."),
    (r"^fc\.", "linear."),
]
DENSENET: Rules = [
    (r"^features\.conv0\.", "conv1."),
    (r"^features\.norm0\.", "norm1."),
    (r"^features\.norm5\.", "norm2."),
    (r"^features\.denseblock(\d)\.", r"block\1."),
    (r"^features\.", ""),
    (r"^classifier\.", "linear."),
]
INCEPTION_V3: Rules = [
    (r"\.bn\.", ".norm."),
    (r"^Conv2d_1a_3x3\.", "conv1."),
    (r"^Conv2d_2a_3x3\.", "conv2."),
    (r"^Conv2d_2b_3x3\.", "conv3."),
    (r"^Conv2d_3b_1x1\.", "conv4."),
    (r"^Conv2d_4a_3x3\.", "conv5."),
    (r"^Mixed_5b\.", "a1."),
    (r"^Mixed_5c\.", "a2."),
    (r"^Mixed_5d\.", "a3."),
    (r"^Mixed_6a\.branch3x3\.", "reduction_a.three."),
    (r"^Mixed_6a\.", "reduction_a."),
    (r"^Mixed_6b\.", "b1."),
    (r"^Mixed_6c\.", "b2."),
    (r"^Mixed_6d\.", "b3."),
    (r"^Mixed_6e\.", "b4."),
    (r"^Mixed_7a\.branch7x7x3_", "reduction_b.seven_"),
    (r"^Mixed_7a\.", "reduction_b."),
    (r"^Mixed_7b\.", "c1."),
    (r"^Mixed_7c\.", "c2."),
    (r"^AuxLogits\.conv0\.", "head.conv1."),
    (r"^AuxLogits\.conv1\.", "head.conv2."),
    (r"^AuxLogits\.fc\.", "head.linear."),
    (r"^fc\.", "linear."),
    (r"\.branch1x1\.", ".one."),
    (r"\.branch_pool\.", ".pool."),
    (r"\.branch3x3_2a\.", ".three_row."),
    (r"\.branch3x3_2b\.", ".three_column."),
    (r"\.branch3x3dbl_3a\.", ".twice_row."),
    (r"\.branch3x3dbl_3b\.", ".twice_column."),
    (r"^(c\d)\.branch3x3_1\.", r"\1.three."),
    (r"\.branch3x3_(\d)\.", r".three_\1."),
    (r"\.branch5x5_(\d)\.", r".five_\1."),
    (r"\.branch7x7_(\d)\.", r".seven_\1."),
    (r"\.branch(?:3x3|7x7)dbl_(\d)\.", r".twice_\1."),
]
EFFICIENTNET: Rules = [
    (r"^features\.0\.0\.", "conv1.conv."),
    (r"^features\.0\.1\.", "conv1.norm."),
    (r"^features\.8\.0\.", "head.conv."),
    (r"^features\.8\.1\.", "head.norm."),
    (r"^classifier\.1\.", "linear."),
    (r"\.fc1\.", ".squeeze."),
    (r"\.fc2\.", ".excite."),
]


def renamed(state: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Return the state with each name rewritten by all rules in turn."""
    out = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        out[name] = value
    return out


def resnet_state(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the state of torchvision's residual network under the course's names: layer1 is conv2_x."""
    stages = {re.sub(r"^layer(\d)", lambda m: f"conv{int(m[1]) + 1}_x", name): value for name, value in state.items()}
    return renamed(stages, RESNET)


def densenet_state(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the state of torchvision's DenseNet: denselayer1 is layer 0 of its block."""
    layers = {re.sub(r"denselayer(\d+)", lambda m: str(int(m[1]) - 1), name): v for name, v in state.items()}
    return renamed(layers, DENSENET)


def inception_v3_state(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the state of torchvision's Inception v3: convolutions of a branch are numbered from 0 here."""
    out = renamed(state, INCEPTION_V3)
    return {
        re.sub(r"\.(three|five|seven|twice)_(\d)\.", lambda m: f".{m[1]}.{int(m[2]) - 1}.", name): value
        for name, value in out.items()
    }


def vgg_state(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the state of torchvision's VGG: its layers are numbered, in the same order."""
    own = [name.rsplit(".", 1)[0] for name in model.state_dict() if name.endswith("weight")]
    theirs = [name.rsplit(".", 1)[0] for name in state if name.endswith("weight")]
    names = dict(zip(theirs, own, strict=True))
    return {f"{names[name.rsplit('.', 1)[0]]}.{name.rsplit('.', 1)[1]}": value for name, value in state.items()}


def efficientnet_state(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the state of torchvision's EfficientNet; the blocks of its first stage have no expansion."""
    parts = ("expand", "depthwise", "gate", "project")

    def block(m: re.Match[str]) -> str:
        stage, index, part = int(m[1]), m[2], int(m[3])
        name = parts[part + (1 if stage == 1 else 0)]
        kind = {"0.": "conv.", "1.": "norm."}[m[4]] if m[4] else ""
        return f"stage{stage + 1}.{index}.{name}.{kind}"

    pattern = r"^features\.([1-7])\.(\d+)\.block\.(\d)\.([01]\.)?"
    return renamed({re.sub(pattern, block, name): value for name, value in state.items()}, EFFICIENTNET)


MAPS: dict[type[nn.Module], Callable[[Mapping[str, Tensor], nn.Module], dict[str, Tensor]]] = {
    VGG: vgg_state,
    ResNet: resnet_state,
    InceptionV3: inception_v3_state,
    DenseNet: densenet_state,
    EfficientNet: efficientnet_state,
}


def load_torchvision(model: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Load a state dict of torchvision's network of the same name into the course's, and return it.

    Args:
        model: a ``VGG``, ``ResNet`` (built with ``stride_on="3x3"``), ``InceptionV3``, ``DenseNet``, ``EfficientNet``.
        state: from torchvision's network of the same depth or variant.

    Both then give the same outputs in evaluation mode. Torchvision's Inception v3 with ``weights=`` also shifts its
    input (``transform_input``); the course's does not.

    Raises:
        TypeError: if torchvision has no such network.
        RuntimeError: if names or shapes do not match; PyTorch's message lists them.
    """
    if type(model) not in MAPS:
        names = ", ".join(sorted(kind.__name__ for kind in MAPS))
        raise TypeError(f"model must be one of {names}, got {type(model).__name__}: torchvision has no such network")
    model.load_state_dict(MAPS[type(model)](state, model))
    return model
