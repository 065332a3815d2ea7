"""Turn the threshold of a score map, grow, shrink and shift the mask, and see which metric notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.widgets import svg, tiny_scenes
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes
from course_utils.widgets.tiny_scenes import LETTERS, blur

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "MetricExplorer", "cells", "changed", "curves", "measure", "pack_map", "unpack_map"]

METRICS = ("accuracy", "iou", "dice", "boundary", "precision", "recall")
WORDS = ("pixel accuracy", "IoU", "Dice", "boundary IoU", "precision", "recall")
LEVELS = 64
WIDTH, HEIGHT, LARGEST = 40, 30, 64
GROW, SHIFT, RIM = 3, 5, 4
REST, HIT, MISS, ALARM = range(4)

Floats = NDArray[np.float64]


def pack_map(scores: Floats, truth: NDArray[np.bool_], image: Floats) -> dict[str, Any]:
    """Return a score map as text: a letter a pixel for the score and for the grey picture, a bit for the truth.

    Args:
        scores: (H, W) in [0, 1]; kept are 64 levels, of which level k stands for (k + 0.5) / 64.
        truth: (H, W).
        image: grey (H, W) in [0, 1].
    """

    def letters(values: Floats) -> str:
        return "".join(LETTERS[i] for i in np.minimum(LEVELS - 1, (values * LEVELS).astype(int)).flatten())

    height, width = scores.shape
    bits = pack(np.packbits(truth.flatten(), bitorder="little"))
    return {"width": width, "height": height, "scores": letters(scores), "truth": bits, "image": letters(image)}


def unpack_map(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``levels`` 0 to 63, ``truth`` 0 or 1 and ``gray`` 0 to 255, row by row."""
    count = stored["width"] * stored["height"]
    return {
        "width": stored["width"],
        "height": stored["height"],
        "levels": [LETTERS.index(letter) for letter in stored["scores"]],
        "truth": np.unpackbits(unpack_bytes(stored["truth"]), bitorder="little")[:count].tolist(),
        "gray": [4 * LETTERS.index(letter) for letter in stored["image"]],
    }


def _mask(map_: Mapping[str, Any], threshold: float, change: Sequence[int]) -> Tensor:
    """Return the predicted mask, bool (H, W): at least the threshold, then grown or shrunk, then shifted."""
    import torch
    from torch.nn import functional as F

    from course_utils.segmentation.boundary import inner_rim

    grow, dx, dy = change
    levels = torch.as_tensor(np.asarray(map_["levels"])).view(map_["height"], map_["width"])
    mask = (levels + 0.5) / LEVELS >= threshold
    if grow > 0:
        mask = F.max_pool2d(mask[None, None].float(), 2 * grow + 1, 1, grow)[0, 0] > 0
    elif grow < 0:
        mask = mask & ~inner_rim(mask, -grow)
    reach = max(abs(dx), abs(dy), 1)
    return F.pad(mask, (reach,) * 4).roll((dy, dx), (0, 1))[reach:-reach, reach:-reach]


def changed(map_: Mapping[str, Any], threshold: float, change: Sequence[int]) -> NDArray[np.int64]:
    """Return the predicted mask (H W,), 0 or 1.

    Args:
        map_: an unpacked score map.
        threshold: a pixel whose score is at least this is foreground.
        change: ``(grow, dx, dy)`` in pixels: grown in a square neighbourhood (shrunk if negative; beyond the picture is
            background), then shifted right and down.
    """
    return _mask(map_, threshold, change).flatten().long().numpy()


def cells(predicted: Sequence[int], truth: Sequence[int]) -> list[int]:
    """Return what each pixel is: 0 background and rightly so, 1 a hit, 2 a miss, 3 a false alarm."""
    return [(HIT if t else ALARM) if p else (MISS if t else REST) for p, t in zip(predicted, truth, strict=True)]


