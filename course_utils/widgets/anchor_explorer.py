"""Anchors over a picture: which of them learns which object, how many learn nothing, and what each is to correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.data.synthetic import Scenes

__all__ = ["LAYOUTS", "PRESETS", "AnchorExplorer"]

Row = Sequence[float]  # a box x1, y1, x2, y2; an object has its label behind it
SIZE, LEAST = 128, 6  # of the pictures; the shortest side of an object
LAYOUTS = ("one map", "three maps")
STRIDES = (8, 16, 32)
FORCES = ("none", "one", "ties")
SIZES = (16, 24, 32, 48, 64, 96)
RATIOS = (1 / 3, 0.5, 1, 2, 3)
SSD_SEED, SCENES = 21, (21, 17)  # of the seed's scenes, the ones that are shown
PRESETS: dict[str, dict[str, Any]] = {
    "nine of Faster R-CNN": {
        "scene": 0, "maps": "one map", "stride": 16, "scales": [16, 32, 64], "ratios": [0.5, 1, 2], "high": 0.7,
        "low": 0.3, "force": "ties", "row": 4, "column": 3, "anchor": 4, "chosen": 3,
    },
    "one scale misses the small": {
        "scene": 1, "maps": "one map", "stride": 16, "scales": [48], "ratios": [1], "high": 0.5, "low": 0.4,
        "force": "none", "row": 5, "column": 6, "anchor": 0, "chosen": 3,
    },
    "ties and forced matches": {
        "scene": 2, "maps": "one map", "stride": 32, "scales": [32], "ratios": [1], "high": 0.7, "low": 0.3,
        "force": "ties", "row": 1, "column": 1, "anchor": 0, "chosen": 0,
    },
    "SSD's three maps": {
        "scene": 0, "maps": "three maps", "stride": 16, "scales": [16, 32, 64], "ratios": [0.5, 1, 2], "high": 0.5,
        "low": 0.4, "force": "one", "row": 1, "column": 4, "anchor": 1, "chosen": 0,
    },
}  # fmt: skip


# ---- the module's functions, by the library ------------------------------------------------------------------


def _tensor(rows: Any) -> Tensor:
    import torch

    return torch.tensor([list(row[:4]) for row in rows], dtype=torch.float64).reshape(-1, 4)


def iou(a: Row, b: Row) -> float:
    """Return the overlap of two boxes, by `course_utils.detection.iou.box_iou`."""
    from course_utils.detection.iou import box_iou

    return float(box_iou(_tensor([a]), _tensor([b])))


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> list[list[float]]:
    """Return every size in every proportion, by `course_utils.detection.anchors.cell_anchors`."""
    from course_utils.detection import anchors

    return anchors.cell_anchors(sizes, ratios).tolist()


def ssd_cell(size: float, next_size: float, ratios: Sequence[float]) -> list[list[float]]:
    """Return SSD's boxes of a cell, by `course_utils.detection.anchors.ssd_cell`."""
    from course_utils.detection import anchors

    return anchors.ssd_cell(size, next_size, ratios).tolist()


def grid_anchors(rows: int, columns: int, stride: float, cell: Any) -> list[list[float]]:
    """Return the anchors of a map, by `course_utils.detection.anchors.grid_anchors`."""
    from course_utils.detection import anchors

    return anchors.grid_anchors((rows, columns), stride, _tensor(cell).float()).tolist()


def maps_of(layout: str, stride: int, scales: Row, ratios: Row, size: int) -> list[dict[str, Any]]:
    """Return the maps of a layout: ``stride``, cells a ``side``, anchors ``each`` cell, ``first`` number, ``cell``."""
    from course_utils.detection import ssd

    made = [(stride, cell_anchors(scales, ratios))] if layout == "one map" else []
    if layout == "three maps":
        sizes = [scale * size for scale in ssd.SCALES]
        made = [(step, ssd_cell(*pair, (2,))) for step, pair in zip(STRIDES, pairwise(sizes), strict=True)]
    maps: list[dict[str, Any]] = []
    first = 0
    for step, cell in made:
        side = size // step
        maps.append({"stride": step, "side": side, "each": len(cell), "first": first, "cell": cell})
        first += side * side * len(cell)
    return maps


