"""What one unit of a stack of layers can see of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["KINDS", "PRESETS", "ReceptiveField", "cone", "geometry"]

KINDS = ("conv", "pool")
LIMITS = {"kernel_size": (1, 11), "stride": (1, 4), "padding": (0, 5), "dilation": (1, 8)}
MAX_LAYERS, MIN_SIZE, MAX_SIZE = 10, 4, 96


def _layer(
    kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, kind: str = "conv"
) -> dict[str, Any]:
    return {"kind": kind, "kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}


_SAME, _POOL = _layer(3, padding=1), _layer(2, 2, kind="pool")
PRESETS: dict[str, dict[str, Any]] = {
    "three 3×3": {"size": 17, "layers": [_layer(3)] * 3},
    "one 7×7": {"size": 17, "layers": [_layer(7)]},
    "VGG-like": {"size": 48, "layers": [_SAME, _SAME, _POOL, _SAME, _SAME, _POOL, _SAME, _SAME]},
    "four 3×3, stride 2": {"size": 49, "layers": [_layer(3, 2, 1)] * 4},
    "dilation 1, 2, 4": {"size": 25, "layers": [_layer(3, 1, r, r) for r in (1, 2, 4)]},
    "dilation 2, 2, 2": {"size": 25, "layers": [_layer(3, 1, 2, 2)] * 3},
}


def geometry(layers: Sequence[Mapping[str, Any]], size: int) -> list[dict[str, float]]:
    """Return size, receptive field, jump and first centre of the input and of each layer.

    Args:
        layers: each with ``kernel_size``, ``stride``, ``padding``, ``dilation``.
        size: cells of the input.

    Returns:
        one row for the input and one for each layer, up to the first that has no unit (``size`` below 1).
        ``field`` counts input cells from the first to the last that a unit can see, ``jump`` the input cells
        between the centres of neighbours, ``start`` is the centre of unit 0 where input cell 0 is at 0.
    """
    rows: list[dict[str, float]] = [{"size": size, "field": 1, "jump": 1, "start": 0}]
    for layer in layers:
        last, spread = rows[-1], layer["dilation"] * (layer["kernel_size"] - 1)
        if last["size"] < 1:
            break
        rows.append(
            {
                "size": (int(last["size"]) + 2 * layer["padding"] - spread - 1) // layer["stride"] + 1,
                "field": last["field"] + spread * last["jump"],
                "jump": last["jump"] * layer["stride"],
                "start": last["start"] + (spread / 2 - layer["padding"]) * last["jump"],
            }
        )
    return rows


def cone(layers: Sequence[Mapping[str, Any]], size: int, depth: int, unit: int) -> list[list[list[int]]]:
    """Return which cells of every row below reach one unit, and by how many paths.

    Args:
        layers: as for ``geometry``.
        size: cells of the input.
        depth: row of the unit; 0 is the input, 1 the first layer.
        unit: its index, from 0.

    Returns:
        for rows 0 to ``depth`` the cells as ``[index, paths]`` in order; an index below 0 or past the end lies in
        the padding, and no path goes on from there.
    """
    sizes = [int(row["size"]) for row in geometry(layers, size)]
    rows = [[[unit, 1]]]
    for level in range(depth, 0, -1):
        layer, counts = layers[level - 1], dict[int, int]()
        for index, paths in rows[0]:
            if 0 <= index < sizes[level]:
                for tap in range(layer["kernel_size"]):
                    cell = index * layer["stride"] - layer["padding"] + tap * layer["dilation"]
                    counts[cell] = counts.get(cell, 0) + paths
        rows.insert(0, [[cell, counts[cell]] for cell in sorted(counts)])
    return rows


def name_of(layer: Mapping[str, Any]) -> str:
    """Return a layer's short name: what differs from stride 1, padding 0 and dilation 1 is told."""
    name = f"{layer['kind']} {layer['kernel_size']}"
    for letter, key, usual in (("s", "stride", 1), ("p", "padding", 0), ("d", "dilation", 1)):
        name += f" {letter}{layer[key]}" if layer[key] != usual else ""
    return name


def _draw_stack(rng: np.random.Generator) -> tuple[list[dict[str, Any]], int]:
    layers = [_layer(int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 4)), int(rng.integers(1, 4)),
                     str(rng.choice(KINDS))) for _ in range(rng.integers(0, 5))]  # fmt: skip
    return layers, int(rng.integers(4, 60))


def _draw_cone(rng: np.random.Generator) -> tuple[Any, ...]:
    layers, size = _draw_stack(rng)
    sizes = [int(row["size"]) for row in geometry(layers, size)]
    depth = int(rng.integers(len(sizes))) if sizes[-1] >= 1 else len(sizes) - 2
    return layers, size, depth, int(rng.integers(sizes[depth]))


