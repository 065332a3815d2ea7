"""Boxes to drag, thresholds to turn: what non-maximum suppression keeps, and what of it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["PRESETS", "BoxPlayground", "iou", "judge", "kept", "most_overlapped", "outcome", "suppress"]

Row = Sequence[float]  # a detection: x1, y1, x2, y2, score, label; an object: x1, y1, x2, y2, label
METHODS = ("greedy", "linear", "gaussian")
WIDTH, HEIGHT, LEAST, MOST = 400, 280, 8, 40  # the stage, the shortest side, the most detections
HIT = 0.5
CLASSES = ("person", "horse")
# Outlines in a frame of 100 x 100, stretched to the true box.
SHAPES = (
    "M50 0C62 0 70 5 70 12S62 24 50 24 30 19 30 12 38 0 50 0ZM16 31C30 25 70 25 84 31L100 62 88 66 75 47 72 100H54L50 "
    "68 46 100H28L25 47 12 66 0 62Z",
    "M0 42C5 32 16 30 30 34H60C69 30 72 16 80 8L84 0 88 8C94 13 98 20 100 28L95 34 86 29C82 36 81 46 78 56L81 100H73L68"
    " 68C56 74 42 74 31 68L26 100H18L17 63C11 57 12 46 8 47 6 55 7 63 2 68Z",
)
PRESETS: dict[str, dict[str, list[list[float]]]] = {
    "duplicates": {
        "truth": [[40, 70, 130, 250, 0], [210, 100, 370, 250, 1]],
        "detections": [
            [44, 66, 134, 246, 0.96, 0], [204, 96, 364, 246, 0.91, 1], [32, 80, 122, 258, 0.88, 0],
            [52, 56, 146, 240, 0.79, 0], [222, 112, 384, 256, 0.74, 1], [24, 62, 128, 236, 0.66, 0],
            [190, 84, 350, 232, 0.62, 1], [40, 110, 126, 254, 0.55, 0], [60, 92, 156, 262, 0.47, 0],
            [46, 62, 122, 150, 0.36, 0], [250, 84, 392, 190, 0.27, 1], [150, 20, 206, 92, 0.16, 0],
        ],
    },
    "two that overlap": {
        "truth": [[110, 50, 230, 260, 0], [150, 60, 268, 268, 0]],
        "detections": [
            [112, 48, 232, 256, 0.95, 0], [154, 62, 272, 270, 0.87, 0], [100, 58, 220, 264, 0.83, 0],
            [156, 50, 276, 262, 0.71, 0], [122, 38, 240, 248, 0.68, 0], [152, 74, 264, 276, 0.61, 0],
            [92, 40, 212, 242, 0.54, 0], [148, 84, 262, 274, 0.45, 0], [126, 50, 260, 262, 0.38, 0],
            [108, 44, 204, 150, 0.29, 0], [310, 40, 378, 170, 0.22, 0], [16, 150, 86, 270, 0.13, 1],
        ],
    },
    "one before the other": {
        "truth": [[104, 96, 288, 268, 1], [110, 44, 248, 258, 0]],
        "detections": [
            [112, 42, 248, 254, 0.94, 0], [108, 94, 286, 266, 0.89, 1], [100, 50, 240, 262, 0.81, 0],
            [96, 104, 282, 272, 0.76, 1], [122, 30, 260, 242, 0.67, 0], [118, 86, 300, 258, 0.58, 1],
            [112, 76, 272, 260, 0.49, 1], [92, 34, 234, 240, 0.42, 0], [128, 36, 228, 136, 0.33, 0],
            [84, 40, 304, 274, 0.28, 1], [314, 90, 384, 230, 0.2, 0], [16, 186, 84, 262, 0.12, 1],
        ],
    },
}  # fmt: skip


def _tensor(rows: Sequence[Row]) -> Any:
    import torch

    return torch.tensor([list(row[:4]) for row in rows], dtype=torch.float64).reshape(-1, 4)


def iou(a: Row, b: Row) -> float:
    """Return the overlap of two boxes, by `course_utils.detection.iou.box_iou`."""
    from course_utils.detection.iou import box_iou

    return float(box_iou(_tensor([a]), _tensor([b])))


def most_overlapped(box: Row, others: Sequence[Row], skip: int = -1) -> dict[str, Any] | None:
    """Return which of ``others`` overlaps ``box`` most (``skip`` left out) and the IoU, or ``None`` if none does."""
    overlaps = [iou(box, other) if i != skip else 0.0 for i, other in enumerate(others)]
    best = max(overlaps, default=0.0)
    return {"index": overlaps.index(best), "iou": best} if best > 0 else None


def suppress(detections: Sequence[Row], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of the algorithm: each takes the best box left and lowers the scores of those it overlaps.

    Args:
        detections: rows ``[x1, y1, x2, y2, score, label]``.
        settings: ``method`` (``"greedy"`` lowers to 0), ``per_class``, ``score_threshold``, ``iou_threshold`` and
            ``sigma``.

    Returns:
        For each step ``taken`` (index), its ``score``, and ``lowered``: rows ``[index, IoU, score before, after]``.
    """
    from course_utils.detection.iou import box_iou
    from course_utils.detection.nms import decay_factor

    boxes = _tensor(detections)
    overlaps = box_iou(boxes, boxes)
    decay = "hard" if settings["method"] == "greedy" else settings["method"]
    factors = decay_factor(overlaps, settings["iou_threshold"], settings["sigma"], decay).tolist()
    score, waiting = [row[4] for row in detections], set(range(len(detections)))
    steps: list[dict[str, Any]] = []
    while True:
        waiting = {i for i in waiting if score[i] > settings["score_threshold"]}
        if not waiting:
            return steps
        best = min(waiting, key=lambda i: (-score[i], i))  # of equal scores the earlier box
        waiting.remove(best)
        lowered = []
        for i in sorted(waiting):
            if factors[best][i] < 1 and (not settings["per_class"] or detections[i][5] == detections[best][5]):
                before, score[i] = score[i], score[i] * factors[best][i]
                lowered.append([i, float(overlaps[best, i]), before, score[i]])
        steps.append({"taken": best, "score": score[best], "lowered": lowered})


