"""From patches to one vector an image: cut, normalise, encode with a codebook, pool.

The bag of visual words of the 2000s, with the encoder left open. Sources: Csurka et al., "Visual Categorization with
Bags of Keypoints", 2004; Coates, Ng and Lee, "An Analysis of Single-Layer Networks", AISTATS 2011 (triangle).
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape

Encoder = Callable[[torch.Tensor], torch.Tensor]


def patches(images: torch.Tensor, size: int = 6, stride: int = 2) -> torch.Tensor:
    """Cut all patches out of grey images.

    Args:
        images: (N, 1, H, W).
        size: side of a patch in pixels.
        stride: step between patches in pixels.

    Returns:
        (N, rows, columns, size * size).
    """
    check_shape("images", images, (None, 1, None, None))
    check_int("stride", stride, minimum=1)
    check_int("size", size, minimum=1, maximum=min(images.shape[-2:]))
    cut = images[:, 0].unfold(1, size, stride).unfold(2, size, stride)
    return cut.flatten(3)


def normalise_patches(x: torch.Tensor, floor: float = 0.05) -> torch.Tensor:
    """Take each patch's mean away and divide by its standard deviation.

    Args:
        x: (..., D) patches.
        floor: added to the deviation, in the images' unit, so that a flat patch stays near zero.

    Returns:
        (..., D).
    """
    check_number("floor", floor, above=0)
    x = x - x.mean(dim=-1, keepdim=True)
    return x / (x.std(dim=-1, correction=0, keepdim=True) + floor)


def hard_codes(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Write 1 at the nearest centre and 0 elsewhere.

    Args:
        x: (..., D) patches.
        centres: (K, D) codebook.

    Returns:
        (..., K).
    """
    return F.one_hot(_distances(x, centres).argmin(dim=-1), len(centres)).to(x.dtype)


def triangle_codes(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Write how much nearer than average each centre is, zero where it is farther than average.

    Args:
        x: (..., D) patches.
        centres: (K, D) codebook.

    Returns:
        (..., K), at least 0.
    """
    distance = _distances(x, centres)
    return (distance.mean(dim=-1, keepdim=True) - distance).clamp(min=0)


def pool(codes: torch.Tensor, grid: int = 2) -> torch.Tensor:
    """Average the codes over a grid of regions.

    Args:
        codes: (N, rows, columns, K).
        grid: regions each way; 1 forgets all positions.

    Returns:
        (N, grid * grid * K).
    """
    check_int("grid", grid, minimum=1, maximum=min(codes.shape[1:3]))
    return F.adaptive_avg_pool2d(codes.permute(0, 3, 1, 2), grid).flatten(1)


def describe(
    images: torch.Tensor, encode: Encoder, size: int = 6, stride: int = 2, grid: int = 2, chunk: int = 200
) -> torch.Tensor:
    """Turn images into feature vectors: cut, normalise, encode, pool.

    Args:
        images: (N, 1, H, W) in [0, 1].
        encode: maps (..., size * size) patches to (..., K) codes.
        size: side of a patch in pixels.
        stride: step between patches in pixels.
        grid: regions each way of the pooling.
        chunk: images encoded at a time, which bounds the memory.

    Returns:
        (N, grid * grid * K).
    """
    return torch.cat(
        [pool(encode(normalise_patches(patches(part, size, stride))), grid) for part in images.split(chunk)]
    )


def _distances(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    check_shape("centres", centres, (None, x.shape[-1]))
    squared = (x**2).sum(-1, keepdim=True) - 2 * x @ centres.T + (centres**2).sum(-1)
    return squared.clamp(min=0).sqrt()
