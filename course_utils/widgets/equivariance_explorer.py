"""Move first or filter first: both orders side by side, their difference, and where it comes from."""

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

__all__ = ["BORDERS", "KERNELS", "LAYERS", "SIDE", "EquivarianceExplorer", "cause", "compare", "layer_output", "move"]

Table = Sequence[Sequence[float]] | NDArray[Any]
SIDE = 32
BORDERS = ("circle", "zeros")
LAYERS: dict[str, dict[str, int]] = {
    "convolution": {"step": 1, "reach": 2},
    "convolution, stride 2": {"step": 2, "reach": 2},
    "best of four turns": {"step": 1, "reach": 2},
    "max 3×3, stride 1": {"step": 1, "reach": 1},
    "max 2×2, stride 2": {"step": 2, "reach": 0},
    "blur 3×3, stride 2": {"step": 2, "reach": 1},
    "dense": {"step": 1, "reach": 0},
}
_HAT = [[-2, -4, -3, -4, -2], [-4, 2, 6, 2, -4], [-3, 6, 20, 6, -3], [-4, 2, 6, 2, -4], [-2, -4, -3, -4, -2]]
_EDGE = [[-1, -2, 0, 2, 1], [-4, -8, 0, 8, 4], [-6, -12, 0, 12, 6], [-4, -8, 0, 8, 4], [-1, -2, 0, 2, 1]]
_ANY = [[3, -7, 1, 6, -2], [-5, 8, -1, -4, 0], [2, 5, -8, 7, -6], [-3, 1, 4, -9, 2], [6, -2, -5, 0, 7]]
KERNELS: dict[str, list[list[float]]] = {
    "one direction": [[value / 48 for value in line] for line in _EDGE],
    "alike all around": [[value / 36 for value in line] for line in _HAT],
    "random": [[value / 30 for value in line] for line in _ANY],
}
_BELL = [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]]


