"""SIFT: describe the neighbourhood of a keypoint so that turning and resizing the picture changes little.

Source: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, sections 5 to 7. Keypoints come
from :mod:`course_utils.scratch.features.scale_space`; its departures hold here too.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.check import check_number, check_shape
from course_utils.scratch.features.hog import normalise_block
from course_utils.scratch.features.scale_space import SIGMA, extrema, octaves

GRID, BINS = 4, 8
TURN = 2 * np.pi


@dataclass(frozen=True)
class Keypoints:
    """Described keypoints of one picture.

    Args:
        places: (N, 2) row and column in pixels of the picture.
        scales: (N,) deviation of the blur at which each was found, in pixels of the picture.
        angles: (N,) main gradient direction in radians, from right towards down.
        descriptors: (N, 128), each of length about one.
    """

    places: np.ndarray
    scales: np.ndarray
    angles: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def main_angles(strength: np.ndarray, angle: np.ndarray, row: float, column: float, scale: float) -> list[float]:
    """Return the directions that most gradients around a point have.

    Args:
        strength: (H, W) gradient magnitudes.
        angle: (H, W) gradient directions in radians.
        row: of the point.
        column: of the point.
        scale: deviation of the keypoint's blur in these pixels; the window is 1.5 times as wide.

    Returns:
        The peaks of a 36-bin histogram that reach 80 % of the highest, refined by a parabola.
    """
    radius = round(4.5 * scale)
    r0, r1 = max(int(row) - radius, 0), min(int(row) + radius + 2, strength.shape[0])
    c0, c1 = max(int(column) - radius, 0), min(int(column) + radius + 2, strength.shape[1])
    rows, columns = np.arange(r0, r1)[:, None] - row, np.arange(c0, c1)[None, :] - column
    weight = np.exp(-(rows**2 + columns**2) / (2 * (1.5 * scale) ** 2)) * strength[r0:r1, c0:c1]
    index = np.floor(angle[r0:r1, c0:c1] % TURN / TURN * 36).astype(int) % 36
    histogram: np.ndarray = np.bincount(index.ravel(), weight.ravel(), minlength=36)
    for _ in range(4):
        histogram = (np.roll(histogram, 1) + histogram + np.roll(histogram, -1)) / 3
    left, right = np.roll(histogram, 1), np.roll(histogram, -1)
    peaks = np.flatnonzero((histogram > left) & (histogram > right) & (histogram >= 0.8 * histogram.max()))
    shift = 0.5 * (left[peaks] - right[peaks]) / (left[peaks] - 2 * histogram[peaks] + right[peaks])
    return [float(a) for a in (peaks + 0.5 + shift) / 36 * TURN]


def _vote_places(
    shape: tuple[int, ...], row: float, column: float, scale: float, turn: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray, np.ndarray]:
    cell = 3 * scale
    radius = int(np.ceil(cell * (GRID + 1) / 2 * np.sqrt(2)))
    r0, r1 = max(int(row) - radius, 0), min(int(row) + radius + 2, shape[0])
    c0, c1 = max(int(column) - radius, 0), min(int(column) + radius + 2, shape[1])
    rows, columns = np.arange(r0, r1)[:, None] - row, np.arange(c0, c1)[None, :] - column
    cos, sin = np.cos(turn), np.sin(turn)
    u = (columns * cos + rows * sin) / cell  # along the main direction, in cells
    v = (-columns * sin + rows * cos) / cell
    weight = np.exp(-(u**2 + v**2) / (2 * (GRID / 2) ** 2))
    return (slice(r0, r1), slice(c0, c1)), u + GRID / 2 - 0.5, v + GRID / 2 - 0.5, weight


def describe_loop(
    strength: np.ndarray, angle: np.ndarray, row: float, column: float, scale: float, turn: float
) -> np.ndarray:
    """Share out each pixel's vote in plain loops: the slow twin of :func:`describe`."""
    window, u, v, weight = _vote_places(strength.shape, row, column, scale, turn)
    histogram = np.zeros((GRID, GRID, BINS))
    for (i, j), m in np.ndenumerate(strength[window] * weight):
        t = (angle[window][i, j] - turn) % TURN / TURN * BINS
        for dv in (0, 1):
            for du in (0, 1):
                for dt in (0, 1):
                    a, b, k = int(np.floor(v[i, j])) + dv, int(np.floor(u[i, j])) + du, int(np.floor(t)) + dt
                    if 0 <= a < GRID and 0 <= b < GRID:
                        share = (1 - abs(v[i, j] - a)) * (1 - abs(u[i, j] - b)) * (1 - abs(t - k))
                        histogram[a, b, k % BINS] += m * share
    return normalise_block(histogram.ravel())


