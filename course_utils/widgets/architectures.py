"""Every network of the package as a short list of layers and repeated blocks, for the figure that shows them.

``architectures.json`` beside this file holds what :func:`collect` returns, because tracing all networks takes ten
seconds; ``python -m tools.architectures`` writes it again, and a test compares it with ``summarise``.

A layer here is a convolution, a product, a pooling, or a place where branches meet, with the normalisation and
activation that follow it. Fields are kept relative to the block's input, in steps of that input: repeated blocks
are the same then, and are stored once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["TABLE", "collect", "count", "layers", "load", "title", "totals"]

TABLE = Path(__file__).with_name("architectures.json")
# Functions that follow a layer and are told with it, with the word for each.
AFTER = {
    "relu": "ReLU", "silu": "SiLU", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax", "dropout": "dropout",
    "flatten": "", "permute": "", "reshape": "", "view": "", "getitem": "", "mul": "", "contiguous": "",
}  # fmt: skip
MODULES_AFTER = {"BatchNorm2d": "norm", "LocalResponseNorm": "LRN", "Dropout": "dropout"}
KINDS = {
    "conv2d": "conv", "linear": "linear", "max_pool2d": "max pool", "avg_pool2d": "average pool",
    "mean": "global average", "adaptive_avg_pool2d": "global average", "cat": "concatenate", "add": "add",
    "mul": "gate", "Subsampling": "subsampling", "TableConv2d": "table conv", "RBFOutputs": "RBF",
}  # fmt: skip
WORDS = {"relu": "activation", "BatchNorm2d": "norm", "getitem": "shortcut", "pad": "shortcut"}
NAMES = {
    "lenet5": "LeNet-5", "lenet5_modern": "LeNet-5, modern reading", "alexnet": "AlexNet",
    "alexnet_whole": "AlexNet without groups", "zfnet": "ZFNet", "googlenet": "GoogLeNet",
    "bn_inception": "BN-Inception", "inception_v3": "Inception-v3", "inception_v4": "Inception-v4",
    "inception_resnet_v2": "Inception-ResNet-v2", "xception": "Xception",
    "resnet164": "ResNet-164, pre-activation", "resnet1001": "ResNet-1001, pre-activation",
}  # fmt: skip
FAMILIES = {"vgg": "VGG-", "resnet": "ResNet-", "plain": "plain ", "densenet": "DenseNet-", "se_resnet": "SE-ResNet-",
            "efficientnet_b": "EfficientNet-B"}  # fmt: skip


def title(name: str) -> str:
    """Return a network's name as papers write it; networks for pictures of 32 pixels say so."""
    if name in NAMES:
        return NAMES[name]
    family, number, small = re.fullmatch(r"(\D+)(\d+)(_small)?", name).groups()  # type: ignore[union-attr]
    return FAMILIES[family] + number + (" for 32×32" if small or name in ("densenet40", "densenet100") else "")


@dataclass
class Part:
    """One layer of a traced network, while it is put together."""

    block: str
    name: str
    kind: str
    window: tuple[int, ...]  # kernel rows and columns, stride, groups
    fan: int  # channels or features of the input
    shape: tuple[int, ...]
    field: Any
    numbers: list[int]  # parameters, multiply-adds, bytes
    after: list[str] = field(default_factory=list)
    last: int = 0  # index of its last operation


@cache
def _recorder() -> Any:
    """Return a tracer that also keeps where operations come from, and their windows (torch is imported on use)."""
    from course_utils.models.tracing import Tracer, argument, pair, tensors

    class Recorder(Tracer):
        def __init__(self, model: nn.Module, x: Tensor) -> None:
            super().__init__(model, x)
            self.sources: list[list[int]] = []
            self.windows: list[tuple[int, ...]] = []
            self.fans: list[int] = []
            self._from: dict[int, int] = {id(x): -1}

        def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
            before, named = len(self.operations), kwargs or {}
            inputs = [t for t in tensors((args, named)) if id(t) in self._from]
            out = super().__torch_function__(func, types, args, kwargs)
            if len(self.operations) > before:
                name = self.operations[-1].name
                self.sources.append([self._from[id(t)] for t in inputs])
                self._from |= {id(t): before for t in tensors(out)}
                window: tuple[int, ...] = ()
                if name == "conv2d":
                    weight = argument(args, named, 1, "weight")
                    stride = pair(argument(args, named, 3, "stride", 1))[0]
                    window = (*weight.shape[2:], stride, argument(args, named, 6, "groups", 1))
                elif name in ("max_pool2d", "avg_pool2d"):
                    kernel = pair(argument(args, named, 1, "kernel_size"))
                    window = (*kernel, pair(argument(args, named, 2, "stride") or kernel)[0], 1)
                self.windows.append(window)
                self.fans.append(inputs[0].shape[1] if inputs[0].ndim > 1 else 0)
            return out

    return Recorder


