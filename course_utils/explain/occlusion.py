"""Cover a part of the picture, and see what the network loses by it.

Chapter 08b teaches it. The network is a black box here: nothing is needed but its answers.

Source: M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_shape
from course_utils.explain.hooks import untouched
from course_utils.explain.targets import Target, output_value, resolve_target

__all__ = ["occlusion", "occlusion_one_by_one", "patch_masks", "positions", "spread"]


def positions(size: int, patch: int, stride: int) -> int:
    """Count the places of a patch along one axis: from the first pixel on, until the last pixel is covered.

    Args:
        size: pixels of the picture along this axis.
        patch: side of the patch in pixels, at most ``size``.
        stride: pixels between two places, at most ``patch``, so that no pixel is left out.
    """
    check_int("size", size, minimum=1)
    check_int("patch", patch, minimum=1, maximum=size)
    check_int("stride", stride, minimum=1, maximum=patch)
    return math.ceil((size - patch) / stride) + 1


def patch_masks(size: tuple[int, int], patch: int, stride: int) -> Tensor:
    """Return all places of the patch as masks, row after row.

    Args:
        size: height and width of the picture.
        patch: side of the patch; at the far edges it may stick out, and what sticks out is cut off.
        stride: pixels between two places.

    Returns:
        bool (P, H, W), P the product of ``positions`` of both axes.
    """
    bands = []
    for length in size:
        start = torch.arange(positions(length, patch, stride))[:, None] * stride
        pixel = torch.arange(length)[None]
        bands.append((pixel >= start) & (pixel < start + patch))
    rows, columns = bands
    return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)


def _plan(x: Tensor, patch: int, stride: int, fill: float | Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Validate what both ways of covering take; what is shown under the patch (N, C, H, W), and places a side."""
    check_shape("x", x, (None, None, None, None))
    places = positions(x.shape[2], patch, stride), positions(x.shape[3], patch, stride)
    try:
        return torch.as_tensor(fill, dtype=x.dtype, device=x.device).expand_as(x), places
    except RuntimeError:
        raise ValueError(
            f"fill must be a number or broadcast to the pictures' shape {tuple(x.shape)}, "
            f"got {tuple(torch.as_tensor(fill).shape)}; a colour has shape (C, 1, 1)"
        ) from None


def occlusion(
    model: nn.Module,
    x: Tensor,
    target: Target = None,
    *,
    patch: int = 8,
    stride: int = 4,
    fill: float | Tensor = 0.0,
    of: str = "score",
    batch_size: int = 128,
) -> Tensor:
    """Return how much the explained number falls when a patch covers each place of each picture.

    Covered copies of all pictures go through the network in full batches.

    Args:
        model: any network on pictures; left as it was found.
        x: prepared pictures (N, C, H, W).
        target: class to explain, see ``resolve_target``; by default the one preferred in the *uncovered* picture.
        patch: side of the square in pixels.
        stride: pixels between two places, at most ``patch``.
        fill: what the patch shows, in prepared numbers: one number, a colour (C, 1, 1), or pictures like ``x``.
        of: what falls: ``"score"``, ``"probability"`` or ``"log_probability"``.
        batch_size: covered copies in one pass.

    Returns:
        (N, rows, columns): the number of the whole picture minus that of the covered one. Above 0 where the patch
        took something that spoke for the class.

    Raises:
        ValueError: if a shape, the patch, the stride or the target does not fit.
    """
    check_int("batch_size", batch_size, minimum=1)
    cover, places = _plan(x, patch, stride, fill)
    masks = patch_masks((x.shape[2], x.shape[3]), patch, stride).to(x.device)
    with untouched(model), torch.no_grad():
        outputs = torch.cat([model(part) for part in x.split(batch_size)])
        chosen = resolve_target(outputs, target)
        whole = output_value(outputs, chosen, of)
        pairs = torch.arange(len(x) * len(masks), device=x.device)
        covered = []
        for part in pairs.split(batch_size):
            picture, place = part // len(masks), part % len(masks)
            copies = torch.where(masks[place, None], cover[picture], x[picture])
            classes = None if chosen is None else chosen[picture]
            covered.append(output_value(model(copies), classes, of))
    return whole[:, None, None] - torch.cat(covered).reshape(len(x), *places)


def occlusion_one_by_one(
    model: nn.Module,
    x: Tensor,
    target: Target = None,
    *,
    patch: int = 8,
    stride: int = 4,
    fill: float | Tensor = 0.0,
    of: str = "score",
) -> Tensor:
    """Do what ``occlusion`` does, one covered copy at a time: the slow twin."""
    cover, places = _plan(x, patch, stride, fill)
    drops = torch.empty(len(x), *places, dtype=x.dtype)
    with untouched(model), torch.no_grad():
        chosen = resolve_target(model(x), target)
        for n in range(len(x)):
            classes = None if chosen is None else chosen[n : n + 1]
            whole = output_value(model(x[n : n + 1]), classes, of)
            for i in range(drops.shape[1]):
                for j in range(drops.shape[2]):
                    copy = x[n : n + 1].clone()
                    here = (..., slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch))
                    copy[here] = cover[n : n + 1][here]
                    drops[n, i, j] = (whole - output_value(model(copy), classes, of)).item()
    return drops


def spread(drops: Tensor, size: tuple[int, int], patch: int, stride: int) -> Tensor:
    """Turn drops at places into a map of pixels: each pixel gets the mean drop of the patches that covered it.

    Args:
        drops: (N, rows, columns) of ``occlusion``.
        size: height and width of the pictures.
        patch: as it was for ``occlusion``.
        stride: as it was for ``occlusion``.

    Returns:
        (N, H, W).

    Raises:
        ValueError: if the drops do not belong to this size, patch and stride.
    """
    masks = patch_masks(size, patch, stride).to(drops)
    check_shape("drops", drops, (None, positions(size[0], patch, stride), positions(size[1], patch, stride)))
    return torch.einsum("np,phw->nhw", drops.flatten(1), masks) / masks.sum(0)
