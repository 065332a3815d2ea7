"""Kernel machines on points in the plane that the reader places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int, check_shape
from course_utils.scratch.kernel_methods.kernel_perceptron import kernel_perceptron
from course_utils.scratch.kernel_methods.kernel_ridge import kernel_ridge
from course_utils.scratch.kernel_methods.point_sets import moons, rings, two_clouds, xor_clouds
from course_utils.scratch.kernel_methods.smo import solve_dual
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["KERNELS", "METHODS", "PRESETS", "KernelExplorer", "gram", "score", "train", "used"]

Point = Sequence[float]  # x, y, label (+1 or -1)
KERNELS = ("RBF", "polynomial", "linear")
METHODS = ("SVM", "ridge", "perceptron")
MAX_POINTS = 60


def _draw_presets() -> dict[str, list[list[float]]]:
    sets = {
        "rings": rings(40, seed=3),
        "moons": moons(40, spread=0.15, seed=3),
        "XOR": xor_clouds(32, spread=0.3, seed=3),
        "two clouds": two_clouds(30, distance=2.6, spread=0.8, seed=3),
    }
    presets = {}
    for name, (x, y) in sets.items():
        place = np.clip(0.85 * x / np.abs(x).max(), -0.95, 0.95).round(2)
        presets[name] = [[float(a), float(b), int(label)] for (a, b), label in zip(place, y)]
    return presets


PRESETS = _draw_presets()


def gram(points: Sequence[Point], others: Sequence[Point], kernel: str, degree: int, gamma: float) -> list[list[float]]:
    """Return k(point, other) for all pairs; the linear kernel is 1 + x . z, so that a bias is folded in.

    Args:
        points: rows that begin with two coordinates.
        others: the same.
        kernel: "linear" 1 + x . z, "polynomial" (1 + x . z)^degree, "RBF" exp(-gamma |x - z|^2).
        degree: of the polynomial.
        gamma: of the RBF.
    """
    check_choice("kernel", kernel, KERNELS)
    rows = []
    for a in points:
        if kernel == "RBF":
            rows.append([math.exp(-gamma * ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)) for b in others])
        else:
            power = degree if kernel == "polynomial" else 1
            rows.append([(1 + a[0] * b[0] + a[1] * b[1]) ** power for b in others])
    return rows


def train(points: Sequence[Point], kernel: str, degree: int, gamma: float, method: str, c: float) -> dict[str, Any]:
    """Train a kernel machine and return what its score needs: one signed coefficient a point, and a bias.

    Args:
        points: rows (x, y, label).
        kernel: see ``gram``.
        degree: see ``gram``.
        gamma: see ``gram``.
        method: "SVM" (box 0 to c), "ridge" (penalty 1 / c) or "perceptron" (at most 100 passes).
        c: how dear a deviation is, above 0; the perceptron ignores it.

    Returns:
        ``coefficients``, alpha_i y_i for each point, and ``bias``. With one class only every coefficient of the
        SVM is 0 and the bias is the label.
    """
    check_choice("method", method, METHODS)
    if not points:
        return {"coefficients": [], "bias": 0.0}
    matrix = np.array(gram(points, points, kernel, degree, gamma))
    y = np.array([float(point[2]) for point in points])
    if method == "ridge":
        return {"coefficients": kernel_ridge(matrix, y, 1.0 / c).tolist(), "bias": 0.0}
    if method == "perceptron":
        return {"coefficients": (kernel_perceptron(matrix, y, epochs=100) * y).tolist(), "bias": 0.0}
    if (y == y[0]).all():
        return {"coefficients": [0.0] * len(y), "bias": float(y[0])}
    dual = solve_dual(matrix, y, c, tolerance=1e-4, max_steps=3000)
    return {"coefficients": (dual.alpha * y).tolist(), "bias": dual.bias}


def score(
    points: Sequence[Point], trained: dict[str, Any], place: Point, kernel: str, degree: int, gamma: float
) -> float:
    """Return the score at ``place``: the sum of coefficient times similarity over the points, plus the bias."""
    row = gram([place], points, kernel, degree, gamma)[0]
    return float(sum(a * k for a, k in zip(trained["coefficients"], row)) + trained["bias"])


def used(coefficients: Sequence[float]) -> int:
    """Count the coefficients that are not zero, next to the largest."""
    largest = max((abs(a) for a in coefficients), default=0.0)
    return sum(1 for a in coefficients if abs(a) > 1e-8 * max(1.0, largest))


def _draw_points(rng: np.random.Generator) -> list[list[float]]:
    count = int(rng.integers(1, 25))
    place = rng.uniform(-1, 1, (count, 2)).round(2)
    labels = rng.choice([-1, 1], count) if rng.random() < 0.9 else np.ones(count)
    return [[float(a), float(b), int(label)] for (a, b), label in zip(place, labels)]


def _draw_kernel(rng: np.random.Generator) -> tuple[str, int, float]:
    return str(rng.choice(KERNELS)), int(rng.integers(2, 6)), float(10 ** rng.uniform(-1, 2))


def _draw_train(rng: np.random.Generator) -> tuple[Any, ...]:
    return _draw_points(rng), *_draw_kernel(rng), str(rng.choice(METHODS)), float(10 ** rng.uniform(-1, 1))


def _draw_score(rng: np.random.Generator) -> tuple[Any, ...]:
    points = _draw_points(rng)
    trained = {"coefficients": rng.normal(size=len(points)).tolist(), "bias": float(rng.normal())}
    return points, trained, rng.uniform(-1, 1, 2).tolist(), *_draw_kernel(rng)


class KernelExplorer(CourseWidget):
    """Place points, choose a kernel and a method, and see the border and every point's coefficient.

    Args:
        points: rows ``[x, y, label]`` with coordinates from -1 to 1 and label +1 or -1; at most 60; default rings.
        kernel: "RBF", "polynomial" or "linear".
        method: "SVM", "ridge" or "perceptron".

    ``points`` and the settings can be read back at any time; ``solution`` is what they train to.
    """

    title = "Kernel explorer"
    twins = (
        Twin("gram", gram, lambda rng: (_draw_points(rng), _draw_points(rng), *_draw_kernel(rng))),
        # The solvers stop at a tolerance, and rounding may pair coefficients in another order on the way there.
        Twin("train", train, _draw_train, 1e-3),
        Twin("score", score, _draw_score),
        Twin("used", used, lambda rng: ((rng.normal(size=8) * rng.integers(0, 2, 8)).tolist(),)),
    )

    points: Any = traitlets.List().tag(sync=True)
    presets = traitlets.Dict(PRESETS).tag(sync=True)
    preset = traitlets.Unicode("rings").tag(sync=True)
    kernel = traitlets.Enum(KERNELS, "RBF").tag(sync=True)
    degree = traitlets.Int(2).tag(sync=True)
    log_gamma = traitlets.Float(0.6).tag(sync=True)
    method = traitlets.Enum(METHODS, "SVM").tag(sync=True)
    log_c = traitlets.Float(1.0).tag(sync=True)

    def __init__(self, points: Any = None, kernel: str = "RBF", method: str = "SVM", **traits: Any) -> None:
        check_choice("kernel", kernel, KERNELS)
        check_choice("method", method, METHODS)
        if points is None:
            points = PRESETS["rings"]
        else:
            traits.setdefault("preset", "own")
        table = np.asarray(points, dtype=float).reshape(-1, 3) if len(points) == 0 else np.asarray(points, dtype=float)
        check_shape("points", table, (None, 3))
        check_int("number of points", len(table), maximum=MAX_POINTS)
        if not np.isin(table[:, 2], (-1, 1)).all():
            raise ValueError(f"a point's label must be +1 or -1, got {sorted(set(table[:, 2].tolist()))}")
        if len(table) and np.abs(table[:, :2]).max() > 1:
            raise ValueError(f"coordinates must lie in [-1, 1], got {np.abs(table[:, :2]).max():g}; scale the points")
        rows = [[x, y, int(label)] for x, y, label in table.tolist()]
        super().__init__(points=rows, kernel=kernel, method=method, **traits)

    @property
    def _settings(self) -> tuple[str, int, float]:
        return self.kernel, self.degree, 10**self.log_gamma

    @property
    def solution(self) -> dict[str, Any]:
        """Coefficients and bias for the present points and settings."""
        return train(self.points, *self._settings, self.method, 10**self.log_c)

    @property
    def static_text(self) -> str:
        """One sentence with the machine, its coefficients and its mistakes."""
        trained = self.solution
        wrong = sum(1 for p in self.points if p[2] * score(self.points, trained, p, *self._settings) <= 0)
        return (
            f"{self.method} with the {self.kernel} kernel on {len(self.points)} points: "
            f"{used(trained['coefficients'])} coefficients are not zero, {wrong} points are on the wrong side."
        )

    def static_svg(self) -> str:
        """Draw the region of +1 and the points, as large as their coefficients."""
        size, cells = 360.0, 60
        trained, side = self.solution, 360.0 / cells

        def place(x: float, y: float) -> tuple[float, float]:
            return size * (x + 1) / 2, size * (1 - y) / 2

        parts = []
        for row in range(cells):
            y = 1 - 2 * (row + 0.5) / cells
            start = None
            for column in range(cells + 1):
                x = -1 + 2 * (column + 0.5) / cells
                inside = column < cells and score(self.points, trained, (x, y), *self._settings) > 0
                if inside and start is None:
                    start = column
                if not inside and start is not None:
                    parts.append(
                        svg.rect(start * side, row * side, (column - start) * side, side + 0.4, fill="#fbe6d9")
                    )
                    start = None
        largest = max((abs(a) for a in trained["coefficients"]), default=0.0) or 1.0
        for (x, y, label), a in zip(self.points, trained["coefficients"]):
            px, py = place(x, y)
            r = 5 + 8 * math.sqrt(abs(a) / largest)
            if label > 0:
                parts.append(svg.rect(px - r, py - r, 2 * r, 2 * r, fill=svg.COLORS["vermillion"], stroke="#ffffff"))
            else:
                parts.append(svg.circle(px, py, r, fill=svg.COLORS["blue"], stroke="#ffffff"))
        return svg.document(size, size, parts)
