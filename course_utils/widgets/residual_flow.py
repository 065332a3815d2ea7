"""How large signal and gradient are along a plain stack of layers and along its residual twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_block
from course_utils.widgets.signal_through_depth import INPUT_SEED, TOP_SEED, weights

__all__ = ["KINDS", "ORDERS", "SCENES", "ResidualFlow", "paths", "run", "trace"]

Array = NDArray[np.float64]
KINDS = ("plain", "residual")
ORDERS = ("post", "pre")
WIDTH, BATCH, MAX_DEPTH, EPS = 32, 16, 100, 1e-5
# Settings worth a look; the rest of the dials stay where they are.
SCENES: dict[str, dict[str, Any]] = {
    "batch norm, ReLU after the sum (2015)": {"norm": True, "order": "post", "gain": 1.0, "scale": 1.0},
    "batch norm, pre-activation (2016)": {"norm": True, "order": "pre", "gain": 1.0, "scale": 1.0},
    "no norm, He start": {"norm": False, "order": "pre", "gain": 1.0, "scale": 1.0},
    "no norm, weights too small": {"norm": False, "order": "pre", "gain": 0.7, "scale": 1.0},
    "no norm, branches scaled down": {"norm": False, "order": "pre", "gain": 1.0, "scale": 0.15},
    "branches at zero": {"norm": False, "order": "pre", "gain": 1.0, "scale": 0.0},
}


def _normals(seed: int, count: int) -> Array:
    pairs = random_block(seed, count).reshape(-1, 2)
    length, angle = np.sqrt(-2 * np.log(1 - pairs[:, 0])), 2 * np.pi * pairs[:, 1]
    return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1).ravel()


def _rms(values: Array) -> float:
    return math.sqrt(float((values * values).mean()))


class _Layer:
    """Normalise, rectify or multiply, and remember what the way back needs."""

    def __init__(self, kind: str, matrix: Array | None = None) -> None:
        self.kind, self.matrix = kind, matrix

    def forward(self, x: Array) -> Array:
        if self.kind == "linear":
            assert self.matrix is not None
            return x @ self.matrix.T
        if self.kind == "relu":
            self.on = x > 0
            return np.where(self.on, x, 0.0)
        self.width = np.sqrt(x.var(axis=0) + EPS)
        self.unit = (x - x.mean(axis=0)) / self.width
        return self.unit

    def backward(self, g: Array) -> Array:
        if self.kind == "linear":
            assert self.matrix is not None
            return g @ self.matrix
        if self.kind == "relu":
            return np.where(self.on, g, 0.0)
        return (g - g.mean(axis=0) - self.unit * (g * self.unit).mean(axis=0)) / self.width


def _branch(order: str, norm: bool, first: Array, second: Array) -> list[_Layer]:
    """Return F of a block: two layers of weights with what stands between them."""
    middle = [_Layer("norm")] * norm
    kinds = [*middle, _Layer("relu"), _Layer("linear", first), *middle, _Layer("relu"), _Layer("linear", second)]
    if order == "post":
        kinds = [_Layer("linear", first), *middle, _Layer("relu"), _Layer("linear", second), *middle]
    return [_Layer(one.kind, one.matrix) for one in kinds]


def run(config: dict[str, Any], kind: str) -> dict[str, list[Array]]:
    """Send a batch through a stack of blocks, and a random gradient back.

    A block is x + scale * F(x), or F(x) in the plain twin; F has two layers. Order "post" rectifies the sum and
    normalises after each layer of weights; "pre" normalises and rectifies before it and leaves the sum alone.

    Args:
        config: ``depth`` (layers of weights, even), ``order``, ``norm``, ``gain`` (on He's weights), ``scale`` and
            ``seed``.
        kind: "plain" or "residual".

    Returns:
        ``outputs`` of the input and of every block and ``gradients`` by each of them; for each block ``branch`` and
        ``skip``, the two parts whose sum is the gradient at its input; all (batch, units).
    """
    depth = config["depth"]
    matrices = weights([WIDTH] * (depth + 1), "He", config["gain"], config["seed"])
    x = _normals(INPUT_SEED + config["seed"], BATCH * WIDTH).reshape(BATCH, WIDTH)
    outputs, blocks = [x], []
    for at in range(0, depth, 2):
        branch = _branch(config["order"], config["norm"], matrices[at], matrices[at + 1])
        y = x
        for layer in branch:
            y = layer.forward(y)
        x = x + config["scale"] * y if kind == "residual" else y
        last = _Layer("relu") if config["order"] == "post" else None
        x = last.forward(x) if last else x
        blocks.append((branch, last))
        outputs.append(x)
    g = _normals(TOP_SEED + config["seed"], BATCH * WIDTH).reshape(BATCH, WIDTH)
    gradients, ways, skips = [g], list[Array](), list[Array]()
    for branch, last in reversed(blocks):
        g = last.backward(g) if last else g
        skip, way = (g, config["scale"] * g) if kind == "residual" else (np.zeros_like(g), g)
        for layer in reversed(branch):
            way = layer.backward(way)
        g = skip + way
        gradients.insert(0, g)
        ways.insert(0, way)
        skips.insert(0, skip)
    return {"outputs": outputs, "gradients": gradients, "branch": ways, "skip": skips}


def trace(config: dict[str, Any], kind: str) -> dict[str, list[float]]:
    """Return the root mean squares of a run.

    Args:
        config: see :func:`run`.
        kind: "plain" or "residual".

    Returns:
        ``forward`` and ``backward`` of the input and of every block, ``branch`` and ``skip`` of every block.
    """
    made = run(config, kind)
    names = {"forward": "outputs", "backward": "gradients", "branch": "branch", "skip": "skip"}
    return {ours: [_rms(one) for one in made[theirs]] for ours, theirs in names.items()}


def paths(branch: Sequence[float], skip: Sequence[float]) -> list[float]:
    """Return which share of the gradient's square has gone through 0, 1, ... branches on its way down.

    At each block the gradient splits: a part goes through the branch, a part past it. Parts that are at right angles
    add their squares, so a block sends the share b² / (b² + s²) through its branch, independently of the others: the
    lengths of paths are the sum of so many unequal coins.

    Args:
        branch: root mean square of the gradient that comes through each block's branch.
        skip: and past it.

    Source: A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively shallow networks",
    NIPS 2016, measure the same by sampling paths.
    """
    shares = [1.0]
    for b, s in zip(branch, skip, strict=True):
        p = b * b / (b * b + s * s) if b or s else 0.0
        shares = [(shares[k] if k < len(shares) else 0.0) * (1 - p) + (shares[k - 1] * p if k else 0.0)
                  for k in range(len(shares) + 1)]  # fmt: skip
    return shares


def _draw(rng: np.random.Generator) -> tuple[dict[str, Any], str]:
    config = {"depth": 2 * int(rng.integers(1, 6)), "order": str(rng.choice(ORDERS)), "norm": bool(rng.integers(2)),
              "gain": float(rng.uniform(0.5, 1.5)), "scale": float(rng.uniform(0, 1)),
              "seed": int(rng.integers(99))}  # fmt: skip
    return config, str(rng.choice(KINDS))


def _draw_paths(rng: np.random.Generator) -> tuple[list[float], list[float]]:
    n = int(rng.integers(0, 12))
    return rng.uniform(0, 2, n).tolist(), (rng.uniform(0, 2, n) * rng.integers(0, 2, n)).tolist()


class ResidualFlow(CourseWidget):
    """Compare a plain stack with its residual twin: same weights, with and without shortcuts.

    Args:
        depth: layers of weights, 2 to 100, two in a block.
        norm: batch normalisation in the branches.
        order: "pre" (normalise and rectify before the weights, nothing after the sum) or "post".
        gain: factor on He's weights, 0.25 to 2.
        scale: factor on every residual branch, 0 to 1.

    ``sizes`` has what the curves show.
    """

    title = "Plain and residual: signal and gradient"
    twins = (
        Twin("trace", trace, _draw, 1e-6),
        Twin("paths", paths, _draw_paths),
    )

    scene = traitlets.Unicode("").tag(sync=True)
    scenes: Any = traitlets.Dict(SCENES).tag(sync=True)
    depth = traitlets.Int(50).tag(sync=True)
    norm = traitlets.Bool(True).tag(sync=True)
    order = traitlets.Enum(ORDERS, "pre").tag(sync=True)
    gain = traitlets.Float(1.0).tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)
    block = traitlets.Int(5).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        depth: int = 50,
        norm: bool = True,
        order: str = "pre",
        gain: float = 1.0,
        scale: float = 1.0,
        **traits: Any,
    ) -> None:
        check_int("depth", depth, minimum=2, maximum=MAX_DEPTH)
        if depth % 2:
            raise ValueError(f"depth must be even, two layers a block, got {depth}")
        dials = {"norm": bool(norm), "order": check_choice("order", order, ORDERS),
                 "gain": check_number("gain", gain, minimum=0.25, maximum=2),
                 "scale": check_number("scale", scale, minimum=0, maximum=1)}  # fmt: skip
        scene = next((name for name, dial in SCENES.items() if dial == dials), "own")
        super().__init__(depth=depth, **{"scene": scene, "block": min(5, depth // 2), **traits, **dials})

    @property
    def config(self) -> dict[str, Any]:
        """The settings, as ``run`` and ``trace`` take them."""
        return {name: getattr(self, name) for name in ("depth", "order", "norm", "gain", "scale", "seed")}

    @property
    def sizes(self) -> dict[str, dict[str, list[float]]]:
        """Root mean squares of both twins, block by block: see ``trace``."""
        return {kind: trace(self.config, kind) for kind in KINDS}

    @property
    def static_text(self) -> str:
        """One sentence with what both twins do to signal and gradient."""
        seen = self.sizes
        said = [
            f"{kind} {short(seen[kind][way][end])}" for way, end in (("forward", -1), ("backward", 0)) for kind in KINDS
        ]
        norm = "with batch normalisation" if self.norm else "without normalisation"
        return (
            f"{self.depth} layers in blocks of two, {self.order}-activation, {norm}, He's "
            f"weights times {svg.number(self.gain)}, branches times {svg.number(self.scale)}: the signal ends at "
            f"{said[0]}, {said[1]}; the gradient reaches the input with {said[2]}, {said[3]}, from about 1."
        )

    def static_svg(self) -> str:
        """Draw both ways on logarithmic axes, plain and residual."""
        seen, parts, blocks = self.sizes, [], self.depth // 2
        for k, (way, words) in enumerate(
            (("forward", "signal after each block"), ("backward", "gradient at each block"))
        ):
            left, values = 60 + 330 * k, [value for kind in KINDS for value in seen[kind][way]]
            low, high = span(values)
            parts += [svg.text(left, 24, words), svg.line(left, 40, left, 220), svg.line(left, 220, left + 250, 220)]

            def place(at: int, value: float, left: int = left, low: int = low, high: int = high) -> tuple[float, float]:
                power = min(high, max(low, math.log10(value) if value > 0 else low))
                return left + 250 * at / blocks, 40 + 180 * (high - power) / (high - low)

            for power in (low, 0, high):
                parts.append(svg.text(left - 6, place(0, 10.0**power)[1] + 5, f"1e{power}", text_anchor="end"))
            for kind, color, dash in (("plain", "vermillion", "6 4"), ("residual", "blue", None)):
                points = [place(at, value) for at, value in enumerate(seen[kind][way])]
                style: dict[str, object] = {"stroke": svg.COLORS[color], "stroke_dasharray": dash, "stroke_width": 2.5}
                parts.append(svg.polyline(points, **style))
            parts.append(svg.text(left + 250, 238, f"block {blocks}", text_anchor="end"))
        for k, (kind, color) in enumerate((("plain", "vermillion"), ("residual", "blue"))):
            parts.append(svg.rect(60 + 110 * k, 252, 16, 10, fill=svg.COLORS[color]))
            parts.append(svg.text(82 + 110 * k, 262, kind))
        return svg.document(660, 274, parts)


def span(values: Sequence[float]) -> tuple[int, int]:
    """Return the decades that an axis shows: at least 0.1 to 10, at most 1e-12 to 1e12."""
    powers = [math.log10(value) for value in values if value > 0]
    return max(-12, math.floor(min([-1, *powers]))), min(12, math.ceil(max([1, *powers])))


def short(value: float) -> str:
    """Return a size in two digits."""
    return "0" if value == 0 else f"{value:.2g}" if 0.001 <= value < 1000 else f"{value:.0e}"
