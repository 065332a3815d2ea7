"""The perceptron rule on points in the plane that the reader places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_int, check_number, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import permutation

__all__ = ["PRESETS", "PerceptronPlayground", "bound", "choose", "is_mistake", "score", "separator", "step"]

Point = Sequence[float]  # x, y, label (+1 or -1)
ORDERS = ("in turn", "shuffled", "worst first")
RULES = ("at most 0", "below 0")
MAX_POINTS = 60


def _draw_presets() -> dict[str, list[list[float]]]:
    rng = np.random.default_rng(7)

    def cloud(count: int, x: float, y: float, spread: float, label: int) -> list[list[float]]:
        place = np.clip(rng.normal((x, y), spread, (count, 2)), -0.92, 0.92).round(2)
        return [[float(a), float(b), label] for a, b in place]

    def mixed(first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
        return [point for pair in zip(first, second) for point in pair]

    wide = mixed(cloud(7, 0.45, 0.35, 0.22, 1), cloud(7, -0.25, -0.45, 0.22, -1))
    near = [[x, round(0.35 * x + 0.1 + side * gap, 2), side] for side in (1, -1)
            for x, gap in [(-0.8, 0.3), (-0.5, 0.06), (-0.1, 0.45), (0.2, 0.07), (0.55, 0.3), (0.8, 0.12)]]  # fmt: skip
    near = mixed(near[:6], near[6:])
    corner = [[0.2, 0.82, 1], [0.5, 0.75, 1], [0.8, 0.6, 1], [0.85, 0.85, 1], [0.65, 0.25, -1],
              [0.3, 0.4, -1], [0.1, 0.55, -1], [0.8, 0.1, -1], [0.4, 0.1, -1]]  # fmt: skip
    xor = cloud(4, 0.55, 0.55, 0.11, 1) + cloud(4, -0.55, -0.55, 0.11, 1)
    xor += cloud(4, -0.55, 0.55, 0.11, -1) + cloud(4, 0.55, -0.55, 0.11, -1)
    ring = [[round(0.8 * math.cos(a), 2), round(0.8 * math.sin(a), 2), -1] for a in np.arange(9) * 2 * math.pi / 9]
    ring += cloud(6, 0, 0, 0.16, 1)
    outlier = [*wide, [-0.05, -0.2, 1]]
    return {
        "wide margin": wide,
        "narrow margin": near,
        "far from the origin": corner,
        "one outlier": outlier,
        "XOR": xor,
        "ring": ring,
    }


PRESETS = _draw_presets()


def score(w: Sequence[float], point: Point) -> float:
    """Return w1 x + w2 y + b for ``w`` = (w1, w2, b): the bias belongs to a third input that is always 1."""
    return w[0] * point[0] + w[1] * point[1] + w[2]


def is_mistake(w: Sequence[float], point: Point, rule: str) -> bool:
    """Tell whether ``point`` counts as a mistake: y f <= 0, or only y f < 0 under the rule "below 0"."""
    signed = point[2] * score(w, point)
    return signed < 0 if rule == "below 0" else signed <= 0


def choose(points: Sequence[Point], w: Sequence[float], visits: int, order: str, seed: int) -> int:
    """Return the index of the example to present after ``visits`` presentations."""
    if order == "worst first":
        signed = [point[2] * score(w, point) for point in points]
        return signed.index(min(signed))
    turn = visits % len(points)
    if order == "shuffled":
        return permutation(len(points), seed + visits // len(points))[turn]
    return turn


def step(
    points: Sequence[Point], w: Sequence[float], visits: int, eta: float, order: str, rule: str, seed: int
) -> dict[str, Any]:
    """Present one example and apply the perceptron rule w' = w + eta y x to it if it is a mistake."""
    index = choose(points, w, visits, order, seed)
    x, y, label = points[index]
    wrong = is_mistake(w, points[index], rule)
    after = [w[0] + eta * label * x, w[1] + eta * label * y, w[2] + eta * label] if wrong else list(w)
    return {"index": index, "mistake": wrong, "w": after}


