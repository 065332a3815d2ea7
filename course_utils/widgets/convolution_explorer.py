"""Convolution on a few numbers: every output cell as a sum that is written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int
from course_utils.scratch.convolution_kinds.sizes import output_size, transposed_output_size
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["KERNELS", "OPERATIONS", "ConvolutionExplorer", "convolve", "pictures", "resize", "shade", "size", "terms"]

Table = Sequence[Sequence[float]]
OPERATIONS = ("correlation", "convolution")
MAX_SIDE, MAX_KERNEL = 12, 5
KERNELS: dict[str, list[list[float]]] = {
    "shift": [[0, 1, 0], [0, 0, 0], [0, 0, 0]],
    "blur": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "Sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "difference": [[-1, 1]],
    "numbered": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "one number": [[2]],
}


@cache
def pictures() -> dict[str, list[list[float]]]:
    """Return the small pictures to start from; the digit is the fourth of scikit-learn's."""
    from sklearn.datasets import load_digits

    dot = np.zeros((7, 7), dtype=int)
    dot[3, 3] = 1
    y, x = np.mgrid[0:8, 0:8]
    return {
        "lecture": [[35, 40, 41, 45, 50], [40, 40, 42, 46, 52], [42, 46, 50, 55, 55], [48, 52, 56, 58, 60],
                    [56, 60, 65, 70, 75]],
        "digit": load_digits().images[3].astype(int).tolist(),
        "dot": dot.tolist(),
        "step": (9 * (x > 3)).tolist(),
        "ramp": (x + y).tolist(),
        "checks": (9 * ((x + y) % 2)).tolist(),
    }  # fmt: skip


def size(length: int, kernel_size: int, stride: int, padding: int, dilation: int, transposed: bool) -> int:
    """Return the output size along one axis; below 1 where there is no output."""
    reach = dilation * (kernel_size - 1) + 1
    if transposed:
        return stride * (length - 1) + reach - 2 * padding
    return (length + 2 * padding - reach) // stride + 1


def terms(picture: Table, kernel: Table, settings: dict[str, Any], row: int, column: int) -> list[list[float]]:
    """Return the products whose sum is one output cell.

    Args:
        picture: rows of numbers.
        kernel: rows of numbers.
        settings: ``stride``, ``padding``, ``dilation``, ``transposed``, and ``operation``, one of ``OPERATIONS``.
        row: of the output cell, from 0.
        column: of the output cell, from 0.

    Returns:
        one ``[i, j, u, v, x, w]`` a product, in the order of the kernel's taps: input cell (i, j) with number x,
        outside the picture with x = 0; kernel cell (u, v) with number w.
    """
    stride, padding, dilation = settings["stride"], settings["padding"], settings["dilation"]
    height, width, found = len(kernel), len(kernel[0]), []
    for a in range(height):
        for b in range(width):
            if settings["transposed"]:
                i, rest_i = divmod(row + padding - a * dilation, stride)
                j, rest_j = divmod(column + padding - b * dilation, stride)
            else:
                i, rest_i = row * stride - padding + a * dilation, 0
                j, rest_j = column * stride - padding + b * dilation, 0
            inside = 0 <= i < len(picture) and 0 <= j < len(picture[0])
            if settings["transposed"] and (rest_i or rest_j or not inside):
                continue
            u, v = (height - 1 - a, width - 1 - b) if settings["operation"] == "convolution" else (a, b)
            found.append([i, j, u, v, picture[i][j] if inside else 0, kernel[u][v]])
    return found


def convolve(picture: Table, kernel: Table, settings: dict[str, Any]) -> list[list[float]] | None:
    """Return the output rows, or ``None`` where the sizes leave none; arguments as for ``terms``."""
    options = [settings[name] for name in ("stride", "padding", "dilation", "transposed")]
    height, width = size(len(picture), len(kernel), *options), size(len(picture[0]), len(kernel[0]), *options)
    if height < 1 or width < 1:
        return None
    return [
        [math.fsum(term[4] * term[5] for term in terms(picture, kernel, settings, i, j)) for j in range(width)]
        for i in range(height)
    ]


def resize(table: Table, height: int, width: int) -> list[list[float]]:
    """Return the table cut or filled up with zeros to a size, its middle in the middle."""
    top, left = (len(table) - height) // 2, (len(table[0]) - width) // 2
    return [
        [
            table[i + top][j + left] if 0 <= i + top < len(table) and 0 <= j + left < len(table[0]) else 0
            for j in range(width)
        ]
        for i in range(height)
    ]


def shade(value: float, least: float, greatest: float) -> str:
    """Return a cell's colour: grey from 0 up where no number is negative, else blue below 0 and orange above."""
    if least >= 0:
        rgb = [255 * value / greatest if greatest > 0 else 0.0] * 3
    else:
        share = value / max(-least, greatest)
        rgb = [255 + abs(share) * (end - 255) for end in ((230, 120, 0) if share > 0 else (0, 114, 178))]
    return "#" + "".join(f"{math.floor(part + 0.5):02x}" for part in rgb)