def match(anchors: Any, objects: Any, high: float, low: float, force: str) -> dict[str, list[float]]:
    """Return what each anchor learns, by `course_utils.detection.matching.match`."""
    from course_utils.detection import matching

    found = matching.match(_tensor(anchors), _tensor(objects), high, low, force)
    return {"indices": found.indices.tolist(), "overlaps": found.overlaps.tolist()}


def encode(box: Row, anchor: Row) -> list[float]:
    """Return the object as a correction of the anchor, by `course_utils.detection.coding.encode`."""
    from course_utils.detection import coding

    return coding.encode(_tensor([box]), _tensor([anchor]))[0].tolist()


def tally(found: dict[str, Any], anchors: Any, objects: Any) -> dict[str, Any]:
    """Return how many anchors are positive, negative, ignored, and each object's count and best IoU."""
    from course_utils.detection.iou import box_iou

    indices = np.array(found["indices"], dtype=int)
    overlaps = box_iou(_tensor(anchors), _tensor(objects))
    return {
        "positive": int((indices >= 0).sum()),
        "negative": int((indices == -1).sum()),
        "ignored": int((indices == -2).sum()),
        "learned": [int((indices == j).sum()) for j in range(len(objects))],
        "best": overlaps.amax(0).tolist() if len(anchors) else [0.0] * len(objects),
    }


# ---- what the twins are compared on --------------------------------------------------------------------------


def _draw_box(rng: np.random.Generator) -> list[float]:
    (x, y), (w, h) = rng.integers(0, 100, 2), rng.integers(4, 60, 2)
    return [int(x), int(y), int(x + w), int(y + h)]


def _draw_objects(rng: np.random.Generator) -> list[list[float]]:
    boxes = [_draw_box(rng) for _ in range(int(rng.integers(0, 5)))]
    return boxes + boxes[:1] if rng.random() < 0.2 else boxes  # two with the same box


def _draw_choice(rng: np.random.Generator, options: Sequence[float]) -> list[float]:
    some = [value for value in options if rng.random() < 0.4]
    return some or [options[int(rng.integers(len(options)))]]


def _draw_grid(rng: np.random.Generator) -> list[list[float]]:
    if rng.random() < 0.1:
        return []
    side = int(rng.integers(1, 5))
    cell = cell_anchors(_draw_choice(rng, SIZES), _draw_choice(rng, RATIOS))
    return grid_anchors(side, side, float(rng.choice(STRIDES)), cell[:6])


def _draw_match(rng: np.random.Generator) -> tuple[Any, ...]:
    high = round(0.05 * int(rng.integers(0, 20)), 2)
    anchors, objects = _draw_grid(rng), _draw_objects(rng)
    if anchors and objects and rng.random() < 0.4:  # a threshold that an overlap reaches exactly
        high = iou(anchors[int(rng.integers(len(anchors)))], objects[0]) or high
    low = high * float(rng.choice([0, 0.5, 1]))
    return anchors, objects, high, low, str(rng.choice(FORCES))


def _draw_tally(rng: np.random.Generator) -> tuple[Any, ...]:
    arguments = _draw_match(rng)
    return match(*arguments), arguments[0], arguments[1]


def _draw_maps(rng: np.random.Generator) -> tuple[Any, ...]:
    kind, stride = str(rng.choice(LAYOUTS)), int(rng.choice(STRIDES))
    return kind, stride, _draw_choice(rng, SIZES), _draw_choice(rng, RATIOS), 32 * int(rng.integers(1, 6))


# ---- the scenes ----------------------------------------------------------------------------------------------


def _objects_of(scenes: Scenes, index: int) -> list[list[int]]:
    true = scenes.targets(index, 0.3)
    return [[*(int(v) for v in box), int(label)] for box, label in zip(true["boxes"], true["labels"], strict=True)]


def _pack(scenes: Scenes, index: int) -> dict[str, Any]:
    picture = svg.image(0, 0, 1, scenes.images[index].permute(1, 2, 0).numpy(), colors=64)
    return {"picture": picture.split('href="')[1].split('"')[0], "objects": _objects_of(scenes, index)}