def outcome(detections: Sequence[Row], settings: dict[str, Any], count: int) -> dict[str, Any]:
    """Return where every box stands after ``count`` steps (-1: all of them).

    Returns:
        ``steps`` done and ``total``; for each box ``fate`` ("low": never above the score threshold, "waits", "kept",
        "gone"), present ``scores``, ``by``: rows ``[index, IoU]`` of the boxes that lowered it; and ``remaining``, the
        indices of what is kept or waits, by falling score.
    """
    steps = suppress(detections, settings)
    done = len(steps) if count < 0 else min(count, len(steps))
    limit = settings["score_threshold"]
    scores = [row[4] for row in detections]
    fate = ["waits" if value > limit else "low" for value in scores]
    by: list[list[list[float]]] = [[] for _ in detections]
    for one in steps[:done]:
        fate[one["taken"]] = "kept"
        for i, overlap, _, after in one["lowered"]:
            scores[i] = after
            by[i].append([one["taken"], overlap])
            if after <= limit:
                fate[i] = "gone"
    remaining = sorted((i for i, f in enumerate(fate) if f in ("kept", "waits")), key=lambda i: (-scores[i], i))
    return {"steps": done, "total": len(steps), "fate": fate, "scores": scores, "by": by, "remaining": remaining}


def kept(detections: Sequence[Row], settings: dict[str, Any]) -> list[list[float]]:
    """Return ``[index, score]`` of what is kept, by falling score: `nms`, `batched_nms` and `soft_nms` themselves."""
    import torch

    from course_utils.detection.nms import batched_nms, nms, soft_nms

    boxes = _tensor(detections)
    scores = torch.tensor([row[4] for row in detections], dtype=torch.float64)
    labels = torch.tensor([int(row[5]) for row in detections], dtype=torch.int64)
    if settings["method"] == "greedy":
        able = (scores > settings["score_threshold"]).nonzero().flatten()
        if settings["per_class"]:
            chosen = able[batched_nms(boxes[able], scores[able], labels[able], settings["iou_threshold"])]
        else:
            chosen = able[nms(boxes[able], scores[able], settings["iou_threshold"])]
        return [[int(i), float(scores[i])] for i in chosen]
    found = []
    for members in [labels == label for label in labels.unique()] if settings["per_class"] else [labels >= 0]:
        index = members.nonzero().flatten()
        part = soft_nms(
            boxes[index], scores[index], settings["iou_threshold"], settings["sigma"], settings["score_threshold"],
            settings["method"],
        )  # fmt: skip
        found += [[int(index[i]), float(value)] for i, value in zip(part.indices, part.scores)]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def judge(remaining: Sequence[Row], truth: Sequence[Row]) -> dict[str, Any]:
    """Judge detections by the VOC rule at IoU 0.5, by `course_utils.detection.true_positives`.

    Args:
        remaining: rows of detections, by falling score.
        truth: rows ``[x1, y1, x2, y2, label]``.

    Returns:
        ``verdicts`` ("hit", "duplicate", "false alarm"), ``objects`` (the object of its class that each overlaps most,
        -1 without), ``found`` for each object, ``precision`` (None without boxes), ``recall`` (None without objects).
    """
    from course_utils.detection.true_positives import match_voc, overlaps

    verdicts, objects, found = ["false alarm"] * len(remaining), [-1] * len(remaining), [False] * len(truth)
    for label in {row[5] for row in remaining}:
        mine = [i for i, row in enumerate(remaining) if row[5] == label]
        there = [j for j, row in enumerate(truth) if row[4] == label]
        if not there:
            continue
        iou = overlaps(_tensor([remaining[i] for i in mine]), _tensor([truth[j] for j in there]))
        correct, _ = match_voc(iou, np.zeros(len(there), dtype=bool), np.array([HIT]))
        for k, i in enumerate(mine):
            nearest = int(iou[k].argmax())
            if iou[k, nearest] > 0:
                objects[i] = there[nearest]
            if iou[k, nearest] >= HIT:
                verdicts[i] = "hit" if correct[0, k] else "duplicate"
            if correct[0, k]:
                found[there[nearest]] = True
    hits = sum(found)
    precision, recall = hits / len(remaining) if remaining else None, hits / len(truth) if truth else None
    return {"verdicts": verdicts, "objects": objects, "found": found, "precision": precision, "recall": recall}


