"""A small network and its pictures as one byte a number, and in torch what `occlusion_explorer.js` computes with them.

The functions are the twins of the module's: each takes and returns flat lists, each computes by torch and by
`course_utils.explain`, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from course_utils.widgets.packing import pack, unpack_bytes, unpack_float16

if TYPE_CHECKING:
    from torch import Tensor, nn

Layer = Mapping[str, Any]
Array = NDArray[np.float64]

COLORS = 64
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def pack_network(model: nn.Module) -> dict[str, Any]:
    """Return a network of `recipes.small_scenes` in one byte a weight.

    Args:
        model: convolutions, each with a ReLU, then the mean of each map and one linear layer. Weights that are not yet
            whole numbers times a power of two are rounded, in a copy.

    Returns:
        ``layers``, rows of ``[outputs, inputs, kernel size, stride]``; ``numbers``, all weights as int8; ``steps``, for
        each output channel the power of two; ``biases`` as float16; the last three in base64.
    """
    import copy

    from torch import nn

    from course_utils.recipes.small_scenes import round_to_bytes

    layers, numbers, steps, biases = [], [], [], []
    for module in round_to_bytes(copy.deepcopy(model).cpu().float()).modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        weight = module.weight.detach().double().numpy().reshape(len(module.weight), -1)
        kernel, stride = (module.kernel_size[0], module.stride[0]) if isinstance(module, nn.Conv2d) else (1, 1)
        layers.append([len(weight), weight.shape[1] // kernel**2, kernel, stride])
        most = np.maximum(np.abs(weight).max(1), 2.0**-20)
        power = np.ceil(np.log2(most / 127))
        numbers.append((weight / 2 ** power[:, None]).astype(np.int8).reshape(-1))
        steps.append(power.astype(np.int8))
        bias: Any = module.bias
        biases.append(bias.detach().numpy())
    return {
        "layers": layers,
        "numbers": pack(np.concatenate(numbers)),
        "steps": pack(np.concatenate(steps)),
        "biases": pack(np.concatenate(biases).astype(np.float16)),
    }


def unpack_network(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the layers as the ES module uses them: flat ``weight``, ``bias``, ``kernel`` and ``stride``."""
    numbers, power = (unpack_bytes(stored[name]).view(np.int8).astype(float) for name in ("numbers", "steps"))
    bias = unpack_float16(stored["biases"])
    layers, start, channel = [], 0, 0
    for outputs, inputs, kernel, stride in stored["layers"]:
        each = inputs * kernel**2
        weight = numbers[start : start + outputs * each] * np.repeat(2.0 ** power[channel : channel + outputs], each)
        layers.append({"weight": weight, "bias": bias[channel : channel + outputs], "kernel": kernel, "stride": stride})
        start, channel = start + outputs * each, channel + outputs
    return layers


def network_of(layers: Sequence[Layer]) -> nn.Sequential:
    """Return the same network in torch, in float64: the reference for what the browser computes.

    Args:
        layers: as ``unpack_network`` returns them; the last is the linear one.
    """
    import torch
    from torch import nn

    modules: list[nn.Module] = []
    for layer in layers[:-1]:
        outputs, kernel = len(layer["bias"]), layer["kernel"]
        inputs = len(layer["weight"]) // (outputs * kernel**2)
        conv = nn.Conv2d(inputs, outputs, kernel, layer["stride"], padding=kernel // 2, dtype=torch.float64)
        modules += [conv, nn.ReLU()]
    width = len(layers[-1]["weight"]) // len(layers[-1]["bias"])
    head = nn.Linear(width, len(layers[-1]["bias"]), dtype=torch.float64)
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), head]
    model = nn.Sequential(*modules).eval()
    with torch.no_grad():
        for module, layer in zip((m for m in modules if hasattr(m, "weight")), layers, strict=True):
            weight: Any = module.weight
            bias: Any = module.bias
            weight.copy_(torch.as_tensor(np.asarray(layer["weight"], dtype=float)).reshape(weight.shape))
            bias.copy_(torch.as_tensor(np.asarray(layer["bias"], dtype=float)))
    return model