def _ink(fill: str) -> str:
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 125 else "#ffffff"


def _short(value: float, digits: int = 4) -> str:
    written = f"{value:.{digits}f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in ("-0", "") else written.replace("-", "−")


def _in_cell(value: float) -> str:
    return _short(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def _draw_settings(rng: np.random.Generator) -> dict[str, Any]:
    whole = {name: int(rng.integers(low, high)) for name, low, high in
             (("stride", 1, 5), ("padding", 0, 5), ("dilation", 1, 4))}  # fmt: skip
    return {**whole, "transposed": bool(rng.random() < 0.5), "operation": str(rng.choice(OPERATIONS))}


def _draw_table(rng: np.random.Generator, largest: int) -> list[list[float]]:
    return rng.normal(size=rng.integers(1, largest + 1, 2)).round(3).tolist()


def _draw_state(rng: np.random.Generator) -> tuple[Any, ...]:
    return _draw_table(rng, 8), _draw_table(rng, MAX_KERNEL), _draw_settings(rng)


def _draw_size(rng: np.random.Generator) -> tuple[Any, ...]:
    options = _draw_settings(rng)
    chosen = [options[name] for name in ("stride", "padding", "dilation", "transposed")]
    return int(rng.integers(1, 13)), int(rng.integers(1, 6)), *chosen


class ConvolutionExplorer(CourseWidget):
    """Slide a kernel over a small picture and read every output number as a sum.

    Args:
        picture: rows of numbers, sides 2 to 12, or the name of a preset; default the lecture's 5x5 example.
        kernel: rows of numbers, sides 1 to 5, or the name of a preset; default one that looks one row up.
        stride: 1 to 4.
        padding: 0 to 4 cells of zeros around the picture; for a transposed convolution, cells cut off the output.
        dilation: 1 to 3, the distance between the kernel's taps.
        transposed: whether each input number spreads the kernel out over the output.
        operation: "correlation" (what deep learning calls convolution) or "convolution" (kernel turned by 180°).

    ``picture``, ``kernel`` and the settings can be read back at any time; ``output`` is the result.
    """

    title = "Convolution explorer"
    twins = (
        Twin("size", size, _draw_size),
        Twin("terms", terms, lambda rng: (*_draw_state(rng), int(rng.integers(0, 9)), int(rng.integers(0, 9)))),
        Twin("convolve", convolve, _draw_state),
        Twin("resize", resize, lambda rng: (_draw_table(rng, 7), int(rng.integers(1, 8)), int(rng.integers(1, 8)))),
        Twin(
            "shade",
            shade,
            lambda rng: (float(rng.uniform(0, 5)), float(rng.choice([0, -3])), float(rng.uniform(5, 9))),
        ),
    )

    picture: Any = traitlets.List().tag(sync=True)
    picture_preset = traitlets.Unicode("lecture").tag(sync=True)
    pictures: Any = traitlets.Dict().tag(sync=True)
    kernel: Any = traitlets.List().tag(sync=True)
    kernel_preset = traitlets.Unicode("shift").tag(sync=True)
    kernels: Any = traitlets.Dict(KERNELS).tag(sync=True)
    stride = traitlets.Int(1).tag(sync=True)
    padding = traitlets.Int(0).tag(sync=True)
    dilation = traitlets.Int(1).tag(sync=True)
    transposed = traitlets.Bool(False).tag(sync=True)
    operation = traitlets.Enum(OPERATIONS, "correlation").tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        picture: Any = None,
        kernel: Any = None,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        transposed: bool = False,
        operation: str = "correlation",
        **traits: Any,
    ) -> None:
        names = {"picture": (picture, pictures(), "lecture"), "kernel": (kernel, KERNELS, "shift")}
        for name, (chosen, presets, usual) in names.items():
            chosen = traits.get(f"{name}_preset", usual) if chosen is None else chosen
            if isinstance(chosen, str):
                traits[f"{name}_preset"] = check_choice(name, chosen, tuple(presets))
                traits[name] = [list(row) for row in presets[chosen]]
            else:
                traits[f"{name}_preset"] = "own"
                traits[name] = np.asarray(chosen).tolist()
        check_int("stride", stride, minimum=1, maximum=4)
        check_int("padding", padding, minimum=0, maximum=4)
        check_int("dilation", dilation, minimum=1, maximum=3)
        check_choice("operation", operation, OPERATIONS)
        super().__init__(
            pictures=pictures(), stride=stride, padding=padding, dilation=dilation, transposed=bool(transposed),
            operation=operation, **traits,
        )  # fmt: skip
        if not {"row", "column"} & set(traits):
            result = convolve(self.picture, self.kernel, self.settings)
            if result is not None:
                self.row, self.column = len(result) // 2, len(result[0]) // 2

    @traitlets.validate("picture", "kernel")
    def _check_table(self, proposal: Any) -> list[list[float]]:
        name, rows = proposal["trait"].name, proposal["value"]
        least, most = (2, MAX_SIDE) if name == "picture" else (1, MAX_KERNEL)
        if len({len(row) for row in rows}) != 1 or not np.isfinite(np.asarray(rows, dtype=float)).all():
            raise ValueError(f"{name} must be rows of equally many finite numbers, got {rows}")
        check_int(f"rows of {name}", len(rows), minimum=least, maximum=most)
        check_int(f"columns of {name}", len(rows[0]), minimum=least, maximum=most)
        return list(rows)

    @property
    def settings(self) -> dict[str, Any]:
        """Stride, padding, dilation, transposed and operation, as ``convolve`` takes them."""
        return {name: getattr(self, name) for name in ("stride", "padding", "dilation", "transposed", "operation")}

    @property
    def output(self) -> NDArray[np.float64]:
        """The output, ``(H, W)``.

        Raises:
            ValueError: where the sizes leave no output; the message holds the formula.
        """
        for length, kernel_size in zip(np.shape(self.picture), np.shape(self.kernel)):
            if self.transposed:
                transposed_output_size(length, kernel_size, self.stride, self.padding, dilation=self.dilation)
            else:
                output_size(length, kernel_size, self.stride, self.padding, self.dilation)
        return np.array(convolve(self.picture, self.kernel, self.settings))

    @property
    def static_text(self) -> str:
        """One sentence with the sizes and the chosen cell's sum."""
        kind = f"transposed {self.operation}" if self.transposed else self.operation
        shapes = [f"{len(table)} × {len(table[0])}" for table in (self.picture, self.kernel)]
        start = f"{kind.capitalize()} of a {shapes[0]} picture with a {shapes[1]} kernel, stride {self.stride}, "
        start += f"padding {self.padding}, dilation {self.dilation}: "
        try:
            result = self.output
        except ValueError as error:
            return f"{start}there is no output, {error}."
        row, column = min(self.row, result.shape[0] - 1), min(self.column, result.shape[1] - 1)
        return (
            f"{start}the output has {result.shape[0]} × {result.shape[1]} numbers, "
            f"and the one at row {row}, column {column} is {_short(result[row, column])}."
        )

    def static_svg(self) -> str:
        """Draw picture, kernel and output side by side, the chosen cell and its window framed."""
        result = convolve(self.picture, self.kernel, self.settings)
        pad = 0 if self.transposed else self.padding
        widths = [len(self.picture[0]) + 2 * pad, len(self.kernel[0]), len(result[0]) if result else 3]
        side, gap = min(40.0, 640 / sum(widths)), 24.0
        row, column = (min(self.row, len(result) - 1), min(self.column, len(result[0]) - 1)) if result else (0, 0)
        window = terms(self.picture, self.kernel, self.settings, row, column) if result else []
        marks: tuple[Any, ...] = ([term[:2] for term in window], [term[2:4] for term in window], [[row, column]])
        parts, left, bottom = [], gap, 0.0
        tables: tuple[Any, ...] = (self.picture, self.kernel, result)
        for table, name, width, extra, framed in zip(tables, ("Input", "Kernel", "Output"), widths, (pad, 0, 0), marks):
            parts.append(svg.text(left, 22, name))
            if table is None:
                parts.append(svg.text(left, 60, "none"))
                continue
            least, greatest = min(map(min, table)), max(map(max, table))
            least = min(least, -1e-9) if name == "Kernel" else least
            x0, y0 = left + extra * side, 34 + extra * side
            if extra:
                frame: dict[str, Any] = {"fill": "none", "stroke": svg.COLORS["gray"], "stroke_dasharray": "3 3"}
                parts.append(svg.rect(left, 34, width * side, (len(table) + 2 * extra) * side, **frame))
            for i, numbers in enumerate(table):
                for j, value in enumerate(numbers):
                    fill = shade(value, least, greatest)
                    x, y = x0 + j * side, y0 + i * side
                    parts.append(svg.rect(x, y, side, side, fill=fill, stroke=svg.COLORS["line"]))
                    if side > 20:
                        style = {"text_anchor": "middle", "fill": _ink(fill), "font_size": round(side / 3.1)}
                        parts.append(svg.text(x + side / 2, y + side * 0.62, _in_cell(value), **style))
            for i, j in framed:
                thick: dict[str, Any] = {"fill": "none", "stroke": "#A8477C", "stroke_width": 3}
                parts.append(svg.rect(x0 + j * side + 1.5, y0 + i * side + 1.5, side - 3, side - 3, **thick))
            left, bottom = left + width * side + gap, max(bottom, y0 + (len(table) + extra) * side)
        return svg.document(round(left), round(max(bottom, 80) + 16), parts)