def _draw_box(rng: np.random.Generator) -> list[int]:
    # Around few centres, so that many overlap; now and then one without area.
    x, y = rng.choice([60, 110, 150]) + rng.integers(0, 30), rng.choice([60, 90]) + rng.integers(0, 30)
    w, h = (0, 20) if rng.random() < 0.03 else (rng.integers(20, 100), rng.integers(20, 100))
    return [int(x), int(y), int(x + w), int(y + h)]


def _draw_detections(rng: np.random.Generator) -> list[list[float]]:
    step = 0.05 if rng.random() < 0.3 else 0.01  # coarse scores: ties
    rows = [_draw_box(rng) for _ in range(int(rng.integers(0, 16)))]
    return [[*box, round(step * int(rng.integers(0, round(1 / step) + 1)), 2), int(rng.integers(2))] for box in rows]


def _draw_settings(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "method": str(rng.choice(METHODS)),
        "per_class": bool(rng.random() < 0.5),
        "score_threshold": round(0.05 * int(rng.integers(0, 10)), 2),
        "iou_threshold": round(0.05 * int(rng.integers(0, 21)), 2),
        "sigma": round(0.1 * int(rng.integers(1, 11)), 1),
    }


def _draw_truth(rng: np.random.Generator) -> list[list[float]]:
    return [[*_draw_box(rng), int(rng.integers(2))] for _ in range(int(rng.integers(0, 6)))]