class ReceptiveField(CourseWidget):
    """Build a stack of layers and see which input cells reach one of its units.

    Args:
        layers: the name of a preset, or at most ten layers, each a mapping with ``kernel_size`` (1 to 11) and where
            they differ from 1, 0, 1 and "conv" ``stride`` (to 4), ``padding`` (to 5), ``dilation`` (to 8) and
            ``kind``; default three 3×3 convolutions.
        size: cells of the input along one axis, 4 to 96; default the preset's, or 32.

    ``layers`` and ``size`` can be read back at any time; ``table`` holds size, field, jump and first centre.
    """

    title = "Receptive field"
    twins = (
        Twin("geometry", geometry, _draw_stack),
        Twin("cone", cone, _draw_cone),
        Twin("nameOf", name_of, lambda rng: (_layer(3, 1 + int(rng.integers(2)), int(rng.integers(2)), 1),)),
    )

    layers: Any = traitlets.List().tag(sync=True)
    size = traitlets.Int(17).tag(sync=True)
    preset = traitlets.Unicode("own").tag(sync=True)
    presets: Any = traitlets.Dict(PRESETS).tag(sync=True)
    limits: Any = traitlets.Dict({name: list(pair) for name, pair in LIMITS.items()}).tag(sync=True)
    depth = traitlets.Int(0).tag(sync=True)
    unit = traitlets.Int(0).tag(sync=True)
    edited = traitlets.Int(0).tag(sync=True)

    def __init__(self, layers: Any = "three 3×3", size: int | None = None, **traits: Any) -> None:
        if isinstance(layers, str):
            chosen = PRESETS[check_choice("layers", layers, tuple(PRESETS))]
            traits["preset"] = layers if size in (None, chosen["size"]) else "own"
            layers, size = chosen["layers"], chosen["size"] if size is None else size
        super().__init__(layers=list(layers), size=32 if size is None else size, **traits)
        rows = self.table
        top = len(rows) - 1 if rows[-1]["size"] >= 1 else len(rows) - 2
        if "depth" not in traits:
            self.depth, self.unit = top, int(rows[top]["size"]) // 2
        if "edited" not in traits:
            self.edited = max(0, len(self.layers) - 1)

    @traitlets.validate("size")
    def _check_size(self, proposal: Any) -> int:
        return check_int("size", proposal["value"], minimum=MIN_SIZE, maximum=MAX_SIZE)

    @traitlets.validate("layers")
    def _check_layers(self, proposal: Any) -> list[dict[str, Any]]:
        check_int("number of layers", len(proposal["value"]), maximum=MAX_LAYERS)
        whole = []
        for given in proposal["value"]:
            if "kernel_size" not in given or set(given) - {"kind", *LIMITS}:
                raise ValueError(f"a layer has kernel_size and may have kind, stride, padding, dilation, got {given}")
            layer = {**_layer(given["kernel_size"]), **given}
            check_choice("kind", layer["kind"], KINDS)
            for name, (least, most) in LIMITS.items():
                check_int(name, layer[name], minimum=least, maximum=most)
            whole.append(layer)
        return whole

    @property
    def table(self) -> list[dict[str, float]]:
        """Size, receptive field, jump and first centre of the input and of each layer, see ``geometry``."""
        return geometry(self.layers, self.size)

    def _seen(self) -> tuple[int, int, list[list[list[int]]]]:
        rows = self.table
        depth = min(self.depth, len(rows) - 1 if rows[-1]["size"] >= 1 else len(rows) - 2)
        unit = min(self.unit, int(rows[depth]["size"]) - 1)
        return depth, unit, cone(self.layers, self.size, depth, unit)

    @property
    def static_text(self) -> str:
        """One sentence with the field, the jump and the cells that the chosen unit sees."""
        depth, unit, rows = self._seen()
        here, inside = self.table[depth], [cell for cell, _ in rows[0] if 0 <= cell < self.size]
        names = ", ".join(name_of(layer) for layer in self.layers) or "no layer"
        where = f"input cells {inside[0]} to {inside[-1]}" if inside else "padding only"
        return (
            f"{names} on {self.size} input cells: unit {unit} of row {depth} has a receptive field of {here['field']} "
            f"cells and sees {where}; neighbours are {here['jump']} apart."
        )

    def static_svg(self) -> str:
        """Draw the rows of cells, the input below, and the paths down from the chosen unit."""
        table, (depth, _, rows) = [row for row in self.table if row["size"] >= 1], self._seen()
        width, gap = 680.0, 52.0
        scale, height = width / (self.size + 1), 40 + gap * (len(table) - 1)

        def place(level: int, index: float) -> tuple[float, float]:
            x = 20 + scale * (table[level]["start"] + index * table[level]["jump"] + 1)
            return x, 24 + gap * (len(table) - 1 - level)

        parts, paths = [], ""
        for level in range(depth, 0, -1):
            layer = self.layers[level - 1]
            for index, _ in rows[level]:
                for tap in range(layer["kernel_size"] if 0 <= index < table[level]["size"] else 0):
                    x1, y1 = place(level, index)
                    x2, y2 = place(level - 1, index * layer["stride"] - layer["padding"] + tap * layer["dilation"])
                    paths += f"M{svg.number(x1)} {svg.number(y1)}L{svg.number(x2)} {svg.number(y2)}"
        parts.append(svg.path(paths, stroke=svg.COLORS["sky"]))
        for level, row in enumerate(table):
            reached = {index for index, _ in rows[level]} if level <= depth else set()
            w = min(scale * row["jump"] * 0.84, 20.0)
            for index in range(int(row["size"])):
                x, y = place(level, index)
                fill = svg.COLORS["blue"] if index in reached else "#ffffff"
                parts.append(svg.rect(x - w / 2, y - 7, w, 14, fill=fill, stroke=svg.COLORS["gray"]))
            words = name_of(self.layers[level - 1]) if level else "input"
            parts.append(svg.text(20 + width + 8, place(level, 0)[1] + 5, words))
        return svg.document(width + 150, height + 24, parts)