@cache
def pictures() -> dict[str, str]:
    """Return the pictures to start from, 32 by 32 bytes each, as base64 text."""
    from sklearn.datasets import load_digits

    from course_utils import data

    three = load_digits().images[3] / 16
    places = (np.arange(24) + 0.5) / 3 - 0.5
    rows = np.array([np.interp(places, np.arange(8), column) for column in three.T]).T
    digit, letter = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    digit[4:28, 4:28] = np.array([np.interp(places, np.arange(8), row) for row in rows])
    letter[6:26, 9:13], letter[6:10, 9:23], letter[15:19, 9:20] = 1, 1, 1
    fringe = np.tile(np.array([1.0, 0.0]), (SIDE, SIDE // 2))
    cat = data.photo("cat", SIDE, gray=True)[0].numpy() / 255
    cat = np.clip((cat - cat.min()) / (cat.max() - cat.min()) * 1.2 - 0.05, 0, 1)  # small pictures want more contrast
    drawn = {"cat": cat, "digit": digit, "letter F": letter, "fine stripes": fringe}
    return {name: pack((255 * picture).round().astype(np.uint8)) for name, picture in drawn.items()}


# ---- moves ------------------------------------------------------------------------------------------------


def _shifted(table: NDArray[Any], right: int, down: int, edge: str) -> NDArray[Any]:
    if edge == "circle":
        return np.roll(table, (down, right), (0, 1))
    size, out = len(table), np.zeros_like(table)
    to_i, to_j = (slice(max(0, d), max(0, min(size, size + d))) for d in (down, right))
    from_i, from_j = (slice(max(0, -d), max(0, min(size, size - d))) for d in (down, right))
    out[to_i, to_j] = table[from_i, from_j]
    return out


def _resampled(table: NDArray[Any], matrix: Sequence[float]) -> NDArray[Any]:
    """Read the table at ``matrix @ (x, y)`` about its centre, between four cells; outside lie zeros."""
    size, middle = len(table), (len(table) - 1) / 2
    y, x = np.mgrid[0:size, 0:size] - middle
    at_x = matrix[0] * x + matrix[1] * y + middle
    at_y = matrix[2] * x + matrix[3] * y + middle
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    out = np.zeros((size, size))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        inside = (top + i >= 0) & (top + i < size) & (left + j >= 0) & (left + j < size)
        weight = (1 - np.abs(at_y - top - i)) * (1 - np.abs(at_x - left - j))
        out += np.where(inside, weight * table[np.clip(top + i, 0, size - 1), np.clip(left + j, 0, size - 1)], 0)
    return out


def move(table: Table, motion: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return a square picture zoomed, then turned about its centre, then shifted.

    Args:
        table: rows of numbers, as many as columns.
        motion: ``zoom`` above 0, ``turn`` in degrees counter-clockwise, ``right`` and ``down`` in cells, and ``edge``:
            with "circle" what a shift drives out enters on the other side, with "zeros" it is lost.

    Quarter turns and shifts move numbers as they are; other turns and zooms weigh four neighbours (bilinear), and
    zeros enter at the corners.
    """
    moved = np.asarray(table, dtype=float)
    if motion["zoom"] != 1:
        moved = _resampled(moved, (1 / motion["zoom"], 0, 0, 1 / motion["zoom"]))
    if motion["turn"] % 90 == 0:
        moved = np.rot90(moved, motion["turn"] // 90)
    else:
        angle = math.radians(motion["turn"])
        moved = _resampled(moved, (math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)))
    return _shifted(moved, motion["right"], motion["down"], motion["edge"])


# ---- layers -----------------------------------------------------------------------------------------------


def _padded(table: NDArray[Any], reach: int, padding: str) -> NDArray[Any]:
    return np.pad(table, reach, mode="wrap") if padding == "circle" else np.pad(table, reach)


def _correlate(table: NDArray[Any], kernel: Any, padding: str) -> NDArray[Any]:
    weights = np.asarray(kernel, dtype=float)
    windows = np.lib.stride_tricks.sliding_window_view(_padded(table, len(weights) // 2, padding), weights.shape)
    return np.einsum("ijuv,uv->ij", windows, weights)


@cache
def _dense_weights(count: int) -> NDArray[np.float64]:
    numbers = random_block(1, count * count)
    return ((numbers - 0.5) * math.sqrt(12 / count)).reshape(count, count)


def layer_output(table: Table, layer: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return what a layer makes of a square picture of even side.

    Args:
        table: rows of numbers.
        layer: ``name``, one of ``LAYERS``; ``kernel``, 5 by 5, for the first three of them; ``padding``, one of
            ``BORDERS``: what stands outside the picture.

    Convolutions are correlations with "same" padding; "best of four turns" takes the largest answer of the kernel and
    its quarter turns. The dense layer has one fixed random weight for each pair of an input and an output.
    """
    x, name, padding = np.asarray(table, dtype=float), layer["name"], layer["padding"]
    if name == "best of four turns":
        return np.max([_correlate(x, np.rot90(layer["kernel"], turns), padding) for turns in range(4)], axis=0)
    if name == "max 3×3, stride 1":
        return np.lib.stride_tricks.sliding_window_view(_padded(x, 1, padding), (3, 3)).max(axis=(2, 3))
    if name == "max 2×2, stride 2":
        return x.reshape(len(x) // 2, 2, len(x) // 2, 2).max(axis=(1, 3))
    if name == "blur 3×3, stride 2":
        return _correlate(x, _BELL, padding)[::2, ::2]
    if name == "dense":
        return (_dense_weights(x.size) @ x.ravel()).reshape(x.shape)
    return _correlate(x, layer["kernel"], padding)[:: LAYERS[name]["step"], :: LAYERS[name]["step"]]


# ---- the comparison ---------------------------------------------------------------------------------------


def compare(table: Table, motion: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return both orders and what they differ by.

    Args:
        table: rows of numbers.
        motion: as for ``move``.
        layer: as for ``layer_output``.

    Returns:
        ``first``, the layer's output for the moved picture; ``plain``, its output for the picture as it is; ``second``,
        ``plain`` moved; ``shift``, by how many cells right and down it was moved (half as many after stride 2, and
        where that is no whole number the neighbour that fits best); ``difference``, first minus second; ``largest``
        difference; ``relative``, its length over that of ``second``; ``changed``, how many cells differ.
    """
    step = LAYERS[layer["name"]]["step"]
    first, plain = layer_output(move(table, motion), layer), layer_output(table, layer)
    best: Any = None
    for down in sorted({math.floor(motion["down"] / step), math.ceil(motion["down"] / step)}):
        for right in sorted({math.floor(motion["right"] / step), math.ceil(motion["right"] / step)}):
            second = move(plain, {**motion, "right": right, "down": down})
            error = float(((first - second) ** 2).sum())
            if best is None or error < best[0] * (1 - 1e-9):
                best = (error, [right, down], second)
    difference, length = first - best[2], math.sqrt(float((best[2] ** 2).sum()))
    return {
        "first": first, "plain": plain, "second": best[2], "shift": best[1], "difference": difference,
        "largest": float(np.abs(difference).max()), "relative": math.sqrt(best[0]) / length if length > 0 else 0.0,
        "changed": int((np.abs(difference) > 1e-9).sum()),
    }  # fmt: skip


def cause(difference: Table, motion: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
    """Return why the two orders differ, in one word.

    Returns:
        "still" (nothing moved), "none" (no difference), "dense" (own weights for every place), "zoom", "slanted" (no
        quarter turn), "kept" (a turn keeps other cells), "direction" (the kernel is not turned along), "phase" (an odd
        shift after stride 2), "border" (all of it beside an edge of the picture, old or moved), "other".
    """
    step, reach = LAYERS[layer["name"]]["step"], LAYERS[layer["name"]]["reach"]
    gaps = np.abs(np.asarray(difference, dtype=float)) > 1e-9
    if not gaps.any():
        still = motion["zoom"] == 1 and motion["turn"] % 360 == 0 and not motion["right"] and not motion["down"]
        return "still" if still else "none"
    if layer["name"] == "dense":
        return "dense"
    if motion["zoom"] != 1:
        return "zoom"
    if motion["turn"] % 90:
        return "slanted"
    if motion["turn"] % 360:
        if step == 2 and reach:
            return "kept"
        turned = np.rot90(layer["kernel"], motion["turn"] // 90)
        if layer["name"] == "convolution" and not np.allclose(layer["kernel"], turned):
            return "direction"
    if motion["right"] % step or motion["down"] % step:
        return "phase"
    size = len(gaps) * step

    def beside(shift: int) -> NDArray[np.bool_]:
        lines, at = {0, size, shift % size}, np.arange(0, size, step)
        return np.array([any(line - reach <= place < line + reach for line in lines) for place in at])

    near = beside(motion["down"])[:, None] | beside(motion["right"])[None, :]
    return "other" if (gaps & ~near).any() else "border"


REASONS = {
    "still": "Nothing is moved yet.",
    "none": "No difference at all: moving first or filtering first is the same.",
    "dense": "A dense layer has weights of its own for every place: what it learned here says nothing about there.",
    "zoom": "The layer keeps the size of its window while the picture grows or shrinks.",
    "slanted": "Turned cells fall between cells, and the window does not turn along.",
    "kept": "Only every second cell is kept, and after the turn it is others.",
    "direction": "The kernel is not turned along: it looks for the same direction as before.",
    "phase": "Only every second cell is kept, and after an odd shift it is the others. The output can move by whole "
    "cells only.",
    "border": "All of it lies beside an edge of the picture, old or moved: there the window reads something else.",
    "other": "The two orders differ.",
}


def paint(table: Table, greatest: float, signed: bool) -> list[int]:
    """Return a map's colours, three bytes a cell: grey from 0 up, or blue below 0, white at 0, orange above."""
    shares = np.clip(np.ravel(table) / greatest if greatest > 0 else np.zeros(np.size(table)), -1, 1)
    if not signed:
        rgb = np.repeat(255 * np.clip(shares, 0, 1)[:, None], 3, axis=1)
    else:
        ends = np.where(shares[:, None] > 0, np.array([[230.0, 120.0, 0.0]]), np.array([[0.0, 114.0, 178.0]]))
        rgb = 255 + np.abs(shares)[:, None] * (ends - 255)
    return np.floor(rgb + 0.5).astype(int).ravel().tolist()


# ---- random arguments for the tests -----------------------------------------------------------------------


def _draw_motion(rng: np.random.Generator) -> dict[str, Any]:
    kind, motion = rng.integers(4), {"right": 0, "down": 0, "turn": 0, "zoom": 1.0, "edge": str(rng.choice(BORDERS))}
    if kind != 1:
        motion |= {"right": int(rng.integers(-12, 13)), "down": int(rng.integers(-12, 13))}
    if kind in (1, 3):
        motion["turn"] = int(rng.choice([-180, -90, 90, 180, 15, -45, 60]))
    if kind == 3 and rng.random() < 0.5:
        motion["zoom"] = float(rng.choice([0.5, 0.8, 1.25, 2]))
    return motion


def _draw_layer(rng: np.random.Generator) -> dict[str, Any]:
    kernel = KERNELS[str(rng.choice(list(KERNELS)))]
    return {"name": str(rng.choice(list(LAYERS))), "padding": str(rng.choice(BORDERS)), "kernel": kernel}


def _draw_table(rng: np.random.Generator) -> list[list[float]]:
    return rng.random((10, 10)).round(3).tolist()


def _draw_cause(rng: np.random.Generator) -> tuple[Any, ...]:
    motion, layer = _draw_motion(rng), _draw_layer(rng)
    return compare(_draw_table(rng), motion, layer)["difference"].tolist(), motion, layer


class EquivarianceExplorer(CourseWidget):
    """Move a picture before a layer or after it, and see whether that is the same.

    Args:
        picture: "cat", "digit", "letter F", "fine stripes", or 32 by 32 whole numbers from 0 to 255.
        layer: one of ``LAYERS``.
        kernel: "one direction", "alike all around" or "random", for the layers that have one.
        padding: what the layer sees outside the picture, "circle" (its other side) or "zeros".
        edge: what enters when the picture is shifted, "circle" or "zeros".
        right: shift in cells, -16 to 16.
        down: shift in cells, -16 to 16.
        turn: degrees counter-clockwise, -180 to 180 in steps of 15.
        zoom: 0.5 to 2.

    ``result`` holds both outputs, their difference and its size; ``cause`` says in one word where it comes from.
    """

    title = "Move first or filter first?"
    twins = (
        Twin("move", move, lambda rng: (_draw_table(rng), _draw_motion(rng))),
        Twin("layerOutput", layer_output, lambda rng: (_draw_table(rng), _draw_layer(rng))),
        Twin("compare", compare, lambda rng: (_draw_table(rng), _draw_motion(rng), _draw_layer(rng))),
        Twin("cause", cause, _draw_cause),
        Twin("paint", paint, lambda rng: (rng.normal(size=(3, 4)).tolist(), float(rng.choice([0, 1.5])),
                                          bool(rng.integers(2)))),
    )  # fmt: skip

    pictures: Any = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode("cat").tag(sync=True)
    layer = traitlets.Enum(tuple(LAYERS), "convolution").tag(sync=True)
    layers: Any = traitlets.Dict(LAYERS).tag(sync=True)
    kernel = traitlets.Enum(tuple(KERNELS), "one direction").tag(sync=True)
    kernels: Any = traitlets.Dict(KERNELS).tag(sync=True)
    reasons: Any = traitlets.Dict(REASONS).tag(sync=True)
    padding = traitlets.Enum(BORDERS, "zeros").tag(sync=True)
    edge = traitlets.Enum(BORDERS, "circle").tag(sync=True)
    right = traitlets.Int(5).tag(sync=True)
    down = traitlets.Int(3).tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    zoom = traitlets.Float(1.0).tag(sync=True)

    def __init__(self, picture: Any = "cat", **traits: Any) -> None:
        chosen = dict(pictures())
        if not isinstance(picture, str):
            table = np.asarray(picture)
            check_shape("picture", table, (SIDE, SIDE))
            check_number("smallest value of picture", float(table.min()), minimum=0)
            check_number("largest value of picture", float(table.max()), maximum=255)
            chosen, picture = {"your own": pack(table.round().astype(np.uint8)), **chosen}, "your own"
        check_choice("picture", picture, tuple(chosen))
        for name, choices in (("layer", LAYERS), ("kernel", KERNELS), ("padding", BORDERS), ("edge", BORDERS)):
            if name in traits:
                check_choice(name, traits[name], tuple(choices))
        super().__init__(pictures=chosen, picture=picture, **traits)

    @traitlets.validate("right", "down")
    def _check_shift(self, proposal: Any) -> int:
        return check_int(proposal["trait"].name, proposal["value"], minimum=-SIDE // 2, maximum=SIDE // 2)

    @traitlets.validate("turn")
    def _check_turn(self, proposal: Any) -> int:
        return check_int("turn", proposal["value"], minimum=-180, maximum=180)

    @traitlets.validate("zoom")
    def _check_zoom(self, proposal: Any) -> float:
        return check_number("zoom", proposal["value"], minimum=0.5, maximum=2)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The chosen picture, (32, 32), in [0, 1]."""
        return unpack_bytes(self.pictures[self.picture]).reshape(SIDE, SIDE) / 255

    def _state(self) -> tuple[Any, ...]:
        motion = {name: getattr(self, name) for name in ("right", "down", "turn", "zoom", "edge")}
        return self.numbers, motion, {"name": self.layer, "kernel": KERNELS[self.kernel], "padding": self.padding}

    @property
    def result(self) -> dict[str, Any]:
        """Both outputs and what they differ by, see ``compare``."""
        return compare(*self._state())

    @property
    def cause(self) -> str:
        """Where the difference comes from, in one word, see the function of the same name."""
        _, motion, layer = self._state()
        return cause(self.result["difference"], motion, layer)

    @property
    def static_text(self) -> str:
        """One sentence with the move, the layer and the difference."""
        result, about = self.result, f"{self.right} right and {self.down} down"
        about += f", turned by {self.turn}°" if self.turn else ""
        about += f", zoomed by {self.zoom:g}" if self.zoom != 1 else ""
        return (
            f"A picture ({self.picture}) is moved {about}, before and after the layer “{self.layer}”: "
            f"{result['changed']} of {result['difference'].size} numbers differ, by at most {result['largest']:.2f}. "
            f"{REASONS[self.cause]}"
        )

    def static_svg(self) -> str:
        """Draw the picture, both paths to an output, and the difference."""
        x, motion, _ = self._state()
        result = self.result
        maps = [result[name] for name in ("first", "plain", "second")]
        greatest, signed = max(float(np.abs(one).max()) for one in maps), min(float(one.min()) for one in maps) < 0
        frames = [
            (0, 0.5, "picture x", x, 1.0, False), (1, 0, "moved", move(x, motion), 1.0, False),
            (1, 1, "layer", result["plain"], greatest, signed),
            (2, 0, "then layer", result["first"], greatest, signed),
            (2, 1, "then moved", result["second"], greatest, signed),
            (3, 0.5, "difference", result["difference"], greatest, True),
        ]  # fmt: skip
        parts, size = [], 120.0
        for across, below, words, table, top, both in frames:
            left, high, side = 12 + across * 164, 32 + below * 164, len(table)
            pixels = np.array(paint(table, top, both), dtype=np.uint8).reshape(side, side, 3)
            parts.append(svg.text(left, high - 8, words))
            parts.append(svg.image(left, high, size / side, pixels))
            parts.append(svg.rect(left, high, size, size, fill="none", stroke=svg.COLORS["gray"]))
        for y1, y2, name in ((0.5, 0, "blue"), (0.5, 1, "orange")):
            for across, (start, end) in enumerate(((y1, y2), (y2, y2), (y2, y1))):
                style: dict[str, Any] = {"stroke": svg.COLORS[name], "stroke_width": 3}
                x1, x2 = 12 + across * 164 + size + 6, 12 + (across + 1) * 164 - 6
                parts.append(svg.line(x1, 92 + start * 164, x2, 92 + end * 164, **style))
        return svg.document(636, 332, parts)