def measure(map_: Mapping[str, Any], threshold: float, change: Sequence[int], distance: int) -> dict[str, Any]:
    """Return ``counts`` of the four kinds of pixels and the six ``METRICS`` of the foreground; None is 0 / 0.

    Args:
        map_: an unpacked score map.
        threshold: of the score.
        change: ``(grow, dx, dy)``.
        distance: thickness of the rims that boundary IoU compares, at least 1.
    """
    import torch

    from course_utils.segmentation.boundary import boundary_iou
    from course_utils.segmentation.metrics import (
        class_accuracy,
        class_dice,
        class_iou,
        confusion_matrix,
        pixel_accuracy,
    )

    predicted = _mask(map_, threshold, change).long()
    truth = torch.as_tensor(np.asarray(map_["truth"])).long().view(predicted.shape)
    table = confusion_matrix(predicted, truth, 2, ignore=None)
    values = {
        "accuracy": pixel_accuracy(table),
        "iou": float(class_iou(table)[1]),
        "dice": float(class_dice(table)[1]),
        "boundary": float(boundary_iou(predicted, truth, 2, distance, ignore=None)[1]),
        "precision": float(class_accuracy(table.T)[1]),
        "recall": float(class_accuracy(table)[1]),
    }
    counts = [int(table[0, 0]), int(table[1, 1]), int(table[1, 0]), int(table[0, 1])]
    return {"counts": counts, **{name: None if value != value else value for name, value in values.items()}}


def curves(map_: Mapping[str, Any], change: Sequence[int], distance: int, steps: int) -> dict[str, Any]:
    """Return each metric at the thresholds 0, 1 / steps, ..., 1."""
    each = [measure(map_, k / steps, change, distance) for k in range(steps + 1)]
    return {name: [one[name] for one in each] for name in METRICS}


def _scores(soft: Floats, gain: float, noise: float, seed: int, sigma: float = 1.0) -> Floats:
    """Return scores in [0, 1]: what a network would give whose errors hang together over ``sigma`` pixels."""
    errors = blur(np.random.default_rng(seed).normal(size=soft.shape), sigma)
    return 1 / (1 + np.exp(-(gain * (2 * soft - 1) + noise * errors / errors.std())))


@cache
def _presets() -> dict[str, dict[str, Any]]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    noise = blur(np.random.default_rng(1).normal(size=(HEIGHT, WIDTH)), 0.6)

    def disc(row: float, column: float, radius: float) -> Floats:
        return np.clip(radius + 0.5 - np.hypot(rows - row, columns - column), 0, 1)

    def painted(soft: Floats) -> Floats:
        return np.clip(0.42 + 0.006 * rows + 0.06 * noise + 0.3 * soft, 0, 1)

    scene, window = tiny_scenes.flowers(), (slice(2, 2 + HEIGHT), slice(4, 4 + WIDTH))
    flower = (tiny_scenes.truth_of(scene) == 1)[window]
    photo = tiny_scenes.colors_of(scene)[window].mean(axis=2) / 256
    made = {"a flower": pack_map(_scores(blur(flower.astype(float), 1.2), 3.0, 1.1, 4), flower, photo)}
    wire = np.clip(1.1 - np.abs(rows - 15 - 7 * np.sin(columns / 7)), 0, 1)
    made["a thin wire"] = pack_map(_scores(blur(wire, 0.7) * 1.4, 2.2, 0.5, 5), wire > 0.5, painted(-wire))
    pair = [disc(16, 13, 9), disc(8, 32, 2.5)]
    soft = blur(pair[0], 0.8) + 0.55 * blur(pair[1], 0.8)
    made["a large one and a small one"] = pack_map(
        _scores(soft, 3.0, 0.4, 6), pair[0] + pair[1] > 0.5, painted(pair[0] + pair[1])
    )
    fat, true = disc(15, 20, 10), disc(15, 20, 9)
    made["one pixel too fat"] = pack_map(_scores(fat, 4.0, 0.2, 7), true > 0.5, painted(true))
    rare = disc(19, 27, 3)
    made["a rare object"] = pack_map(_scores(0.46 * blur(rare, 0.8), 4.0, 0.7, 8), rare > 0.5, painted(0.5 * rare))
    empty = np.zeros((HEIGHT, WIDTH))
    made["nothing there"] = pack_map(_scores(empty + 0.3, 3.0, 0.9, 9), empty > 0, painted(empty))
    return made


def _draw_map(rng: np.random.Generator) -> dict[str, Any]:
    width, height = int(rng.integers(1, 12)), int(rng.integers(1, 12))
    truth = rng.random(width * height) < rng.choice([0.0, 0.3, 0.6, 1.0])
    levels = np.clip(rng.integers(0, 64, width * height) * 0.6 + 25 * truth, 0, 63).astype(int)
    return {"width": width, "height": height, "levels": levels, "truth": truth.astype(int)}


