"""Accuracy against the number of labels, from scratch and from a pretrained start: guess it, then read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int, check_number
from course_utils.runtime import load_record
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["PICTURES", "FineTuningCurves", "between", "crossings", "judge", "labels_for", "size_at", "summary", "wins"]

STEPS = 24  # places of the slider from one measured size to the next
WAYS = {
    "scratch": "from scratch",
    "probe": "linear probe",
    "tuned": "fine-tuned, careful",
    "bold": "fine-tuned, bold",
}
COLORS = {"scratch": "ink", "probe": "orange", "tuned": "blue", "bold": "vermillion"}
DASHES = {"scratch": "7 4", "probe": "2 3", "tuned": None, "bold": "10 3 2 3"}
# What the two records are about: words for the reader, and the number of classes that guessing chooses from.
PICTURES = {
    "shapes": ("09_transfer.sizes", "four new shapes, drawn", 4),
    "cifar10": ("09_transfer.cifar10", "five new classes of CIFAR-10", 5),
}
Triple = Sequence[float]


def size_at(sizes: Sequence[int], step: int) -> int:
    """Return the number of labels at a place of the slider; every ``STEPS``-th is a measured size.

    Args:
        sizes: measured sizes, growing.
        step: 0 to ``STEPS * (len(sizes) - 1)``; between two sizes equal steps are equal factors.
    """
    at = min(step // STEPS, len(sizes) - 2)
    share = (step - STEPS * at) / STEPS
    return math.floor(sizes[at] * (sizes[at + 1] / sizes[at]) ** share + 0.5)


def summary(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return smallest, median and largest value of each row of seeds."""
    return [[min(row), median(row), max(row)] for row in rows]


def between(sizes: Sequence[float], values: Sequence[float], n: float) -> float:
    """Return the height at ``n`` of the line through the measured points, straight over the logarithm of n."""
    at = max(0, min(len(sizes) - 2, sum(size <= n for size in sizes) - 1))
    share = math.log(n / sizes[at]) / math.log(sizes[at + 1] / sizes[at])
    return values[at] + (values[at + 1] - values[at]) * share


