"""A small detector and its scenes as letters, and in torch what `detector_explorer.js` computes with them.

The functions are the twins of the module's: each takes and returns flat lists, each computes by torch and by
`course_utils.detection`, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from course_utils.widgets.packing import pack, unpack_bytes, unpack_float16
from course_utils.widgets.small_network import LETTERS

if TYPE_CHECKING:
    from course_utils.recipes.small_ssd import SmallSSD

Array = NDArray[np.float64]
Layer = Mapping[str, Any]
Row = Sequence[float]
ZERO = 31  # letter of the weight 0
HIT, LEAST_VISIBLE = 0.5, 0.1
INSIDE = 0.499  # how much of a pixel belongs to an object that owns it; a hair below one half, so that no tie decides


# ---- the network ---------------------------------------------------------------------------------------------


def pack_network(model: SmallSSD) -> dict[str, Any]:
    """Return a detector of `recipes.small_ssd` in one letter a weight.

    Args:
        model: with weights as `round_to_letters` leaves them.

    Returns:
        ``layers``: rows of ``[outputs, inputs, kernel size, stride]``, first the convolutions, then the heads, which
        look at the last of them; ``letters``: all weights, one letter each; ``steps`` and ``biases``: of each output
        channel, float16 in base64; ``maps``: stride, cells a side, and width and height of each anchor of a cell.
    """
    layers, letters, steps, biases = [], [], [], []
    convs: Any = (*model.backbone.convs, *model.heads)  # type: ignore[misc]
    for conv in convs:
        weight = conv.weight.detach().double().numpy().reshape(len(conv.weight), -1)
        layers.append([len(weight), conv.in_channels, conv.kernel_size[0], conv.stride[0]])
        step = _steps(weight)
        letters += [LETTERS[int(n) + ZERO] for n in np.rint(weight / step[:, None]).reshape(-1)]
        steps.append(step)
        biases.append(conv.bias.detach().numpy())
    maps, start = [], 0
    sides = (model.anchors[:, 2:] - model.anchors[:, :2]).double().tolist()
    for stride, head in zip(model.backbone.strides, model.heads, strict=True):
        side, each = model.size // stride, int(head.out_channels) // (5 + model.num_classes)  # type: ignore[arg-type]
        maps.append({"stride": stride, "side": side, "cell": sides[start : start + each]})
        start += side * side * each
    return {
        "layers": layers,
        "letters": "".join(letters),
        "steps": pack(np.concatenate(steps).astype(np.float16)),
        "biases": pack(np.concatenate(biases).astype(np.float16)),
        "maps": maps,
    }


def _steps(weight: Array) -> Array:
    """Return the step of each channel: its weights are whole multiples, -31..31, of it.

    Raises:
        ValueError: if a channel has no step.
    """
    found = np.empty(len(weight))
    for k, row in enumerate(weight):
        most = np.abs(row).max()
        steps = (most / n if most else 1.0 for n in range(31, 0, -1))
        step = next((s for s in steps if (row / s == np.rint(row / s)).all()), None)
        if step is None:
            raise ValueError(f"weights of channel {k} are not whole numbers of one step; call round_to_letters first")
        found[k] = step
    return found


def unpack_network(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the layers as the ES module uses them: flat ``weight``, ``bias``, ``kernel`` and ``stride``."""
    numbers = np.array([LETTERS.index(letter) - ZERO for letter in stored["letters"]], dtype=float)
    steps, bias = unpack_float16(stored["steps"]), unpack_float16(stored["biases"])
    layers, start, channel = [], 0, 0
    for outputs, inputs, kernel, stride in stored["layers"]:
        each = inputs * kernel**2
        weight = numbers[start : start + outputs * each] * np.repeat(steps[channel : channel + outputs], each)
        layers.append({"weight": weight, "bias": bias[channel : channel + outputs], "kernel": kernel, "stride": stride})
        start, channel = start + outputs * each, channel + outputs
    return layers