def _block_of(model: nn.Module, path: str) -> tuple[str, str]:
    """Return the block that a module belongs to and the rest of its name: stages of several blocks are opened."""
    from torch.nn import Sequential

    parts = path.split(".")
    count = 2 if len(parts) > 1 and type(model.get_submodule(parts[0])) is Sequential else 1
    return ".".join(parts[:count]), ".".join(parts[count:])


def _parts(model: nn.Module, shape: tuple[int, ...]) -> tuple[list[Part], int]:
    """Trace a network and put its operations together to layers; return them and its depth."""
    import torch

    from course_utils.models.tracing import without_numbers

    twin = without_numbers(model).eval()
    x = torch.empty((1, *shape), device="meta")
    tracer = _recorder()(twin, x)
    try:
        with torch.no_grad(), tracer:
            twin(x)
    finally:
        tracer.close()
    modules, seen, made = dict(twin.named_modules()), set[str](), list[Part]()
    previous: tuple[str, int] | None = None
    for index, op in enumerate(tracer.operations):
        module = modules[op.module]
        whole = bool(op.module) and next(module.children(), None) is None  # a layer without parts
        word = type(module).__name__ if whole else op.name
        own = 0 if op.module in seen else sum(p.numel() for p in module.parameters(recurse=False))
        seen.add(op.module)
        numbers = [own, op.multiply_adds, op.bytes]
        here = (op.module, op.call) if whole else None
        block, rest = _block_of(twin, op.module) if op.module else ("", "")
        follows = bool(made) and made[-1].last in tracer.sources[index]
        alone = len(set(tracer.sources[index])) == 1
        label = MODULES_AFTER.get(word, AFTER.get(word if whole else op.name))
        goes_on = here is not None and here == previous  # one layer may be several operations
        # A network's own normalisation (``norm``) and what it computes itself belong to the layer before.
        attached = (
            follows and alone and label is not None and (not block or block == made[-1].block or (whole and not rest))
        )
        previous = here
        if goes_on or attached or (op.name == "pad" and follows and made[-1].kind == "shortcut"):
            part = made[-1]
            part.numbers = [a + b for a, b in zip(part.numbers, numbers, strict=True)]
            part.last = index
            if goes_on:
                part.shape, part.field = tuple(op.shape[1:]), op.place.field
                part.window = part.window or tracer.windows[index]
            elif label and label not in part.after:
                part.after.append(label)
            continue
        kind = KINDS.get(word) or KINDS.get(op.name) or WORDS.get(word) or WORDS.get(op.name)
        if kind is None:
            raise ValueError(f"no word for {word} ({op.name}) in {op.module or type(model).__name__}")
        name = re.sub(r"\.?(conv|norm)$", "", rest) if rest not in ("conv", "norm") else ""
        made.append(Part(block, name, kind, tracer.windows[index], tracer.fans[index], tuple(op.shape[1:]),
                         op.place.field, numbers, last=index))  # fmt: skip
        if kind in ("norm", "activation"):
            made[-1].after = [MODULES_AFTER.get(word) or AFTER[op.name]]
    return made, tracer.operations[-1].place.depth


def weights(kind: str, window: Sequence[int], fan: int, units: int) -> int:
    """Return the products behind all output channels at one place: a kernel over the inputs of its group for each."""
    if kind in ("conv", "table conv"):
        return window[0] * window[1] * fan // window[3] * units
    return fan * units if kind == "linear" else 0


def count(layer: Sequence[Any]) -> list[int]:
    """Return parameters, multiply-adds and bytes of a stored layer.

    Args:
        layer: ``[kind, window, fan, shape, extra, results, after]``: the kernel's rows and columns, stride and
            groups (or nothing); channels of the input; shape of the output; parameters beside the weights (biases,
            normalisation) for each output channel; and how many numbers are kept for each output. The table
            convolution of LeNet-5 computes all products and owns fewer: all its parameters are ``extra``.
    """
    kind, window, fan, shape, extra, results, _ = layer
    products = weights(kind, window, fan, shape[0])
    own = extra * shape[0] + (0 if kind == "table conv" else products)
    return [round(own), products * math.prod(shape[1:]), round(4 * results * math.prod(shape))]


def _layer(part: Part) -> list[Any]:
    """Return a layer as it is stored, and check that nothing is lost."""
    products = 0 if part.kind == "table conv" else weights(part.kind, part.window, part.fan, part.shape[0])
    extra = (part.numbers[0] - products) / part.shape[0]
    results = round(part.numbers[2] / 4 / math.prod(part.shape), 10)
    layer = [part.kind, list(part.window), part.fan, list(part.shape), int(extra) if extra == int(extra) else extra,
             int(results) if results == int(results) else results, ", ".join(part.after)]  # fmt: skip
    if count(layer) != part.numbers:
        raise ValueError(f"{part.block}.{part.name} has {part.numbers}, its structure says {count(layer)}")
    return layer


