"""Pictures of a stranger world: the pixels of each tile in one fixed new order (chapter 09)."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_int, check_shape


def shuffle_tiles(images: Tensor, tile: int, seed: int = 0) -> Tensor:
    """Give the pixels of every tile of every picture the same new order.

    No picture loses information, and two pictures stay as far apart as they were; but what lay side by side in a tile
    does so no more. ``tile=1`` changes nothing, a tile as large as the picture leaves no neighbourhood at all.

    Args:
        images: (N, C, H, W).
        tile: side in pixels, a divisor of H and W.
        seed: of the order.

    Returns:
        A new tensor of the same shape and type.

    Raises:
        ValueError: if ``tile`` does not divide the sides.
    """
    check_shape("images", images, (None, None, None, None))
    check_int("tile", tile, minimum=1)
    count, channels, height, width = images.shape
    if height % tile or width % tile:
        raise ValueError(f"tile must divide height and width, got {tile} for pictures of {height} x {width}")
    order = torch.randperm(tile * tile, generator=torch.Generator().manual_seed(seed))
    if tile == 1:
        return images.clone()
    rows, columns = height // tile, width // tile
    tiles = images.reshape(count, channels, rows, tile, columns, tile).transpose(3, 4).flatten(4)
    moved = tiles[..., order].unflatten(4, (tile, tile))
    return moved.transpose(3, 4).reshape(images.shape)


def shuffle_tiles_by_loops(images: Tensor, tile: int, seed: int = 0) -> Tensor:
    """Do the same one pixel at a time: the slow twin."""
    order = torch.randperm(tile * tile, generator=torch.Generator().manual_seed(seed)).tolist()
    result = images.clone()
    for top in range(0, images.shape[2], tile):
        for left in range(0, images.shape[3], tile):
            for place, source in enumerate(order):
                to = (top + place // tile, left + place % tile)
                come = (top + source // tile, left + source % tile)
                result[:, :, to[0], to[1]] = images[:, :, come[0], come[1]]
    return result
