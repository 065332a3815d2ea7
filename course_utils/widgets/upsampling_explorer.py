"""Which inputs reach an output pixel: of a transposed convolution, and of a stack of dilated layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int
from course_utils.scratch.convolution_kinds.dilated import paths_to_input
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_block

__all__ = [
    "PRESETS",
    "SIGNALS",
    "UpsamplingExplorer",
    "cone",
    "cure",
    "distances",
    "interpolated",
    "kernel_of",
    "paths",
    "phases",
    "reaching",
    "shared",
    "transposed",
]

MODES = ("transposed", "dilated")
WEIGHTS = ("ones", "bilinear", "random")
COMPARE = ("none", "nearest", "bilinear")
SIGNALS = {"constant": [1] * 6, "step": [1, 1, 1, 3, 3, 3], "varied": [2, 5, 1, 4, 6, 3]}
PRESETS = {
    "2, 2, 2: gridding": [2, 2, 2],
    "1, 2, 3: its hybrid cure": [1, 2, 3],
    "1, 2, 4: doubling": [1, 2, 4],
    "1, 2, 5: hybrid": [1, 2, 5],
    "4, 4, 4: gridding, coarser": [4, 4, 4],
    "1, 1, 1, 1: no dilation": [1, 1, 1, 1],
}
MAX_KERNEL, MAX_STRIDE, LAYERS, MAX_RATE, OUTPUTS = 6, 4, 4, 5, 7
SEED = 2


def kernel_of(kind: str, size: int) -> list[float]:
    """Return the weights of a kernel.

    Args:
        kind: ``"ones"``, ``"bilinear"``: a triangle that peaks in the middle, the one that networks for segmentation
            start from, or ``"random"``: the same numbers from 0.1 to 1.2 each time.
        size: number of taps.
    """
    if kind == "ones":
        return [1.0] * size
    if kind == "random":
        return [float(np.floor(1 + 12 * value)) / 10 for value in random_block(SEED, size)]
    factor = (size + 1) // 2
    return [1 - abs(i - (size - 1) / 2) / factor for i in range(size)]


def reaching(count: int, size: int, stride: int, output: int) -> list[list[int]]:
    """Return which of ``count`` inputs reach an output pixel of a transposed convolution, as ``[input, tap]``."""
    return [[i, output - i * stride] for i in range(count) if 0 <= output - i * stride < size]


def transposed(values: Sequence[float], kernel: Sequence[float], stride: int) -> list[float]:
    """Return the transposed convolution along one axis: every input stamps the kernel, overlaps add up."""
    out = [0.0] * (stride * (len(values) - 1) + len(kernel))
    for i, value in enumerate(values):
        for tap, weight in enumerate(kernel):
            out[i * stride + tap] += value * weight
    return out


def phases(kernel: Sequence[float], stride: int) -> list[list[float]]:
    """Return for each residue of the stride how many taps meet an input away from the borders, and their sum."""
    return [[len(kernel[phase::stride]), sum(kernel[phase::stride])] for phase in range(stride)]


def interpolated(values: Sequence[float], size: int, stride: int, mode: str) -> list[float | None]:
    """Return what interpolation gives at the places of the output pixels of a transposed convolution.

    Each input lies at the middle of its stamp.

    Args:
        values: inputs.
        size: taps of the kernel.
        stride: distance between stamps, the factor of the upsampling.
        mode: ``"nearest"`` or ``"bilinear"``; beyond the outermost inputs their value is kept.

    Returns:
        One value for each output; None beyond the half step around the outermost inputs.
    """
    last, out = len(values) - 1, list[float | None]()
    for output in range(stride * last + size):
        nearest = (2 * output - size + 1 + stride) // (2 * stride)
        if not 0 <= nearest <= last:
            out.append(None)
        elif mode == "nearest":
            out.append(values[nearest])
        else:
            place = min(max((2 * output - size + 1) / (2 * stride), 0), last)
            low = min(int(place), max(last - 1, 0))
            out.append(values[low] + (place - low) * (values[min(low + 1, last)] - values[low]))
    return out


def distances(values: Sequence[float], kernel: Sequence[float], stride: int, mode: str) -> list[float | None]:
    """Return the largest distance from interpolation inside and near the borders; None where no pixel lies.

    Inside means that every tap lies over an input or over a zero between two.
    """
    wanted, most = interpolated(values, len(kernel), stride, mode), list[float | None]([None, None])
    for output, (value, other) in enumerate(zip(transposed(values, kernel, stride), wanted, strict=True)):
        if other is not None:
            border = int(output < len(kernel) - 1 or output > stride * (len(values) - 1))
            most[border] = max(most[border] or 0.0, abs(value - other))
    return most


def paths(rates: Sequence[int]) -> list[int]:
    """Return the paths from each pixel of the receptive field of a stack of 3-tap layers; 0 is a hole."""
    return paths_to_input(3, rates).tolist()


def cone(rates: Sequence[int], unit: int) -> list[list[list[int]]]:
    """Return which units of each row reach one output of the stack, and by how many paths.

    Args:
        rates: first layer first; no layer is padded, unit i of a layer sees i, i + rate and i + 2 rate below.
        unit: index of the output.

    Returns:
        Rows from the input to the output, each of ``[index, paths]`` in order.
    """
    rows = [[[unit, 1]]]
    for rate in reversed(rates):
        counts: dict[int, int] = {}
        for index, count in rows[0]:
            for tap in range(3):
                counts[index + tap * rate] = counts.get(index + tap * rate, 0) + count
        rows.insert(0, [[index, counts[index]] for index in sorted(counts)])
    return rows


def shared(rates: Sequence[int]) -> int:
    """Return how many inputs an output of the stack shares with the output beside it."""
    seen = paths(rates)
    return sum(bool(a and b) for a, b in pairwise(seen))


def cure(rates: Sequence[int], most: int) -> list[int] | None:
    """Return growing rates with the same field and no hole, the first rates as large as can be.

    Args:
        rates: the stack to mend, at least one layer.
        most: largest rate allowed.

    Returns:
        As many rates, or None if no such rates exist.
    """

    def search(chosen: list[int], left: int) -> list[int] | None:
        if len(chosen) == len(rates):
            return chosen if left == 0 and all(paths(chosen)) else None
        for rate in range(min(most, left), (chosen[-1] if chosen else 1) - 1, -1):
            found = search([*chosen, rate], left - rate)
            if found:
                return found
        return None

    return search([], sum(rates))


def _draw_values(rng: np.random.Generator) -> list[int]:
    return rng.integers(0, 10, int(rng.integers(1, 9))).tolist()


def _draw_kernel(rng: np.random.Generator) -> list[float]:
    return kernel_of(str(rng.choice(WEIGHTS)), int(rng.integers(1, MAX_KERNEL + 1)))


def _draw_stride(rng: np.random.Generator) -> int:
    return int(rng.integers(1, MAX_STRIDE + 1))


def _draw_rates(rng: np.random.Generator, least: int = 0) -> list[int]:
    return rng.integers(1, MAX_RATE + 1, int(rng.integers(least, LAYERS + 1))).tolist()


def _draw_reaching(rng: np.random.Generator) -> tuple[int, ...]:
    return int(rng.integers(1, 8)), int(rng.integers(1, 7)), _draw_stride(rng), int(rng.integers(0, 30))


class UpsamplingExplorer(CourseWidget):
    """See which inputs reach an output pixel of a transposed convolution, or of a stack of dilated layers.

    Args:
        mode: ``"transposed"`` or ``"dilated"``.
        kernel_size: taps of the transposed convolution, 1 to 6.
        stride: its stride, 1 to 4.
        weights: ``"ones"``, ``"bilinear"`` or ``"random"``, see ``kernel_of``.
        values: ``"constant"``, ``"step"``, ``"varied"``, or 2 to 6 whole numbers from 0 to 9.
        compare: ``"none"``, ``"nearest"`` or ``"bilinear"``.
        rates: the name of a preset, or up to four rates of 3-tap layers, 1 to 5, first layer first; 0 leaves one out.

    ``output``, ``taps``, ``paths`` and ``holes`` can be read at any time, as can all arguments.
    """

    title = "Upsampling and dilation"
    twins = (
        Twin("kernelOf", kernel_of, lambda rng: (str(rng.choice(WEIGHTS)), int(rng.integers(1, 12)))),
        Twin("reaching", reaching, _draw_reaching),
        Twin("transposed", transposed, lambda rng: (_draw_values(rng), _draw_kernel(rng), _draw_stride(rng))),
        Twin("phases", phases, lambda rng: (_draw_kernel(rng), _draw_stride(rng))),
        Twin(
            "interpolated",
            interpolated,
            lambda rng: (_draw_values(rng), int(rng.integers(1, 7)), _draw_stride(rng), str(rng.choice(COMPARE[1:]))),
        ),
        Twin(
            "distances",
            distances,
            lambda rng: (_draw_values(rng), _draw_kernel(rng), _draw_stride(rng), str(rng.choice(COMPARE[1:]))),
        ),
        Twin("paths", paths, lambda rng: (_draw_rates(rng),)),
        Twin("cone", cone, lambda rng: (_draw_rates(rng), int(rng.integers(OUTPUTS)))),
        Twin("shared", shared, lambda rng: (_draw_rates(rng),)),
        Twin("cure", cure, lambda rng: (_draw_rates(rng, 1), int(rng.integers(2, MAX_RATE + 1)))),
    )

    mode = traitlets.Unicode("transposed").tag(sync=True)
    kernel_size = traitlets.Int(3).tag(sync=True)
    stride = traitlets.Int(2).tag(sync=True)
    weights = traitlets.Unicode("ones").tag(sync=True)
    signal = traitlets.Unicode("constant").tag(sync=True)
    signals: Any = traitlets.Dict(SIGNALS).tag(sync=True)
    values: Any = traitlets.List().tag(sync=True)
    compare = traitlets.Unicode("none").tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    preset = traitlets.Unicode("own").tag(sync=True)
    presets: Any = traitlets.Dict(PRESETS).tag(sync=True)
    rates: Any = traitlets.List().tag(sync=True)
    unit = traitlets.Int(OUTPUTS // 2).tag(sync=True)

    def __init__(
        self, mode: str = "transposed", values: Any = "constant", rates: Any = "2, 2, 2: gridding", **traits: Any
    ) -> None:
        if isinstance(values, str):
            traits["signal"] = check_choice("values", values, tuple(SIGNALS))
            values = SIGNALS[values]
        else:
            traits["signal"] = "own"
        if isinstance(rates, str):
            traits["preset"] = check_choice("rates", rates, tuple(PRESETS))
            rates = PRESETS[rates]
        super().__init__(mode=mode, values=list(values), rates=list(rates), **traits)
        if "chosen" not in traits:
            self.chosen = self.stride * (len(self.values) // 2) + (self.kernel_size - 1) // 2

    @traitlets.validate("mode", "weights", "compare")
    def _check_words(self, proposal: Any) -> str:
        name = proposal["trait"].name
        return check_choice(name, proposal["value"], {"mode": MODES, "weights": WEIGHTS, "compare": COMPARE}[name])

    @traitlets.validate("kernel_size", "stride")
    def _check_sizes(self, proposal: Any) -> int:
        name = proposal["trait"].name
        return check_int(
            name, proposal["value"], minimum=1, maximum=MAX_KERNEL if name == "kernel_size" else MAX_STRIDE
        )

    @traitlets.validate("values")
    def _check_values(self, proposal: Any) -> list[int]:
        check_int("number of values", len(proposal["value"]), minimum=2, maximum=6)
        return [check_int("value", value, minimum=0, maximum=9) for value in proposal["value"]]

    @traitlets.validate("rates")
    def _check_rates(self, proposal: Any) -> list[int]:
        check_int("number of rates", len(proposal["value"]), maximum=LAYERS)
        whole = [check_int("rate", rate, minimum=0, maximum=MAX_RATE) for rate in proposal["value"]]
        return whole + [0] * (LAYERS - len(whole))

    @property
    def kernel(self) -> list[float]:
        """Weights of the transposed convolution."""
        return kernel_of(self.weights, self.kernel_size)

    @property
    def output(self) -> list[float]:
        """Output row of the transposed convolution, nothing cropped."""
        return transposed(self.values, self.kernel, self.stride)

    @property
    def taps(self) -> list[int]:
        """How many taps of the transposed convolution reach each output pixel."""
        each = range(len(self.output))
        return [len(reaching(len(self.values), self.kernel_size, self.stride, i)) for i in each]

    @property
    def paths(self) -> list[int]:
        """Paths from each pixel of the field of the dilated stack to its output."""
        return paths([rate for rate in self.rates if rate])

    @property
    def holes(self) -> int:
        """Pixels of that field which the output cannot see."""
        return self.paths.count(0)

    @property
    def static_text(self) -> str:
        """One sentence with the chosen output's sum, or with the field and its holes."""
        if self.mode == "dilated":
            rates = [rate for rate in self.rates if rate]
            seen = len(self.paths) - self.holes
            return (
                f"Dilated 3-tap layers of rates {', '.join(map(str, rates)) or 'none'}: an output sees {seen} of "
                f"{len(self.paths)} inputs of its field, by {sum(self.paths)} paths, and shares {shared(rates)} of "
                "them with the output beside it."
            )
        at = min(self.chosen, len(self.output) - 1)
        met = reaching(len(self.values), self.kernel_size, self.stride, at)
        terms = " + ".join(f"{self.values[i]}·{svg.number(self.kernel[tap])}" for i, tap in met) or "nothing"
        turns = ", ".join(str(taps) for taps, _ in phases(self.kernel, self.stride))
        return (
            f"Transposed convolution, {self.kernel_size} taps ({self.weights}), stride {self.stride}: output pixel "
            f"{at} is {terms} = {svg.number(self.output[at])}; away from the borders {turns} taps reach the pixels "
            "in turn."
        )

    def static_svg(self) -> str:
        """Draw the rows of the chosen mode with what reaches the chosen output."""
        return self._stack_svg() if self.mode == "dilated" else self._transposed_svg()

    def _transposed_svg(self) -> str:
        kernel, out, at = self.kernel, self.output, min(self.chosen, len(self.output) - 1)
        met, middle = reaching(len(self.values), len(kernel), self.stride, at), (len(kernel) - 1) / 2
        step = min(34.0, 620 / (len(out) + len(kernel) - 1))
        width, high, side = step * (len(out) + len(kernel) - 1) + 40, max(*out, 1e-9), step * 0.84
        blue, gray, tall = svg.COLORS["blue"], svg.COLORS["gray"], max(kernel)

        def box(place: float, y: float, height: float, fill: str) -> str:
            x = 20 + step * (place + middle + 0.5) - side / 2
            return svg.rect(x, y, side, height, fill=fill, stroke=gray)

        def words(place: float, y: float, said: str) -> str:
            return svg.text(20 + step * (place + middle + 0.5), y, said, text_anchor="middle", font_size=12)

        parts = [svg.text(20, 16, "input, zeros in between"), svg.text(20, 68, "kernel, turned round")]
        for place in range(self.stride * (len(self.values) - 1) + 1):
            i, rest = divmod(place, self.stride)
            on = any(one == i for one, _ in met) and not rest
            parts.append(box(place + middle, 24, 20, svg.COLORS["sky"] if on else "#ffffff"))
            parts.append(words(place + middle, 39, "0" if rest else str(self.values[i])))
        for tap, weight in enumerate(kernel):
            on = any(one == tap for _, one in met)
            parts.append(
                box(at - tap + middle, 110 - 30 * weight / tall, 30 * weight / tall, blue if on else "#ffffff")
            )
        parts += [svg.text(20, 134, "output"), svg.text(20, 226, "taps that reach each output pixel")]
        for i, value in enumerate(out):
            parts.append(box(i, 206 - 60 * value / high, 60 * value / high, blue if i == at else svg.COLORS["sky"]))
            parts += [box(i, 233, 20, "#ffffff"), words(i, 248, str(self.taps[i]))]
        return svg.document(max(width, 280), 262, parts)

    def _stack_svg(self) -> str:
        rates = [rate for rate in self.rates if rate]
        reach, rows = np.cumsum([0, *rates]).tolist(), cone(rates, self.unit)
        total, gap = OUTPUTS + 2 * reach[-1], 46
        step = min(30.0, 620 / total)
        parts, lines = [], ""

        def place(level: int, index: int) -> tuple[float, float]:
            return 20 + step * (index + reach[level] + 0.5), 24 + gap * (len(rates) - level)

        for level in range(len(rates), 0, -1):
            for index, _ in rows[level]:
                for tap in range(3):
                    (x1, y1), (x2, y2) = place(level, index), place(level - 1, index + tap * rates[level - 1])
                    lines += f"M{svg.number(x1)} {svg.number(y1 + 16)}L{svg.number(x2)} {svg.number(y2)}"
        parts.append(svg.path(lines, stroke=svg.COLORS["sky"]))
        for level in range(len(rates) + 1):
            seen = {index for index, _ in rows[level]}
            for index in range(total - 2 * reach[level]):
                x, y = place(level, index)
                fill = svg.COLORS["blue"] if index in seen else "#ffffff"
                parts.append(svg.rect(x - step * 0.42, y, step * 0.84, 16, fill=fill, stroke=svg.COLORS["gray"]))
            words = f"layer {level}, rate {rates[level - 1]}" if level else "input"
            parts.append(svg.text(28 + step * total, place(level, 0)[1] + 13, words))
        return svg.document(step * total + 160, 60 + gap * len(rates), parts)