def _relative(part: Part, origin: Any) -> list[int]:
    """Return what the field adds before and behind that of the block's input, and its stride, in steps of it."""
    out = []
    for axis in (0, 1):
        step = origin.stride[axis]
        out += [(origin.low[axis] - part.field.low[axis]) / step, (part.field.high[axis] - origin.high[axis]) / step,
                part.field.stride[axis] / step]  # fmt: skip
    if any(value != int(value) for value in out):
        raise ValueError(f"the field of {part.block}.{part.name} does not move in whole steps of its input: {out}")
    whole = [int(value) for value in out]
    return whole[:3] if whole[:3] == whole[3:] else whole


def collect(which: Iterable[str] | None = None) -> dict[str, Any]:
    """Trace networks and return the table of their layers.

    Args:
        which: names of networks; default all.

    Returns:
        ``layers``: each ``[kind, window, fan, shape, extra, results, after]`` (see :func:`count`); ``blocks``: each
        ``[class, [[layer, name, *relative field], ...]]``; ``networks``: by name ``[title, year, input shape, depth,
        entries]``, each entry ``[name, [[block, count], ...]]``.
    """
    import torch

    from course_utils.models import NETWORKS, build, names
    from course_utils.models.fields import Field

    known_layers, known_blocks = dict[str, int](), dict[str, int]()
    table: dict[str, Any] = {"layers": [], "blocks": [], "networks": {}}

    def place(known: dict[str, int], rows: list[Any], row: Any) -> int:
        key = json.dumps(row)
        if key not in known:
            known[key] = len(rows)
            rows.append(row)
        return known[key]

    for name in names() if which is None else which:
        network = NETWORKS[name]
        with torch.device("meta"):
            model = build(name)
        (parts, depth), origin, entries = _parts(model, network.input_shape), Field(), list[Any]()
        while parts:
            block = parts[0].block
            count = next((i for i, part in enumerate(parts) if part.block != block), len(parts)) if block else 1
            own, parts = parts[:count], parts[count:]
            rows, pattern = [], []
            for part in own:
                layer = _layer(part)
                rows.append([place(known_layers, table["layers"], layer), part.name, *_relative(part, origin)])
                pattern.append((part.kind, part.window[:3], part.shape[1:], part.name))
            origin = own[-1].field
            kind = type(model.get_submodule(block)).__name__ if block and len(own) > 1 else ""
            index = place(known_blocks, table["blocks"], [kind, rows])
            stage, _, number = block.rpartition(".")
            if stage and number.isdigit() and entries and entries[-1][2:] == [stage, pattern] and len(own) > 1:
                runs = entries[-1][1]
                if runs[-1][0] == index:
                    runs[-1][1] += 1
                else:
                    runs.append([index, 1])
            else:
                entries.append([block, [[index, 1]], stage, pattern])
        shown = [entry[:2] for entry in entries]
        table["networks"][name] = [title(name), network.year, list(network.input_shape), depth, shown]
    return table


@cache
def load() -> dict[str, Any]:
    """Return the table that the package holds, as :func:`collect` makes it."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def layers(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the layers of a network, one after another, with their fields in pixels of the input.

    Args:
        table: from :func:`collect` or :func:`load`.
        name: of a network in it.

    Returns:
        for each layer ``entry`` (its place in the column), ``block`` (which of the entry's blocks), ``name``,
        ``kind``, ``window`` (kernel rows and columns, stride, groups; or empty), ``fan``, ``shape``,
        ``parameters``, ``multiply_adds``, ``bytes``, ``after``, and ``low``, ``high``, ``stride`` of the first
        unit's field, each ``[rows, columns]``.
    """
    rows, low, high, step = [], [0, 0], [0, 0], [1, 1]
    for entry, (_, runs) in enumerate(table["networks"][name][4]):
        block = 0
        for index, repeats in runs:
            for _ in range(repeats):
                for layer, own, *relative in table["blocks"][index][1]:
                    kind, window, fan, shape, _, _, after = table["layers"][layer]
                    parameters, multiply_adds, size = count(table["layers"][layer])
                    a = [relative[0], relative[0 if len(relative) == 3 else 3]]
                    b = [relative[1], relative[1 if len(relative) == 3 else 4]]
                    f = [relative[2], relative[2 if len(relative) == 3 else 5]]
                    rows.append({
                        "entry": entry, "block": block, "name": own, "kind": kind, "window": window, "fan": fan,
                        "shape": shape, "parameters": parameters, "multiply_adds": multiply_adds, "bytes": size,
                        "after": after, "low": [low[i] - a[i] * step[i] for i in (0, 1)],
                        "high": [high[i] + b[i] * step[i] for i in (0, 1)], "stride": [f[i] * step[i] for i in (0, 1)],
                    })  # fmt: skip
                low, high, step = rows[-1]["low"], rows[-1]["high"], rows[-1]["stride"]
                block += 1
    return rows


def totals(table: dict[str, Any], name: str) -> dict[str, int]:
    """Return parameters, multiply-adds and bytes of a whole network, and its depth."""
    rows = layers(table, name)
    sums = {key: sum(row[key] for row in rows) for key in ("parameters", "multiply_adds", "bytes")}
    return {**sums, "depth": table["networks"][name][3]}
