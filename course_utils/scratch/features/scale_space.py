"""Keypoints with a size: where a difference of two blurs is larger than all around it, in place and in scale.

Source: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, sections 3 and 4. Departures: the
picture is not doubled in size first, and an extremum is refined by one Newton step instead of up to five.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.check import check_int, check_number, check_shape

SIGMA, CAMERA_BLUR = 1.6, 0.5
MARGIN = 5


def blur_loop(image: np.ndarray, sigma: float) -> np.ndarray:
    """Weigh every pair of pixels by itself: the slow twin of :func:`blur`."""
    kernel = gaussian_kernel(sigma)
    radius = len(kernel) // 2
    padded = np.pad(image, radius, mode="symmetric")
    out = np.zeros(image.shape)
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            for i, a in enumerate(kernel):
                for j, b in enumerate(kernel):
                    out[r, c] += a * b * padded[r + i, c + j]
    return out


def gaussian_kernel(sigma: float) -> np.ndarray:
    """Return Gaussian weights on the integers up to 4 deviations away, with sum 1."""
    check_number("sigma", sigma, above=0)
    radius = max(int(4 * sigma + 0.5), 1)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a grey image with a Gaussian, rows first and columns second.

    Args:
        image: (H, W).
        sigma: deviation in pixels, above 0.

    Returns:
        (H, W); the border is mirrored.
    """
    kernel = gaussian_kernel(sigma)
    radius = len(kernel) // 2
    for _ in range(2):
        padded = np.pad(image, ((radius, radius), (0, 0)), mode="symmetric")
        image = sum(w * padded[i : i + len(image)] for i, w in enumerate(kernel)).T
    return image


def octaves(image: np.ndarray, levels: int = 3, smallest: int = 24) -> list[np.ndarray]:
    """Return a pyramid of blurred images, halved once the blur has doubled.

    Args:
        image: (H, W) in [0, 1].
        levels: blur levels an octave.
        smallest: side in pixels below which no octave is added.

    Returns:
        One array (levels + 3, H / 2^o, W / 2^o) an octave o: level i is blurred with deviation 1.6 * 2^(i / levels)
        of its own pixels.
    """
    check_shape("image", image, (None, None))
    check_int("levels", levels, minimum=1)
    pyramid = []
    base = blur(image, float(np.sqrt(SIGMA**2 - CAMERA_BLUR**2)))
    while min(base.shape) >= smallest:
        stack = [base]
        for i in range(1, levels + 3):
            before, now = SIGMA * 2 ** ((i - 1) / levels), SIGMA * 2 ** (i / levels)
            stack.append(blur(stack[-1], float(np.sqrt(now**2 - before**2))))
        pyramid.append(np.stack(stack))
        base = stack[levels][::2, ::2]
    return pyramid


@dataclass(frozen=True)
class Extremum:
    """A point where the difference of Gaussians is largest or smallest.

    Args:
        octave: index into the pyramid.
        level: level of the octave, fractional.
        row: in pixels of the octave, fractional.
        column: in pixels of the octave, fractional.
    """

    octave: int
    level: float
    row: float
    column: float


def extrema(pyramid: list[np.ndarray], contrast: float = 0.01, edge: float = 10.0) -> list[Extremum]:
    """Find the extrema of the difference of Gaussians over place and scale.

    Args:
        pyramid: from :func:`octaves`.
        contrast: least absolute value of the difference at an extremum, for grey values in [0, 1].
        edge: largest ratio of the two curvatures; a larger one means a point that can slide along an edge.

    Returns:
        The extrema, octave by octave.
    """
    check_number("contrast", contrast, minimum=0)
    check_number("edge", edge, minimum=1)
    found = []
    for o, blurred in enumerate(pyramid):
        dog = blurred[1:] - blurred[:-1]
        centre = dog[1:-1, 1:-1, 1:-1]
        highest, lowest = centre > 0, centre < 0
        for offset in np.ndindex(3, 3, 3):
            if offset == (1, 1, 1):
                continue
            window = tuple(slice(i, i + n) for i, n in zip(offset, centre.shape))
            highest &= centre > dog[window]
            lowest &= centre < dog[window]
        candidates = (highest | lowest) & (np.abs(centre) > 0.5 * contrast)
        for level, row, column in np.argwhere(candidates) + 1:
            refined = _refine(dog, level, row, column, contrast, edge)
            if refined is not None:
                found.append(Extremum(o, *refined))
    return found


def _refine(
    dog: np.ndarray, level: int, row: int, column: int, contrast: float, edge: float
) -> tuple[float, float, float] | None:
    cube = dog[level - 1 : level + 2, row - 1 : row + 2, column - 1 : column + 2]
    step = np.eye(3, dtype=int)
    gradient = np.array([cube[tuple(1 + s)] - cube[tuple(1 - s)] for s in step]) / 2
    hessian = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            if i == j:
                hessian[i, i] = cube[tuple(1 + step[i])] - 2 * cube[1, 1, 1] + cube[tuple(1 - step[i])]
            else:
                hessian[i, j] = (
                    cube[tuple(1 + step[i] + step[j])] - cube[tuple(1 + step[i] - step[j])]
                    - cube[tuple(1 - step[i] + step[j])] + cube[tuple(1 - step[i] - step[j])]
                ) / 4  # fmt: skip
    if abs(np.linalg.det(hessian)) < 1e-15:
        return None
    offset = -np.linalg.solve(hessian, gradient)
    if np.abs(offset).max() > 0.6:
        return None
    if abs(cube[1, 1, 1] + gradient @ offset / 2) < contrast:
        return None
    trace, determinant = hessian[1, 1] + hessian[2, 2], hessian[1, 1] * hessian[2, 2] - hessian[1, 2] ** 2
    if determinant <= 0 or trace**2 / determinant > (edge + 1) ** 2 / edge:
        return None
    place = np.array([level, row, column]) + offset
    if min(place[1], place[2]) < MARGIN or place[1] > dog.shape[1] - 1 - MARGIN or place[2] > dog.shape[2] - 1 - MARGIN:
        return None
    return float(place[0]), float(place[1]), float(place[2])