def crossings(sizes: Sequence[float], a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Return where the line through ``a`` passes the line through ``b``, as numbers of labels."""
    found = []
    gaps = [one - two for one, two in zip(a, b, strict=True)]
    for i in range(len(gaps) - 1):
        if gaps[i] * gaps[i + 1] < 0:
            share = gaps[i] / (gaps[i] - gaps[i + 1])
            found.append(sizes[i] * (sizes[i + 1] / sizes[i]) ** share)
        elif i and gaps[i] == 0 and gaps[i - 1] * gaps[i + 1] < 0:
            found.append(float(sizes[i]))
    return found


def labels_for(sizes: Sequence[float], values: Sequence[float], accuracy: float) -> float | None:
    """Return the smallest number of labels at which the line reaches an accuracy; None if it never does."""
    if values[0] >= accuracy:
        return float(sizes[0])
    for i in range(1, len(sizes)):
        if values[i] >= accuracy:
            share = (accuracy - values[i - 1]) / (values[i] - values[i - 1])
            return sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share
    return None


def wins(a: Sequence[float], b: Sequence[float]) -> int:
    """Return in how many seeds ``a`` is above ``b``; the same seed has the same pictures in both."""
    return sum(one > two for one, two in zip(a, b, strict=True))


def judge(
    guesses: Mapping[str, Sequence[float | None]], curves: Mapping[str, Sequence[Triple]]
) -> dict[str, Any] | None:
    """Compare a reader's guesses with the measured curves.

    Args:
        guesses: for each way a percentage at each measured size, or None where nothing was guessed.
        curves: for each way smallest, median and largest accuracy (0 to 1) at each size.

    Returns:
        None without a guess; else ``points`` guessed, ``error``, the mean distance from the medians in points,
        ``inside``, how many lie in the band over seeds, ``worst``, way and column of the largest distance, and
        ``leaders``: at how many sizes the best guessed way is the best in truth, and at how many two ways or more
        were guessed.
    """
    points, inside, total, most, worst = 0, 0, 0.0, -1.0, ["", 0]
    for way, guess in guesses.items():
        for column, value in enumerate(guess):
            if value is None:
                continue
            low, middle, high = curves[way][column]
            off = abs(value - 100 * middle)
            points, total = points + 1, total + off
            inside += 100 * low - 0.5 <= value <= 100 * high + 0.5
            if off > most:
                most, worst = off, [way, column]
    if not points:
        return None
    right = asked = 0
    for column in range(len(next(iter(curves.values())))):
        told = [way for way, guess in guesses.items() if guess[column] is not None]
        if len(told) < 2:
            continue
        asked += 1
        best = max(told, key=lambda way: guesses[way][column] or 0)
        right += best == max(told, key=lambda way: curves[way][column][1])
    return {"points": points, "error": total / points, "inside": inside, "worst": worst, "leaders": [right, asked]}


def load_pictures(name: str) -> dict[str, Any]:
    """Return what the widget stores of one record: ``words``, ``classes``, ``sizes`` and, by way, ``values``."""
    record, words, classes = PICTURES[name]
    metrics = load_record(record)["metrics"]
    ways = [way for way in WAYS if any(metric.startswith(f"{way}_") for metric in metrics)]
    sizes = sorted({int(metric.rsplit("_", 1)[1]) for metric in metrics})
    values = {way: [[round(value, 4) for value in metrics[f"{way}_{size}"]] for size in sizes] for way in ways}
    return {"words": words, "classes": classes, "sizes": sizes, "values": values}


def _draw_sizes(rng: np.random.Generator) -> list[int]:
    return [int(one) for one in np.cumprod(rng.integers(2, 9, size=int(rng.integers(2, 5))))]


def _draw_curve(rng: np.random.Generator, count: int) -> list[float]:
    return [float(one) for one in rng.integers(0, 11, size=count) / 10]


def _draw_between(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = _draw_sizes(rng)
    return sizes, _draw_curve(rng, len(sizes)), float(rng.uniform(sizes[0], sizes[-1]))


def _draw_two(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = _draw_sizes(rng)
    return sizes, _draw_curve(rng, len(sizes)), _draw_curve(rng, len(sizes))


def _draw_target(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = _draw_sizes(rng)
    return sizes, _draw_curve(rng, len(sizes)), float(rng.integers(0, 12) / 10)


def _draw_step(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = _draw_sizes(rng)
    return sizes, int(rng.integers(0, STEPS * (len(sizes) - 1) + 1))


def _draw_judge(rng: np.random.Generator) -> tuple[Any, ...]:
    count = int(rng.integers(2, 5))
    ways = list(WAYS)[: int(rng.integers(1, 5))]
    guesses = {way: [None if rng.random() < 0.4 else int(rng.integers(0, 101)) for _ in range(count)] for way in ways}
    curves = {way: [sorted(rng.random(3).round(2).tolist()) for _ in range(count)] for way in WAYS}
    return guesses, curves


class FineTuningCurves(CourseWidget):
    """Guess how accuracy grows with the number of labels, then see the measured curves and read them.

    Args:
        pictures: "shapes", the chapter's own record, or "cifar10", photographs.
        revealed: show the measured curves at once instead of asking for a guess first.
        guesses: ``{pictures: {way: [percent or None at each measured size]}}``, what the reader has drawn.

    ``reading`` tells smallest, median and largest accuracy of each way at the chosen number of ``labels``;
    ``judgement`` how far the guesses are off.
    """

    title = "The curve that decides"
    twins = (
        Twin("sizeAt", size_at, _draw_step),
        Twin("summary", summary, lambda rng: ([rng.random(int(rng.integers(1, 8))).tolist() for _ in range(3)],)),
        Twin("between", between, _draw_between),
        Twin("crossings", crossings, _draw_two),
        Twin("labelsFor", labels_for, _draw_target),
        Twin("wins", wins, lambda rng: (_draw_curve(rng, 9), _draw_curve(rng, 9))),
        Twin("judge", judge, _draw_judge),
    )

    records: Any = traitlets.Dict().tag(sync=True)
    ways: Any = traitlets.Dict(WAYS).tag(sync=True)
    pictures = traitlets.Unicode("shapes").tag(sync=True)
    revealed = traitlets.Bool(False).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    way = traitlets.Unicode("scratch").tag(sync=True)
    seeds = traitlets.Bool(False).tag(sync=True)
    guesses: Any = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        pictures: str = "shapes",
        revealed: bool = False,
        guesses: Mapping[str, Mapping[str, Sequence[float | None]]] | None = None,
        **traits: Any,
    ) -> None:
        check_choice("pictures", pictures, tuple(PICTURES))
        records = {name: load_pictures(name) for name in PICTURES}
        kept: dict[str, dict[str, list[float | None]]] = {}
        for name, drawn in (guesses or {}).items():
            record = records[check_choice("pictures of guesses", name, tuple(PICTURES))]
            for way, values in drawn.items():
                check_choice("way", way, tuple(record["values"]))
                check_int("number of guesses", len(values), minimum=len(record["sizes"]), maximum=len(record["sizes"]))
                for value in values:
                    if value is not None:
                        check_number("guess", value, minimum=0, maximum=100)
                kept.setdefault(name, {})[way] = list(values)
        given = {"pictures": pictures, "revealed": bool(revealed), "guesses": kept}
        super().__init__(**{"records": records, **traits, **given})

    @property
    def record(self) -> dict[str, Any]:
        """What was measured on the chosen pictures."""
        return self.records[self.pictures]

    @property
    def labels(self) -> int:
        """Number of labels at the place of the slider."""
        return size_at(self.record["sizes"], self.step)

    @property
    def curves(self) -> dict[str, list[list[float]]]:
        """Smallest, median and largest accuracy of each way at each measured size."""
        return {way: summary(rows) for way, rows in self.record["values"].items()}

    @property
    def reading(self) -> dict[str, list[float]]:
        """Smallest, median and largest accuracy of each way at ``labels``, on straight lines between measured sizes."""
        return {
            way: [between(self.record["sizes"], [row[i] for row in rows], self.labels) for i in range(3)]
            for way, rows in self.curves.items()
        }

    @property
    def judgement(self) -> dict[str, Any] | None:
        """How far the guesses for the chosen pictures are off, as ``judge`` says it; None without a guess."""
        return judge(self.guesses.get(self.pictures, {}), self.curves)

    @property
    def static_text(self) -> str:
        """One sentence with the medians at the ends of the curves."""
        sizes, curves = self.record["sizes"], self.curves
        said = "; ".join(f"{WAYS[way]} {rows[0][1]:.0%} and {rows[-1][1]:.0%}" for way, rows in curves.items())
        return (
            f"Accuracy on {self.record['words']}, with {sizes[0]} and with {sizes[-1]:,} labels, median over seeds: "
            f"{said}. The bands reach over all seeds."
        )

    def static_svg(self) -> str:
        """Draw the measured curves with their bands, and what was guessed."""
        sizes, curves = self.record["sizes"], self.curves
        left, right, top, bottom = 56, 430, 20, 240

        def place(size: float, value: float) -> tuple[float, float]:
            across = math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])
            return left + (right - left) * across, bottom - (bottom - top) * value

        parts = []
        for value in (0, 0.25, 0.5, 0.75, 1):
            y = place(sizes[0], value)[1]
            parts.append(svg.line(left, y, right, y, stroke=svg.COLORS["line"]))
            parts.append(svg.text(left - 8, y + 5, f"{value:.0%}", text_anchor="end"))
        for size in sizes:
            parts.append(svg.text(place(size, 0)[0], bottom + 20, f"{size:,}", text_anchor="middle"))
        parts.append(svg.text((left + right) / 2, bottom + 42, "labelled pictures", text_anchor="middle"))
        for number, (way, rows) in enumerate(curves.items()):
            color = svg.COLORS[COLORS[way]]
            outline = [place(n, r[0]) for n, r in zip(sizes, rows)] + [place(n, r[2]) for n, r in zip(sizes, rows)][
                ::-1
            ]
            d = "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in outline) + "Z"
            parts.append(svg.path(d, stroke="none", fill=color, fill_opacity=0.15))
            line: dict[str, object] = {"stroke": color, "stroke_width": 2.5, "stroke_dasharray": DASHES[way]}
            parts.append(svg.polyline([place(n, r[1]) for n, r in zip(sizes, rows)], **line))
            y = 40 + 28 * number
            parts += [svg.polyline([(450, y), (490, y)], **line), svg.text(498, y + 5, WAYS[way])]
            for size, guess in zip(sizes, self.guesses.get(self.pictures, {}).get(way, [])):
                if guess is not None:
                    parts.append(svg.circle(*place(size, guess / 100), 4, fill="#ffffff", stroke=color, stroke_width=2))
        if self.judgement:
            parts.append(svg.text(450, 40 + 28 * len(curves), "circles: guessed"))
        return svg.document(650, bottom + 56, parts)
