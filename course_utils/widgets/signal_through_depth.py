"""How large activations and gradients are, layer by layer, in an untrained network of up to fifty layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_numbers

__all__ = [
    "ACTIVATIONS", "SCHEMES", "SignalThroughDepth", "factor", "histogram", "predict", "run", "trace", "weights",
    "widths",
]  # fmt: skip

Array = NDArray[np.float64]
ACTIVATIONS = ("linear", "sigmoid", "tanh", "ReLU", "leaky ReLU")
SCHEMES = ("zero", "all equal", "normal 0.01", "normal 1", "LeCun", "Glorot", "He", "orthogonal")
WIDTHS = (8, 16, 32, 64)
BATCH, MAX_DEPTH, LEAK, BINS = 32, 50, 0.01, 25
# Seeds of the inputs and of the gradients at the top; unlike the seeds of weights, which count from 0.
INPUT_SEED, TOP_SEED = 1_000_003, 2_000_003


def widths(width: int, depth: int, narrowing: bool) -> list[int]:
    """Return the sizes of the input and of every layer; a narrowing network ends with a quarter of ``width``."""
    share = 0.25 if narrowing else 1.0
    return [math.floor(width * share ** (layer / depth) + 0.5) for layer in range(depth + 1)]


def factor(scheme: str, fan_in: int, fan_out: int) -> float:
    """Return the standard deviation of a weight; "all equal" has no spread, every weight is 1 / fan_in."""
    return {
        "zero": 0.0, "all equal": 1 / fan_in, "normal 0.01": 0.01, "normal 1": 1.0, "LeCun": 1 / math.sqrt(fan_in),
        "Glorot": math.sqrt(2 / (fan_in + fan_out)), "He": math.sqrt(2 / fan_in),
        "orthogonal": 1 / math.sqrt(fan_in),
    }[scheme]  # fmt: skip


def _normals(numbers: Iterator[float], count: int) -> list[float]:
    out: list[float] = []
    while len(out) < count:
        length, angle = math.sqrt(-2 * math.log(1 - next(numbers))), 2 * math.pi * next(numbers)
        out += [length * math.cos(angle), length * math.sin(angle)]
    return out[:count]


@lru_cache(maxsize=8)
def _drawn(sizes: tuple[int, ...], seed: int) -> tuple[Array, ...]:
    numbers = random_numbers(seed)
    return tuple(np.array(_normals(numbers, b * a)).reshape(b, a) for a, b in pairwise(sizes))


def weights(sizes: Sequence[int], scheme: str, gain: float, seed: int) -> list[Array]:
    """Return one matrix (out, in) for each layer.

    Args:
        sizes: of the input and of every layer, none larger than the one before.
        scheme: one of ``SCHEMES``.
        gain: factor on all weights.
        seed: of the normal numbers; every scheme scales the same ones.
    """
    made = []
    for unit in _drawn(tuple(sizes), seed):
        (fan_out, fan_in), drawn = unit.shape, unit
        if scheme == "all equal":
            drawn = np.ones_like(unit)
        elif scheme == "orthogonal":
            drawn = unit.copy()
            for i in range(fan_out):  # Gram and Schmidt, row by row
                for j in range(i):
                    drawn[i] -= (drawn[i] @ drawn[j]) * drawn[j]
                drawn[i] /= math.sqrt(drawn[i] @ drawn[i])
            drawn *= math.sqrt(fan_in)
        made.append(gain * factor(scheme, fan_in, fan_out) * drawn)
    return made


def _activate(name: str, a: Array) -> tuple[Array, Array]:
    if name == "tanh":
        x = np.tanh(a)
        return x, 1 - x * x
    if name == "sigmoid":
        x = 1 / (1 + np.exp(-a))
        return x, x * (1 - x)
    low = {"linear": 1.0, "ReLU": 0.0, "leaky ReLU": LEAK}[name]
    return np.where(a > 0, a, low * a), np.where(a > 0, 1.0, low)


def _rms(values: Array) -> float:
    return math.sqrt(float((values * values).mean()))


def run(config: dict[str, Any]) -> dict[str, list[Array]]:
    """Send a batch forward and a random gradient back.

    Args:
        config: ``activation``, ``scheme``, ``gain``, ``depth``, ``width``, ``narrowing``, ``seed``.

    Returns:
        ``outputs`` of the input and of every layer, ``gradients`` of the loss by each of them, ``slopes`` of the
        layers; each an array (batch, units).
    """
    sizes = widths(config["width"], config["depth"], config["narrowing"])
    matrices = weights(sizes, config["scheme"], config["gain"], config["seed"])
    outputs = [np.array(_normals(random_numbers(INPUT_SEED + config["seed"]), BATCH * sizes[0])).reshape(BATCH, -1)]
    slopes = []
    for matrix in matrices:
        x, slope = _activate(config["activation"], outputs[-1] @ matrix.T)
        outputs.append(x)
        slopes.append(slope)
    top = _normals(random_numbers(TOP_SEED + config["seed"]), BATCH * sizes[-1])
    gradients = [np.array(top).reshape(BATCH, -1)]
    for matrix, slope in zip(reversed(matrices), reversed(slopes)):
        gradients.insert(0, (gradients[0] * slope) @ matrix)
    return {"outputs": outputs, "gradients": gradients, "slopes": slopes}


def trace(config: dict[str, Any]) -> dict[str, list[float]]:
    """Return the root mean squares of a run, and how much of each layer is idle.

    Args:
        config: see ``run``.

    Returns:
        ``forward`` and ``backward``: of the input and of every layer; ``idle``: share of a layer's values at which
        the slope is under a twentieth of the largest possible; ``dead``: units that are idle on the whole batch.
    """
    made, most = run(config), 0.25 if config["activation"] == "sigmoid" else 1.0
    idle = [slope < 0.05 * most for slope in made["slopes"]]
    return {
        "forward": [_rms(x) for x in made["outputs"]],
        "backward": [_rms(g) for g in made["gradients"]],
        "idle": [float(layer.mean()) for layer in idle],
        "dead": [int(layer.all(axis=0).sum()) for layer in idle],
    }


def predict(config: dict[str, Any]) -> dict[str, list[float]] | None:
    """Return the root mean squares that very wide layers would have, None where equal weights forbid the argument.

    The mean square of a pre-activation is fan_in * variance * (mean square of the input); that of f(a) and f'(a)
    is an integral over a Gaussian. On the way back it is fan_out * variance * (mean square of f') each layer.
    """
    if config["scheme"] == "all equal":
        return None
    sizes = widths(config["width"], config["depth"], config["narrowing"])
    z = np.arange(-200, 201) / 25
    mass = np.exp(-z * z / 2)
    mass /= mass.sum()
    forward, turns, low = [1.0], [], {"ReLU": 0.0, "leaky ReLU": LEAK}.get(config["activation"])
    for fan_in, fan_out in pairwise(sizes):
        variance = (config["gain"] * factor(config["scheme"], fan_in, fan_out)) ** 2
        x, slope = _activate(config["activation"], math.sqrt(fan_in * variance * forward[-1]) * z)
        forward.append(float(mass @ (x * x)))
        # half of a symmetric distribution lies above the kink
        turn = float(mass @ (slope * slope)) if low is None else (1 + low * low) / 2
        turns.append(fan_out * variance * turn)
    backward = [1.0]
    for turn in reversed(turns):
        backward.insert(0, backward[0] * turn)
    return {"forward": [math.sqrt(q) for q in forward], "backward": [math.sqrt(q) for q in backward]}


def histogram(values: Any, reach: float) -> list[int]:
    """Count values in ``BINS`` equal bins from -reach to reach; what lies outside goes to the last ones."""
    counts = [0] * BINS
    for value in np.asarray(values, dtype=np.float64).ravel().tolist():
        counts[min(BINS - 1, max(0, math.floor((value + reach) / (2 * reach) * BINS)))] += 1
    return counts


def _draw(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    return ({"activation": str(rng.choice(ACTIVATIONS)), "scheme": str(rng.choice(SCHEMES)),
             "gain": float(rng.uniform(0.5, 2)), "depth": int(rng.integers(1, 8)), "width": int(rng.choice([4, 8])),
             "narrowing": bool(rng.integers(2)), "seed": int(rng.integers(1000))},)  # fmt: skip


def _draw_weights(rng: np.random.Generator) -> tuple[Any, ...]:
    sizes = sorted(rng.integers(1, 7, 3).tolist(), reverse=True)
    return sizes, str(rng.choice(SCHEMES)), float(rng.uniform(0.5, 2)), int(rng.integers(1000))


class SignalThroughDepth(CourseWidget):
    """Watch activations and gradients keep their size, vanish or explode, layer by layer, for any start.

    Args:
        activation: "linear", "sigmoid", "tanh", "ReLU" or "leaky ReLU".
        scheme: how weights are drawn, of ``SCHEMES``; biases are 0.
        gain: factor on all weights, 0.5 to 2.
        depth: number of layers, 1 to 50.
        width: units of the input and of every layer: 8, 16, 32 or 64.
        narrowing: let the layers narrow to a quarter of ``width``.

    ``sizes`` has what the curves show.
    """

    title = "Signals through depth"
    twins = (
        Twin("widths", widths, lambda rng: (int(rng.choice(WIDTHS)), int(rng.integers(1, 51)), bool(rng.integers(2)))),
        Twin("factor", factor, lambda rng: (str(rng.choice(SCHEMES)), int(rng.integers(1, 65)), int(rng.integers(9)))),
        Twin("weights", weights, _draw_weights, 1e-8),
        Twin("trace", trace, _draw, 1e-7),
        Twin("predict", predict, _draw),
        Twin("histogram", histogram, lambda rng: (rng.normal(size=20).tolist(), float(rng.uniform(0.5, 3)))),
    )

    activation = traitlets.Enum(ACTIVATIONS, "ReLU").tag(sync=True)
    scheme = traitlets.Enum(SCHEMES, "LeCun").tag(sync=True)
    gain = traitlets.Float(1.0).tag(sync=True)
    depth = traitlets.Int(30).tag(sync=True)
    width = traitlets.Enum(WIDTHS, 32).tag(sync=True)
    narrowing = traitlets.Bool(False).tag(sync=True)
    layer = traitlets.Int(10).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        activation: str = "ReLU",
        scheme: str = "LeCun",
        gain: float = 1.0,
        depth: int = 30,
        width: int = 32,
        narrowing: bool = False,
        **traits: Any,
    ) -> None:
        super().__init__(
            activation=check_choice("activation", activation, ACTIVATIONS),
            scheme=check_choice("scheme", scheme, SCHEMES),
            gain=check_number("gain", gain, minimum=0.5, maximum=2),
            depth=check_int("depth", depth, minimum=1, maximum=MAX_DEPTH),
            width=check_choice("width", width, WIDTHS), narrowing=bool(narrowing),
            **{"layer": min(10, depth), **traits},
        )  # fmt: skip

    @property
    def config(self) -> dict[str, Any]:
        """The settings, as ``run``, ``trace`` and ``predict`` take them."""
        names = ("activation", "scheme", "gain", "depth", "width", "narrowing", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def sizes(self) -> dict[str, list[float]]:
        """Root mean squares and idle shares, layer by layer: see ``trace``."""
        return trace(self.config)

    @property
    def static_text(self) -> str:
        """One sentence with what becomes of the signal on both ways, and what was predicted."""
        seen, said = self.sizes, predict(self.config)
        text = (
            f"{self.depth} layers of {self.activation} units, {self.width} wide, weights “{self.scheme}” times "
            f"{svg.number(self.gain)}: the activations end with a root mean square of {_short(seen['forward'][-1])}, "
            f"the gradients reach the input with {_short(seen['backward'][0])}"
        )
        if said:
            wide = f"{_short(said['forward'][-1])} and {_short(said['backward'][0])}"
            return f"{text}, both from about 1; very wide layers would have {wide}."
        return f"{text}; all units of a layer compute the same."

    def static_svg(self) -> str:
        """Draw both ways on logarithmic axes, with the prediction, and the histogram of one layer."""
        seen, said, parts = self.sizes, predict(self.config), []
        for row, (name, words) in enumerate([("forward", "activations"), ("backward", "gradients")]):
            top, values = 30 + 160 * row, [*seen[name], *(said[name] if said else [])]
            low, high = _span(values)

            def place(layer: int, value: float, top: float = top, low: int = low, high: int = high) -> Any:
                power = math.log10(value) if value > 0 else low
                return 70 + 330 * layer / self.depth, top + 120 * (high - min(high, max(low, power))) / (high - low)

            parts.append(svg.text(70, top - 8, f"{words}, root mean square"))
            parts += [svg.line(70, top + 120, 400, top + 120), svg.line(70, top, 70, top + 120)]
            for power in (low, 0, high):
                parts.append(svg.text(62, place(0, 10.0**power)[1] + 5, f"1e{power}", text_anchor="end"))
            for curve, color, dash in ((said, "gray", "5 4"), (seen, "blue", None)):
                if curve:
                    points = [place(layer, value) for layer, value in enumerate(curve[name])]
                    style: dict[str, object] = {"stroke": svg.COLORS[color], "stroke_dasharray": dash}
                    parts.append(svg.polyline(points, stroke_width=2, **style))
        layer = min(self.layer, self.depth)
        held = run(self.config)["outputs"][layer]
        counts = histogram(held, float(np.abs(held).max()) or 1.0)
        for i, count in enumerate(counts):
            tall = 120 * count / max(counts)
            parts.append(svg.rect(430 + 8 * i, 150 - tall, 7, tall, fill=svg.COLORS["blue"]))
        parts += [svg.line(430, 150, 630, 150), svg.text(430, 22, f"values of layer {layer}")]
        parts += [
            svg.line(430, 205, 470, 205, stroke=svg.COLORS["blue"], stroke_width=2),
            svg.text(480, 210, "measured"),
        ]
        style = {"stroke": svg.COLORS["gray"], "stroke_dasharray": "5 4", "stroke_width": 2}
        parts += [svg.line(430, 231, 470, 231, **style), svg.text(480, 236, "very wide layers")]
        parts += [
            svg.text(235, 330, "layer", text_anchor="middle"),
            svg.text(400, 330, str(self.depth), text_anchor="end"),
        ]
        return svg.document(650, 340, parts)


def _span(values: Sequence[float]) -> tuple[int, int]:
    """Return the decades that an axis shows: at least 0.01 to 100, at most 1e-12 to 1e12."""
    powers = [math.log10(value) for value in values if value > 0]
    return max(-12, math.floor(min([-2, *powers]))), min(12, math.ceil(max([2, *powers])))


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}" if 0.001 <= value < 1000 else f"{value:.0e}"
