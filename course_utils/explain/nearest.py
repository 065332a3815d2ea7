"""Nearest activations: which places of other pictures does a layer take for this one?

Chapter 08c shows their patches, averages them, and rebuilds whole pictures from them.

Source: J. Long, N. Zhang, T. Darrell, "Do convnets learn correspondence?" (2014), where each patch of a picture is
replaced by an average of the patches whose features are nearest. Departure: the cosine decides what is near.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_shape
from course_utils.explain.hooks import Layer, features

LARGEST = 2**24  # similarities held at a time


@dataclass(frozen=True, eq=False)
class Nearest:
    """Places in a gallery, the most similar first; all (Q, k).

    Args:
        images: number of the picture.
        rows: row of the unit in the layer's map.
        columns: its column.
        similarity: cosine between the activations, -1..1.
    """

    images: Tensor
    rows: Tensor
    columns: Tensor
    similarity: Tensor


def nearest_activations(queries: Tensor, gallery: Tensor, k: int = 5) -> Nearest:
    """Find the k places of a gallery whose activations point most nearly the same way, for each query.

    Args:
        queries: (Q, C), what all channels say at one place.
        gallery: (N, C, h, w), maps of the same layer.
        k: places to find, at most N h w.

    Returns:
        Nearest; exact, by comparing with every place.

    Raises:
        ValueError: if shapes do not fit or k is too large.
    """
    check_shape("gallery", gallery, (None, None, None, None))
    check_shape("queries", queries, (None, gallery.shape[1]))
    n, channels, height, width = gallery.shape
    check_int("k", k, minimum=1, maximum=n * height * width)
    places = F.normalize(gallery.permute(0, 2, 3, 1).reshape(-1, channels), dim=1)
    step = max(1, LARGEST // len(places))
    found = [(F.normalize(part, dim=1) @ places.T).topk(k, dim=1) for part in queries.split(step)]
    index = torch.cat([best.indices for best in found])
    similarity = torch.cat([best.values for best in found])
    place = index % (height * width)
    return Nearest(index // (height * width), place // width, place % width, similarity)


def cut_patches(
    images: Tensor, number: Tensor, rows: Tensor, columns: Tensor, grid: tuple[int, int], side: int
) -> Tensor:
    """Cut squares around the middles of units out of pictures; beyond the border the last pixel is repeated.

    The map of a layer is taken as a grid that covers the picture evenly, as it does where every convolution keeps the
    size by padding and every pooling halves it.

    Args:
        images: (N, C, H, W).
        number: of the picture, any shape.
        rows: of the unit, of the same shape.
        columns: of the unit, of the same shape.
        grid: height and width of the layer's map.
        side: of a patch in pixels.

    Returns:
        Patches, the shape of ``number`` and then (C, side, side).
    """
    check_shape("images", images, (None, None, None, None))
    check_int("side", side, minimum=1)
    height, width = images.shape[2:]
    top = ((rows + 0.5) * height / grid[0] - side / 2).round().long()
    left = ((columns + 0.5) * width / grid[1] - side / 2).round().long()
    line = torch.arange(side, device=images.device)
    y = (top[..., None] + line).clamp(0, height - 1)[..., :, None]
    x = (left[..., None] + line).clamp(0, width - 1)[..., None, :]
    patches = images[number[..., None, None], :, y, x]  # (..., side, side, C)
    return patches.movedim(-1, -3)


def rebuild(
    model: nn.Module,
    layer: Layer,
    x: Tensor,
    gallery: Tensor,
    k: int = 1,
    *,
    prepare: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 128,
) -> Tensor:
    """Replace each cell of a picture by the mean of the cells whose activations are nearest, out of a gallery.

    Args:
        model: any network whose layer keeps places.
        layer: name or module.
        x: pictures (Q, C, H, W) to rebuild; none of them should be in the gallery.
        gallery: pictures (N, C, H, W) to take cells from.
        k: cells to average.
        prepare: what turns pictures into the network's input.
        batch_size: pictures in one pass.

    Returns:
        Pictures (Q, C, H, W).

    Raises:
        ValueError: if the layer keeps no places, or its grid does not divide the picture.
    """
    prepare = prepare or (lambda value: value)
    (wanted,) = features(model, prepare(x), layer, batch_size).values()
    (known,) = features(model, prepare(gallery), layer, batch_size).values()
    if wanted.ndim != 4:
        raise ValueError(f"layer {layer!r} must keep places, (N, C, h, w), got {tuple(wanted.shape)}")
    grid = wanted.shape[2], wanted.shape[3]
    if x.shape[2] % grid[0] or x.shape[3] % grid[1] or x.shape[2] // grid[0] != x.shape[3] // grid[1]:
        raise ValueError(f"a grid of {grid} must divide pictures of {tuple(x.shape[2:])} into squares")
    side = x.shape[2] // grid[0]
    best = nearest_activations(wanted.permute(0, 2, 3, 1).reshape(-1, wanted.shape[1]), known, k)
    cells = cut_patches(gallery, best.images, best.rows, best.columns, grid, side).mean(1)
    cells = cells.view(len(x), *grid, x.shape[1], side, side)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
