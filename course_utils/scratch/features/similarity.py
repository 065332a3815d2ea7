"""Turn and resize a picture, and know where every point went."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.check import check_number, check_shape


def matrix(shape: tuple[int, int], degrees: float, scale: float) -> np.ndarray:
    """Return the 2 x 3 map of (row, column) under a turn and a change of size about the middle of the picture.

    Args:
        shape: (H, W) of the picture; the result has the same size.
        degrees: turn from right towards down.
        scale: above 0; 0.5 halves all lengths.
    """
    check_number("scale", scale, above=0)
    turn = np.radians(degrees)
    linear = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = (np.array(shape) - 1) / 2
    return np.column_stack([linear, middle - linear @ middle])


def move(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Apply a 2 x 3 map to (N, 2) points."""
    return points @ transform[:, :2].T + transform[:, 2]


def warp(image: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Return the picture after the map, by asking for each new pixel where it came from.

    Args:
        image: (H, W).
        transform: 2 x 3 map of (row, column).

    Returns:
        (H, W), bicubic between pixels; what came from outside is black.
    """
    check_shape("transform", transform, (2, 3))
    height, width = image.shape
    inverse = np.linalg.inv(transform[:, :2])
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    source = (np.stack([rows, columns], axis=-1) - transform[:, 2]) @ inverse.T  # (H, W, 2): row, column
    grid = torch.tensor(np.stack([source[..., 1] / (width - 1), source[..., 0] / (height - 1)], axis=-1) * 2 - 1)
    out = F.grid_sample(
        torch.tensor(image, dtype=torch.float64)[None, None], grid[None], mode="bicubic", align_corners=True
    )
    return out[0, 0].clamp(0, 1).numpy()


def inliers(a: np.ndarray, b: np.ndarray, transform: np.ndarray, tolerance: float = 3.0) -> np.ndarray:
    """Tell which pairs of points agree with a known map.

    Args:
        a: (N, 2) points before the map.
        b: (N, 2) points after it.
        transform: 2 x 3.
        tolerance: largest distance in pixels.

    Returns:
        (N,) booleans.
    """
    check_number("tolerance", tolerance, above=0)
    return np.linalg.norm(move(a, transform) - b, axis=1) <= tolerance
