"""Correlation and convolution of a picture and a kernel: the same sum, without and with the kernel flipped."""

import numpy as np

from course_utils.check import check_shape
from course_utils.scratch.convolution.loops import cut

LECTURE_PICTURE = np.array(
    [[35, 40, 41, 45, 50], [40, 40, 42, 46, 52], [42, 46, 50, 55, 55], [48, 52, 56, 58, 60], [56, 60, 65, 70, 75]]
)
LECTURE_KERNEL = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def flip(kernel: np.ndarray) -> np.ndarray:
    """Reverse both axes of a (..., K, L) kernel: a turn by 180 degrees, not a mirror image."""
    return np.asarray(kernel)[..., ::-1, ::-1]


def correlate2d(x: np.ndarray, kernel: np.ndarray, mode: str = "valid") -> np.ndarray:
    """Slide a kernel over a picture as it is: ``s[m,n] = sum over i,j of x[m+i,n+j] w[i,j]``.

    One shifted copy of the whole picture is added for each weight; zeros of the kernel are skipped.

    Args:
        x: (H, W) picture.
        kernel: (K, L) weights.
        mode: ``full``, ``same`` or ``valid``; ``valid`` keeps the positions where the kernel lies inside the picture.

    Returns:
        The correlation, as ``scipy.signal.correlate2d`` gives it.
    """
    full = _full_convolution(x, flip(kernel))
    return _keep(full, mode, np.shape(x), np.shape(kernel), middle=[k // 2 for k in np.shape(kernel)])


def convolve2d(x: np.ndarray, kernel: np.ndarray, mode: str = "full") -> np.ndarray:
    """Convolve: correlate with the flipped kernel. The fast twin of ``convolve2d_loops``."""
    full = _full_convolution(x, kernel)
    return _keep(full, mode, np.shape(x), np.shape(kernel), middle=[(k - 1) // 2 for k in np.shape(kernel)])


def _full_convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    x, kernel = np.asarray(x), np.asarray(kernel)
    check_shape("x", x, (None, None))
    check_shape("kernel", kernel, (None, None))
    (height, width), (rows, columns) = x.shape, kernel.shape
    full = np.zeros((height + rows - 1, width + columns - 1), dtype=np.result_type(x, kernel))
    for (i, j), weight in np.ndenumerate(kernel):
        if weight != 0:
            full[i : i + height, j : j + width] += weight * x
    return full


def _keep(full: np.ndarray, mode: str, size: tuple[int, ...], kernel: tuple[int, ...], middle: list[int]) -> np.ndarray:
    """Cut a mode out of the full output; only for kernels of even size does the middle depend on who asks."""
    if mode == "same":
        return full[middle[0] : middle[0] + size[0], middle[1] : middle[1] + size[1]]
    kept = full[cut(mode, size[0], kernel[0]), cut(mode, size[1], kernel[1])]
    if 0 in kept.shape:
        raise ValueError(f"the kernel must not be larger than the picture, got {kernel} for {size}")
    return kept
