"""The replay of a perceptron's learning as turns of one motor-driven dial per weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_int, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes, unpack_float32

__all__ = ["WeightDials", "decode", "dial_angle", "encode", "turns"]

MAX_VALUES, MAX_DIALS = 100_000, 1024
STEPS = 127  # quantisation steps on each side of 0


def encode(history: NDArray[np.float32]) -> dict[str, Any]:
    """Pack a ``(T, D)`` history: all but the last row with 8 bits a weight, the last one exactly.

    Weights that all are whole multiples of the least one (to 1e-4 of it, the rounding of float32), as those of
    a perceptron on black and white inputs, lose nothing more. Others are rounded to a step of the largest
    absolute weight divided by 127.

    Returns:
        ``path`` and ``final`` (base64 text), ``scale``, the largest absolute weight, and ``step``.
    """
    sizes = np.abs(history.astype(np.float64))
    scale = float(sizes.max()) or 1.0
    least = float(sizes[sizes > 1e-6 * scale].min()) if sizes.any() else 1.0  # 0.3 - 0.1 - 0.2 is not 0
    multiples = sizes / least
    whole = scale / least <= STEPS and bool(np.all(np.abs(multiples - np.round(multiples)) < 1e-4))
    step = least if whole else scale / STEPS
    steps = np.floor(history[:-1].astype(np.float64) / step + 0.5) + 128
    return {
        "path": pack(steps.astype(np.uint8)),
        "final": pack(history[-1].astype(np.float32)),
        "scale": scale,
        "step": step,
    }


def decode(path: str, final: str, step: float, frame: int) -> list[float]:
    """Return the weights at ``frame``: exact in the last frame, to half a ``step`` in the others."""
    last = unpack_float32(final).astype(float)
    count = len(last)
    steps = unpack_bytes(path)
    if frame * count >= len(steps):
        return last.tolist()
    return [(int(one) - 128) * step for one in steps[frame * count : (frame + 1) * count]]


def dial_angle(value: float, scale: float) -> float:
    """Return a dial's angle in degrees from straight up: 0 for 0, 135 to the right for ``scale``."""
    return 135 * min(1.0, max(-1.0, value / scale))


def turns(before: Sequence[float], after: Sequence[float], step: float) -> dict[str, Any]:
    """Return how many dials turned by more than the packing's precision, and which turned most."""
    moved = [abs(b - a) for a, b in zip(before, after)]
    return {"count": sum(1 for distance in moved if distance > 0.51 * step), "largest": moved.index(max(moved))}


def _letter(rng: np.random.Generator, label: int) -> NDArray[np.float32]:
    """Draw an O (+1) or a C (-1), the O with a side missing, of random place, size and noise."""
    picture = np.zeros((20, 20), dtype=np.float32)
    top, left = rng.integers(2, 6), rng.integers(2, 6)
    height, width = rng.integers(10, 14), rng.integers(9, 13)
    picture[top : top + height, left : left + width] = 1
    picture[top + 2 : top + height - 2, left + 2 : left + width - (2 if label > 0 else 0)] = 0
    flipped = rng.random((20, 20)) < 0.03
    return np.where(flipped, 1 - picture, picture)


def _demonstration() -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
    """Train a perceptron on 60 letters until it makes no mistake, and keep every update."""
    rng = np.random.default_rng(0)
    labels = [1 if i % 2 == 0 else -1 for i in range(60)]
    pictures = [_letter(rng, label).reshape(-1) for label in labels]
    history = [np.zeros(400, dtype=np.float32)]
    causes: list[NDArray[np.float32]] = []
    signs: list[int] = []
    for _ in range(100):
        before = len(signs)
        for x, label in zip(pictures, labels):
            if label * float(history[-1] @ x) <= 0:
                history.append(history[-1] + label * x)
                causes.append(x)
                signs.append(label)
        if len(signs) == before:
            break
    return np.stack(history), np.stack(causes), signs


def _draw_history(rng: np.random.Generator) -> tuple[Any, ...]:
    shape = (int(rng.integers(1, 5)), int(rng.integers(1, 7)))
    history = (rng.normal(size=shape) * rng.uniform(0.01, 50)).astype(np.float32)
    packed = encode(np.round(history) if rng.random() < 0.5 else history)
    return packed["path"], packed["final"], packed["step"], int(rng.integers(shape[0]))


