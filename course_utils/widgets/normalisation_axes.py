"""Which values of a batch share a mean and a spread, and which change of the input that undoes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_number, check_shape
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_numbers

__all__ = [
    "GROUPS", "KINDS", "PARTS", "NormalisationAxes", "changed", "follow", "make_batch", "members", "normalise",
]  # fmt: skip

KINDS = ("batch", "layer", "instance", "group")
SAMPLES, CHANNELS, PLACES, GROUPS = 4, 4, 4, 2  # pictures of 2 x 2 places
COUNT = SAMPLES * CHANNELS * PLACES
PARTS = (*(f"sample {n}" for n in range(SAMPLES)), *(f"channel {c}" for c in range(CHANNELS)), "everything")
MEANS, SPREADS, MOMENTUM = (1.0, -0.5, 0.2, 2.0), (0.8, 1.5, 0.5, 1.0), 0.1


def make_batch(seed: int) -> list[float]:
    """Return a batch of 4 samples, 4 channels and 2 x 2 places, with one decimal, place by place.

    Each channel has a mean and a spread of its own; each sample is a little brighter or darker than the others.
    """
    numbers = random_numbers(seed)

    def normal() -> float:
        return math.sqrt(-2 * math.log(1 - next(numbers))) * math.cos(2 * math.pi * next(numbers))

    batch = []
    for _ in range(SAMPLES):
        bright = normal()
        for mean, spread in zip(MEANS, SPREADS):
            batch += [mean + spread * (0.6 * bright + 0.8 * normal()) for _ in range(PLACES)]
    return [math.floor(10 * value + 0.5) / 10 for value in batch]


def members(kind: str, index: int) -> list[int]:
    """Return the values that are normalised with the same mean and spread as value ``index``, itself included.

    Args:
        kind: one of ``KINDS``; group normalisation has two groups of two channels.
        index: ``(sample * 4 + channel) * 4 + place``.
    """
    sample, channel = index // (CHANNELS * PLACES), index // PLACES % CHANNELS
    width = {"batch": 1, "layer": CHANNELS, "instance": 1, "group": CHANNELS // GROUPS}[kind]
    first = channel // width * width
    return [
        (n * CHANNELS + c) * PLACES + p
        for n in (range(SAMPLES) if kind == "batch" else [sample])
        for c in range(first, first + width)
        for p in range(PLACES)
    ]


def _moments(x: Sequence[float], which: Sequence[int]) -> tuple[float, float]:
    mean = sum(x[i] for i in which) / len(which)
    return mean, sum((x[i] - mean) ** 2 for i in which) / len(which)


def normalise(
    x: Sequence[float],
    kind: str,
    gamma: Sequence[float],
    beta: Sequence[float],
    epsilon: float,
    running: Mapping[str, Sequence[float]] | None = None,
) -> list[float]:
    """Return ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the 1/m variance of each value's group.

    Args:
        x: 64 numbers, place by place.
        kind: one of ``KINDS``.
        gamma: one factor for each channel, whatever shares the mean.
        beta: one number added for each channel.
        epsilon: added to the variance.
        running: ``mean`` and ``var`` of each channel, which batch normalisation uses in evaluation mode.
    """
    out = []
    for i, value in enumerate(x):
        channel = i // PLACES % CHANNELS
        if running is not None and kind == "batch":
            mean, variance = running["mean"][channel], running["var"][channel]
        else:
            mean, variance = _moments(x, members(kind, i))
        out.append(gamma[channel] * (value - mean) / math.sqrt(variance + epsilon) + beta[channel])
    return out


def changed(x: Sequence[float], part: str, scale: float, shift: float) -> list[float]:
    """Return the batch with one part multiplied by ``scale`` and moved by ``shift``.

    Args:
        x: 64 numbers, place by place.
        part: one of ``PARTS``.
        scale: factor.
        shift: what is added after that.
    """
    word, _, number = part.partition(" ")
    step, count = {"sample": (CHANNELS * PLACES, SAMPLES), "channel": (PLACES, CHANNELS), "everything": (COUNT, 1)}[
        word
    ]
    return [scale * v + shift if i // step % count == int(number or 0) else v for i, v in enumerate(x)]


def follow(running: Mapping[str, Sequence[float]], x: Sequence[float]) -> dict[str, list[float]]:
    """Return the running mean and variance after one more training batch: a tenth of the way towards its own.

    As in PyTorch the variance followed is the one with 1/(m-1).
    """
    mean, var = [], []
    for channel in range(CHANNELS):
        which = members("batch", channel * PLACES)
        here, spread = _moments(x, which)
        unbiased = spread * len(which) / (len(which) - 1)
        mean.append((1 - MOMENTUM) * running["mean"][channel] + MOMENTUM * here)
        var.append((1 - MOMENTUM) * running["var"][channel] + MOMENTUM * unbiased)
    return {"mean": mean, "var": var}


def _draw_running(rng: np.random.Generator) -> dict[str, list[float]]:
    return {"mean": rng.normal(size=CHANNELS).tolist(), "var": rng.uniform(0.1, 3, CHANNELS).tolist()}


def _draw(rng: np.random.Generator) -> tuple[Any, ...]:
    running = _draw_running(rng) if rng.integers(2) else None
    return (rng.normal(size=COUNT).tolist(), str(rng.choice(KINDS)), rng.normal(size=CHANNELS).tolist(),
            rng.normal(size=CHANNELS).tolist(), float(10 ** rng.uniform(-8, 0)), running)  # fmt: skip


class NormalisationAxes(CourseWidget):
    """Point at a value of a batch and see whose mean and spread it is normalised with.

    Args:
        kind: "batch", "layer", "instance" or "group" (two groups of two channels).
        batch: numbers (4 samples, 4 channels, 2, 2); made up if left out.
        part: what is changed: "sample 0" to "sample 3", "channel 0" to "channel 3", or "everything".
        scale: factor on that part, 0.2 to 4.
        shift: what is added to that part, -5 to 5.
        epsilon: added to the variance, 1e-8 to 1.
        evaluate: whether batch normalisation uses its running statistics.

    ``input`` and ``output`` are the two blocks as arrays.
    """

    title = "Who shares a mean with whom"
    twins = (
        Twin("makeBatch", make_batch, lambda rng: (int(rng.integers(2**31)),)),
        Twin("members", members, lambda rng: (str(rng.choice(KINDS)), int(rng.integers(COUNT)))),
        Twin("normalise", normalise, _draw),
        Twin("changed", changed, lambda rng: (rng.normal(size=COUNT).tolist(), str(rng.choice(PARTS)),
                                              float(rng.uniform(0.2, 4)), float(rng.uniform(-5, 5)))),
        Twin("follow", follow, lambda rng: (_draw_running(rng), rng.normal(size=COUNT).tolist())),
    )  # fmt: skip

    kind = traitlets.Enum(KINDS, "batch").tag(sync=True)
    x: Any = traitlets.List().tag(sync=True)
    marked = traitlets.Int(21).tag(sync=True)
    part = traitlets.Enum(PARTS, "sample 1").tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)
    shift = traitlets.Float(0.0).tag(sync=True)
    gamma: Any = traitlets.List([1.0] * CHANNELS).tag(sync=True)
    beta: Any = traitlets.List([0.0] * CHANNELS).tag(sync=True)
    epsilon = traitlets.Float(1e-5).tag(sync=True)
    evaluate = traitlets.Bool(False).tag(sync=True)
    running: Any = traitlets.Dict({"mean": [0.0] * CHANNELS, "var": [1.0] * CHANNELS}).tag(sync=True)
    batches = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        kind: str = "batch",
        batch: ArrayLike | None = None,
        part: str = "sample 1",
        scale: float = 1.0,
        shift: float = 0.0,
        epsilon: float = 1e-5,
        evaluate: bool = False,
        **traits: Any,
    ) -> None:
        if batch is not None:
            numbers = check_shape("batch", np.asarray(batch, dtype=np.float64), (SAMPLES, CHANNELS, 2, 2))
            if not np.isfinite(numbers).all():
                raise ValueError("batch must hold finite numbers only")
            traits["x"] = numbers.ravel().tolist()
        traits.setdefault("x", make_batch(traits.get("seed", 0)))
        super().__init__(
            kind=check_choice("kind", kind, KINDS), part=check_choice("part", part, PARTS),
            scale=check_number("scale", scale, minimum=0.2, maximum=4),
            shift=check_number("shift", shift, minimum=-5, maximum=5),
            epsilon=check_number("epsilon", epsilon, minimum=1e-8, maximum=1), evaluate=bool(evaluate), **traits,
        )  # fmt: skip

    def _through(self, x: Sequence[float], kind: str) -> list[float]:
        running = self.running if self.evaluate else None
        return normalise(x, kind, self.gamma, self.beta, self.epsilon, running)

    @property
    def input(self) -> NDArray[np.float64]:
        """The batch with its change, shape (4, 4, 2, 2)."""
        return np.array(changed(self.x, self.part, self.scale, self.shift)).reshape(SAMPLES, CHANNELS, 2, 2)

    @property
    def output(self) -> NDArray[np.float64]:
        """What the normalisation makes of ``input``, shape (4, 4, 2, 2)."""
        return np.array(self._through(self.input.ravel().tolist(), self.kind)).reshape(self.input.shape)

    def largest_changes(self) -> dict[str, float]:
        """Return by how much the change of the input moves any output, for each kind of normalisation."""
        new = self.input.ravel().tolist()
        pairs = {kind: zip(self._through(self.x, kind), self._through(new, kind)) for kind in KINDS}
        return {kind: max(abs(a - b) for a, b in both) for kind, both in pairs.items()}

    @property
    def static_text(self) -> str:
        """One sentence with the marked value, what it shares its statistics with, and its output."""
        values, where = self.input.ravel().tolist(), f"sample {self.marked // 16}, channel {self.marked // 4 % 4}"
        out = self.output.ravel()[self.marked]
        if self.kind == "batch" and self.evaluate:
            c = self.marked // PLACES % CHANNELS
            mean, spread = self.running["mean"][c], math.sqrt(self.running["var"][c])
            whose = f"the running mean {mean:.2f} and standard deviation {spread:.2f} of its channel"
        else:
            which = members(self.kind, self.marked)
            mean, variance = _moments(values, which)
            whose = f"the mean {mean:.2f} and standard deviation {math.sqrt(variance):.2f} of {len(which)} values"
        return (
            f"{self.kind.capitalize()} normalisation of a batch of 4 samples with 4 channels of 2×2 numbers: "
            f"the marked value {values[self.marked]:.2f} ({where}) uses {whose} and becomes {out:.2f}."
        ).replace("-", "−")

    def static_svg(self) -> str:
        """Draw the batch before and after, the values that share their statistics framed."""
        parts, lit = [], set(members(self.kind, self.marked))
        if self.kind == "batch" and self.evaluate:
            lit = {self.marked}
        for block, (array, words, most) in enumerate([(self.input, "input", 4.0), (self.output, "output", 2.5)]):
            left = 60 + 300 * block
            parts.append(svg.text(left, 18, words, font_weight=600))
            for c in range(CHANNELS):
                parts.append(svg.text(left + 26 + 66 * c, 40, f"ch. {c}", text_anchor="middle"))
            for i, value in enumerate(array.ravel().tolist()):
                n, c, p = i // 16, i // 4 % 4, i % 4
                x, y = left + 66 * c + 28 * (p % 2), 48 + 66 * n + 28 * (p // 2)
                color = svg.COLORS["orange" if value > 0 else "blue"]
                style: dict[str, object] = {"fill": color, "fill_opacity": min(1.0, abs(value) / most) * 0.6}
                style |= {"stroke": svg.COLORS["ink" if i in lit else "line"], "stroke_width": 2.2 if i in lit else 0.6}
                parts.append(svg.rect(x, y, 26, 26, **style))
                number = f"{value:.1f}".replace("-", "−")
                parts.append(svg.text(x + 13, y + 17, number, text_anchor="middle", font_size=10))
            x, y = left + 66 * (self.marked // 4 % 4) + 28 * (self.marked % 2), 48 + 66 * (self.marked // 16)
            frame: dict[str, object] = {"fill": "none", "stroke": svg.COLORS["vermillion"], "stroke_width": 3}
            parts.append(svg.rect(x - 2, y + 28 * (self.marked % 4 // 2) - 2, 30, 30, **frame))
        parts += [svg.text(4, 80 + 66 * n, f"sample {n}", font_size=12) for n in range(SAMPLES)]
        return svg.document(640, 316, parts)
