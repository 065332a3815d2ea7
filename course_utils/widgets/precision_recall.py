"""Precision against recall, built detection by detection, and the three numbers that are called average precision."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int, check_number, check_same_length
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = [
    "PRESETS",
    "PrecisionRecall",
    "averages",
    "counts",
    "curve",
    "envelope",
    "fitted",
    "heights",
    "moved",
    "outcomes",
    "repeated",
    "toggled",
]

MOST = 16  # cards in a row, and objects
SCORES = [0.99, 0.97, 0.94, 0.91, 0.87, 0.82, 0.78, 0.71, 0.66, 0.58, 0.51, 0.43, 0.34, 0.22]
# A ranking holds one number a detection, best score first: the object it lies on, counted from 1, or 0 for none.
PRESETS: dict[str, dict[str, Any]] = {
    "ordinary": {"words": "an ordinary detector", "objects": 9, "ranking": [1, 2, 0, 3, 1, 4, 0, 5, 6, 0, 4, 7, 0, 0]},
    "perfect": {"words": "a perfect ranking", "objects": 8, "ranking": [*range(1, 9), *[0] * 6]},
    "early": {"words": "one early mistake", "objects": 8, "ranking": [0, *range(1, 9), *[0] * 5]},
    "late": {"words": "one late mistake", "objects": 8, "ranking": [*range(1, 8), 0, 8, *[0] * 5]},
    "twice": {"words": "everything found twice", "objects": 7, "ranking": [n for n in range(1, 8) for _ in range(2)]},
    "half": {"words": "finds half of the objects", "objects": 14, "ranking": [*range(1, 8), *[0] * 7]},
}
METHODS = {"voc2007": "VOC 2007", "voc2010": "VOC 2010", "coco": "COCO"}


def fitted(ranking: Sequence[int], objects: int) -> list[int]:
    """Return the ranking with objects numbered 1 to ``objects``; a detection on an object too many lies on none.

    Numbers that fit are kept; else objects are numbered anew in the order in which they are found.
    """
    found = list(dict.fromkeys(number for number in ranking if number))
    if max(found, default=0) > objects:
        ranking = [found.index(number) + 1 if number else 0 for number in ranking]
    return [number if number <= objects else 0 for number in ranking]


def outcomes(ranking: Sequence[int]) -> list[str]:
    """Return for each detection "right", "wrong" (on no object) or "twice" (its object has been found before)."""
    seen: set[int] = set()
    judged = []
    for number in ranking:
        judged.append("wrong" if number == 0 else "twice" if number in seen else "right")
        seen.add(number)
    return judged


def counts(ranking: Sequence[int], objects: int, kept: int) -> dict[str, Any]:
    """Return what the ``kept`` best detections say: numbers of true and false positives, and of missed objects.

    ``twice`` is how many of the ``wrong`` lie on an object found before; ``precision`` is None with nothing kept.
    """
    judged = outcomes(ranking[:kept])
    right = judged.count("right")
    return {
        "right": right,
        "wrong": len(judged) - right,
        "twice": judged.count("twice"),
        "missed": objects - right,
        "precision": right / len(judged) if judged else None,
        "recall": right / objects,
    }


def curve(ranking: Sequence[int], objects: int) -> dict[str, list[float]]:
    """Return precision and recall after each detection, see :mod:`course_utils.detection.precision_recall`."""
    from course_utils.detection.precision_recall import curve_of
    from course_utils.detection.true_positives import Judged

    correct = np.array([[one == "right" for one in outcomes(ranking)]], dtype=bool)
    places = np.arange(len(ranking))
    points = curve_of(Judged(-places.astype(float), correct, np.zeros_like(correct), places, objects))
    return {"precision": points.precision.tolist(), "recall": points.recall.tolist()}


def envelope(precision: Sequence[float]) -> list[float]:
    """Return at each point the highest precision from there on."""
    return np.maximum.accumulate(np.array(precision, dtype=float)[::-1])[::-1].tolist()


def heights(precision: Sequence[float], recall: Sequence[float], points: Sequence[float]) -> list[float]:
    """Return the height of the envelope at given recalls; 0 where a recall is never reached."""
    reached = np.searchsorted(recall, points, side="left")
    return np.append(envelope(precision), 0.0)[reached].tolist()


def averages(ranking: Sequence[int], objects: int) -> dict[str, float]:
    """Return average precision by the rules of VOC 2007, VOC 2010 and COCO at one IoU threshold."""
    from course_utils.detection.average_precision import SUMMARIES

    points = {name: np.array(values) for name, values in curve(ranking, objects).items()}
    return {name: SUMMARIES[name](points["precision"], points["recall"]) for name in METHODS}


def toggled(ranking: Sequence[int], at: int, objects: int) -> list[int] | None:
    """Take a detection off its object, or put it on the first object without one; None if there is none left."""
    free = [number for number in range(1, objects + 1) if number not in ranking]
    if not ranking[at] and not free:
        return None
    return [*ranking[:at], 0 if ranking[at] else free[0], *ranking[at + 1 :]]


def repeated(ranking: Sequence[int], at: int) -> list[int] | None:
    """Put a detection on the object of the nearest detection above, else below; take a second find off its object.

    None if no other object is found.
    """
    new = 0
    if ranking[at] == 0 or ranking[at] not in ranking[:at]:
        others = [*ranking[:at][::-1], *ranking[at + 1 :]]
        new = next((number for number in others if number not in (0, ranking[at])), 0)
        if new == 0:
            return None
    return [*ranking[:at], new, *ranking[at + 1 :]]


def moved(ranking: Sequence[int], start: int, end: int) -> list[int]:
    """Return the ranking with one detection taken out and put in at another place."""
    rest = [*ranking[:start], *ranking[start + 1 :]]
    return [*rest[:end], ranking[start], *rest[end:]]


def _draw_ranking(rng: np.random.Generator, least: int = 0, most: int = MOST) -> tuple[list[int], int]:
    objects = int(rng.integers(1, MOST + 1))
    some = int(rng.integers(1, objects + 1))
    numbers = rng.integers(0, some + 1, size=int(rng.integers(least, most + 1)))
    return [int(number) if rng.random() < 0.8 else 0 for number in numbers], objects


def _draw_unfit(rng: np.random.Generator) -> tuple[Any, ...]:
    return _draw_ranking(rng)[0], int(rng.integers(1, MOST + 1))


def _draw_counts(rng: np.random.Generator) -> tuple[Any, ...]:
    ranking, objects = _draw_ranking(rng)
    return ranking, objects, int(rng.integers(0, len(ranking) + 1))


def _draw_heights(rng: np.random.Generator) -> tuple[Any, ...]:
    made = curve(*_draw_ranking(rng))
    points = np.linspace(0, 1, 101) if rng.random() < 0.5 else np.arange(11) / 10
    return made["precision"], made["recall"], points.tolist()


def _draw_averages(rng: np.random.Generator) -> tuple[Any, ...]:
    if rng.random() < 0.8:
        return _draw_ranking(rng)
    # Seven of ten found, then a mistake: a recall of 0.7 does not reach COCO's own 0.7, a rounding error above.
    return [*range(1, 8), *[0] * int(rng.integers(1, 6)), 8], 10


def _draw_toggled(rng: np.random.Generator) -> tuple[Any, ...]:
    ranking, objects = _draw_ranking(rng, least=1)
    if rng.random() < 0.2:
        ranking, objects = [*range(1, 5), 0], 4
    return ranking, int(rng.integers(len(ranking))), objects


def _draw_repeated(rng: np.random.Generator) -> tuple[Any, ...]:
    ranking = _draw_ranking(rng, least=1, most=6)[0]
    return ranking, int(rng.integers(len(ranking)))


def _draw_moved(rng: np.random.Generator) -> tuple[Any, ...]:
    ranking = _draw_ranking(rng, least=1)[0]
    return ranking, int(rng.integers(len(ranking))), int(rng.integers(len(ranking)))


class PrecisionRecall(CourseWidget):
    """Walk down a ranked list of detections of one class, and guess its average precision before it is shown.

    Args:
        preset: name of a ranking in ``PRESETS``.
        ranking: your own instead: for each detection, best score first, the number of the object it lies on, from 1,
            or 0 for none; 1 to 16 detections.
        objects: number of objects to find, 1 to 16; the preset's, or as many as ``ranking`` finds.
        scores: of each detection, in 0 to 1, never rising.
        kept: how many detections are above the threshold.
        revealed: show the average precision at once instead of asking for a guess first.

    ``counts`` tells what is kept, ``averages`` the average precision by each rule.
    """

    title = "Precision-recall builder"
    twins = (
        Twin("fitted", fitted, _draw_unfit),
        Twin("outcomes", outcomes, lambda rng: _draw_ranking(rng)[:1]),
        Twin("counts", counts, _draw_counts),
        Twin("curve", curve, _draw_ranking),
        Twin("envelope", envelope, lambda rng: (rng.random(int(rng.integers(0, 17))).round(1).tolist(),)),
        Twin("heights", heights, _draw_heights),
        Twin("averages", averages, _draw_averages),
        Twin("toggled", toggled, _draw_toggled),
        Twin("repeated", repeated, _draw_repeated),
        Twin("moved", moved, _draw_moved),
    )

    presets: Any = traitlets.Dict(PRESETS).tag(sync=True)
    preset = traitlets.Unicode("ordinary").tag(sync=True)
    ranking: Any = traitlets.List(traitlets.Int(min=0)).tag(sync=True)
    objects = traitlets.Int(8, min=1, max=MOST).tag(sync=True)
    scores: Any = traitlets.List(traitlets.Float()).tag(sync=True)
    usual: Any = traitlets.List(SCORES).tag(sync=True)
    kept = traitlets.Int(1, min=0, max=MOST).tag(sync=True)
    chosen = traitlets.Int(0, min=0, max=MOST - 1).tag(sync=True)
    guess = traitlets.Int(50, min=0, max=100).tag(sync=True)
    revealed = traitlets.Bool(False).tag(sync=True)
    sure = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        preset: str = "ordinary",
        ranking: Sequence[int] | None = None,
        objects: int | None = None,
        scores: Sequence[float] | None = None,
        kept: int = 1,
        revealed: bool = False,
        **traits: Any,
    ) -> None:
        chosen = PRESETS[check_choice("preset", preset, tuple(PRESETS))]
        if ranking is None:
            rows, least = list(chosen["ranking"]), chosen["objects"]
        else:
            check_int("number of detections", len(ranking), minimum=1, maximum=MOST)
            rows = [check_int("object of a detection", number, minimum=0, maximum=MOST) for number in ranking]
            preset, least = "own", max(1, len({number for number in rows if number}))
        count = check_int("objects", least if objects is None else objects, minimum=1, maximum=MOST)
        if scores is None:
            scores = SCORES if len(rows) == len(SCORES) else np.linspace(0.99, 0.22, len(rows)).round(2).tolist()
        check_same_length("ranking", rows, "scores", scores)
        for before, score in zip([1, *scores], scores, strict=False):
            check_number("score", score, minimum=0, maximum=1)
            if score > before:
                raise ValueError(f"scores must not rise, got {score} after {before}: sort ranking and scores together")
        check_int("kept", kept, minimum=0, maximum=len(rows))
        own = {"preset": preset if count == chosen["objects"] else "own", "ranking": rows, "objects": count}
        own |= {"scores": [float(score) for score in scores], "kept": kept, "revealed": bool(revealed)}
        super().__init__(**{**traits, **own})

    @property
    def outcomes(self) -> list[str]:
        """What became of each detection: right, wrong or twice."""
        return outcomes(fitted(self.ranking, self.objects))

    @property
    def counts(self) -> dict[str, Any]:
        """True and false positives and missed objects with the ``kept`` best detections, precision and recall."""
        return counts(fitted(self.ranking, self.objects), self.objects, self.kept)

    @property
    def averages(self) -> dict[str, float]:
        """Average precision of the whole ranking by each rule."""
        return averages(fitted(self.ranking, self.objects), self.objects)

    @property
    def static_text(self) -> str:
        """One sentence with the counts at the threshold and the average precision by each rule."""
        now, total = self.counts, len(self.ranking)
        rules = ", ".join(f"{value:.2f} by {METHODS[name]}" for name, value in self.averages.items())
        precision = "not defined" if now["precision"] is None else f"{now['precision']:.2f}"
        return (
            f"{total} detections by falling score and {self.objects} objects to find: of the best {self.kept}, "
            f"{now['right']} are right and {now['wrong']} wrong, {now['missed']} objects are missed (precision "
            f"{precision}, recall {now['recall']:.2f}); the average precision of all is {rules}."
        )

    def static_svg(self) -> str:
        """Draw the row of cards, the whole curve and the area under its envelope."""
        left, right, top, bottom = 56, 610, 112, 330
        parts = []
        ranking = fitted(self.ranking, self.objects)
        made, judged = curve(ranking, self.objects), outcomes(ranking)
        width = 640 / len(ranking)
        looks = {"right": ("green", "\u2713"), "wrong": ("vermillion", "\u2717"), "twice": ("orange", "2\u00d7")}
        for place, (kind, number, score) in enumerate(zip(judged, ranking, self.scores, strict=False)):
            x, (color, sign) = 10 + place * width, looks[kind]
            fill = "#dcecf7" if place < self.kept else "#ffffff"
            parts.append(svg.rect(x + 1, 10, width - 3, 62, fill=fill, stroke=svg.COLORS[color], stroke_width=2))
            for down, words in (
                (27, f"{score:.2f}"),
                (47, sign),
                (66, string.ascii_uppercase[number - 1] if number else ""),
            ):
                parts.append(svg.text(x + width / 2, down, words, text_anchor="middle"))

        def spot(recall: float, precision: float) -> tuple[float, float]:
            return left + (right - left) * recall, bottom - (bottom - top) * precision

        for value in (0, 0.5, 1):
            x, y = spot(value, value)
            parts.append(svg.line(left, y, right, y, stroke=svg.COLORS["line"]))
            parts += [svg.text(left - 8, y + 5, f"{value:g}", text_anchor="end")]
            parts += [svg.text(x, bottom + 20, f"{value:g}", text_anchor="middle")]
        parts.append(svg.text((left + right) / 2, bottom + 40, "recall", text_anchor="middle"))
        parts.append(svg.text(left - 8, top - 14, "precision"))
        area, before = [spot(0, 0)], 0.0
        for recall, height in zip(made["recall"], envelope(made["precision"]), strict=True):
            area += [spot(before, height), spot(recall, height)]
            before = recall
        d = "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in [*area, spot(before, 0)]) + "Z"
        parts.append(svg.path(d, stroke=svg.COLORS["blue"], fill=svg.COLORS["blue"], fill_opacity=0.18))
        points = [spot(r, p) for r, p in zip(made["recall"], made["precision"], strict=True)]
        parts.append(svg.polyline(points, stroke_width=2))
        for kind, (x, y) in zip(judged, points, strict=True):
            full = svg.COLORS["green"] if kind == "right" else "#ffffff"
            style: dict[str, object] = {"stroke": svg.COLORS[looks[kind][0]], "stroke_width": 2}
            if kind == "wrong":
                parts.append(svg.path(f"M{svg.number(x - 4)} {svg.number(y - 4)}l8 8m0 -8l-8 8", **style))
            else:
                parts.append(svg.circle(x, y, 4, fill=full, **style))
        return svg.document(660, bottom + 52, parts)
