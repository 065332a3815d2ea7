"""Pooling on a few numbers: the window, the result, where the gradient goes, and what a shift by a pixel changes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.convolution_explorer import shade

__all__ = ["KINDS", "PoolingExplorer", "compare", "gradient", "pool", "rolled", "slopes", "tables"]

Table = Sequence[Sequence[float]] | NDArray[Any]
KINDS = ("max", "average", "sum", "Lp", "blur")
LEAST_SIDE, MOST_SIDE, LARGEST = 5, 10, 99


@cache
def tables() -> dict[str, list[list[float]]]:
    """Return the tables to start from; the digit is the fourth of scikit-learn's."""
    from sklearn.datasets import load_digits

    dot, y, x = np.zeros((8, 8), dtype=int), *np.mgrid[0:8, 0:8]
    dot[3, 4] = 9
    noise = np.random.default_rng(5).permutation(64).reshape(8, 8)
    return {
        "digit": load_digits().images[3].astype(int).tolist(),
        "noise": noise.tolist(),
        "dot": dot.tolist(),
        "edge": (9 * (x > 3)).tolist(),
        "stripes": (9 * (x % 2)).tolist(),
        "slope": (x + y).tolist(),
        "signs": np.random.default_rng(8).integers(-9, 10, (8, 8)).tolist(),
    }


def _bell(size: int) -> list[float]:
    return [math.comb(size - 1, i) / 2 ** (size - 1) for i in range(size)]


def slopes(table: Table, settings: Mapping[str, Any], row: int, column: int) -> list[list[float]]:
    """Return the cells of one window, each with its number and the slope of the result in it.

    Args:
        table: rows of numbers.
        settings: ``kind``, one of ``KINDS``, ``kernel_size``, ``stride``, and ``p`` for "Lp".
        row: of the output, from 0.
        column: of the output, from 0.

    Returns:
        one ``[i, j, x, slope]`` a cell, row by row. Of equal maxima the first counts, as in PyTorch. "Lp" is
        ``(sum |x|^p)^(1/p)``; a window of zeros has slopes 0. "blur" weighs with a row of Pascal's triangle
        times itself.
    """
    kind, size, stride = settings["kind"], settings["kernel_size"], settings["stride"]
    cells = [[row * stride + u, column * stride + v] for u in range(size) for v in range(size)]
    values = [float(table[i][j]) for i, j in cells]
    if kind == "max":
        winner = values.index(max(values))
        weights = [float(k == winner) for k in range(len(cells))]
    elif kind == "Lp":
        norm, p = _norm(values, settings["p"]), settings["p"]
        weights = [math.copysign((abs(x) / norm) ** (p - 1), x) if x and norm else 0.0 for x in values]
    elif kind == "blur":
        weights = [a * b for a in _bell(size) for b in _bell(size)]
    else:
        weights = [1.0 if kind == "sum" else 1 / size**2] * len(cells)
    return [[*cell, x, weight] for cell, x, weight in zip(cells, values, weights)]


def _norm(values: Sequence[float], p: float) -> float:
    largest = max(abs(x) for x in values)  # divided by first: high powers would overflow
    return float(largest * sum((abs(x) / largest) ** p for x in values) ** (1 / p)) if largest else 0.0