class WeightDials(CourseWidget):
    """Replay weight vectors, one dial a weight, as the motors of the first perceptron machine turned them.

    Args:
        history: ``(T, D)``, the weights before the first and after each update; default a small perceptron
            that learns to tell O from C.
        shape: rows and columns of the sensor, with product ``D`` (at most 1024).
        patterns: ``(T - 1, D)`` in [0, 1], the input that caused each update, or ``None``.
        labels: ``T - 1`` labels (+1 or -1) of those inputs, or ``None``.

    The last frame equals ``history[-1]`` to the bit (as float32). Earlier ones are packed with 8 bits a
    weight, off by at most ``precision``: half a step of the largest weight by 127, or nothing where all
    weights are multiples of the least.
    """

    title = "Weights as dials"
    twins = (
        Twin("decode", decode, _draw_history),
        Twin("dialAngle", dial_angle, lambda rng: (float(rng.normal()), float(rng.uniform(0.1, 2)))),
        Twin("turns", turns, lambda rng: (rng.normal(size=9).round(1), rng.normal(size=9).round(1), 0.1)),
    )

    path = traitlets.Unicode().tag(sync=True)
    final = traitlets.Unicode().tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)
    step = traitlets.Float(1.0).tag(sync=True)
    frames = traitlets.Int(1).tag(sync=True)
    rows = traitlets.Int(20).tag(sync=True)
    columns = traitlets.Int(20).tag(sync=True)
    causes = traitlets.Unicode().tag(sync=True)
    labels: Any = traitlets.List().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    dial = traitlets.Int(0).tag(sync=True)
    as_picture = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        history: Any = None,
        shape: Sequence[int] = (20, 20),
        patterns: Any = None,
        labels: Sequence[int] | None = None,
        **traits: Any,
    ) -> None:
        if history is None:
            history, patterns, labels = _demonstration()
            shape = (20, 20)
        rows, columns = (check_int("side of shape", int(side), minimum=1) for side in shape)
        check_int("product of shape", rows * columns, maximum=MAX_DIALS)
        table = np.asarray(history, dtype=np.float32)
        check_shape("history", table, (None, rows * columns))
        check_int("length of history", len(table), minimum=1)
        if not np.isfinite(table).all():
            raise ValueError("history must be finite, got NaN or infinity")
        if table.size > MAX_VALUES:
            keep = -(-len(table) // (MAX_VALUES // (rows * columns) - 1))
            raise ValueError(
                f"history must hold at most {MAX_VALUES} weights, got {table.size}; "
                f"pass every {keep}th row and the last"
            )
        causes = ""
        if patterns is not None:
            inputs = check_shape("patterns", np.asarray(patterns, dtype=float), (len(table) - 1, rows * columns))
            causes = pack(np.floor(np.clip(inputs, 0, 1) * 255 + 0.5).astype(np.uint8))
        signs = [int(label) for label in labels] if labels is not None else []
        if signs:
            check_shape("labels", np.asarray(signs), (len(table) - 1,))
        traits = {"dial": (rows // 2) * columns + columns // 2, "frame": 0, **traits}
        super().__init__(
            **encode(table), frames=len(table), rows=rows, columns=columns, causes=causes, labels=signs, **traits
        )

    @property
    def precision(self) -> float:
        """Largest possible error of a weight in any frame but the last, which is exact."""
        return self.step / 2

    def weights_at(self, frame: int) -> NDArray[np.float32]:
        """Return the weights that the dials show at ``frame``, ``(D,)``."""
        check_int("frame", frame, minimum=0, maximum=self.frames - 1)
        return np.array(decode(self.path, self.final, self.step, frame), dtype=np.float32)

    @property
    def static_text(self) -> str:
        """One sentence with the number of dials and updates."""
        return (
            f"{self.rows * self.columns} dials, one for each weight, after the last of {self.frames - 1} updates; "
            f"straight up is 0, right is positive, left negative, and the largest weight is {svg.number(self.scale)}."
        )

    def static_svg(self) -> str:
        """Draw all dials at the last frame."""
        cell = min(24.0, 480 / max(self.rows, self.columns))
        strokes: dict[str, list[str]] = {"gray": [], "blue": [], "vermillion": []}
        for i, value in enumerate(self.weights_at(self.frames - 1)):
            x, y = 10 + cell * (i % self.columns + 0.5), 10 + cell * (i // self.columns + 0.5)
            angle, reach = math.radians(dial_angle(float(value), self.scale)), 0.42 * cell
            tone = "gray" if value == 0 else "blue" if value > 0 else "vermillion"
            hand = (svg.number(v) for v in (x, y, reach * math.sin(angle), -reach * math.cos(angle)))
            strokes[tone].append("M{} {}l{} {}".format(*hand))
        parts = [svg.path("".join(d), stroke=svg.COLORS[tone], stroke_width=2.5) for tone, d in strokes.items() if d]
        return svg.document(20 + cell * self.columns, 20 + cell * self.rows, parts)