def _palette(colors: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Choose at most ``count`` colours for pixels (n, 3): a palette (count, 3) and the position of each pixel in it."""
    from PIL import Image

    palette = np.zeros((count, 3), dtype=np.uint8)
    if not len(colors):
        return palette, np.zeros(0, dtype=np.intp)
    reduced = Image.fromarray(colors[None]).quantize(count, kmeans=2, dither=Image.Dither.NONE)
    found = np.array((reduced.getpalette() or [])[: 3 * count], dtype=np.uint8).reshape(-1, 3)
    palette[: len(found)] = found
    return palette, np.asarray(reduced, dtype=np.intp)[0]


def pack_picture(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], label: int) -> dict[str, Any]:
    """Return a picture and its truth in one letter a pixel.

    Args:
        pixels: uint8 (3, 64, 64).
        mask: bool (64, 64), where the object is. Half of the palette is kept for its colours, so that the letters
            hold the mask, too.
        label: the true class.
    """
    flat, inside = pixels.reshape(3, -1).T, mask.reshape(-1)
    index = np.empty(len(flat), dtype=np.intp)
    palettes = []
    for half, part in enumerate((inside, ~inside)):
        palette, index[part] = _palette(np.ascontiguousarray(flat[part]), COLORS // 2)
        index[part] += half * (COLORS // 2)
        palettes.append(palette)
    letters = "".join(LETTERS[i] for i in index)
    return {"pixels": letters, "palette": pack(np.concatenate(palettes)), "label": int(label)}


def unpack_picture(stored: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return ``bytes``, three channels of 64 rows one after the other, and ``mask``, 1 where the object is."""
    palette = unpack_bytes(stored["palette"]).reshape(-1, 3)
    index = np.array([LETTERS.index(letter) for letter in stored["pixels"]])
    return {
        "bytes": palette[index].T.reshape(-1).tolist(),
        "mask": (index < len(palette) // 2).astype(int).tolist(),
    }


def _picture(x: Any, size: int) -> Tensor:
    import torch

    return torch.as_tensor(np.asarray(x, dtype=float)).reshape(1, -1, size, size)


def convolve(x: Any, size: int, layer: Layer) -> Array:
    """Return one convolution with ReLU, flat."""
    head = {"weight": np.zeros(len(layer["bias"])), "bias": [0.0]}
    return network_of([layer, head])[:2](_picture(x, size)).detach().numpy().reshape(-1)


def convolve_back(gradient: Any, out: Any, size: int, layer: Layer) -> Array:
    """Return what autograd makes of the gradient with respect to a layer's output ``out``."""
    import torch

    conv: Any = network_of([layer, {"weight": np.zeros(len(layer["bias"])), "bias": [0.0]}])[0]
    x = torch.zeros(1, conv.in_channels, size, size, dtype=torch.float64, requires_grad=True)
    linear = conv(x)
    passed = torch.as_tensor(np.asarray(gradient)).reshape(linear.shape)
    passed = passed * (torch.as_tensor(np.asarray(out)).reshape(linear.shape) > 0)
    (back,) = torch.autograd.grad(linear, x, passed)
    return back.numpy().reshape(-1)


def scores(x: Any, size: int, layers: Sequence[Layer]) -> Array:
    """Return the scores of the classes."""
    return network_of(layers)(_picture(x, size))[0].detach().numpy()


def input_gradient(x: Any, size: int, layers: Sequence[Layer], target: int) -> Array:
    """Return the gradient of one score with respect to the picture, flat."""
    from course_utils.explain import saliency as explain

    return explain.input_gradient(network_of(layers), _picture(x, size), target).numpy().reshape(-1)


def cover(x: Any, size: int, top: int, left: int, patch: int) -> Array:
    """Return the picture with a grey square, flat; prepared, mid-grey is 0."""
    copy = np.array(x, dtype=float).reshape(-1, size, size)
    copy[:, top : top + patch, left : left + patch] = 0
    return copy.reshape(-1)


def places(size: int, patch: int, stride: int) -> list[list[int]]:
    """Return the upper left corners of all places, row after row."""
    from course_utils.explain.occlusion import positions

    steps = [stride * i for i in range(positions(size, patch, stride))]
    return [[i, j] for i in steps for j in steps]


def drops(
    x: Any, size: int, layers: Sequence[Layer], target: int, patch: int, where: Sequence[Sequence[int]]
) -> list[float]:
    """Return how much the score falls at each place."""
    whole = scores(x, size, layers)[target]
    return [float(whole - scores(cover(x, size, i, j, patch), size, layers)[target]) for i, j in where]


def spread(fallen: Sequence[float], where: Sequence[Sequence[int]], size: int, patch: int) -> Array:
    """Return for each pixel the mean drop of the patches that covered it, 0 where none did, flat."""
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for drop, (i, j) in zip(fallen, where, strict=True):
        total[i : i + patch, j : j + patch] += drop
        count[i : i + patch, j : j + patch] += 1
    return (total / np.maximum(count, 1)).reshape(-1)


def saliency(gradient: Any, size: int) -> Array:
    """Return the largest absolute gradient of each pixel's channels, flat."""
    from course_utils.explain.saliency import channel_map

    return channel_map(_picture(gradient, size)).numpy().reshape(-1)


def gradient_times_input(gradient: Any, x: Any, size: int) -> Array:
    """Return gradient times picture, summed over channels, flat."""
    return (_picture(gradient, size) * _picture(x, size)).sum(1).numpy().reshape(-1)


def share_inside(values: Any, mask: Any) -> float:
    """Return the share of a flat map that lies inside a flat mask."""
    import torch

    from course_utils.explain.sanity import mass_inside

    maps, masks = torch.as_tensor(np.asarray(values, dtype=float)), torch.as_tensor(np.asarray(mask)) > 0
    return float(mass_inside(maps[None, None], masks[None, None])[0])


def prepare(pixels: Any) -> Array:
    """Map bytes to what the network takes, as `recipes.small_scenes.prepare` does."""
    return 4 * np.asarray(pixels, dtype=float) / 255 - 2
