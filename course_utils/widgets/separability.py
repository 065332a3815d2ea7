"""Random labels on random points: from how many features on does a plane separate them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_int
from course_utils.scratch.features import separability as scratch
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_numbers

__all__ = ["Separability", "cover_fraction", "features", "problem", "separable", "separating_plane"]

LABELLINGS, SCALE = 60, 4.0


def problem(count: int, dimension: int, seed: int) -> dict[str, Any]:
    """Draw points in the square and the weights of random features.

    Returns:
        ``points``, rows (x, y) in [-1, 1]; ``weights``, rows (w1, w2, b) of a normal distribution with deviation 4.
        The first rows do not change when more are asked for.
    """
    place, spread = random_numbers(seed), random_numbers(seed + 1)
    points = [[2 * next(place) - 1, 2 * next(place) - 1] for _ in range(count)]

    def normal() -> float:
        radius = math.sqrt(-2 * math.log(1 - next(spread)))
        return SCALE * radius * math.cos(2 * math.pi * next(spread))

    return {"points": points, "weights": [[normal(), normal(), normal()] for _ in range(dimension)]}


def labels_of(count: int, index: int, seed: int) -> list[int]:
    """Return the labelling number ``index``: ``count`` fair coins, +1 or -1."""
    coin = random_numbers(1000 * (seed + 1) + index)
    return [1 if next(coin) < 0.5 else -1 for _ in range(count)]


def features(points: Sequence[Sequence[float]], weights: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return tanh of every random linear function of every point."""
    return [[math.tanh(w[0] * p[0] + w[1] * p[1] + w[2]) for w in weights] for p in points]


def separating_plane(points: Sequence[Sequence[float]], labels: Sequence[int]) -> list[float] | None:
    """Return a plane, its bias last, that separates label +1 from label -1, or ``None``."""
    plane = scratch.separating_plane(np.asarray(points, dtype=float), np.asarray(labels))
    return None if plane is None else [float(w) for w in plane]


def separable(points: Sequence[Sequence[float]], labels: Sequence[int]) -> bool:
    """Tell whether there is such a plane."""
    return separating_plane(points, labels) is not None


def cover_fraction(count: int, dimension: int) -> float:
    """Return the share of labellings of points in general position that a plane separates (Cover)."""
    return scratch.cover_fraction(count, dimension)


def _draw_problem(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(1, 20)), int(rng.integers(1, 20)), int(rng.integers(10_000))


def _draw_labelled(rng: np.random.Generator) -> tuple[Any, ...]:
    drawn = problem(*_draw_problem(rng))
    labels = labels_of(len(drawn["points"]), int(rng.integers(60)), 3)
    return features(drawn["points"], drawn["weights"]), labels


class Separability(CourseWidget):
    """Raise the number of random features until a plane separates random labels, and compare with Cover's count.

    Args:
        count: number of points, 4 to 20.
        dimension: number of random features, 1 to 24.
        seed: of points, features and labellings.

    ``fraction`` is the share of the 60 labellings that are separable now.
    """

    title = "How many features separate random labels?"
    twins = (
        Twin("problem", problem, _draw_problem),
        Twin("labelsOf", labels_of, _draw_problem),
        Twin(
            "features",
            features,
            lambda rng: (rng.uniform(-1, 1, (5, 2)).tolist(), rng.normal(0, 4, (3, 3)).tolist()),
        ),
        Twin("separatingPlane", separating_plane, _draw_labelled, 1e-6),
        Twin("separable", separable, _draw_labelled),
        Twin("coverFraction", cover_fraction, lambda rng: _draw_problem(rng)[:2]),
    )

    count = traitlets.Int(12).tag(sync=True)
    dimension = traitlets.Int(3).tag(sync=True)
    seed = traitlets.Int(4).tag(sync=True)
    labelling = traitlets.Int(0).tag(sync=True)

    def __init__(self, count: int = 12, dimension: int = 3, seed: int = 4, **traits: Any) -> None:
        check_int("count", count, minimum=4, maximum=20)
        check_int("dimension", dimension, minimum=1, maximum=24)
        check_int("seed", seed, minimum=0)
        super().__init__(count=count, dimension=dimension, seed=seed, **traits)

    @property
    def fraction(self) -> float:
        """Share of the 60 labellings that a plane separates in the present features."""
        drawn = problem(self.count, self.dimension, self.seed)
        x = features(drawn["points"], drawn["weights"])
        return sum(separable(x, labels_of(self.count, i, self.seed)) for i in range(LABELLINGS)) / LABELLINGS

    @property
    def static_text(self) -> str:
        """One sentence with the measured share and Cover's."""
        return (
            f"{self.count} points with random labels in {self.dimension} random features: a plane separates "
            f"{round(self.fraction * LABELLINGS)} of {LABELLINGS} labellings; Cover's formula says "
            f"{100 * cover_fraction(self.count, self.dimension):.0f} percent."
        )

    def static_svg(self) -> str:
        """Draw Cover's curve and the measured share."""
        most = self.count + 3

        def place(d: float, share: float) -> tuple[float, float]:
            return 50 + 420 * d / most, 230 - 200 * share

        parts = [svg.line(*place(0, 0), *place(most, 0)), svg.line(*place(0, 0), *place(0, 1))]
        curve = [place(d, cover_fraction(self.count, d)) for d in range(1, most + 1)]
        parts.append(svg.polyline(curve, stroke=svg.COLORS["blue"], stroke_width=2))
        parts.append(svg.circle(*place(self.dimension, self.fraction), 7, fill=svg.COLORS["vermillion"]))
        for d in range(most + 1):
            x, y = place(d, 0)
            parts.append(svg.line(x, y, x, y + 4))
            parts.append(svg.text(x, y + 18, str(d), text_anchor="middle", font_size=11))
        for share in (0.5, 1.0):
            parts.append(svg.line(*place(0, share), *place(most, share), stroke=svg.COLORS["line"]))
            parts.append(svg.text(44, place(0, share)[1] + 5, f"{100 * share:.0f} %", text_anchor="end", font_size=11))
        parts.append(svg.text(260, 266, "number of random features D", text_anchor="middle"))
        parts.append(svg.text(60, 24, f"share of labellings of {self.count} points that a plane separates"))
        return svg.document(500, 276, parts)
