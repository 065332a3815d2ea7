"""A pad to draw a digit on and a small convolutional network that reads it, both in the browser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_shape
from course_utils.runtime import results_dir
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_float16

__all__ = ["SHAPES", "DigitReader", "convolve", "pack_weights", "pool", "rasterise", "read_digit"]

Strokes = Sequence[Sequence[Sequence[float]]]

SHAPES = {
    "conv1.weight": (8, 1, 5, 5),
    "conv1.bias": (8,),
    "conv2.weight": (16, 8, 5, 5),
    "conv2.bias": (16,),
    "linear.weight": (10, 784),
    "linear.bias": (10,),
}
PEN, BOX, FIELD, FINE = 0.05, 20, 28, 4
WEIGHTS = Path("weights") / "digit_reader.pt"

# A 3 as a hand draws it: two bows, the upper one smaller.
THREE = [
    [[0.31, 0.24], [0.329, 0.215], [0.348, 0.19], [0.37, 0.17], [0.398, 0.156], [0.429, 0.146], [0.46, 0.14],
     [0.491, 0.139], [0.521, 0.142], [0.55, 0.15], [0.577, 0.163], [0.601, 0.18], [0.62, 0.2], [0.632, 0.224],
     [0.639, 0.252], [0.64, 0.28], [0.635, 0.307], [0.625, 0.335], [0.61, 0.36], [0.59, 0.382], [0.566, 0.403],
     [0.54, 0.42], [0.511, 0.434], [0.481, 0.444], [0.45, 0.455], [0.477, 0.455], [0.503, 0.456], [0.53, 0.46],
     [0.558, 0.47], [0.586, 0.483], [0.61, 0.5], [0.63, 0.52], [0.647, 0.544], [0.66, 0.57], [0.668, 0.599],
     [0.672, 0.629], [0.67, 0.66], [0.662, 0.691], [0.648, 0.722], [0.63, 0.75], [0.607, 0.774], [0.58, 0.794],
     [0.55, 0.81], [0.518, 0.821], [0.483, 0.829], [0.45, 0.83], [0.419, 0.825], [0.388, 0.815], [0.36, 0.8],
     [0.335, 0.78], [0.313, 0.755], [0.29, 0.73]]
]  # fmt: skip


def rasterise(strokes: Strokes) -> NDArray[np.float64]:
    """Turn pen strokes into a picture the way MNIST's were made.

    The ink's bounding box is scaled, keeping its shape, to a longer side of 20 pixels; each pixel is the
    inked share of 4 by 4 points in it; the whole is shifted by whole pixels so that the centre of mass
    comes to the middle of 28 by 28.

    Args:
        strokes: lines of ``[x, y]`` in [0, 1], y downwards, drawn with a round pen of radius 0.05.

    Returns:
        ``(28, 28)`` numbers from 0 (paper) to 1 (ink).

    Source: the preparation described by LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to
    document recognition" (1998), section III; the pen and the 4 by 4 points are this course's.
    """
    picture = np.zeros((FIELD, FIELD))
    places = [place for stroke in strokes for place in stroke]
    if not places:
        return picture
    left, top = min(p[0] for p in places) - PEN, min(p[1] for p in places) - PEN
    right, bottom = max(p[0] for p in places) + PEN, max(p[1] for p in places) + PEN
    count = BOX * FINE
    scale = count / max(right - left, bottom - top)
    radius = PEN * scale
    middle = np.arange(count) + 0.5
    ink = np.zeros((count, count), dtype=bool)
    for stroke in strokes:
        fine = [((x - left) * scale, (y - top) * scale) for x, y in stroke]
        for (ax, ay), (bx, by) in zip(fine, fine[1:] or fine):
            dx, dy = bx - ax, by - ay
            square = dx * dx + dy * dy
            px, py = middle[None, :] - ax, middle[:, None] - ay
            along = np.clip((px * dx + py * dy) / square, 0, 1) if square > 0 else np.zeros((1, 1))
            qx, qy = px - along * dx, py - along * dy
            ink |= qx * qx + qy * qy <= radius * radius
    box = ink.reshape(BOX, FINE, BOX, FINE).sum(axis=(1, 3)) / (FINE * FINE)
    total = box.sum()
    shift_x = math.floor(FIELD / 2 - float((box.sum(0) * (np.arange(BOX) + 0.5)).sum() / total) + 0.5)
    shift_y = math.floor(FIELD / 2 - float((box.sum(1) * (np.arange(BOX) + 0.5)).sum() / total) + 0.5)
    for i in range(BOX):
        for j in range(BOX):
            if 0 <= i + shift_y < FIELD and 0 <= j + shift_x < FIELD:
                picture[i + shift_y, j + shift_x] = box[i, j]
    return picture


def convolve(x: Any, weight: Any, bias: Any) -> NDArray[np.float64]:
    """Cross-correlate with padding that keeps the size, add the bias, keep what is above 0.

    Args:
        x: ``(C, N, N)``.
        weight: ``(K, C, S, S)`` with odd ``S``.
        bias: ``(K,)``.

    Returns:
        ``(K, N, N)``.
    """
    x, weight, bias = (np.asarray(a, dtype=float) for a in (x, weight, bias))
    size = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    summed = np.einsum("cijab,kcab->kij", windows, weight) + bias[:, None, None]
    return np.maximum(summed, 0)


def pool(x: Any) -> NDArray[np.float64]:
    """Return the largest of each 2 by 2 block: ``(C, N, N)`` to ``(C, N/2, N/2)``."""
    x = np.asarray(x, dtype=float)
    c, n, _ = x.shape
    return x.reshape(c, n // 2, 2, n // 2, 2).max(axis=(2, 4))


def pack_weights(state: Mapping[str, Any]) -> str:
    """Return a network's state dict as float16 in base64 text.

    Args:
        state: six arrays or tensors in the order and with the shapes of ``SHAPES``; names do not matter.
    """
    arrays = [np.asarray(value, dtype=np.float32) for value in state.values()]
    if len(arrays) != len(SHAPES):
        raise ValueError(f"the state dict must hold {len(SHAPES)} arrays ({', '.join(SHAPES)}), got {len(arrays)}")
    parts = [check_shape(name, array, shape).reshape(-1) for (name, shape), array in zip(SHAPES.items(), arrays)]
    return pack(np.concatenate(parts).astype(np.float16))


def _unpack_weights(weights: str) -> dict[str, NDArray[np.float64]]:
    flat, start, out = unpack_float16(weights), 0, {}
    for name, shape in SHAPES.items():
        size = math.prod(shape)
        out[name] = flat[start : start + size].reshape(shape)
        start += size
    return out


def read_digit(pixels: Any, weights: str) -> list[float]:
    """Return the ten probabilities that the network gives a ``(28, 28)`` picture in [0, 1]."""
    w = _unpack_weights(weights)
    x = np.asarray(pixels, dtype=float).reshape(1, FIELD, FIELD)
    x = pool(convolve(x, w["conv1.weight"], w["conv1.bias"]))
    x = pool(convolve(x, w["conv2.weight"], w["conv2.bias"]))
    logits = w["linear.weight"] @ x.reshape(-1) + w["linear.bias"]
    raised = np.exp(logits - logits.max())
    return (raised / raised.sum()).tolist()


def _stored_weights() -> str:
    path = results_dir() / WEIGHTS
    if not path.is_file():
        return ""
    import torch

    return pack_weights({k: v.float().numpy() for k, v in torch.load(path, weights_only=True).items()})


def _draw_strokes(rng: np.random.Generator) -> tuple[Any, ...]:
    walks = [np.clip(rng.uniform(0.2, 0.8, 2) + rng.normal(0, 0.08, (int(rng.integers(1, 9)), 2)).cumsum(0), 0, 1)
             for _ in range(int(rng.integers(0, 4)))]  # fmt: skip
    return ([walk.round(3).tolist() for walk in walks],)


def _draw_weights(rng: np.random.Generator) -> str:
    return pack_weights({k: rng.normal(0, 0.15, shape) for k, shape in SHAPES.items()})


def _draw_halves(rng: np.random.Generator) -> str:
    return pack(rng.normal(0, 10 ** rng.uniform(-6, 3), 9).astype(np.float16))


class DigitReader(CourseWidget):
    """Draw a digit; the page itself prepares it as MNIST was prepared and runs a convolutional network on it.

    Args:
        strokes: lines of ``[x, y]`` in [0, 1], y downwards; default a drawn 3.
        weights: a state dict with the shapes of ``SHAPES``; default the course's own, trained on MNIST.

    ``pixels`` is the 28 by 28 picture the network sees, ``probabilities`` its ten answers (rounded to 1e-4).
    """

    title = "Digit reader"
    twins = (
        Twin("rasterise", rasterise, _draw_strokes),
        Twin(
            "convolve",
            convolve,
            lambda rng: (rng.normal(size=(2, 6, 6)), rng.normal(size=(3, 2, 5, 5)), rng.normal(size=3)),
        ),
        Twin("pool", pool, lambda rng: (rng.normal(size=(2, 6, 6)),)),
        Twin("readDigit", read_digit, lambda rng: (rng.random((28, 28)), _draw_weights(rng))),
        Twin("unpackFloat16", unpack_float16, lambda rng: (_draw_halves(rng),)),
    )

    strokes: Any = traitlets.List().tag(sync=True)
    weights = traitlets.Unicode().tag(sync=True)
    probabilities: Any = traitlets.List().tag(sync=True)
    maps = traitlets.Bool(True).tag(sync=True)

    def __init__(self, strokes: Strokes | None = None, weights: Mapping[str, Any] | None = None, **traits: Any) -> None:
        lines = [[[float(x), float(y)] for x, y in line] for line in (THREE if strokes is None else strokes)]
        packed = _stored_weights() if weights is None else pack_weights(weights)
        super().__init__(strokes=lines, weights=packed, **traits)
        self._read_again()

    @traitlets.observe("strokes", "weights")
    def _read_again(self, change: Any = None) -> None:
        blank = not any(self.strokes) or not self.weights
        self.probabilities = [] if blank else [round(p, 4) for p in read_digit(self.pixels, self.weights)]

    @property
    def pixels(self) -> NDArray[np.float64]:
        """The 28 by 28 picture that the network sees, from 0 (paper) to 1 (ink)."""
        return rasterise(self.strokes)

    @property
    def static_text(self) -> str:
        """One sentence with the network's answer."""
        if not any(self.strokes):
            return "An empty pad: draw a digit and a small convolutional network reads it."
        if not self.probabilities:
            return "A drawn digit, scaled and centred to the 28 by 28 pixels that a network would see."
        best = int(np.argmax(self.probabilities))
        share = "over 99" if self.probabilities[best] > 0.995 else f"{100 * self.probabilities[best]:.0f}"
        return f"A drawn digit, scaled and centred to 28 by 28 pixels; the network reads it as {best} ({share} %)."

    def static_svg(self) -> str:
        """Draw the strokes, the network's picture and its ten answers."""
        parts = [svg.rect(10, 20, 190, 190, fill="#ffffff", stroke=svg.COLORS["gray"])]
        pen: dict[str, object] = {"stroke_width": 2 * PEN * 190, "stroke_linecap": "round", "stroke_linejoin": "round"}
        for stroke in self.strokes:
            places = [(10 + 190 * x, 20 + 190 * y) for x, y in stroke]
            parts.append(svg.polyline(places if len(places) > 1 else places * 2, **pen))
        pixels, side = self.pixels, 190 / FIELD
        parts.append(svg.rect(220, 20, 190, 190, fill="#000000"))
        for i in range(FIELD):
            for j in range(FIELD):
                if pixels[i, j] > 0:
                    tone = f"{round(255 * pixels[i, j]):02x}" * 3
                    parts.append(svg.rect(220 + j * side, 20 + i * side, side + 0.2, side + 0.2, fill=f"#{tone}"))
        for digit, share in enumerate(self.probabilities):
            y = 20 + 19 * digit
            parts.append(svg.text(430, y + 14, str(digit)))
            parts.append(svg.rect(446, y + 3, 1 + 140 * share, 13, fill=svg.COLORS["blue"]))
        return svg.document(600, 230, parts)