def separator(points: Sequence[Point]) -> dict[str, Any] | None:
    """Return the unit vector of widest margin over the vectors (x, y, 1), or ``None`` if none separates.

    With z = label (x, y, 1) the answer points to the convex hull's nearest point to the origin, and in three
    dimensions that point lies in a corner, on an edge or in a triangle of the hull: all are tried.

    Returns:
        ``margin``, the least label * (w . (x, y, 1)); ``w``, three numbers of unit length; ``support``, indices.
    """
    z = np.array([[p[0] * p[2], p[1] * p[2], p[2]] for p in points], dtype=float).reshape(-1, 3)
    for size in (1, 2, 3):
        for chosen in combinations(range(len(z)), size):
            corners = z[list(chosen)]
            edges = corners[1:] - corners[0]
            gram = edges @ edges.T
            if size > 1 and abs(np.linalg.det(gram)) < 1e-14:
                continue
            weights = np.linalg.solve(gram, -edges @ corners[0]) if size > 1 else np.zeros(0)
            if np.any(weights < 0) or weights.sum() > 1:
                continue
            nearest = corners[0] + weights @ edges
            square = float(nearest @ nearest)
            if square > 1e-10 and np.all(z @ nearest >= square - 1e-10):
                margin = math.sqrt(square)
                return {"margin": margin, "w": (nearest / margin).tolist(), "support": list(chosen)}
    return None


def bound(points: Sequence[Point]) -> float | None:
    """Return (R / margin)^2, the most mistakes the perceptron rule can make from w = 0, or ``None``."""
    best = separator(points)
    if best is None:
        return None
    radius = max(p[0] * p[0] + p[1] * p[1] + 1 for p in points)
    return radius / best["margin"] ** 2


def _draw_points(rng: np.random.Generator) -> list[list[float]]:
    count = int(rng.integers(1, 9))
    place = rng.uniform(-1, 1, (count, 2)).round(2)
    if rng.random() < 0.7:
        labels = np.where(place @ rng.normal(size=2) + rng.normal() * 0.3 > 0, 1, -1)
    else:
        labels = rng.choice([-1, 1], count)
    return [[float(a), float(b), int(c)] for (a, b), c in zip(place, labels)]


def _draw_state(rng: np.random.Generator) -> tuple[Any, ...]:
    points = _draw_points(rng)
    w = [0.0, 0.0, 0.0] if rng.random() < 0.3 else rng.normal(size=3).tolist()
    return points, w, int(rng.integers(0, 40))


def _draw_step(rng: np.random.Generator) -> tuple[Any, ...]:
    points, w, visits = _draw_state(rng)
    return points, w, visits, float(rng.uniform(0.1, 2)), str(rng.choice(ORDERS)), str(rng.choice(RULES)), 3