def convolve(x: Any, size: int, layer: Layer, rectify: bool) -> Array:
    """Return one convolution, padded by half a kernel, of a picture (C, size, size), flat; with ReLU if asked."""
    import torch
    from torch.nn import functional as F

    weight, bias = (torch.as_tensor(np.asarray(layer[name], dtype=float)) for name in ("weight", "bias"))
    kernel = layer["kernel"]
    picture = torch.as_tensor(np.asarray(x, dtype=float)).reshape(1, -1, size, size)
    kernels = weight.reshape(len(bias), -1, kernel, kernel)
    out = F.conv2d(picture, kernels, bias, layer["stride"], kernel // 2)
    return (out.relu() if rectify else out).numpy().reshape(-1)


def forward(x: Any, size: int, layers: Sequence[Layer], maps: int) -> Array:
    """Return one row of numbers an anchor, flat: map by map, cell by cell; the last ``maps`` layers are the heads."""
    made: list[tuple[Array, int]] = []
    for layer in layers[: len(layers) - maps]:
        x = convolve(x, size, layer, True)
        size = (size - 1) // layer["stride"] + 1
        made.append((x, size))
    heads = zip(layers[len(layers) - maps :], made[len(made) - maps :], strict=True)
    rows = [convolve(part, side, head, False).reshape(-1, side * side).T.reshape(-1) for head, (part, side) in heads]
    return np.concatenate(rows)


def anchors_of(maps: Any) -> list[list[float]]:
    """Return the anchors of all maps, by `grid_anchors`."""
    import torch

    from course_utils.detection.anchors import grid_anchors

    placed = []
    for one in maps:
        half = torch.tensor(one["cell"], dtype=torch.float64) / 2
        cell = torch.cat((-half, half), dim=1)
        placed += grid_anchors((one["side"], one["side"]), one["stride"], cell).tolist()
    return placed


def _decoded(outputs: Any, anchors: Any, size: int, columns: int) -> tuple[Any, Any]:
    import torch

    from course_utils.detection.boxes import clip
    from course_utils.detection.coding import SSD_WEIGHTS, decode

    row = torch.as_tensor(np.asarray(outputs, dtype=float)).reshape(-1, columns)
    boxes = clip(decode(row[:, :4], torch.tensor(anchors, dtype=torch.float64), SSD_WEIGHTS), (size, size))
    return boxes, row[:, 4:].softmax(dim=1)[:, 1:]


def read(
    outputs: Any, anchors: Any, size: int, columns: int, score_threshold: float, iou_threshold: float
) -> list[list[float]]:
    """Return detections ``[x1, y1, x2, y2, score, label, anchor]``, best first, as `detection.ssd.SSD` reads them."""
    from course_utils.detection.nms import batched_nms

    boxes, probabilities = _decoded(outputs, anchors, size, columns)
    anchor, label = (probabilities > score_threshold).nonzero(as_tuple=True)
    score = probabilities[anchor, label]
    kept = batched_nms(boxes[anchor], score, label, iou_threshold)
    return [
        [*boxes[anchor[i]].tolist(), float(score[i]), int(label[i]), int(anchor[i])] for i in kept.tolist()
    ]  # fmt: skip


def score_maps(outputs: Any, maps: Any, columns: int, label: int) -> list[list[float]]:
    """Return for each map the highest probability of a class that an anchor of each cell gives."""
    import torch

    row = torch.as_tensor(np.asarray(outputs, dtype=float)).reshape(-1, columns)
    probability = row[:, 4:].softmax(dim=1)[:, 1 + label]
    found, start = [], 0
    for one in maps:
        count = one["side"] ** 2 * len(one["cell"])
        found.append(probability[start : start + count].reshape(-1, len(one["cell"])).amax(1).tolist())
        start += count
    return found


def judge(detections: Any, truth: Any) -> dict[str, Any]:
    """Judge detections by the VOC rule at IoU 0.5, by `course_utils.detection.true_positives`.

    Args:
        detections: rows ``[x1, y1, x2, y2, score, label, ...]``, best first.
        truth: rows ``[x1, y1, x2, y2, label, visible share]``; what is nearly hidden does not count.

    Returns:
        ``verdicts`` ("hit", "duplicate", "false alarm", "hidden") and for each object whether it is ``found``.
    """
    import torch

    from course_utils.detection.true_positives import match_voc, overlaps

    def boxes(rows: Any) -> Any:
        return torch.tensor([list(row[:4]) for row in rows], dtype=torch.float64).reshape(-1, 4)

    verdicts, found = ["false alarm"] * len(detections), [False] * len(truth)
    for label in {row[5] for row in detections}:
        mine = [i for i, row in enumerate(detections) if row[5] == label]
        there = [j for j, row in enumerate(truth) if row[4] == label]
        if not there:
            continue
        iou = overlaps(boxes([detections[i] for i in mine]), boxes([truth[j] for j in there]))
        hidden = np.array([truth[j][5] < LEAST_VISIBLE for j in there])
        correct, ignored = match_voc(iou, hidden, np.array([HIT]))
        for k, i in enumerate(mine):
            if correct[0, k]:
                verdicts[i], found[there[int(iou[k].argmax())]] = "hit", True
            elif ignored[0, k]:
                verdicts[i] = "hidden"
            elif iou[k].max() >= HIT:
                verdicts[i] = "duplicate"
    return {"verdicts": verdicts, "found": found}


# ---- the scene -----------------------------------------------------------------------------------------------


def _letters(pixels: NDArray[np.uint8], colors: int, first: int) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Choose ``colors`` colours for pixels (n, 3): the number of each, from ``first``, and the palette."""
    from course_utils.widgets.small_network import _palette

    palette, index = _palette(np.ascontiguousarray(pixels), colors)
    return index + first, palette


def pack_sprite(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, str]:
    """Return what lies inside a mask as letters: A for outside, 63 more for colours."""
    index = np.zeros(mask.size, dtype=np.intp)
    inside = mask.reshape(-1)
    index[inside], palette = _letters(pixels.reshape(3, -1).T[inside], 63, 1)
    return {"pixels": "".join(LETTERS[i] for i in index), "palette": pack(palette)}


def pack_ground(pixels: NDArray[np.uint8]) -> dict[str, str]:
    """Return a picture (3, n, n) as letters, 64 for colours."""
    index, palette = _letters(pixels.reshape(3, -1).T, 64, 0)
    return {"pixels": "".join(LETTERS[i] for i in index), "palette": pack(palette)}


def unpack_sprite(stored: Mapping[str, str]) -> dict[str, Any]:
    """Return ``side``, ``colors`` (3 channels of rows, flat; 0 outside) and ``alpha``."""
    index = np.array([LETTERS.index(letter) for letter in stored["pixels"]])
    palette = np.concatenate([np.zeros((1, 3)), unpack_bytes(stored["palette"]).reshape(-1, 3)])
    return {
        "side": round(len(index) ** 0.5),
        "colors": palette[index].T.reshape(-1).tolist(),
        "alpha": (index > 0).astype(int).tolist(),
    }


def unpack_ground(stored: Mapping[str, str], size: int) -> Array:
    """Return a background enlarged to ``size``, three channels, flat, by bilinear interpolation."""
    import torch
    from torch.nn import functional as F

    index = np.array([LETTERS.index(letter) for letter in stored["pixels"]])
    side = round(len(index) ** 0.5)
    colors = unpack_bytes(stored["palette"]).reshape(-1, 3)[index].T.astype(float).reshape(1, 3, side, side)
    large = F.interpolate(torch.from_numpy(colors), (size, size), mode="bilinear", align_corners=False)
    return large.numpy().reshape(-1)


def compose(ground: Any, size: int, sprites: Any, objects: Any) -> dict[str, Any]:
    """Paint objects on a background, the last in front.

    Args:
        ground: 3 * size * size numbers, 0..255.
        size: pixels a side.
        sprites: as `unpack_sprite` returns them, one a class.
        objects: rows ``[label, x, y, diameter]``, centre in pixels.

    Returns:
        ``pixels`` as ``ground``; ``owner``: for each pixel the object in front, -1 without; ``full``: how many pixels
        of each object lie in the picture, hidden or not.
    """
    import torch
    from torch.nn import functional as F

    pixels = np.array(ground, dtype=float).reshape(3, size, size)
    owner, full = np.full((size, size), -1), []
    for number, (label, x, y, diameter) in enumerate(objects):
        one = sprites[label]
        side = one["side"]
        layers = np.concatenate([np.asarray(one["colors"], dtype=float), np.asarray(one["alpha"], dtype=float)])
        # grid_sample reads zeros outside; positions are in units of the sprite's half side.
        centre = torch.arange(size, dtype=torch.float64) + 0.5
        v, u = torch.meshgrid((centre - y) / diameter * 2, (centre - x) / diameter * 2, indexing="ij")
        sprite = torch.from_numpy(layers).reshape(1, 4, side, side)
        drawn = F.grid_sample(sprite, torch.stack((u, v), dim=-1)[None], align_corners=False)[0].numpy()
        pixels = pixels * (1 - drawn[3]) + drawn[:3]
        owner[drawn[3] >= INSIDE] = number
        full.append(int((drawn[3] >= INSIDE).sum()))
    return {"pixels": pixels.reshape(-1), "owner": owner.reshape(-1), "full": full}


def truth_of(owner: Any, size: int, full: Any, labels: Any) -> list[list[float]]:
    """Return ``[x1, y1, x2, y2, label, visible share]`` of each object, by `visible_truth`."""
    import torch

    from course_utils.data.synthetic.scenes import visible_truth

    instances = torch.as_tensor(np.asarray(owner) + 1).reshape(1, size, size)
    boxes, areas = visible_truth(instances, len(labels))
    return [
        [*(int(v) for v in boxes[0, k]), int(label), int(areas[0, k]) / max(1, full[k])]
        for k, label in enumerate(labels)
    ]


def prepare(pixels: Any) -> Array:
    """Map 0..255 to what the network takes, as `detection.scene_batches.prepare` does."""
    return np.asarray(pixels, dtype=float) / 127.5 - 1
