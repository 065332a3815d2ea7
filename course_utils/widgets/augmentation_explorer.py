"""Random changes of one picture: what a network sees of it in eight epochs, and where the label stops being true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes
from course_utils.widgets.shuffle import random_block

__all__ = ["FILLS", "LIMITS", "RECIPES", "SIDE", "AugmentationExplorer", "augment", "draw_changes", "matrix", "verdict"]

SIDE, DRAWS = 40, 8
FILLS = ("zeros", "border", "reflection")
LIMITS = {"mirror": 1.0, "shift": 16.0, "turn": 180.0, "zoom": 0.5, "brightness": 0.5, "contrast": 0.9, "colour": 0.5,
          "noise": 0.4, "cutout": 0.8}  # fmt: skip
NOTHING = dict.fromkeys(LIMITS, 0.0)
RECIPES: dict[str, dict[str, float]] = {
    "nothing": NOTHING,
    "digits": {**NOTHING, "shift": 3, "turn": 15, "zoom": 0.1},
    "photos": {**NOTHING, "mirror": 0.5, "shift": 5, "zoom": 0.1, "brightness": 0.1, "contrast": 0.2, "colour": 0.1},
    "strong": {**NOTHING, "mirror": 0.5, "shift": 6, "turn": 25, "zoom": 0.3, "brightness": 0.2, "contrast": 0.5,
               "colour": 0.3, "noise": 0.05, "cutout": 0.4},
    "any angle": {**NOTHING, "mirror": 0.5, "turn": 180},
}  # fmt: skip
# What a change makes of the label: mirrored, turned upside down, both, lying on its side. "" means: nothing.
MEANINGS: dict[str, list[str]] = {
    "cat": ["", "", "", ""],
    "digit 6": ["a mirrored 6 is no digit", "a 6 on its head is a 9", "a mirrored 9 is no digit", ""],
    "letter b": ["a mirrored b is a d", "a b on its head is a q", "this b has become a p", ""],
    "arrow": ["the arrow points left now", "the arrow points left now", "", "the arrow points up or down now"],
}


@cache
def pictures() -> dict[str, str]:
    """Return the pictures to start from, 40 by 40 by 3 bytes each, as base64 text."""
    from PIL import Image, ImageDraw

    from course_utils import data

    def drawn(ground: str, draw: Any) -> NDArray[np.uint8]:
        large = Image.new("RGB", (SIDE * 8, SIDE * 8), ground)
        draw(ImageDraw.Draw(large))
        return np.asarray(large.resize((SIDE, SIDE), Image.Resampling.BOX))

    def six(pen: Any) -> None:
        pen.ellipse((104, 152, 216, 264), outline="white", width=30)
        pen.arc((104, 56, 392, 344), 180, 262, fill="white", width=30)

    def letter(pen: Any) -> None:
        pen.rectangle((112, 56, 142, 264), fill="white")
        pen.ellipse((112, 144, 224, 264), outline="white", width=30)

    def arrow(pen: Any) -> None:
        pen.ellipse((32, 32, 288, 288), fill="#1459a8", outline="white", width=12)
        pen.rectangle((80, 140, 180, 180), fill="white")
        pen.polygon([(170, 90), (255, 160), (170, 230)], fill="white")

    return {
        "cat": pack(data.photo("cat", SIDE).permute(1, 2, 0).numpy()),
        "digit 6": pack(drawn("black", six)),
        "letter b": pack(drawn("black", letter)),
        "arrow": pack(drawn("#7a8a70", arrow)),
    }


def colour_axes(pixels: NDArray[Any]) -> dict[str, list[Any]]:
    """Return in which directions a picture's colours spread, and how far.

    Args:
        pixels: (..., 3) in [0, 1].

    Returns:
        ``axes``, three unit vectors (red, green, blue), the widest first; ``spreads``, the standard deviation along
        each. Where there is no spread the axis is zero.
    """
    values, vectors = np.linalg.eigh(np.cov(pixels.reshape(-1, 3).T))
    axes, spreads = [], []
    for k in (2, 1, 0):
        spread = math.sqrt(max(0.0, float(values[k])))
        axis = vectors[:, k] * (np.sign(vectors[:, k].sum()) or 1.0) if spread > 1e-4 else np.zeros(3)
        axes.append([round(float(part), 4) + 0.0 for part in axis])
        spreads.append(round(spread, 4) if spread > 1e-4 else 0.0)
    return {"axes": axes, "spreads": spreads}


def draw_changes(strengths: Mapping[str, float], seed: int, index: int) -> dict[str, Any]:
    """Draw one random change.

    Args:
        strengths: for each name in ``LIMITS`` how strong: a probability for ``mirror``, pixels for ``shift``, degrees
            for ``turn``, fractions for the others. A strength of 0 leaves the picture as it is.
        seed: of all draws.
        index: which draw.

    Returns:
        ``mirror`` (bool), ``right`` and ``down`` in pixels, ``turn`` in degrees counter-clockwise, ``zoom`` factor,
        ``offset`` added, contrast ``factor``, ``colour`` (one number for each axis, normal with this standard
        deviation), ``noise`` (standard deviation), ``cut`` (centre x, centre y and side as fractions of the picture).
    """
    u = random_block(seed + 7919 * (index + 1), 15).tolist()

    def between(k: int, name: str) -> float:
        return float((2 * u[k] - 1) * strengths[name])

    def normal(k: int) -> float:
        return math.sqrt(-2 * math.log(1 - u[k])) * math.cos(2 * math.pi * u[k + 1])

    return {
        "mirror": u[0] < strengths["mirror"], "right": between(1, "shift"), "down": between(2, "shift"),
        "turn": between(3, "turn"), "zoom": 1 + between(4, "zoom"), "offset": between(5, "brightness"),
        "factor": 1 + between(6, "contrast"), "colour": [normal(k) * strengths["colour"] for k in (8, 10, 12)],
        "noise": strengths["noise"], "cut": [u[7], u[14], strengths["cutout"]],
    }  # fmt: skip


def matrix(changes: Mapping[str, Any]) -> list[list[float]]:
    """Return the affine map as two rows ``[a, b, t]``: a point (x, y) about the centre goes to (ax + by + t, ...).

    x points right and y down, in pixels. The picture is mirrored first, then turned and zoomed, then shifted.
    """
    cos, sin = math.cos(math.radians(changes["turn"])), math.sin(math.radians(changes["turn"]))
    side, zoom = -1 if changes["mirror"] else 1, changes["zoom"]
    return [[zoom * side * cos, zoom * sin, changes["right"]], [-zoom * side * sin, zoom * cos, changes["down"]]]


def _inside(at: NDArray[np.int_], size: int, fill: str) -> NDArray[np.int_]:
    if fill == "reflection":
        folded = at % (2 * size)
        return np.where(folded < size, folded, 2 * size - 1 - folded)
    return np.clip(at, 0, size - 1)


def augment(
    pixels: Sequence[float] | NDArray[Any], changes: Mapping[str, Any], colours: Mapping[str, Any], fill: str, seed: int
) -> list[float]:
    """Return a square picture after one change.

    Args:
        pixels: in [0, 1], row by row, red, green and blue of each.
        changes: as ``draw_changes`` returns them.
        colours: ``axes`` and ``spreads``, see ``colour_axes``.
        fill: one of ``FILLS``: what comes in at the border.
        seed: of the noise.

    Returns:
        Numbers in [0, 1] in the same order: moved (bilinear), then contrast about the picture's own mean and
        brightness, then colour (along each axis by its number times the spread), then noise, cut off to [0, 1], then
        a grey square.
    """
    size = math.isqrt(len(pixels) // 3)
    x, middle = np.asarray(pixels, dtype=float).reshape(size, size, 3), (size - 1) / 2
    (a, b, right), (c, d, down) = matrix(changes)
    det = a * d - b * c
    py, px = np.mgrid[0:size, 0:size] - middle
    px, py = px - right, py - down
    at_x, at_y = (d * px - b * py) / det + middle, (a * py - c * px) / det + middle
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    moved = np.zeros((size, size, 3))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (1 - np.abs(at_y - top - i)) * (1 - np.abs(at_x - left - j))
        if fill == "zeros":
            weight = weight * ((top + i >= 0) & (top + i < size) & (left + j >= 0) & (left + j < size))
        moved += weight[..., None] * x[_inside(top + i, size, fill), _inside(left + j, size, fill)]
    shift = [sum(changes["colour"][k] * colours["spreads"][k] * colours["axes"][k][channel] for k in range(3))
             for channel in range(3)]  # fmt: skip
    mean = moved.mean()
    moved = (moved - mean) * changes["factor"] + mean + changes["offset"] + np.array(shift)
    if changes["noise"] > 0:
        u = random_block(seed, 2 * x.size).reshape(-1, 2)
        normal = np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * math.pi * u[:, 1])
        moved = moved + changes["noise"] * normal.reshape(x.shape)
    moved = np.clip(moved, 0, 1)
    cut_x, cut_y, side = changes["cut"]
    grid = (np.arange(size) + 0.5) / size
    moved[(np.abs(grid - cut_y) < side / 2)[:, None] & (np.abs(grid - cut_x) < side / 2)[None, :]] = 0.5
    return moved.ravel().tolist()


def verdict(meanings: Sequence[str], changes: Mapping[str, Any]) -> str:
    """Return what a change makes of the label, or "" where the label stays true.

    Args:
        meanings: four sentences: mirrored, upside down (turned by 120° and more), both, on its side (60° to 120°).
        changes: as ``draw_changes`` returns them.
    """
    away = abs(changes["turn"])
    if away >= 120:
        return meanings[2 if changes["mirror"] else 1]
    if away >= 60 and meanings[3]:
        return meanings[3]
    return meanings[0] if changes["mirror"] else ""


def _draw_strengths(rng: np.random.Generator) -> dict[str, float]:
    return {name: float(rng.uniform(0, most)) * bool(rng.random() < 0.7) for name, most in LIMITS.items()}


def _draw_changes(rng: np.random.Generator) -> dict[str, Any]:
    return draw_changes(_draw_strengths(rng), int(rng.integers(1000)), int(rng.integers(DRAWS)))


def _draw_picture(rng: np.random.Generator) -> tuple[Any, ...]:
    pixels = rng.random((7, 7, 3)).round(3)
    return (pixels.ravel().tolist(), _draw_changes(rng), colour_axes(pixels), str(rng.choice(FILLS)),
            int(rng.integers(1000)))  # fmt: skip


class AugmentationExplorer(CourseWidget):
    """Choose how strongly a picture is changed at random, and look at eight draws.

    Args:
        picture: "cat", "digit 6", "letter b", "arrow", or (40, 40, 3) or (40, 40) whole numbers from 0 to 255.
        recipe: a name in ``RECIPES``; single strengths, by their names in ``LIMITS``, come on top.
        fill: what comes in at the border, "zeros", "border" (the last pixel again) or "reflection".
        seed: of the draws.
        chosen: which draw is shown large, 0 to 7.

    ``draws`` holds the eight pictures, ``changes`` what was drawn for each, ``strengths`` how strong.
    """

    title = "One picture, eight epochs"
    twins = (
        Twin("drawChanges", draw_changes, lambda rng: (_draw_strengths(rng), int(rng.integers(2**20)),
                                                       int(rng.integers(DRAWS)))),
        Twin("matrix", matrix, lambda rng: (_draw_changes(rng),)),
        Twin("augment", augment, _draw_picture),
        Twin("verdict", verdict, lambda rng: (MEANINGS[str(rng.choice(list(MEANINGS)))], _draw_changes(rng))),
    )  # fmt: skip

    pictures: Any = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode("cat").tag(sync=True)
    colours: Any = traitlets.Dict().tag(sync=True)
    meanings: Any = traitlets.Dict().tag(sync=True)
    recipes: Any = traitlets.Dict(RECIPES).tag(sync=True)
    recipe = traitlets.Unicode("photos").tag(sync=True)
    limits: Any = traitlets.Dict(LIMITS).tag(sync=True)
    mirror = traitlets.Float(0).tag(sync=True)
    shift = traitlets.Float(0).tag(sync=True)
    turn = traitlets.Float(0).tag(sync=True)
    zoom = traitlets.Float(0).tag(sync=True)
    brightness = traitlets.Float(0).tag(sync=True)
    contrast = traitlets.Float(0).tag(sync=True)
    colour = traitlets.Float(0).tag(sync=True)
    noise = traitlets.Float(0).tag(sync=True)
    cutout = traitlets.Float(0).tag(sync=True)
    fill = traitlets.Enum(FILLS, "zeros").tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)

    def __init__(self, picture: Any = "cat", recipe: str = "photos", **traits: Any) -> None:
        given, meanings = dict(pictures()), dict(MEANINGS)
        if not isinstance(picture, str):
            table = np.asarray(picture)
            table = np.repeat(table[..., None], 3, axis=2) if table.ndim == 2 else table
            check_shape("picture", table, (SIDE, SIDE, 3))
            check_number("smallest value of picture", float(table.min()), minimum=0)
            check_number("largest value of picture", float(table.max()), maximum=255)
            given, picture = {"your own": pack(table.round().astype(np.uint8)), **given}, "your own"
            meanings["your own"] = ["", "", "", ""]
        check_choice("picture", picture, tuple(given))
        check_choice("fill", traits.get("fill", "zeros"), FILLS)
        strengths = RECIPES[check_choice("recipe", recipe, tuple(RECIPES))]
        own = any(traits.get(name, value) != value for name, value in strengths.items())
        colours = {name: colour_axes(unpack_bytes(text) / 255) for name, text in given.items()}
        super().__init__(pictures=given, picture=picture, colours=colours, meanings=meanings,
                         recipe="own" if own else recipe, **{**strengths, **traits})  # fmt: skip

    @traitlets.validate(*LIMITS)
    def _check_strength(self, proposal: Any) -> float:
        name = proposal["trait"].name
        return float(check_number(name, proposal["value"], minimum=0, maximum=LIMITS[name]))

    @traitlets.validate("chosen")
    def _check_chosen(self, proposal: Any) -> int:
        return check_int("chosen", proposal["value"], minimum=0, maximum=DRAWS - 1)

    @property
    def strengths(self) -> dict[str, float]:
        """How strong each kind of change is."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What was drawn, one mapping for each of the eight."""
        return [draw_changes(self.strengths, self.seed, index) for index in range(DRAWS)]

    @property
    def draws(self) -> NDArray[np.float64]:
        """The eight pictures, (8, 40, 40, 3), in [0, 1]."""
        pixels, colours = unpack_bytes(self.pictures[self.picture]) / 255, self.colours[self.picture]
        made = [augment(pixels, changes, colours, self.fill, self.seed + 104729 * (index + 1))
                for index, changes in enumerate(self.changes)]  # fmt: skip
        return np.array(made).reshape(DRAWS, SIDE, SIDE, 3)

    @property
    def static_text(self) -> str:
        """One sentence with the strengths and what becomes of the label."""
        used = ", ".join(f"{name} {value:g}" for name, value in self.strengths.items() if value) or "no change"
        found = [verdict(self.meanings[self.picture], changes) for changes in self.changes]
        wrong = [words for words in found if words]
        end = f"in {len(wrong)} of them the label is no longer true: {wrong[0]}" if wrong else "the label stays true"
        return f"A picture ({self.picture}) and eight random draws with {used}: {end}."

    def static_svg(self) -> str:
        """Draw the picture and its eight draws."""
        scale, gap = 2.4, 14
        size = SIDE * scale
        first = unpack_bytes(self.pictures[self.picture]).reshape(SIDE, SIDE, 3)
        sheet = np.zeros((2 * SIDE, 4 * SIDE, 3), dtype=np.uint8)
        for index, table in enumerate(self.draws):
            i, j = index // 4 * SIDE, index % 4 * SIDE
            sheet[i : i + SIDE, j : j + SIDE] = np.floor(255 * table + 0.5).astype(np.uint8)
        left = 3 * gap + size
        parts = [
            svg.text(gap, 24, self.picture),
            svg.image(gap, 34, scale, first, colors=48),
            svg.text(left, 24, "eight random draws"),
            svg.image(left, 34, scale, sheet, colors=48),
        ]
        for k in range(1, 4):
            parts.append(
                svg.line(left + k * size, 34, left + k * size, 34 + 2 * size, stroke="#ffffff", stroke_width=4)
            )
        parts.append(svg.line(left, 34 + size, left + 4 * size, 34 + size, stroke="#ffffff", stroke_width=4))
        return svg.document(round(left + 4 * size + gap), round(48 + 2 * size), parts)
