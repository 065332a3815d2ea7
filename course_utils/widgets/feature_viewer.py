"""Units of a trained network, stage by stage: the patches that excite them most, and what the truth says of them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["DATA", "FeatureViewer", "box_of", "corner_of", "examine", "load", "purity", "source_of"]

# Written by ``python -m tools.feature_viewer`` from the network of chapter 08.
DATA = Path(__file__).with_name("feature_viewer.json")
SIDE, COLUMNS = 64, 16  # of a picture, and pictures in a row of the sheet
FIRST, MEASURED = 50, 400  # pictures that count as a unit's strongest, of so many that were not used to choose a name
PART_PIXELS = 4  # a part shows in a patch when so many of its pixels lie in it


# What is stored of a unit, in the order in which it travels.
KEYS = ("unit", "fits", "name", "most", "image", "scores", "pictures", "places", "shows", "overlap", "share")
SHEETS = ("pictures", "images", "filters")


@cache
def load() -> dict[str, Any]:
    """Return what is stored about the units; see ``tools/feature_viewer.py``."""
    data: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return data


@cache
def facts() -> str:
    """Return all of `load` but the sheets as one text: a notebook would give every number of a list its own line."""
    data = {name: one for name, one in load().items() if name not in SHEETS}
    stages = {
        name: {**stage, "units": [[unit[key] for key in KEYS] for unit in stage["units"]]}
        for name, stage in data["stages"].items()
    }
    return json.dumps({**data, "stages": stages}, separators=(",", ":"))


def box_of(ends: Sequence[Sequence[int]], place: int) -> list[int]:
    """Return what a unit of a square map sees of the picture: xyxy in pixels, half open.

    Args:
        ends: first and behind-last pixel that the units of each row (and of each column) see.
        place: row times width plus column.
    """
    (y1, y2), (x1, x2) = ends[place // len(ends)], ends[place % len(ends)]
    return [x1, y1, x2, y2]


def corner_of(box: Sequence[int], size: int) -> list[int]:
    """Return x and y of a patch in a frame as large as a whole field: what a border cut off is missing there.

    Args:
        box: the patch, xyxy.
        size: side of the frame.
    """
    x1, y1, x2, y2 = box
    return [size - (x2 - x1) if x1 == 0 else 0, size - (y2 - y1) if y1 == 0 else 0]


def source_of(index: int) -> list[int]:
    """Return x and y of a picture in the sheet of all pictures."""
    return [SIDE * (index % COLUMNS), SIDE * (index // COLUMNS)]


def purity(labels: Sequence[int]) -> float:
    """Return the share of the most common label."""
    return max(labels.count(label) for label in labels) / len(labels)


def examine(data: Mapping[str, Any], stage: str, index: int, name: str) -> dict[str, Any]:
    """Test the claim that a unit stands for a part or a class.

    Args:
        data: ``labels`` of the pictures, names of ``parts`` and ``classes``, ``base``, ``stages``; see ``load``.
        stage: name of the stage.
        index: position of the unit among those shown.
        name: a part or a class.

    Returns:
        ``here``: for each patch True, False, or None where the unit gave no answer; ``hits``, ``answers``: counts of
        these; ``overlap``: of the unit's strongest places with the part's pixels, on pictures that were not used to
        choose a name (None for a class); ``rank``: of that overlap among the units shown; ``share`` and ``base``: part
        of the strongest pictures, and of all, that show it.
    """
    units, parts = data["stages"][stage]["units"], data["parts"]
    unit, is_part = units[index], name in parts
    at = parts.index(name) if is_part else len(parts) + data["classes"].index(name)
    here: list[bool | None] = []
    for score, picture, shows in zip(unit["scores"], unit["pictures"], unit["shows"], strict=True):
        found = bool(shows >> at & 1) if is_part else data["labels"][picture] == at - len(parts)
        here.append(found if score > 0 else None)
    overlap = unit["overlap"][at] / 1000 if is_part else None
    rank = 1 + sum(other["overlap"][at] > unit["overlap"][at] for other in units) if is_part else None
    return {
        "here": here,
        "hits": here.count(True),
        "answers": len(here) - here.count(None),
        "overlap": overlap,
        "rank": rank,
        "share": unit["share"][at] / FIRST,
        "base": data["base"][at] / MEASURED,
    }


def _draw_ends(rng: np.random.Generator) -> tuple[list[list[int]], int]:
    starts = np.sort(rng.integers(0, 40, size=int(rng.integers(1, 9))))
    ends = [[int(a), int(a + rng.integers(1, 24))] for a in starts]
    return ends, int(rng.integers(len(ends) ** 2))


def _draw_corner(rng: np.random.Generator) -> tuple[Any, ...]:
    ends, place = _draw_ends(rng)
    return [0 if rng.random() < 0.4 else one for one in box_of(ends, place)], 64


def _draw_examine(rng: np.random.Generator) -> tuple[Any, ...]:
    data = {name: one for name, one in load().items() if name in ("labels", "parts", "classes", "base")}
    stage = str(rng.choice(sorted(load()["stages"])))
    units = [dict(unit) for unit in load()["stages"][stage]["units"]]
    index = int(rng.integers(len(units)))
    units[index]["scores"] = [float(one) for one in rng.integers(0, 3, size=9)]
    name = str(rng.choice([*data["parts"], *data["classes"]]))
    return {**data, "stages": {stage: {"units": units}}}, stage, index, name


class FeatureViewer(CourseWidget):
    """Look at units of chapter 08's network: strongest patches, whole pictures, unit image; and test a name for them.

    Args:
        stage: "stage1" to "stage4".
        unit: number of the channel, one of those shown (``units``); the first of the stage by default.
        name: the part or class that the unit is said to stand for.

    Of each stage fourteen units are shown: twelve at even steps and the two others that overlap most with wheels, on
    pictures that are not used again. ``finding`` tells how the name fares, ``box`` what the chosen patch shows of which
    picture.
    """

    title = "What a unit looks for"
    twins = (
        Twin("boxOf", box_of, _draw_ends),
        Twin("cornerOf", corner_of, _draw_corner),
        Twin("sourceOf", source_of, lambda rng: (int(rng.integers(0, 80)),)),
        Twin("purity", purity, lambda rng: (rng.integers(0, 4, size=9).tolist(),)),
        Twin("examine", examine, _draw_examine),
    )

    facts = traitlets.Unicode().tag(sync=True)
    pictures = traitlets.Unicode().tag(sync=True)  # sheets of pictures as base64: two WebP, one PNG
    images = traitlets.Unicode().tag(sync=True)
    filters = traitlets.Unicode().tag(sync=True)
    stage = traitlets.Unicode("stage3").tag(sync=True)
    unit = traitlets.Int(0).tag(sync=True)  # position among the units shown
    patch = traitlets.Int(0).tag(sync=True)
    name = traitlets.Unicode("wheel").tag(sync=True)

    def __init__(self, stage: str = "stage3", unit: int | None = None, name: str = "wheel", **traits: Any) -> None:
        data = load()
        check_choice("stage", stage, tuple(data["stages"]))
        check_choice("name", name, (*data["parts"], *data["classes"]))
        shown = [row["unit"] for row in data["stages"][stage]["units"]]
        at = shown.index(check_choice("unit", check_int("unit", unit), tuple(shown))) if unit is not None else 0
        sheets = {key: data[key] for key in SHEETS}
        super().__init__(**{"facts": facts(), **sheets, **traits, "stage": stage, "unit": at, "name": name})

    @property
    def data(self) -> dict[str, Any]:
        """All that is stored about the network's units."""
        return load()

    @property
    def units(self) -> list[int]:
        """Channels of the stage that are shown."""
        return [row["unit"] for row in self.data["stages"][self.stage]["units"]]

    @property
    def row(self) -> dict[str, Any]:
        """All that is stored about the chosen unit."""
        return self.data["stages"][self.stage]["units"][self.unit]

    @property
    def box(self) -> tuple[int, list[int]]:
        """Picture of the chosen patch, and what the unit saw of it: xyxy in pixels, half open."""
        ends = self.data["stages"][self.stage]["ends"]
        return self.row["pictures"][self.patch], box_of(ends, self.row["places"][self.patch])

    @property
    def finding(self) -> dict[str, Any]:
        """How the name fares, as ``examine`` tells it."""
        return examine(self.data, self.stage, self.unit, self.name)

    @property
    def static_text(self) -> str:
        """One sentence about the unit and the name."""
        found, row = self.finding, self.row
        overlap = "" if found["overlap"] is None else f", overlap with its pixels {found['overlap']:.2f}"
        return (
            f"Unit {row['unit']} of {self.stage}: the patches that excite it most, cut to what it sees. As a unit for "
            f"\u201c{self.name}\u201d: {self.name} in {found['hits']} of {found['answers']} patches, in "
            f"{found['share']:.0%} of its 50 strongest pictures, in {found['base']:.0%} of all{overlap}."
        )

    def patches(self) -> NDArray[np.uint8]:
        """Return the nine patches of the chosen unit, (9, S, S, 3), grey where it sees no picture."""
        sheet, stage = _decode(self.data["pictures"]), self.data["stages"][self.stage]
        size = stage["size"]
        made = np.full((len(self.row["pictures"]), size, size, 3), 225, dtype=np.uint8)
        for frame, picture, place in zip(made, self.row["pictures"], self.row["places"], strict=True):
            x1, y1, x2, y2 = box_of(stage["ends"], place)
            (left, top), (x, y) = source_of(picture), corner_of([x1, y1, x2, y2], size)
            frame[y : y + y2 - y1, x : x + x2 - x1] = sheet[top + y1 : top + y2, left + x1 : left + x2]
        return made

    def unit_image(self) -> NDArray[np.uint8]:
        """Return the picture that climbed to a high answer, or the filter of a unit of stage 1: (S, S, 3)."""
        stage = self.data["stages"][self.stage]
        if "strip" not in stage:
            return _decode(self.data["filters"])[:, 7 * self.unit : 7 * self.unit + 7]
        size, top = stage["size"], stage["strip"]
        return _decode(self.data["images"])[top : top + size, size * self.unit : size * (self.unit + 1)]

    def static_svg(self) -> str:
        """Draw the nine patches, the chosen picture with its patch marked, and the unit image."""
        picture, (x1, y1, x2, y2) = self.box
        left, top = source_of(picture)
        whole = _decode(self.data["pictures"])[top : top + SIDE, left : left + SIDE]
        parts = [svg.text(10, 22, f"nine patches of unit {self.row['unit']}, {self.stage}")]
        for k, patch in enumerate(self.patches()):
            parts.append(_embed(10 + 82 * (k % 3), 34 + 82 * (k // 3), 78, patch))
        parts += [svg.text(274, 22, "patch 1 in its picture"), _embed(274, 34, 160, whole)]
        f = 160 / SIDE
        parts.append(svg.rect(274 + f * x1, 34 + f * y1, f * (x2 - x1), f * (y2 - y1), fill="none",
                              stroke=svg.COLORS["orange"], stroke_width=3))  # fmt: skip
        words = "its filter" if self.stage == "stage1" else "unit image"
        parts += [svg.text(452, 22, words), _embed(452, 34, 160, self.unit_image())]
        return svg.document(624, 290, parts)


@cache
def _decode(text: str) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def _embed(x: float, y: float, side: float, pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=45, method=6)
    address = base64.b64encode(out.getvalue()).decode("ascii")
    return (
        f'<image x="{svg.number(x)}" y="{svg.number(y)}" width="{svg.number(side)}" height="{svg.number(side)}" '
        f'href="data:image/webp;base64,{address}" style="image-rendering:pixelated"/>'
    )
