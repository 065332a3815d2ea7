"""The perceptron convergence theorem in numbers: radius, margin, and the bound (R / margin)**2 (chapter 01)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape


def radius(x: ArrayLike) -> float:
    """Return the length of the longest sample, ``max |x_i|``; ``x`` has shape ``(N, D)``."""
    return float(np.linalg.norm(check_shape("x", np.asarray(x, dtype=np.float64), (None, None)), axis=1).max())


def margin(x: ArrayLike, y: ArrayLike, w: ArrayLike) -> float:
    """Return the distance from the hyperplane of ``w`` to the closest sample, negative if one is wrong.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        w: weights, shape ``(D,)``, not all 0; only their direction matters.
    """
    weights = np.asarray(w, dtype=np.float64)
    length = check_number("length of w", float(np.linalg.norm(weights)), above=0)
    return float((np.asarray(y) * (np.asarray(x) @ weights)).min() / length)


def maximum_margin(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Return the unit vector with the largest margin, and that margin.

    The best margin is the distance from the origin to the convex hull of the points ``y_i x_i``, and the
    closest point of the hull shows the direction. Minimising ``|A a|^2 + (sum(a) - 1)^2`` over
    ``a >= 0`` (columns of ``A`` are the points) gives a multiple of that closest point, so one
    non-negative least squares problem answers exactly, without tolerance to choose.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.

    Raises:
        ValueError: if no hyperplane through the origin separates the samples.
    """
    from scipy.optimize import nnls

    points = np.asarray(y, dtype=np.float64)[:, None] * np.asarray(x, dtype=np.float64)
    scale = np.linalg.norm(points, axis=1).max()
    a, _ = nnls(np.vstack([points.T / scale, np.ones(len(points))]), np.r_[np.zeros(points.shape[1]), 1.0])
    closest = points.T @ (a / a.sum())
    distance = float(np.linalg.norm(closest))
    if distance < 1e-9 * scale or margin(x, y, closest) <= 0:
        raise ValueError("no hyperplane through the origin separates these samples")
    return closest / distance, margin(x, y, closest)


def update_bound(x: ArrayLike, y: ArrayLike, w: ArrayLike | None = None, start: ArrayLike | None = None) -> float:
    """Return how many updates the perceptron (step 1) can make at most: from 0, ``(radius / margin)**2``.

    From another start the two growths of the proof begin elsewhere: ``a + t g <= sqrt(b + t R^2)`` with
    ``a`` the start's part along the separating direction and ``b`` its squared length. The bound is the
    larger root of that quadratic in ``t``. For step size ``eta`` pass ``start / eta``.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        w: a separating direction; the one with the largest margin, hence the tightest bound, by default.
        start: first weights, shape ``(D,)``; zeros by default.

    Raises:
        ValueError: if ``w`` does not separate, or nothing does.

    Source: A. B. J. Novikoff, On convergence proofs on perceptrons (1962).
    """
    direction = maximum_margin(x, y)[0] if w is None else np.asarray(w, dtype=np.float64)
    gap = check_number("margin", margin(x, y, direction), above=0)
    squared_radius = radius(x) ** 2
    if start is None:
        return squared_radius / gap**2
    first = np.asarray(start, dtype=np.float64)
    along = float(first @ direction / np.linalg.norm(direction))
    middle = squared_radius - 2 * along * gap
    across = max(float(first @ first) - along**2, 0.0)
    return float(middle + np.sqrt(middle**2 + 4 * gap**2 * across)) / (2 * gap**2)


def random_separable_sets(
    count: int, points: int = 20, dimension: int = 2, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw many linearly separable sets with gaps of very different width.

    For each set a random hyperplane gives the labels; then every point is pushed away from it by a gap
    drawn (log-uniformly from 0.01 to 1) for that set.

    Args:
        count: number of sets, at least 1.
        points: samples in each set, at least 2.
        dimension: coordinates of a sample before the bias, at least 1.
        seed: seed of the draw.

    Returns:
        ``(x, y)``: samples with the bias column, shape ``(count, points, dimension + 1)``, and labels
        -1 or +1, shape ``(count, points)``.
    """
    check_int("count", count, minimum=1)
    check_int("points", points, minimum=2)
    check_int("dimension", dimension, minimum=1)
    draw = np.random.default_rng(seed)
    normal = draw.normal(size=(count, dimension))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    offset = draw.uniform(-0.5, 0.5, size=(count, 1))
    x = draw.uniform(-1, 1, size=(count, points, dimension))
    side = np.einsum("snd,sd->sn", x, normal) + offset
    y = np.where(side > 0, 1.0, -1.0)
    gap = 10 ** draw.uniform(-2, 0, size=(count, 1))
    x += (gap * y)[:, :, None] * normal[:, None, :]
    return np.concatenate([x, np.ones((count, points, 1))], axis=2), y


def count_updates(x: ArrayLike, y: ArrayLike, epochs: int = 10_000) -> NDArray[np.int64]:
    """Train one perceptron on each of many sets at once, from 0, in stored order; count the updates.

    The fast twin of ``perceptron.train_perceptron``: the sets advance side by side, and those that had a
    clean pass leave.

    Args:
        x: samples, shape ``(S, N, D)``.
        y: labels -1 or +1, shape ``(S, N)``.
        epochs: most passes over the data.

    Returns:
        Updates until the first clean pass, shape ``(S,)``; -1 where ``epochs`` did not suffice.
    """
    samples = check_shape("x", np.asarray(x, dtype=np.float64), (None, None, None))
    labels = check_shape("y", np.asarray(y, dtype=np.float64), samples.shape[:2])
    signed = labels[:, :, None] * samples
    updates = np.zeros(len(signed), dtype=np.int64)
    active = np.arange(len(signed))
    w = np.zeros((len(signed), signed.shape[2]))
    for _ in range(epochs):
        before = updates[active].copy()
        for i in range(signed.shape[1]):
            z = signed[:, i]
            wrong = np.einsum("sd,sd->s", z, w) <= 0
            w += wrong[:, None] * z
            updates[active] += wrong
        busy = updates[active] > before
        active, signed, w = active[busy], signed[busy], w[busy]
        if active.size == 0:
            return updates
    updates[active] = -1
    return updates