class PerceptronPlayground(CourseWidget):
    """Place points, run the perceptron rule on them, and count its mistakes against the bound.

    Args:
        points: rows ``[x, y, label]`` with label +1 or -1; at most 60; default a separable cloud.
        eta: learning rate, above 0 and at most 2.

    ``points``, ``w`` (w1, w2, bias), ``mistakes`` and ``visits`` can be read back at any time.
    """

    title = "Perceptron playground"
    twins = (
        Twin("score", score, lambda rng: (rng.normal(size=3).tolist(), _draw_points(rng)[0])),
        Twin("isMistake", is_mistake, lambda rng: (_draw_state(rng)[1], _draw_points(rng)[0], str(rng.choice(RULES)))),
        Twin("choose", choose, lambda rng: (*_draw_state(rng), str(rng.choice(ORDERS)), int(rng.integers(99)))),
        Twin("step", step, _draw_step),
        Twin("separator", separator, lambda rng: (_draw_points(rng),)),
        Twin("bound", bound, lambda rng: (_draw_points(rng),), 1e-7),
        Twin("permutation", permutation, lambda rng: (int(rng.integers(1, 30)), int(rng.integers(2**31)))),
    )

    points: Any = traitlets.List().tag(sync=True)
    presets = traitlets.Dict(PRESETS).tag(sync=True)
    preset = traitlets.Unicode("wide margin").tag(sync=True)
    extent = traitlets.Float(1.0).tag(sync=True)
    eta = traitlets.Float(1.0).tag(sync=True)
    order = traitlets.Enum(ORDERS, "in turn").tag(sync=True)
    rule = traitlets.Enum(RULES, "at most 0").tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    w = traitlets.List([0.0, 0.0, 0.0]).tag(sync=True)
    before = traitlets.List([0.0, 0.0, 0.0]).tag(sync=True)
    visits = traitlets.Int(0).tag(sync=True)
    mistakes = traitlets.Int(0).tag(sync=True)
    current = traitlets.Int(-1).tag(sync=True)
    show_best = traitlets.Bool(False).tag(sync=True)

    def __init__(self, points: Any = None, eta: float = 1.0, **traits: Any) -> None:
        if points is None:
            points = PRESETS["wide margin"]
        else:
            traits.setdefault("preset", "own")
        table = np.asarray(points, dtype=float).reshape(-1, 3) if len(points) == 0 else np.asarray(points, dtype=float)
        check_shape("points", table, (None, 3))
        if not np.isfinite(table).all():
            raise ValueError("points must be finite, got NaN or infinity")
        check_int("number of points", len(table), maximum=MAX_POINTS)
        if not np.isin(table[:, 2], (-1, 1)).all():
            raise ValueError(f"a point's label must be +1 or -1, got {sorted(set(table[:, 2].tolist()))}")
        check_number("eta", eta, above=0, maximum=2)
        largest = float(np.abs(table[:, :2]).max()) if len(table) else 1.0
        traits.setdefault("extent", 1.0 if largest <= 1 else math.ceil(largest * 11) / 10)
        rows = [[x, y, int(label)] for x, y, label in table.tolist()]
        super().__init__(points=rows, eta=float(eta), **traits)

    @traitlets.observe("points")
    def _start_again(self, change: Any) -> None:
        if self.from_browser:  # the page starts again itself, and may have stepped since
            return
        self.w, self.before = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        self.visits, self.mistakes, self.current = 0, 0, -1

    @property
    def static_text(self) -> str:
        """One sentence with the counts and the bound."""
        positive = sum(1 for p in self.points if p[2] > 0)
        limit = bound(self.points) if self.points else None
        words = (
            f"one line separates them and the perceptron rule makes at most {math.floor(limit)} mistakes"
            if limit is not None
            else "no single line separates them"
        )
        return f"{positive} points of class +1 and {len(self.points) - positive} of class −1; {words}."

    def static_svg(self) -> str:
        """Draw the points and, if there is one, the line of widest margin."""
        size, e = 360.0, self.extent

        def place(x: float, y: float) -> tuple[float, float]:
            return size * (x / e + 1) / 2, size * (1 - y / e) / 2

        parts = [svg.line(0, size / 2, size, size / 2, stroke=svg.COLORS["line"])]
        parts.append(svg.line(size / 2, 0, size / 2, size, stroke=svg.COLORS["line"]))
        best = separator(self.points) if self.points else None
        if best is not None and math.hypot(best["w"][0], best["w"][1]) > 1e-9:
            w1, w2, b = best["w"]
            square = w1 * w1 + w2 * w2
            foot, reach = (-b * w1 / square, -b * w2 / square), 3 * e / math.sqrt(square)
            ends = place(foot[0] - w2 * reach, foot[1] + w1 * reach) + place(foot[0] + w2 * reach, foot[1] - w1 * reach)
            parts.append(svg.line(*ends, stroke=svg.COLORS["green"], stroke_width=2))
        for x, y, label in self.points:
            px, py = place(x, y)
            if label > 0:
                parts.append(svg.rect(px - 7, py - 7, 14, 14, fill=svg.COLORS["vermillion"], stroke="#ffffff"))
            else:
                parts.append(svg.circle(px, py, 8, fill=svg.COLORS["blue"]))
            parts.append(svg.text(px, py + 5, "+" if label > 0 else "−", text_anchor="middle", fill="#ffffff"))
        return svg.document(size, size, parts)
