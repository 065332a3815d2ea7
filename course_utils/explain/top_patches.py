"""The pieces of pictures that excite a unit most, cut to exactly what it sees (chapter 08).

Source: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 2 (the nine
strongest activations of a feature map, with the picture patches that caused them).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.partial_run import run_up_to
from course_utils.explain.receptive_fields import Fields, receptive_fields

__all__ = ["TopPatches", "class_purity", "cut_patches", "feed_again", "top_patches"]


@dataclass(frozen=True)
class TopPatches:
    """Where some units of a layer answered most strongly, best first.

    Args:
        layer: name of the layer.
        units: int64 (U,), their channels.
        scores: (U, k), their answers.
        images: int64 (U, k), pictures, by position.
        places: int64 (U, k, 2), row and column of the answering unit in its map.
        boxes: int64 (U, k, 4), what that unit sees: xyxy in pixels, half open, cut to the picture.
        fields: of the layer.
    """

    layer: str
    units: Tensor
    scores: Tensor
    images: Tensor
    places: Tensor
    boxes: Tensor
    fields: Fields


def top_patches(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    units: list[int] | Tensor | None = None,
    k: int = 9,
    *,
    fields: Fields | None = None,
    one_per_picture: bool = True,
    batch_size: int = 128,
) -> TopPatches:
    """Find the ``k`` strongest answers of each unit over many pictures.

    Args:
        model: any network; evaluated in ``eval`` mode and left as it was found.
        x: pictures (N, C, H, W), prepared for the network, at least ``k`` of them.
        layer: name or module; its output has shape (N, U, h, w) or (N, U).
        units: channels to ask; all by default.
        k: answers of each.
        fields: the layer's receptive fields, if they are known already.
        one_per_picture: only a picture's strongest answer counts. Otherwise nine patches may be nine neighbours.
        batch_size: pictures in one pass.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if there are fewer than ``k`` pictures or an argument is out of range.
    """
    check_int("k", k, minimum=1)
    check_int("batch_size", batch_size, minimum=1)
    name, _ = find_layer(model, layer)
    if x.ndim != 4:
        raise ValueError(f"x must have shape (N, C, H, W), got {tuple(x.shape)}")
    if one_per_picture and len(x) < k:
        raise ValueError(f"{k} patches from different pictures need at least {k} pictures, got {len(x)}")
    best: tuple[Tensor, Tensor, Tensor] | None = None
    chosen, width = torch.tensor([]), 1
    with untouched(model), torch.no_grad():
        for start in range(0, len(x), batch_size):
            maps = _maps(run_up_to(model, x[start : start + batch_size], [name])[name])
            if best is None:
                chosen = _channels(units, maps.shape[1])
            width = maps.shape[3]
            flat = maps[:, chosen.to(maps.device)].flatten(2)  # (B, U, places)
            count = 1 if one_per_picture else min(k, flat.shape[2])
            scores, places = flat.topk(count, dim=2)
            images = torch.arange(start, start + len(maps), device=x.device)[:, None, None].expand_as(places)
            new = tuple(part.transpose(0, 1).flatten(1) for part in (scores, images, places))
            if best is not None:
                new = tuple(torch.cat(pair, dim=1) for pair in zip(best, new, strict=True))
            order = new[0].topk(min(k, new[0].shape[1]), dim=1).indices
            best = tuple(part.gather(1, order) for part in new)  # type: ignore[assignment]
    if best is None:
        raise ValueError("x must hold at least one picture, got 0")
    scores, images, places = (part.cpu() for part in best)
    if fields is None:
        fields = receptive_fields(model, [name], (x.shape[1], x.shape[2], x.shape[3]))[name]
    spots = torch.stack([places // width, places % width], dim=-1)
    rows, columns = fields.rows[spots[..., 0]], fields.columns[spots[..., 1]]
    boxes = torch.stack([columns[..., 0], rows[..., 0], columns[..., 1], rows[..., 1]], dim=-1)
    return TopPatches(name, chosen.cpu(), scores, images, spots, boxes, fields)


def cut_patches(pictures: Tensor, top: TopPatches, fill: float = 0.5) -> Tensor:
    """Cut out what the units saw.

    Args:
        pictures: (N, C, H, W), as they shall be shown: need not be what the network was given.
        top: of the same pictures.
        fill: value where a field hangs over the border of the picture.

    Returns:
        (U, k, C, S, T), S and T the height and width of a whole field.
    """
    height, width = top.fields.size
    u, k = top.images.shape
    patches = torch.full((u, k, pictures.shape[1], height, width), fill).to(pictures.dtype)
    for a in range(u):
        for b in range(k):
            x1, y1, x2, y2 = top.boxes[a, b].tolist()
            # A field that the upper or left border cuts has its missing part there.
            down = height - (y2 - y1) if y1 == 0 else 0
            right = width - (x2 - x1) if x1 == 0 else 0
            piece = pictures[int(top.images[a, b]), :, y1:y2, x1:x2]
            patches[a, b, :, down : down + y2 - y1, right : right + x2 - x1] = piece.cpu()
    return patches


def feed_again(model: nn.Module, x: Tensor, top: TopPatches) -> Tensor:
    """Answers of the units when the network is shown their patches alone: they must be the scores.

    A patch is cut a little larger where needed: layers with a stride count from the picture's corner, so the cut must
    begin at a multiple of the layer's total stride, else poolings would group other pixels. A field that hangs over
    the border is cut *at* the border: there the network pads its maps, which is not the same as padding the picture.

    Args:
        model: the network that was asked.
        x: the pictures it was asked about (N, C, H, W), prepared.
        top: its answers.

    Returns:
        (U, k).
    """
    answers = torch.empty_like(top.scores)
    with untouched(model), torch.no_grad():
        for size, members in _by_size(top).items():
            crops, spots = [], []
            for a, b in members:
                y1, x1 = _corner(top, a, b)
                crops.append(x[int(top.images[a, b]), :, y1 : y1 + size[0], x1 : x1 + size[1]])
                row, column = top.places[a, b].tolist()
                steps = top.fields.stride
                spots.append((row - (y1 // steps[0] if y1 else 0), column - (x1 // steps[1] if x1 else 0)))
            maps = _maps(run_up_to(model, torch.stack(crops), [top.layer])[top.layer]).cpu()
            for number, ((a, b), (row, column)) in enumerate(zip(members, spots, strict=True)):
                answers[a, b] = maps[number, int(top.units[a]), row, column]
    return answers


def class_purity(labels: Tensor) -> Tensor:
    """Share of the most common label among the pictures that excite a unit most.

    Args:
        labels: int64 (..., k), of the k pictures of each unit.

    Returns:
        (...), from about 1 / number of classes, for pictures taken blindly somewhat more, up to 1.
    """
    if labels.shape[-1] == 0:
        raise ValueError("labels must hold at least one picture for each unit")
    same = labels[..., :, None] == labels[..., None, :]
    return same.sum(-1).amax(-1) / labels.shape[-1]


def _channels(units: list[int] | Tensor | None, count: int) -> Tensor:
    chosen = torch.arange(count) if units is None else torch.as_tensor(units, dtype=torch.int64).reshape(-1).cpu()
    for unit in chosen.tolist():
        check_int("unit", unit, minimum=0, maximum=count - 1)
    return chosen


def _maps(out: Tensor) -> Tensor:
    if out.ndim not in (2, 4):
        raise ValueError(f"the layer must put out maps (N, U, h, w) or numbers (N, U), got shape {tuple(out.shape)}")
    return out if out.ndim == 4 else out[:, :, None, None]


def _corner(top: TopPatches, a: int, b: int) -> tuple[int, int]:
    """Row and column where the cut for one answer begins."""
    x1, y1 = top.boxes[a, b, :2].tolist()
    steps = top.fields.stride
    return (y1 // steps[0] * steps[0] if steps[0] else 0), (x1 // steps[1] * steps[1] if steps[1] else 0)


def _by_size(top: TopPatches) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Answers by the size of their cut, so that equal ones share a pass."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a in range(len(top.units)):
        for b in range(top.images.shape[1]):
            y1, x1 = _corner(top, a, b)
            x2, y2 = top.boxes[a, b, 2:].tolist()
            steps, picture = top.fields.stride, top.fields.picture
            size = ((y2 if steps[0] else picture[0]) - y1, (x2 if steps[1] else picture[1]) - x1)
            groups.setdefault(size, []).append((a, b))
    return groups