def _draw_judge(rng: np.random.Generator) -> tuple[Any, ...]:
    truth = _draw_truth(rng)
    rows = _draw_detections(rng)
    for row in rows:  # most near an object, so that all verdicts occur
        if truth and rng.random() < 0.7:
            near = truth[int(rng.integers(len(truth)))]
            row[:4] = [
                int(v + d) for v, d in zip(near[:4], rng.integers(-6, 1, 2).tolist() + rng.integers(0, 7, 2).tolist())
            ]
    return sorted(rows, key=lambda row: -row[4]), truth


def _draw_most(rng: np.random.Generator) -> tuple[Any, ...]:
    rows = _draw_detections(rng)
    return _draw_box(rng), rows, int(rng.integers(-1, max(1, len(rows))))


class BoxPlayground(CourseWidget):
    """Drag the boxes of a detector, turn its thresholds, and watch suppression decide, step by step.

    Args:
        detections: rows ``[x1, y1, x2, y2, score, label]`` on a stage of 400 x 280 pixels, label 0 (person) or 1
            (horse), at most 40; None takes those of ``preset``.
        truth: rows ``[x1, y1, x2, y2, label]``; None takes those of ``preset``.
        preset: ``"duplicates"``, ``"two that overlap"`` or ``"one before the other"``.
        method: ``"greedy"``, or soft with ``"linear"`` or ``"gaussian"`` decay.
        per_class: boxes of different classes leave each other alone.
        iou_threshold: in [0, 1]; an overlap above it suppresses (not used by ``"gaussian"``).
        score_threshold: in [0, 1]; boxes whose score is not above it are out.
        sigma: width of the gaussian decay, above 0 and at most 1.
        step: how many steps are shown; -1 all.

    ``detections`` and all settings can be read back at any time; ``remaining`` tells what is left at ``step``, by
    falling score, ``judged`` what of it is right.
    """

    title = "Boxes, overlap and suppression"
    twins = (
        Twin("iou", iou, lambda rng: (_draw_box(rng), _draw_box(rng)), 1e-12),
        Twin("mostOverlapped", most_overlapped, _draw_most),
        Twin("suppress", suppress, lambda rng: (_draw_detections(rng), _draw_settings(rng))),
        Twin("outcome", outcome, lambda r: (_draw_detections(r), _draw_settings(r), int(r.integers(-1, 9)))),
        Twin("kept", kept, lambda rng: (_draw_detections(rng), _draw_settings(rng))),
        Twin("judge", judge, _draw_judge),
    )

    presets = traitlets.Dict(PRESETS).tag(sync=True)
    shapes = traitlets.List(list(SHAPES)).tag(sync=True)
    classes = traitlets.List(list(CLASSES)).tag(sync=True)
    preset = traitlets.Unicode("duplicates").tag(sync=True)
    detections: Any = traitlets.List().tag(sync=True)
    truth: Any = traitlets.List().tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    against = traitlets.Enum(("detection", "object"), "detection").tag(sync=True)
    method = traitlets.Enum(METHODS, "greedy").tag(sync=True)
    per_class = traitlets.Bool(False).tag(sync=True)
    iou_threshold = traitlets.Float(0.5).tag(sync=True)
    score_threshold = traitlets.Float(0.1).tag(sync=True)
    sigma = traitlets.Float(0.5).tag(sync=True)
    step = traitlets.Int(-1).tag(sync=True)

    def __init__(self, detections: Any = None, truth: Any = None, preset: str | None = None, **traits: Any) -> None:
        name = check_choice("preset", preset or "duplicates", tuple(PRESETS))
        own = detections is not None or truth is not None
        rows = _rows("detections", PRESETS[name]["detections"] if detections is None else detections, 6)
        check_int("number of detections", len(rows), maximum=MOST)
        objects = _rows("truth", PRESETS[name]["truth"] if truth is None else truth, 5)
        for row in rows:
            check_number("score", row[4], minimum=0, maximum=1)
        check_choice("method", traits.get("method", "greedy"), METHODS)
        for threshold in ("iou_threshold", "score_threshold"):
            if threshold in traits:
                traits[threshold] = float(check_number(threshold, traits[threshold], minimum=0, maximum=1))
        if "sigma" in traits:
            traits["sigma"] = float(check_number("sigma", traits["sigma"], above=0, maximum=1))
        check_int("step", traits.get("step", -1), minimum=-1)
        super().__init__(detections=rows, truth=objects, preset="own" if own else name, **traits)

    @property
    def settings(self) -> dict[str, Any]:
        """The five settings of the suppression."""
        names = ("method", "per_class", "score_threshold", "iou_threshold", "sigma")
        return {name: getattr(self, name) for name in names}

    @property
    def remaining(self) -> list[list[float]]:
        """``[index, score]`` of the boxes kept or waiting after ``step`` steps, by falling score."""
        now = outcome(self.detections, self.settings, self.step)
        return [[i, now["scores"][i]] for i in now["remaining"]]

    @property
    def judged(self) -> dict[str, Any]:
        """What :func:`judge` says about :attr:`remaining`."""
        return judge([self.detections[int(i)] for i, _ in self.remaining], self.truth)

    @property
    def static_text(self) -> str:
        """One sentence with what remains and what of it is right."""
        found = self.judged
        count = {name: found["verdicts"].count(name) for name in ("hit", "duplicate", "false alarm")}
        limit = "" if self.method == "gaussian" else f" at an IoU threshold of {self.iou_threshold:.2f}"
        way = self.method if self.method == "greedy" else f"soft ({self.method})"
        way += " suppression within each class" if self.per_class else " suppression"
        return (
            f"{way[0].upper()}{way[1:]}{limit} leaves {len(self.remaining)} of {len(self.detections)} boxes: hits "
            f"{count['hit']}, duplicates {count['duplicate']}, false alarms {count['false alarm']}; it finds "
            f"{sum(found['found'])} of {len(self.truth)} objects."
        )

    def static_svg(self) -> str:
        """Draw the objects, what remains with solid lines, and what went with broken ones."""
        parts = [svg.line(0, 262, WIDTH, 262, stroke=svg.COLORS["line"])]
        for x1, y1, x2, y2, label in self.truth:
            place = f"translate({x1} {y1}) scale({(x2 - x1) / 100:.2f} {(y2 - y1) / 100:.2f})"
            parts.append(svg.path(SHAPES[int(label)], transform=place, fill="#D9DEE4", stroke="none"))
        now = outcome(self.detections, self.settings, self.step)
        order = sorted(range(len(self.detections)), key=lambda i: now["fate"][i] in ("kept", "waits"))
        for i in order:
            x1, y1, x2, y2, _, label = self.detections[i]
            left, color = now["fate"][i] in ("kept", "waits"), svg.COLORS["vermillion" if label else "blue"]
            style: dict[str, Any] = {"stroke": color, "stroke_width": 2.5 if left else 1, "fill": "none"}
            parts.append(svg.rect(x1, y1, x2 - x1, y2 - y1, **style, stroke_dasharray=None if left else "4 4"))
            if left:
                parts.append(svg.rect(x1, y1 - 9, 20, 18, rx=2 if label else 9, fill=color))
                words: dict[str, Any] = {"text_anchor": "middle", "fill": "#ffffff", "font_size": 13}
                parts.append(svg.text(x1 + 10, y1 + 5, str(i + 1), **words))
        return svg.document(WIDTH, HEIGHT, parts)


def _rows(name: str, rows: Any, width: int) -> list[list[float]]:
    table = np.asarray(rows, dtype=float)
    table = table.reshape(-1, width) if table.size == 0 else table
    check_shape(name, table, (None, width))
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    for row in table:
        (x1, y1, x2, y2), label = row[:4].tolist(), row[-1]
        if not (0 <= x1 < x2 <= WIDTH and 0 <= y1 < y2 <= HEIGHT):
            raise ValueError(
                f"{name} must have 0 <= x1 < x2 <= {WIDTH} and 0 <= y1 < y2 <= {HEIGHT}, got {row[:4].tolist()}"
            )
        if label not in (0, 1):
            raise ValueError(f"{name} must have label 0 (person) or 1 (horse), got {label}")
    return [[*(float(v) if v % 1 else int(v) for v in row[:-1]), int(row[-1])] for row in table.tolist()]