def _draw_change(rng: np.random.Generator) -> list[int]:
    grow, (dx, dy) = int(rng.integers(-GROW, GROW + 1)), rng.integers(-SHIFT, SHIFT + 1, 2).tolist()
    return [grow if rng.random() < 0.6 else 0, *((dx, dy) if rng.random() < 0.6 else (0, 0))]


def _draw_threshold(rng: np.random.Generator) -> float:
    return int(rng.integers(0, 51)) / 50


def _draw_stored(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    height, width = rng.integers(1, 9, 2)
    scores, truth, image = rng.random((3, height, width))
    return (pack_map(scores, truth > 0.5, image),)


class MetricExplorer(CourseWidget):
    """Threshold a score map and watch six metrics; then grow, shrink or shift the mask: which of them notices?

    Args:
        preset: one of ``PRESETS``; or give a map of your own:
        scores: probabilities of the foreground, (H, W), at most 64 x 64.
        truth: the true mask, (H, W).
        image: picture in [0, 1] (or uint8), (H, W) or (3, H, W); None for a grey ground.
        threshold: from 0 to 1; a pixel is foreground if its score is at least this.
        grow: pixels by which the mask is grown (shrunk if below 0), -3 to 3.
        dx: pixels by which it is shifted to the right, -5 to 5.
        dy: and downwards.
        distance: thickness of the rims of boundary IoU, 1 to 4 pixels.
        metric: the one whose curve is drawn bold, one of ``METRICS``.

    ``predicted`` (H, W), ``metrics`` and ``curves`` compute in Python, by `course_utils.segmentation`, what the page
    computes; all arguments can be read back at any time.
    """

    title = "Threshold and metrics"
    PRESETS = ("a flower", "a thin wire", "a large one and a small one", "one pixel too fat", "a rare object",
               "nothing there")  # fmt: skip
    twins = (
        Twin("unpackMap", unpack_map, _draw_stored),
        Twin("changed", changed, lambda rng: (_draw_map(rng), _draw_threshold(rng), _draw_change(rng))),
        Twin("cells", cells, lambda rng: tuple(rng.integers(0, 2, (2, 9)))),
        Twin(
            "measure",
            measure,
            lambda rng: (_draw_map(rng), _draw_threshold(rng), _draw_change(rng), int(rng.integers(1, RIM + 1))),
            1e-12,
        ),
        Twin(
            "curves",
            curves,
            lambda rng: (_draw_map(rng), _draw_change(rng), int(rng.integers(1, RIM + 1)), int(rng.integers(1, 9))),
            1e-12,
        ),
    )

    maps: Any = traitlets.Dict().tag(sync=True)
    preset = traitlets.Unicode("a flower").tag(sync=True)
    threshold = traitlets.Float(0.5).tag(sync=True)
    grow = traitlets.Int(0).tag(sync=True)
    dx = traitlets.Int(0).tag(sync=True)
    dy = traitlets.Int(0).tag(sync=True)
    distance = traitlets.Int(2).tag(sync=True)
    metric = traitlets.Unicode("iou").tag(sync=True)

    def __init__(
        self, preset: str = "a flower", *, scores: Any = None, truth: Any = None, image: Any = None, **traits: Any
    ) -> None:
        check_choice("preset", preset, self.PRESETS)
        maps = _presets()
        if (scores is None) != (truth is None):
            raise ValueError("scores and truth belong together: give both or neither")
        if scores is not None:
            maps, preset = {"your own": _own(scores, truth, image), **maps}, "your own"
        super().__init__(maps=maps, preset=preset, **traits)

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float:
        return check_number("threshold", proposal["value"], minimum=0, maximum=1)

    @traitlets.validate("grow", "dx", "dy", "distance")
    def _check_whole(self, proposal: Any) -> int:
        name = proposal["trait"].name
        low, high = {"grow": (-GROW, GROW), "distance": (1, RIM)}.get(name, (-SHIFT, SHIFT))
        return check_int(name, proposal["value"], minimum=low, maximum=high)

    @traitlets.validate("metric", "preset")
    def _check_words(self, proposal: Any) -> str:
        name = proposal["trait"].name
        return check_choice(name, proposal["value"], METRICS if name == "metric" else tuple(self.maps))

    @property
    def map(self) -> dict[str, Any]:
        """The unpacked score map that is shown."""
        return unpack_map(self.maps[self.preset])

    @property
    def truth(self) -> NDArray[np.bool_]:
        """The true mask, (H, W)."""
        shown = self.map
        return np.array(shown["truth"], dtype=bool).reshape(shown["height"], shown["width"])

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """The mask at the threshold, grown and shifted, (H, W)."""
        return changed(self.map, self.threshold, (self.grow, self.dx, self.dy)).reshape(self.truth.shape) > 0

    @property
    def metrics(self) -> dict[str, Any]:
        """The six metrics and ``counts`` of background, hits, misses and false alarms."""
        return measure(self.map, self.threshold, (self.grow, self.dx, self.dy), self.distance)

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """Each metric at the thresholds 0, 0.02, ..., 1."""
        return curves(self.map, (self.grow, self.dx, self.dy), self.distance, 50)

    @property
    def static_text(self) -> str:
        """One sentence with the six metrics at the threshold."""
        now = self.metrics
        each = ", ".join(f"{w} {'0/0' if now[m] is None else f'{now[m]:.2f}'}" for m, w in zip(METRICS, WORDS))
        _, hits, misses, alarms = now["counts"]
        return (
            f"Score map '{self.preset}' at threshold {self.threshold:.2f}: {hits} hits, {misses} misses, {alarms} "
            f"false alarms; {each}."
        )

    def static_svg(self) -> str:
        """Draw the mask over the picture, hits, misses and false alarms apart, and the metrics as bars."""
        shown, now = self.map, self.metrics
        height, width = self.truth.shape
        side = 320 / width
        kinds = np.array(cells(self.predicted.flatten().tolist(), shown["truth"])).reshape(height, width)
        gray = np.array(shown["gray"], dtype=np.uint8).reshape(height, width)
        pixels = np.repeat(gray[..., None], 3, axis=2)
        for kind, color in ((HIT, (0, 114, 178)), (MISS, (230, 159, 0)), (ALARM, (213, 94, 0))):
            pixels[kinds == kind] = color
        parts = [svg.text(10, 18, "blue: hits; orange with strokes: misses; red with dots: false alarms")]
        parts.append(svg.image(10, 28, side, pixels))
        marks, dots = "", ""
        for i, j in np.argwhere(kinds == MISS):
            marks += f"M{svg.number(10 + side * j)} {svg.number(28 + side * (i + 1))}l{side:.1f} {-side:.1f}"
        for i, j in np.argwhere(kinds == ALARM):
            dots += f"M{svg.number(10 + side * (j + 0.3))} {svg.number(28 + side * (i + 0.5))}h{0.4 * side:.1f}"
        parts += [svg.path(marks, stroke="#ffffff"), svg.path(dots, stroke="#ffffff", stroke_width=0.4 * side)]
        for k, (name, words) in enumerate(zip(METRICS, WORDS)):
            y, value = 44 + 34 * k, now[name]
            said = "0/0" if value is None else f"{value:.2f}"
            parts += [svg.text(350, y, f"{words} {said}"), svg.rect(350, y + 6, 200, 9, fill="#E4E7EB")]
            parts.append(svg.rect(350, y + 6, 200 * (value or 0), 9, fill=svg.COLORS["blue"]))
        return svg.document(570, max(250, 38 + side * height), parts)


def _own(scores: Any, truth: Any, image: Any) -> dict[str, Any]:
    values, mask = np.asarray(scores, dtype=float), np.asarray(truth)
    check_shape("scores", values, (None, None))
    check_shape("truth", mask, values.shape)
    for name, size in zip(("height of scores", "width of scores"), values.shape):
        check_int(name, size, minimum=1, maximum=LARGEST)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"scores must lie in [0, 1], got {values.min()} to {values.max()}: take a sigmoid or softmax")
    ground = np.full(values.shape, 0.6) if image is None else np.asarray(image)
    ground = ground / 255 if ground.dtype == np.uint8 else ground.astype(float)
    ground = ground.mean(axis=0) if ground.ndim == 3 else ground
    check_shape("image", ground, values.shape)
    return pack_map(values, mask > 0, np.clip(ground, 0, 1))