def describe(
    strength: np.ndarray, angle: np.ndarray, row: float, column: float, scale: float, turn: float
) -> np.ndarray:
    """Return the descriptor of one keypoint: 4 x 4 cells of 8 gradient directions, in the keypoint's own frame.

    Args:
        strength: (H, W) gradient magnitudes.
        angle: (H, W) gradient directions in radians.
        row: of the keypoint.
        column: of the keypoint.
        scale: deviation of its blur in these pixels; a cell is 3 times as wide.
        turn: its main direction in radians; grid and directions are measured from it.

    Returns:
        (128,), each pixel's vote shared linearly among the 8 nearest bins.
    """
    window, u, v, weight = _vote_places(strength.shape, row, column, scale, turn)
    inside = (u > -1) & (u < GRID) & (v > -1) & (v < GRID)
    u, v = u[inside], v[inside]
    votes = (strength[window] * weight)[inside]
    t = (angle[window][inside] - turn) % TURN / TURN * BINS
    histogram = np.zeros((GRID + 2, GRID + 2, BINS))
    u0, v0, t0 = (np.floor(a).astype(int) for a in (u, v, t))
    for dv in (0, 1):
        for du in (0, 1):
            for dt in (0, 1):
                share = (1 - np.abs(v - v0 - dv)) * (1 - np.abs(u - u0 - du)) * (1 - np.abs(t - t0 - dt))
                np.add.at(histogram, (v0 + dv + 1, u0 + du + 1, (t0 + dt) % BINS), votes * share)
    return normalise_block(histogram[1:-1, 1:-1].ravel())


def sift(image: np.ndarray, contrast: float = 0.01) -> Keypoints:
    """Find and describe the keypoints of a picture.

    Args:
        image: (H, W) grey values in [0, 1].
        contrast: least value of the difference of Gaussians at a keypoint.

    Returns:
        Keypoints; one place with two main directions counts twice.
    """
    check_shape("image", image, (None, None))
    pyramid = octaves(np.asarray(image, dtype=np.float64))
    levels = len(pyramid[0]) - 3 if pyramid else 3
    places, scales, angles, descriptors = [], [], [], []
    slopes: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    for point in extrema(pyramid, contrast):
        level = min(max(round(point.level), 0), levels + 2)
        key = (point.octave, level)
        if key not in slopes:
            down, right = np.gradient(pyramid[point.octave][level])
            slopes[key] = np.hypot(down, right), np.arctan2(down, right)
        strength, angle = slopes[key]
        scale = SIGMA * 2 ** (point.level / levels)
        for turn in main_angles(strength, angle, point.row, point.column, scale):
            descriptors.append(describe(strength, angle, point.row, point.column, scale, turn))
            places.append((point.row * 2**point.octave, point.column * 2**point.octave))
            scales.append(scale * 2**point.octave)
            angles.append(turn)
    return Keypoints(
        np.array(places).reshape(-1, 2), np.array(scales), np.array(angles), np.array(descriptors).reshape(-1, 128)
    )


def match(a: np.ndarray, b: np.ndarray, ratio: float = 0.8) -> np.ndarray:
    """Pair descriptors whose nearest neighbour is clearly nearer than the second nearest.

    Args:
        a: (N, D) descriptors.
        b: (M, D) descriptors, M at least 2.
        ratio: largest ratio of nearest to second nearest distance, in (0, 1].

    Returns:
        (K, 2) indices into ``a`` and ``b``.
    """
    check_number("ratio", ratio, above=0, maximum=1)
    if len(b) < 2:
        raise ValueError(f"b must hold at least 2 descriptors for the ratio test, got {len(b)}")
    squared = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    order = np.argpartition(squared, 1, axis=1)[:, :2]
    two = np.take_along_axis(np.sqrt(np.maximum(squared, 0)), order, axis=1)
    clear = two[:, 0] < ratio * two[:, 1]
    near = order[:, 0]
    return np.stack([np.flatnonzero(clear), near[clear]], axis=1)
