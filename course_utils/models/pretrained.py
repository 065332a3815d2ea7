"""Networks with torchvision's pretrained weights, read from a checkpoint file that a reader already has.

Nothing is downloaded. Where there is a network, ``torchvision.models.resnet18(weights="DEFAULT")`` puts such a file
into torchvision's cache, by default ``~/.cache/torch/hub/checkpoints/resnet18-f37072fd.pth``: the eight digits are the
beginning of the file's SHA-256.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.check import check_choice
from course_utils.models.torchvision_keys import load_torchvision

# Torchvision's name to the course's own and its options; what these leave out only torchvision's own code has.
OURS: dict[str, tuple[str, dict[str, object]]] = {
    **{f"resnet{depth}": (f"resnet{depth}", {"stride_on": "3x3"}) for depth in (18, 34, 50, 101, 152)},
    **{f"vgg{depth}": (f"vgg{depth}", {"batch_norm": False}) for depth in (11, 13, 16, 19)},
    **{f"vgg{depth}_bn": (f"vgg{depth}", {"batch_norm": True}) for depth in (11, 13, 16, 19)},
    **{f"densenet{depth}": (f"densenet{depth}", {}) for depth in (121, 161, 169, 201)},
    "inception_v3": ("inception_v3", {}),
    **{f"efficientnet_b{i}": (f"efficientnet_b{i}", {}) for i in range(8)},
}
# Torchvision's last linear layer, whose rows are the classes.
LAST = re.compile(r"^(fc|classifier|classifier\.\d+|heads\.head|head)\.weight$")
SOURCES = ("course", "torchvision")
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHARP_NORMS = {"efficientnet_b5", "efficientnet_b6", "efficientnet_b7"}  # torchvision normalises these with eps 0.001


class PretrainedError(RuntimeError):
    """A file is missing, damaged, or holds no weights for the network that was asked for."""


def find_file(name: str, weights: str | Path) -> Path:
    """Return the checkpoint of one network.

    Args:
        name: torchvision's name of the network, such as ``resnet18``.
        weights: the file, or a folder with files named as in torchvision's cache: ``NAME-DIGITS.pth``.

    Raises:
        PretrainedError: if there is none, or the folder holds several.
    """
    path = Path(weights).expanduser()
    if path.is_dir():
        form = re.compile(rf"{name}(_google|_rwightman|_lukemelas)?-[0-9a-f]{{8,}}")  # who trained it, for some
        found = sorted(p for p in path.glob(f"{name}*.pth") if form.fullmatch(p.stem))
        if len(found) > 1:
            raise PretrainedError(f"{path} holds several for {name}: {', '.join(p.name for p in found)}; name one file")
        if found:
            return found[0]
        raise PretrainedError(
            f"{path} holds no file named {name}-DIGITS.pth; with a network, "
            f"torchvision.models.{name}(weights='DEFAULT') puts it into torchvision's cache"
        )
    if not path.is_file():
        raise PretrainedError(
            f"there is no file {path}; give torchvision's checkpoint of {name}, or the cache's folder"
        )
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint as torchvision's cache stores it: a mapping from names to tensors, and nothing else.

    Raises:
        PretrainedError: if the checksum in its name is not its own, or it holds anything but tensors by name.
    """
    digits = re.search(r"-([0-9a-f]{8,})$", path.stem)
    if digits:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(digits[1]):
            raise PretrainedError(
                f"{path.name} should have a SHA-256 that begins with {digits[1]}, it has {found[: len(digits[1])]}: "
                "the file is damaged or another; fetch it again"
            )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise PretrainedError(f"{path.name} holds no plain tensors that PyTorch reads safely: {reason}") from error
    if not isinstance(state, Mapping) or not state:
        raise PretrainedError(f"{path.name} must hold a mapping from names to tensors, got {type(state).__name__}")
    foreign = [str(key) for key, value in state.items() if not isinstance(value, Tensor)]
    if foreign:
        raise PretrainedError(
            f"{path.name} must hold tensors by name alone, as torchvision's cache does; {', '.join(foreign[:4])} hold "
            "others. A training checkpoint keeps its weights under such a name: save that part by itself"
        )
    # DenseNet's files are from before 2018 and put a dot before the number of a layer.
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key): value for key, value in state.items()}


def _count_classes(state: Mapping[str, Tensor], name: str, path: Path) -> int:
    last = [value for key, value in state.items() if LAST.match(key) and value.ndim == 2]
    if not last:
        raise PretrainedError(
            f"{path.name} is no checkpoint of {name}: it has no last linear layer; its first tensors are "
            f"{', '.join(list(state)[:3])}"
        )
    return len(last[-1])


def load_pretrained(name: str, weights: str | Path | None = None, *, source: str = "course") -> nn.Module:
    """Return a network in evaluation mode, with torchvision's weights from a file if there is one.

    Args:
        name: torchvision's name, such as ``resnet18``, ``vgg16``, ``densenet121``, ``inception_v3``.
        weights: checkpoint file, or the folder of torchvision's cache; None for untrained weights. The number of
            classes is that of the file, 1,000 without one.
        source: ``"course"`` builds the network of `course_utils.models`, ``"torchvision"`` torchvision's own. Both
            then give the same outputs; inputs are prepared by :func:`prepare_for`.

    Raises:
        ValueError: if there is no such network or source.
        PretrainedError: if the file is missing, damaged, or of another network; the message says which.
    """
    check_choice("source", source, SOURCES)
    if source == "course":
        check_choice("name", name, tuple(OURS))
    state, path, classes = None, None, 1000
    if weights is not None:
        path = find_file(name, weights)
        state = read_state(path)
        classes = _count_classes(state, name, path)
    if state is None or path is None:
        return _build(name, source, classes).eval()
    with torch.device("meta"):  # no time for starting weights that are not used
        model = _build(name, source, classes)
    model.to_empty(device="cpu")
    for key, buffer in model.named_buffers():
        if key.endswith("num_batches_tracked"):
            buffer.zero_()  # the oldest files lack it
    try:
        if source == "course":
            load_torchvision(model, state)
        else:
            model.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines if re.match(r"(Missing|Unexpected|size mismatch)", line)), lines[0])
        raise PretrainedError(f"{path.name} is no checkpoint of {name}: {reason[:160]}") from error
    return model.eval()


def _build(name: str, source: str, classes: int) -> nn.Module:
    if source == "course":
        own, options = OURS[name]
        model = models.build(own, num_classes=classes, **options)
    else:
        from torchvision.models import get_model

        extra = {
            "inception_v3": {"init_weights": False, "transform_input": False},
            "googlenet": {"init_weights": False},
        }
        model = get_model(name, weights=None, num_classes=classes, **extra.get(name, {}))
    if name in SHARP_NORMS:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3
    return model


def prepare_for(name: str) -> Callable[[Tensor], Tensor]:
    """Return what maps pictures to the inputs that torchvision's weights of a network were trained on.

    The function takes (N, 3, H, W), uint8 or floats in [0, 1], of the size the network wants; gradients pass.
    """
    own = name == "inception_v3"  # its weights come from TensorFlow: inputs in [-1, 1]
    mean, spread = ((0.5,) * 3, (0.5,) * 3) if own else (MEAN, SPREAD)

    def prepare(x: Tensor) -> Tensor:
        x = x.float() / 255 if x.dtype == torch.uint8 else x
        shift, scale = (torch.tensor(v, device=x.device)[:, None, None] for v in (mean, spread))
        return (x - shift) / scale

    return prepare