def _tied() -> Scenes:
    """Draw four objects so that two anchors of 32 x 32 tie for the first, and two objects share their best anchor."""
    import torch

    from course_utils.data.synthetic import make_scenes, render_scenes
    from course_utils.data.synthetic.backgrounds import draw_backgrounds
    from course_utils.data.synthetic.draws import Draws

    plan = [("circle", 64, 48, 17.5), ("square", 112, 16, 20), ("ring", 41, 106, 10.5), ("heart", 60, 110, 11)]
    drawn = make_scenes(1, SIZE, 3, "easy", objects=len(plan)).objects
    slots = drawn.kind.shape[1]
    names = make_scenes(1, 16, 0, "easy").classes

    def of(values: list[float], dtype: Any = torch.float32) -> Tensor:
        return torch.tensor([values + [0] * (slots - len(values))], dtype=dtype)

    objects = replace(
        drawn,
        kind=of([names.index(one[0]) for one in plan], torch.int64),
        present=of([1] * len(plan), torch.bool),
        x=of([one[1] for one in plan]),
        y=of([one[2] for one in plan]),
        radius=of([one[3] for one in plan]),
        angle=of([0.0] * len(plan)),
    )
    return render_scenes(objects, draw_backgrounds(Draws(1, 5, "anchors"), SIZE, "photo"))


@cache
def _default_scenes() -> tuple[dict[str, Any], ...]:
    from course_utils.data.synthetic import make_scenes

    many = make_scenes(24, SIZE, SSD_SEED, "hard", objects=(4, 7), scale=(0.12, 0.5), overlap=0.3, clutter=2)
    return (*(_pack(many, index) for index in SCENES), _pack(_tied(), 0))


def _class_names() -> list[str]:
    from course_utils.data.synthetic import CLASSES

    return list(CLASSES)