def pool(table: Table, settings: Mapping[str, Any]) -> list[list[float]]:
    """Return the pooled rows; windows that do not fit are left out. Arguments as for ``slopes``."""
    height, width = ((len(side) - settings["kernel_size"]) // settings["stride"] + 1 for side in (table, table[0]))

    def one(i: int, j: int) -> float:
        cells = slopes(table, settings, i, j)
        if settings["kind"] == "Lp":
            return _norm([x for _, _, x, _ in cells], settings["p"])
        return sum(x * weight for _, _, x, weight in cells)

    return [[one(i, j) for j in range(width)] for i in range(height)]


def gradient(table: Table, settings: Mapping[str, Any], only: Sequence[int] | None = None) -> list[list[float]]:
    """Return what each cell receives when a gradient of 1 arrives at every output, or at ``only`` [row, column]."""
    received = [[0.0] * len(table[0]) for _ in table]
    outputs = pool(table, settings)
    for row in range(len(outputs)):
        for column in range(len(outputs[0])):
            if only is None or list(only) == [row, column]:
                for i, j, _, slope in slopes(table, settings, row, column):
                    received[int(i)][int(j)] += slope
    return received


def rolled(table: Table, right: int) -> list[list[float]]:
    """Return the table moved to the right; what leaves enters on the left."""
    width = len(table[0])
    return [[line[(j - right) % width] for j in range(width)] for line in table]


def compare(before: Table, after: Table) -> dict[str, float]:
    """Return how many numbers are the ``same``, of how many ``total``, and the ``relative`` length of the change."""
    pairs = [(a, b) for line, other in zip(before, after) for a, b in zip(line, other)]
    length = math.sqrt(sum(a * a for a, _ in pairs))
    change = math.sqrt(sum((a - b) ** 2 for a, b in pairs))
    return {"same": sum(abs(a - b) <= 1e-9 for a, b in pairs), "total": len(pairs),
            "relative": change / length if length > 0 else 0.0}  # fmt: skip


def _short(value: float, digits: int = 3) -> str:
    written = f"{value:.{digits}f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in ("-0", "") else written.replace("-", "−")


def _in_cell(value: float) -> str:
    written = _short(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)
    return re.sub(r"^(−?)0\.", r"\1.", written)


def _draw_settings(rng: np.random.Generator) -> dict[str, Any]:
    return {"kind": str(rng.choice(KINDS)), "kernel_size": int(rng.integers(1, 6)), "stride": int(rng.integers(1, 5)),
            "p": float(rng.choice([1, 1.5, 2, 3, 8, 16]))}  # fmt: skip


def _draw_table(rng: np.random.Generator) -> list[list[float]]:
    side = int(rng.integers(LEAST_SIDE, MOST_SIDE + 1))
    whole = rng.integers(-2, 4, (side, side)) if rng.random() < 0.5 else rng.normal(size=(side, side)).round(3)
    return whole.tolist()


def _draw_state(rng: np.random.Generator) -> tuple[Any, ...]:
    return _draw_table(rng), _draw_settings(rng)


class PoolingExplorer(CourseWidget):
    """Pool a small table of numbers, follow the gradient back, and shift the table by a pixel.

    Args:
        table: the name of a preset, or rows of numbers, 5 to 10 in each direction; default a digit.
        kind: one of ``KINDS``.
        kernel_size: side of the window, 1 to 5.
        stride: 1 to 4; default the side of the window.
        p: the power of "Lp", 1 to 16.
        shift: columns that the table is moved to the right for the comparison, 0 to 4.

    ``table`` and the settings can be read back at any time; ``output``, ``received`` and ``steadiness`` are results.
    """

    title = "Pooling explorer"
    twins = (
        Twin("slopes", slopes, lambda rng: (*_draw_state(rng), 0, 0)),
        Twin("pool", pool, _draw_state),
        Twin("gradient", gradient, lambda rng: (*_draw_state(rng), None if rng.random() < 0.5 else [0, 0])),
        Twin("rolled", rolled, lambda rng: (_draw_table(rng), int(rng.integers(0, 5)))),
        Twin("compare", compare, lambda rng: tuple(rng.integers(-1, 2, (2, 3, 3)).tolist())),
        Twin(
            "shade",
            shade,
            lambda rng: (float(rng.uniform(0, 5)), float(rng.choice([0, -3])), float(rng.uniform(5, 9))),
        ),
    )

    table: Any = traitlets.List().tag(sync=True)
    preset = traitlets.Unicode("digit").tag(sync=True)
    presets: Any = traitlets.Dict().tag(sync=True)
    kind = traitlets.Enum(KINDS, "max").tag(sync=True)
    kernel_size = traitlets.Int(2).tag(sync=True)
    stride = traitlets.Int(2).tag(sync=True)
    p = traitlets.Float(2).tag(sync=True)
    shift = traitlets.Int(1).tag(sync=True)
    single = traitlets.Bool(False).tag(sync=True)
    row = traitlets.Int(1).tag(sync=True)
    column = traitlets.Int(1).tag(sync=True)

    def __init__(self, table: Any = "digit", kind: str = "max", kernel_size: int = 2, stride: int | None = None,
                 p: float = 2, shift: int = 1, **traits: Any) -> None:  # fmt: skip
        if isinstance(table, str):
            traits["preset"] = check_choice("table", table, tuple(tables()))
            table = [list(line) for line in tables()[table]]
        else:
            traits["preset"], table = "own", np.asarray(table).tolist()
        check_choice("kind", kind, KINDS)
        stride = min(4, check_int("kernel_size", kernel_size, minimum=1, maximum=5)) if stride is None else stride
        check_int("stride", stride, minimum=1, maximum=4)
        check_number("p", p, minimum=1, maximum=16)
        check_int("shift", shift, minimum=0, maximum=4)
        super().__init__(table=table, presets=tables(), kind=kind, kernel_size=kernel_size, stride=stride, p=float(p),
                         shift=shift, **traits)  # fmt: skip

    @traitlets.validate("table")
    def _check_table(self, proposal: Any) -> list[list[float]]:
        rows = proposal["value"]
        if len({len(row) for row in rows}) != 1 or not np.isfinite(np.asarray(rows, dtype=float)).all():
            raise ValueError(f"table must be rows of equally many finite numbers, got {rows}")
        check_int("rows of table", len(rows), minimum=LEAST_SIDE, maximum=MOST_SIDE)
        check_int("columns of table", len(rows[0]), minimum=LEAST_SIDE, maximum=MOST_SIDE)
        return list(rows)

    @property
    def settings(self) -> dict[str, Any]:
        """Kind, kernel size, stride and p, as ``pool`` takes them."""
        return {name: getattr(self, name) for name in ("kind", "kernel_size", "stride", "p")}

    @property
    def output(self) -> NDArray[np.float64]:
        """The pooled table."""
        return np.array(pool(self.table, self.settings))

    @property
    def received(self) -> NDArray[np.float64]:
        """What each cell of the table receives when a gradient of 1 arrives at every output, or at the chosen one."""
        return np.array(gradient(self.table, self.settings, self._chosen() if self.single else None))

    @property
    def steadiness(self) -> dict[str, float]:
        """What the shift changes in the output, see ``compare``."""
        return compare(self.output, pool(rolled(self.table, self.shift), self.settings))

    def _chosen(self) -> list[int]:
        height, width = self.output.shape
        return [min(self.row, height - 1), min(self.column, width - 1)]

    @property
    def static_text(self) -> str:
        """One sentence with the result, the gradient and the shift."""
        (row, column), found = self._chosen(), self.steadiness
        kind = f"L{self.p:g}" if self.kind == "Lp" else self.kind.capitalize()
        busy = int((np.abs(self.received) > 1e-12).sum())
        window, result = f"{self.kernel_size} × {self.kernel_size}", _short(self.output[row, column])
        return (
            f"{kind} pooling with a {window} window and stride {self.stride}: the result at row {row}, column {column} "
            f"is {result}; {busy} of {self.received.size} cells receive a gradient; after a shift by {self.shift}, "
            f"{found['same']} of {found['total']} results are the same, and the relative change is "
            f"{found['relative']:.2f}."
        )

    def static_svg(self) -> str:
        """Draw the table with the chosen window, the result, the result after the shift, and the gradient."""
        after, received = pool(rolled(self.table, self.shift), self.settings), self.received.tolist()
        drawn: list[tuple[str, Any]] = [("Input", self.table), ("Pooled", self.output.tolist())]
        drawn += [(f"Shifted by {self.shift}", after), ("Gradient", received)]
        window = [cell[:2] for cell in slopes(self.table, self.settings, *self._chosen())]
        framed: dict[str, Any] = {"Input": window, "Pooled": [self._chosen()], "Gradient": window}
        side, gap = min(34.0, 760 / sum(len(table[0]) for _, table in drawn)), 22.0
        parts, left = [], gap
        for name, table in drawn:
            flat = [value for line in table for value in line]
            least, greatest = min(flat), max(flat)
            parts += [svg.text(left, 22, name), f'<g text-anchor="middle" font-size="{round(side / 2.9)}">']
            for i, line in enumerate(table):
                for j, value in enumerate(line):
                    fill, x, y = shade(value, least, greatest), left + j * side, 34 + i * side
                    parts.append(svg.rect(round(x), round(y), round(side) - 1, round(side) - 1, fill=fill))
                    if value or name != "Gradient":
                        ink = "#fff" if sum(int(fill[k : k + 2], 16) for k in (1, 3, 5)) < 375 else "#000"
                        parts.append(svg.text(round(x + side / 2), round(y + side * 0.64), _in_cell(value), fill=ink))
            parts.append("</g>")
            for i, j in framed.get(name, []):
                thick: dict[str, Any] = {"fill": "none", "stroke": "#A8477C", "stroke_width": 3}
                x, y = round(left + j * side), round(34 + i * side)
                parts.append(svg.rect(x, y, round(side) - 1, round(side) - 1, **thick))
            left += len(table[0]) * side + gap
        return svg.document(round(left), round(34 + len(self.table) * side + 14), parts)
