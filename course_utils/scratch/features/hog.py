"""Histograms of oriented gradients, from pixel differences to a normalised descriptor.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005. As in scikit-image,
a pixel votes for one bin of its own cell only; the paper spreads each vote over neighbouring bins and cells.
"""

import math

import numpy as np

from course_utils.check import check_int, check_shape

CLIP = 0.2
EPSILON = 1e-5


def gradients(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the central differences of grey images along rows and columns, zero on the border.

    Args:
        images: (..., H, W) grey values in any unit.

    Returns:
        ``(g_row, g_column)``, each (..., H, W): value below minus value above, value right minus value left.
    """
    images = np.asarray(images, dtype=np.float64)
    g_row, g_column = np.zeros_like(images), np.zeros_like(images)
    g_row[..., 1:-1, :] = images[..., 2:, :] - images[..., :-2, :]
    g_column[..., :, 1:-1] = images[..., :, 2:] - images[..., :, :-2]
    return g_row, g_column


def cell_histograms_loop(image: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Vote pixel by pixel: the slow twin of :func:`cell_histograms`.

    Args:
        image: (H, W) grey values.
        cell: side of a cell in pixels, at least 1.
        bins: number of orientation bins over 180 degrees, at least 1.

    Returns:
        (H // cell, W // cell, bins): gradient magnitude per orientation bin, averaged over the pixels of a cell.
    """
    check_int("cell", cell, minimum=1)
    check_int("bins", bins, minimum=1)
    check_shape("image", image, (None, None))
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    g_row, g_column = gradients(image)
    histograms = np.zeros((rows, columns, bins))
    for r in range(rows * cell):
        for c in range(columns * cell):
            angle = math.degrees(math.atan2(g_row[r, c], g_column[r, c])) % 180
            strength = math.hypot(g_row[r, c], g_column[r, c])
            histograms[r // cell, c // cell, min(int(angle / (180 / bins)), bins - 1)] += strength / cell**2
    return histograms


def vote(g_row: np.ndarray, g_column: np.ndarray, cell: int, bins: int) -> np.ndarray:
    """Let every pixel of a gradient field vote for the orientation bin of its cell.

    Args:
        g_row: (..., H, W) derivative downwards.
        g_column: (..., H, W) derivative to the right.
        cell: side of a cell in pixels; rows and columns that fill no whole cell are dropped.
        bins: number of orientation bins over 180 degrees.

    Returns:
        (..., H // cell, W // cell, bins): mean over the cell's pixels of the magnitude in each bin.
    """
    check_int("cell", cell, minimum=1)
    check_int("bins", bins, minimum=1)
    *lead, height, width = g_row.shape
    rows, columns = height // cell, width // cell
    angle = np.degrees(np.arctan2(g_row, g_column)) % 180
    strength = np.hypot(g_row, g_column)
    index = np.minimum((angle / (180 / bins)).astype(int), bins - 1)
    histograms = np.empty((*lead, rows, columns, bins))
    for k in range(bins):
        votes = np.where(index == k, strength, 0.0)[..., : rows * cell, : columns * cell]
        histograms[..., k] = votes.reshape(*lead, rows, cell, columns, cell).mean(axis=(-3, -1))
    return histograms


def cell_histograms(images: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Return the orientation histogram of every cell of every image.

    Args:
        images: (..., H, W) grey values.
        cell: side of a cell in pixels, at least 1; rows and columns that fill no whole cell are dropped.
        bins: number of orientation bins over 180 degrees, at least 1.

    Returns:
        (..., H // cell, W // cell, bins), in the unit of the grey values.
    """
    return vote(*gradients(images), cell, bins)


def normalise_block(block: np.ndarray) -> np.ndarray:
    """Scale vectors to length one, cut entries at 0.2, scale again (Lowe's clipped norm, "L2-Hys").

    Args:
        block: (..., D) non-negative histogram entries.

    Returns:
        (..., D): entries in [0, 1], length at most 1.
    """
    block = block / np.sqrt((block**2).sum(axis=-1, keepdims=True) + EPSILON**2)
    block = np.minimum(block, CLIP)
    return block / np.sqrt((block**2).sum(axis=-1, keepdims=True) + EPSILON**2)


def hog(images: np.ndarray, cell: int = 8, block: int = 2, bins: int = 9) -> np.ndarray:
    """Describe images by the normalised histograms of all overlapping blocks of cells.

    Args:
        images: (..., H, W) grey values, at least ``cell * block`` pixels each way.
        cell: side of a cell in pixels.
        block: side of a block in cells; blocks overlap, one starts at every cell.
        bins: orientation bins over 180 degrees.

    Returns:
        (..., D) with D = block rows x block columns x block x block x bins, in this order.

    Raises:
        ValueError: if not even one block fits into the image.
    """
    check_int("block", block, minimum=1)
    histograms = cell_histograms(images, cell, bins)
    *lead, rows, columns, _ = histograms.shape
    if min(rows, columns) < block:
        raise ValueError(
            f"images must hold at least {block} x {block} cells of {cell} pixels, "
            f"got {rows} x {columns} cells; use a smaller cell or a larger image"
        )
    windows = np.lib.stride_tricks.sliding_window_view(histograms, (block, block), axis=(-3, -2))
    windows = np.moveaxis(windows, -3, -1)  # (..., R, C, block, block, bins)
    flat = windows.reshape(*lead, rows - block + 1, columns - block + 1, block * block * bins)
    return normalise_block(flat).reshape(*lead, -1)