class AnchorExplorer(CourseWidget):
    """Anchors over a picture with true boxes: which are positive, ignored, negative, and what each is to correct.

    Args:
        preset: ``"nine of Faster R-CNN"``, ``"one scale misses the small"``, ``"ties and forced matches"`` or
            ``"SSD's three maps"``; what else is given changes it.
        scenes: at most 3 of `data.synthetic.make_scenes` at 128x128, in place of the course's own.
        objects: rows ``[x1, y1, x2, y2, label]`` in pixels of the picture; None takes those of the scene.
        maps: ``"one map"``, or ``"three maps"`` with the anchors of `detection.ssd.SSD`.
        stride: pixels from cell to cell of the map that is shown, 8, 16 or 32.
        scales: sides of the square anchors, from 16, 24, 32, 48, 64, 96 (of one map).
        ratios: height over width, from 1/3, 1/2, 1, 2, 3 (of one map).
        high: IoU from which on an anchor is positive.
        low: IoU below which it is negative; what lies above ``high`` counts as ``high``.
        force: ``"none"``, ``"one"`` or ``"ties"``, as in `detection.matching.match`.
        row, column, anchor: which anchor is chosen.
        chosen: which object is chosen.

    ``anchors``, ``found`` and ``counts`` say in Python, by the library, what the page says; ``offsets`` those of the
    chosen anchor.
    """

    title = "Anchors and their objects"
    twins = (
        Twin("iou", iou, lambda rng: (_draw_box(rng), _draw_box(rng)), 1e-12),
        Twin("cellAnchors", cell_anchors, lambda rng: (_draw_choice(rng, SIZES), _draw_choice(rng, RATIOS)), 1e-12),
        Twin("ssdCell", ssd_cell, lambda rng: (float(rng.uniform(5, 60)), float(rng.uniform(60, 90)), [2, 3]), 1e-12),
        Twin(
            "gridAnchors",
            grid_anchors,
            lambda rng: (*rng.integers(1, 5, 2), rng.choice(STRIDES), cell_anchors(_draw_choice(rng, SIZES), [0.5, 3])),
            1e-12,
        ),
        Twin("mapsOf", maps_of, _draw_maps, 1e-12),
        Twin("match", match, _draw_match, 1e-12),
        Twin("encode", encode, lambda rng: (_draw_box(rng), _draw_box(rng)), 1e-12),
        Twin("tally", tally, _draw_tally, 1e-12),
    )

    presets = traitlets.Dict(PRESETS).tag(sync=True)
    all_scales = traitlets.List(list(SIZES)).tag(sync=True)
    all_ratios = traitlets.List(list(RATIOS)).tag(sync=True)
    classes: Any = traitlets.List().tag(sync=True)
    scenes: Any = traitlets.List().tag(sync=True)
    preset = traitlets.Unicode("nine of Faster R-CNN").tag(sync=True)
    scene = traitlets.Int(0).tag(sync=True)
    objects: Any = traitlets.List().tag(sync=True)
    maps = traitlets.Unicode("one map").tag(sync=True)
    stride = traitlets.Int(16).tag(sync=True)
    scales: Any = traitlets.List().tag(sync=True)
    ratios: Any = traitlets.List().tag(sync=True)
    high = traitlets.Float(0.7).tag(sync=True)
    low = traitlets.Float(0.3).tag(sync=True)
    force = traitlets.Unicode("ties").tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    anchor = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, preset: str = "nine of Faster R-CNN", scenes: Scenes | None = None, objects: Any = None, **traits: Any
    ) -> None:
        start = dict(PRESETS[check_choice("preset", preset, tuple(PRESETS))])
        if scenes is None:
            packed = list(_default_scenes())
        else:
            check_int("number of scenes", len(scenes), minimum=1, maximum=3)
            check_shape("images", scenes.images, (None, 3, SIZE, SIZE))
            packed = [_pack(scenes, index) for index in range(len(scenes))]
            start["scene"] = min(start["scene"], len(packed) - 1)
        start |= traits
        check_int("scene", start["scene"], minimum=0, maximum=len(packed) - 1)
        for name, options in (("maps", LAYOUTS), ("stride", STRIDES), ("force", FORCES)):
            check_choice(name, start[name], options)
        start["high"] = float(check_number("high", start["high"], minimum=0, maximum=1))
        start["low"] = float(check_number("low", start["low"], minimum=0, maximum=1))
        for name, allowed in (("scales", SIZES), ("ratios", RATIOS)):
            for value in start[name]:
                check_choice(name, value, allowed)
            if not start[name]:
                raise ValueError(f"{name} must hold at least one number, got none")
            start[name] = [value for value in allowed if value in start[name]]
        for name in ("row", "column", "anchor", "chosen"):
            check_int(name, start[name], minimum=0)
        rows = packed[start["scene"]]["objects"] if objects is None else _checked(objects)
        presets = {
            name: {**one, "scene": min(one["scene"], len(packed) - 1)} for name, one in PRESETS.items()
        }  # fmt: skip
        super().__init__(
            preset=preset, presets=presets, scenes=packed, objects=rows, classes=_class_names(), **start
        )  # fmt: skip

    # ---- what the page says, by the library ----------------------------------------------------------------------

    @property
    def _maps(self) -> list[dict[str, Any]]:
        return maps_of(self.maps, self.stride, self.scales, self.ratios, SIZE)

    @property
    def anchors(self) -> NDArray[np.float32]:
        """All anchors, xyxy (N, 4), map by map."""
        placed = [grid_anchors(one["side"], one["side"], one["stride"], one["cell"]) for one in self._maps]
        return np.array([box for boxes in placed for box in boxes], dtype=np.float32)

    @property
    def found(self) -> dict[str, list[float]]:
        """``indices``: each anchor's object, -1 negative, -2 ignored; ``overlaps``: its IoU with it."""
        return match(self.anchors.tolist(), self.objects, self.high, min(self.low, self.high), self.force)

    @property
    def counts(self) -> dict[str, Any]:
        """How many anchors are ``positive``, ``negative``, ``ignored``; ``learned`` and ``best`` for each object."""
        return tally(self.found, self.anchors.tolist(), self.objects)

    @property
    def index(self) -> int:
        """The number of the chosen anchor among all."""
        found = self._maps
        one = next((m for m in found if m["stride"] == self.stride), found[0])
        row, column = (min(value, one["side"] - 1) for value in (self.row, self.column))
        return int(one["first"] + (row * one["side"] + column) * one["each"] + min(self.anchor, one["each"] - 1))

    @property
    def offsets(self) -> list[float] | None:
        """Offsets from the chosen anchor to the object it learns, or overlaps most; None if it overlaps none."""
        box, learns = self.anchors[self.index].tolist(), int(self.found["indices"][self.index])
        overlaps = [iou(box, one) for one in self.objects]
        if learns < 0 and not any(overlaps):
            return None
        return encode(self.objects[learns if learns >= 0 else int(np.argmax(overlaps))], box)

    # ---- the still picture ---------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        return [f"{j + 1} {self.classes[int(one[4])]}" for j, one in enumerate(self.objects)]

    @property
    def static_text(self) -> str:
        """One sentence with the counts, the balance, and the objects that no anchor learns."""
        counts, sides = self.counts, self._maps
        total = " + ".join(f"{one['each']} x {one['side']} x {one['side']}" for one in sides)
        lost = [name for name, count in zip(self._names(), counts["learned"], strict=True) if not count]
        rest = f"no anchor learns {', '.join(lost)}" if lost else "every object has an anchor"
        return (
            f"{total} = {len(self.anchors)} anchors: {counts['positive']} positive, {counts['ignored']} ignored, "
            f"{counts['negative']} negative; {rest}."
        )

    def static_svg(self) -> str:
        """Draw the picture with its objects and the positive anchors, broken where they were forced."""
        zoom, green = 3.0, "#3CE0AE"
        found, anchors = self.found, self.anchors
        picture = self.scenes[self.scene]["picture"]
        width = zoom * SIZE
        parts = [f'<image x="0" y="0" width="{width:.0f}" height="{width:.0f}" href="{picture}"/>']
        step = next((one["stride"] for one in self._maps if one["stride"] == self.stride), self.stride)
        grid = "".join(f"M{zoom * k:.0f} 0V{width:.0f}M0 {zoom * k:.0f}H{width:.0f}" for k in range(step, SIZE, step))
        parts.append(svg.path(grid, stroke="#ffffff", stroke_opacity=0.5))

        def frame(box: Any, **style: Any) -> str:
            x1, y1, x2, y2 = (zoom * float(value) for value in box[:4])
            return svg.rect(x1, y1, x2 - x1, y2 - y1, fill="none", **style)

        for index in np.flatnonzero(np.array(found["indices"]) >= 0):
            forced = found["overlaps"][index] < self.high
            parts.append(
                frame(anchors[index], stroke=green, stroke_width=1.5, stroke_dasharray="5 4" if forced else None)
            )
        for j, one in enumerate(self.objects):
            parts.append(frame(one, stroke="#10202E", stroke_width=2.5))
            x, y = zoom * (one[0] + one[2]) / 2, max(12.0, zoom * one[1])
            parts.append(svg.circle(x, y, 10, fill="#10202E", stroke="#ffffff"))
            parts.append(svg.text(x, y + 5, str(j + 1), fill="#ffffff", text_anchor="middle"))
        return svg.document(width, width, parts)


def _checked(objects: Any) -> list[list[int]]:
    table = np.asarray(objects, dtype=float)
    table = table.reshape(-1, 5) if table.size == 0 else table
    check_shape("objects", table, (None, 5))
    if not (np.isfinite(table).all() and (table == table.round()).all()):
        raise ValueError("objects must be whole numbers")
    for row in table:
        x1, y1, x2, y2, label = (int(v) for v in row)
        if not (min(x1, y1) >= 0 and x1 + LEAST <= x2 <= SIZE and y1 + LEAST <= y2 <= SIZE):
            raise ValueError(
                f"objects must have sides of at least {LEAST} pixels within 0..{SIZE}, got {[x1, y1, x2, y2]}"
            )
        check_int("label", label, minimum=0, maximum=len(_class_names()) - 1)
    return [[int(v) for v in row] for row in table]
