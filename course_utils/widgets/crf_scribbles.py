"""Scribble labels on a small picture and watch a conditional random field make the pixels agree."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number
from course_utils.widgets import svg, tiny_scenes
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.segmentation.grid_crf import GridCRF

__all__ = [
    "MODELS", "PRESETS", "CrfScribbles", "listens_to", "mean_field", "overlaps", "painted", "scores_of",
    "unpack_scene", "unsureness",
]  # fmt: skip

MODELS = ("dense", "grid")
STARTS = ("network", "nothing")
KERNELS = ("appearance", "smoothness", "theta_alpha", "theta_beta", "theta_gamma")
SURE, MOST = 0.99, 30
LIMITS = {
    "certainty": (0.5, 0.95),
    "appearance": (0.0, 10.0),
    "smoothness": (0.0, 10.0),
    "theta_alpha": (1.0, 100.0),
    "theta_beta": (0.02, 1.0),
    "theta_gamma": (0.5, 6.0),
    "weight": (0.0, 8.0),
    "sigma": (0.02, 1.0),
}
SETTINGS: dict[str, Any] = {
    "model": "dense", "certainty": 0.7, "appearance": 4.0, "smoothness": 3.0, "theta_alpha": 16.0, "theta_beta": 0.08,
    "theta_gamma": 1.5, "weight": 2.0, "sigma": 0.1, "edges": True,
}  # fmt: skip

# Strokes: [label, radius, x, y, x, y, ...].
ON_LEAVES = [0, 1, 3, 4, 10, 3, 20, 2]
ON_UPPER = [1, 1, 18, 18, 24, 12, 29, 18]
PRESETS: dict[str, dict[str, Any]] = {
    "a noisy network": {"scene": "horse", "start": "network"},
    "thin legs vanish": {
        "scene": "horse", "start": "network", "model": "grid", "weight": 2.0, "edges": False, "certainty": 0.7,
    },
    "a few strokes": {"scene": "flowers", "start": "nothing", "strokes": [ON_LEAVES, ON_UPPER], "steps": 10},
    "two alike in colour": {
        "scene": "flowers", "start": "nothing", "strokes": [ON_LEAVES, ON_UPPER, [2, 1, 25, 34, 31, 34]], "steps": 10,
    },
    "colour alone": {
        "scene": "flowers", "start": "nothing", "strokes": [ON_LEAVES, ON_UPPER, [2, 1, 25, 34, 31, 34]],
        "theta_alpha": 100.0, "smoothness": 0.0, "steps": 10,
    },
    "position alone": {"scene": "horse", "start": "network", "theta_beta": 1.0, "theta_alpha": 3.0},
}  # fmt: skip


def unpack_scene(scene: Mapping[str, Any]) -> dict[str, Any]:
    """Return the colours of the palette in a row, the place of each pixel in it, and the labels of the truth."""
    return {
        "width": scene["width"],
        "height": scene["height"],
        "palette": unpack_bytes(scene["palette"]).tolist(),
        "index": [tiny_scenes.LETTERS.index(letter) for letter in scene["pixels"]],
        "truth": [int(digit) for digit in scene["truth"]],
    }


def painted(strokes: Sequence[Sequence[int]], width: int, height: int) -> NDArray[np.int64]:
    """Return the labels that strokes leave, (H W,), -1 where there is none.

    Args:
        strokes: rows ``[label, radius, x, y, x, y, ...]`` in whole pixels, label -1 erases; later ones lie on top.
        width: of the picture.
        height: of the picture.
    """
    out = np.full((height, width), -1)
    rows, columns = np.mgrid[:height, :width]
    for label, radius, *path in strokes:
        places = list(zip(path[::2], path[1::2], strict=True))
        for (ax, ay), (bx, by) in zip(places, places[1:] or places, strict=False):
            dx, dy = bx - ax, by - ay
            px, py = columns - ax, rows - ay
            square = dx * dx + dy * dy
            along = np.clip((px * dx + py * dy) / square, 0, 1) if square else np.zeros(out.shape)
            out[(px - along * dx) ** 2 + (py - along * dy) ** 2 <= (radius + 0.5) ** 2] = label
    return out.flatten()


def scores_of(start: Sequence[int], paint: Sequence[int], count: int, certainty: float) -> NDArray[np.float64]:
    """Return log-probabilities (H W count,): what is known before neighbours speak.

    Args:
        start: labels of a network, -1 where it says nothing: all labels are equally likely there.
        paint: painted labels, nearly sure, or -1.
        count: number of labels, at least 2.
        certainty: probability of a label of the start; the others share the rest.
    """
    label = np.where(np.asarray(paint) >= 0, paint, start)
    p = np.where(np.asarray(paint) >= 0, SURE, certainty)[:, None]
    said = label[:, None] == np.arange(count)
    share = np.where(said, p, (1 - p) / (count - 1))
    return np.log(np.where(label[:, None] < 0, 1 / count, share)).flatten()


def _image(picture: Mapping[str, Any]) -> Tensor:
    import torch

    palette = torch.tensor(picture["palette"], dtype=torch.float64).view(-1, 3) / 255
    return palette[torch.as_tensor(picture["index"]).long()].T.reshape(3, picture["height"], picture["width"])


def _maps(picture: Mapping[str, Any], values: Any, count: int) -> Tensor:
    import torch

    flat = torch.as_tensor(np.asarray(values, dtype=float)).view(-1, count)
    return flat.T.reshape(count, picture["height"], picture["width"])


def _kernels(settings: Mapping[str, Any]) -> Any:
    from course_utils.segmentation.dense_crf import Kernels

    return Kernels(*(float(settings[name]) for name in KERNELS))


def _grid(picture: Mapping[str, Any], settings: Mapping[str, Any], logits: Tensor) -> GridCRF:
    from course_utils.segmentation.grid_crf import from_logits

    image = _image(picture) if settings["edges"] else None
    return from_logits(logits, settings["weight"], image, settings["sigma"])


def beliefs(picture: Mapping[str, Any], settings: Mapping[str, Any], scores: Any, count: int, steps: int) -> Tensor:
    """Return the beliefs (K, H, W) after some iterations: `dense_crf.mean_field` by pairs, or `grid_crf.mean_field`."""
    from course_utils.segmentation import dense_crf, grid_crf

    logits = _maps(picture, scores, count)
    if not steps:
        return logits.softmax(0)
    if settings["model"] == "dense":
        return dense_crf.mean_field(logits, _image(picture), _kernels(settings), steps, "pairs").double()
    return grid_crf.mean_field(_grid(picture, settings, logits), steps)[0]


def _energy(picture: Mapping[str, Any], settings: Mapping[str, Any], logits: Tensor, labels: Tensor) -> float:
    from course_utils.segmentation import dense_crf, grid_crf

    if settings["model"] == "dense":
        return dense_crf.energy(labels, logits, _image(picture), _kernels(settings))
    return grid_crf.energy(_grid(picture, settings, logits), labels)


def mean_field(
    picture: Mapping[str, Any], settings: Mapping[str, Any], scores: Any, count: int, steps: int
) -> dict[str, Any]:
    """Run a field on a picture.

    Args:
        picture: an unpacked scene.
        settings: ``model`` and its weights and widths.
        scores: log-probabilities (H W count,).
        count: number of labels.
        steps: iterations, at least 0.

    Returns:
        ``q`` (H W count,), ``labels`` (H W,), and the ``energies`` of the labels before the first iteration and after
        each.
    """
    logits = _maps(picture, scores, count)
    states = [beliefs(picture, settings, scores, count, step) for step in range(steps + 1)]
    energies = [_energy(picture, settings, logits, state.argmax(0)) for state in states]
    q = states[-1].flatten(1).T
    return {"q": q.flatten().numpy(), "labels": q.argmax(1).numpy(), "energies": energies}


def listens_to(picture: Mapping[str, Any], settings: Mapping[str, Any], pixel: int) -> NDArray[np.float64]:
    """Return how loud each pixel (H W,) speaks to one of them: its row of the weighted, normalised kernels."""
    import torch

    from course_utils.segmentation.dense_crf import message_filters
    from course_utils.segmentation.grid_crf import support

    height, width = picture["height"], picture["width"]
    one = torch.zeros(height * width, 1, dtype=torch.float64)
    one[pixel] = 1
    if settings["model"] == "dense":
        appearance, smoothness = message_filters(_image(picture), _kernels(settings), "pairs")
        return (settings["appearance"] * appearance(one) + settings["smoothness"] * smoothness(one))[:, 0].numpy()
    crf = _grid(picture, settings, torch.zeros(1, height, width, dtype=torch.float64))
    return support(crf, one.view(1, height, width)).flatten().numpy()


def overlaps(labels: Sequence[int], truth: Sequence[int], count: int) -> dict[str, Any]:
    """Return ``iou`` of each label, None for one neither true nor said, and their ``mean``."""
    import torch

    from course_utils.segmentation.metrics import class_iou, confusion_matrix, mean_iou

    said, true = (torch.as_tensor(np.asarray(one, dtype=np.int64)) for one in (labels, truth))
    table = confusion_matrix(said, true, count, ignore=None)
    return {"iou": [None if v != v else v for v in class_iou(table).tolist()], "mean": mean_iou(table)}


def unsureness(q: Any, count: int) -> NDArray[np.float64]:
    """Return the entropy of each pixel's beliefs (H W,), 1 where all labels are equally likely."""
    import torch

    p = torch.as_tensor(np.asarray(q, dtype=float)).view(-1, count)
    return (-torch.special.xlogy(p, p).sum(1) / np.log(count)).numpy()


def network_labels(truth: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Return labels (H, W) as a coarse network gives them: right in the large, with blotches and ragged borders.

    Args:
        truth: labels (H, W), 0 or 1.
        seed: of the errors.
    """
    rng = np.random.default_rng(seed)
    coarse = tiny_scenes.blur(truth.astype(float), 1.0)
    blotches = tiny_scenes.blur(rng.normal(size=truth.shape), 0.8)
    return (coarse - 0.45 + 0.26 * blotches / blotches.std() > 0).astype(np.int64)


@cache
def _scenes() -> dict[str, dict[str, Any]]:
    made = {"horse": tiny_scenes.horse(), "flowers": tiny_scenes.flowers()}
    return {name: {**scene, "network": _network(scene)} for name, scene in made.items()}


def _network(scene: Mapping[str, Any]) -> str:
    truth = tiny_scenes.truth_of(dict(scene))
    found = network_labels((truth > 0).astype(np.int64))
    return "".join(str(int(one)) for one in np.where(found, np.maximum(truth, 1), 0).flatten())


def _draw_picture(rng: np.random.Generator) -> dict[str, Any]:
    width, height, colors = int(rng.integers(2, 8)), int(rng.integers(2, 7)), int(rng.integers(1, 6))
    index = rng.integers(0, colors, width * height)
    return {"width": width, "height": height, "palette": rng.integers(0, 256, 3 * colors), "index": index}


def _draw_settings(rng: np.random.Generator) -> dict[str, Any]:
    drawn = {name: float(rng.uniform(low, high)) for name, (low, high) in LIMITS.items()}
    drawn |= {name: drawn[name] / 20 + 0.05 for name in ("theta_alpha", "weight") if rng.random() < 0.5}
    drawn |= {name: 0.0 for name in ("appearance", "smoothness") if rng.random() < 0.2}
    return {**drawn, "model": MODELS[int(rng.integers(2))], "edges": bool(rng.random() < 0.5)}


def _draw_field(rng: np.random.Generator) -> tuple[Any, ...]:
    picture, count = _draw_picture(rng), int(rng.integers(2, 5))
    logits = rng.normal(0, 1.5, (len(picture["index"]), count))
    scores = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return picture, _draw_settings(rng), scores.flatten(), count, int(rng.integers(0, 6))


def _draw_listener(rng: np.random.Generator) -> tuple[Any, ...]:
    picture = _draw_picture(rng)
    return picture, _draw_settings(rng), int(rng.integers(len(picture["index"])))


def _draw_strokes(rng: np.random.Generator) -> tuple[Any, ...]:
    width, height = int(rng.integers(2, 12)), int(rng.integers(2, 12))
    strokes = []
    for _ in range(int(rng.integers(0, 5))):
        places = rng.integers(0, [width, height], (int(rng.integers(1, 5)), 2))
        strokes.append([int(rng.integers(-1, 3)), int(rng.integers(0, 3)), *places.flatten().tolist()])
    return strokes, width, height


def _draw_scores(rng: np.random.Generator) -> tuple[Any, ...]:
    count = int(rng.integers(2, 5))
    start, paint = rng.integers(-1, count, (2, 12))
    return start, paint, count, float(rng.uniform(*LIMITS["certainty"]))


def _draw_overlaps(rng: np.random.Generator) -> tuple[Any, ...]:
    count = int(rng.integers(2, 5))
    labels, truth = rng.integers(0, int(rng.integers(1, count + 1)), (2, 9))
    return labels, truth, count


def _draw_beliefs(rng: np.random.Generator) -> tuple[Any, ...]:
    count = int(rng.integers(2, 5))
    q = rng.dirichlet(np.full(count, 0.3), 8)
    q[0] = np.eye(count)[0]
    return q.flatten(), count


def _draw_scene(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    letters = "".join(tiny_scenes.LETTERS[i] for i in rng.integers(0, 64, 12))
    truth = "".join(str(i) for i in rng.integers(0, 10, 12))
    palette = pack(rng.integers(0, 256, 192).astype(np.uint8))
    return ({"width": 4, "height": 3, "pixels": letters, "palette": palette, "truth": truth},)


class CrfScribbles(CourseWidget):
    """Scribble labels on a picture of 48 x 36 pixels, and let a conditional random field carry them on.

    Args:
        preset: one of ``PRESETS``: scene, strokes and settings; every further argument changes one thing of it.
        model: ``"dense"`` (fully connected, two Gaussian kernels) or ``"grid"`` (four neighbours).
        start: ``"network"``, its noisy labels, or ``"nothing"``: what is not painted is open.
        strokes: rows ``[label, radius, x, y, x, y, ...]``; label -1 erases.
        certainty: probability that a label of the network is given, 0.5 to 0.95.
        appearance: weight of the dense field's appearance kernel, 0 to 10.
        smoothness: weight of its smoothness kernel, 0 to 10.
        theta_alpha: width in pixels of the appearance kernel, 1 to 100 (alike for the whole picture).
        theta_beta: its width in colour, 0.02 to 1; colours go from 0 to 1.
        theta_gamma: width in pixels of the smoothness kernel, 0.5 to 6.
        weight: cost of a change between neighbours of the grid, 0 to 8.
        edges: whether that cost fades where colours differ.
        sigma: how far, 0.02 to 1.
        steps: iterations of mean field that are shown, 0 to 30.
        pixel: the chosen one, ``row * 48 + column``; the page shows whom it listens to.

    ``beliefs`` (K, 36, 48), ``labels`` (36, 48), ``energies`` and ``iou`` compute in Python, by
    `course_utils.segmentation`, what the page computes; all arguments can be read back at any time.
    """

    title = "Scribbles and random fields"
    twins = (
        Twin("unpackScene", unpack_scene, _draw_scene),
        Twin("painted", painted, _draw_strokes),
        Twin("scoresOf", scores_of, _draw_scores, 1e-12),
        Twin("meanField", mean_field, _draw_field, 1e-4),  # the library works in 32 bits
        Twin("listensTo", listens_to, _draw_listener, 1e-5),
        Twin("overlaps", overlaps, _draw_overlaps, 1e-12),
        Twin("unsureness", unsureness, _draw_beliefs, 1e-12),
    )

    scenes: Any = traitlets.Dict().tag(sync=True)
    presets: Any = traitlets.Dict(PRESETS).tag(sync=True)
    defaults: Any = traitlets.Dict(SETTINGS).tag(sync=True)
    preset = traitlets.Unicode("a noisy network").tag(sync=True)
    scene = traitlets.Unicode("horse").tag(sync=True)
    start = traitlets.Unicode("network").tag(sync=True)
    strokes: Any = traitlets.List().tag(sync=True)
    model = traitlets.Unicode("dense").tag(sync=True)
    certainty = traitlets.Float(0.7).tag(sync=True)
    appearance = traitlets.Float(4.0).tag(sync=True)
    smoothness = traitlets.Float(3.0).tag(sync=True)
    theta_alpha = traitlets.Float(16.0).tag(sync=True)
    theta_beta = traitlets.Float(0.08).tag(sync=True)
    theta_gamma = traitlets.Float(1.5).tag(sync=True)
    weight = traitlets.Float(2.0).tag(sync=True)
    sigma = traitlets.Float(0.1).tag(sync=True)
    edges = traitlets.Bool(True).tag(sync=True)
    steps = traitlets.Int(5).tag(sync=True)
    pixel = traitlets.Int(15 * tiny_scenes.WIDTH + 20).tag(sync=True)
    pen = traitlets.Int(1).tag(sync=True)
    radius = traitlets.Int(1).tag(sync=True)

    def __init__(self, preset: str = "a noisy network", **traits: Any) -> None:
        chosen = PRESETS[check_choice("preset", preset, tuple(PRESETS))]
        super().__init__(preset=preset, scenes=_scenes(), **{**SETTINGS, "strokes": [], "steps": 5, **chosen, **traits})

    @traitlets.validate(*LIMITS)
    def _check_numbers(self, proposal: Any) -> float:
        low, high = LIMITS[proposal["trait"].name]
        return check_number(proposal["trait"].name, proposal["value"], low, high)

    @traitlets.validate("model", "start", "scene")
    def _check_words(self, proposal: Any) -> str:
        name = proposal["trait"].name
        choices = {"model": MODELS, "start": STARTS, "scene": tuple(_scenes())}
        return check_choice(name, proposal["value"], choices[name])

    @traitlets.validate("steps", "pixel", "pen", "radius")
    def _check_whole(self, proposal: Any) -> int:
        name = proposal["trait"].name
        last = tiny_scenes.WIDTH * tiny_scenes.HEIGHT - 1
        low, high = {"steps": (0, MOST), "pixel": (0, last), "pen": (-2, 2), "radius": (0, 3)}[name]
        return check_int(name, proposal["value"], minimum=low, maximum=high)

    @traitlets.validate("strokes")
    def _check_strokes(self, proposal: Any) -> list[list[int]]:
        for stroke in proposal["value"]:
            if len(stroke) < 4 or len(stroke) % 2:
                raise ValueError(f"a stroke must be [label, radius, x, y, x, y, ...], got {stroke}")
            check_int("label of a stroke", stroke[0], minimum=-1, maximum=2)
            check_int("radius of a stroke", stroke[1], minimum=0, maximum=3)
            for value, end in zip(stroke[2:], (tiny_scenes.WIDTH, tiny_scenes.HEIGHT) * (len(stroke) // 2 - 1)):
                check_int("place of a stroke", value, minimum=0, maximum=end - 1)
        return [[int(value) for value in stroke] for stroke in proposal["value"]]

    @property
    def settings(self) -> dict[str, Any]:
        """The model with its weights and widths."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def names(self) -> list[str]:
        """What the labels stand for."""
        return list(self.scenes[self.scene]["names"])

    @property
    def truth(self) -> NDArray[np.int64]:
        """True labels, (36, 48)."""
        return tiny_scenes.truth_of(self.scenes[self.scene])

    @property
    def scores(self) -> NDArray[np.float64]:
        """Log-probabilities before any iteration, (K, 36, 48)."""
        scene = self.scenes[self.scene]
        said = scene["network"] if self.start == "network" else None
        start = [int(digit) for digit in said] if said else [-1] * len(scene["pixels"])
        count, (width, height) = len(self.names), (scene["width"], scene["height"])
        flat = scores_of(start, painted(self.strokes, width, height).tolist(), count, self.certainty)
        return flat.reshape(height, width, count).transpose(2, 0, 1)

    def _run(self, steps: int) -> NDArray[np.float64]:
        return _cached(self.scene, repr(sorted(self.settings.items())), self.scores.tobytes(), steps)

    @property
    def beliefs(self) -> NDArray[np.float64]:
        """Probabilities of the labels after ``steps`` iterations, (K, 36, 48)."""
        return self._run(self.steps)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The best label of each pixel, (36, 48)."""
        return self.beliefs.argmax(0)

    @property
    def energies(self) -> list[float]:
        """Energy of the labels at the start and after ``steps`` iterations."""
        import torch

        picture, logits = unpack_scene(self.scenes[self.scene]), torch.as_tensor(self.scores)
        each = (self._run(steps).argmax(0) for steps in (0, self.steps))
        return [_energy(picture, self.settings, logits, torch.as_tensor(labels)) for labels in each]

    @property
    def iou(self) -> list[float]:
        """Mean intersection over union with the truth at the start and after ``steps`` iterations."""
        count, truth = len(self.names), self.truth.flatten().tolist()
        return [overlaps(self._run(k).argmax(0).flatten(), truth, count)["mean"] for k in (0, self.steps)]

    @property
    def static_text(self) -> str:
        """One sentence with the model and its IoU before and after."""
        before, after = self.iou
        kind = "fully connected" if self.model == "dense" else "grid"
        start = "the noisy labels of a network" if self.start == "network" else f"{len(self.strokes)} strokes"
        return (
            f"A {kind} conditional random field over 48 x 36 pixels starts from {start}; {self.steps} iterations of "
            f"mean field change the mean IoU from {before:.2f} to {after:.2f}."
        )

    def static_svg(self) -> str:
        """Draw the picture, the labels at the start, the labels now, and the truth."""
        scene = self.scenes[self.scene]
        colors = np.array([[0, 114, 178], [230, 159, 0], [204, 121, 167]], dtype=np.uint8)
        panels = [
            ("picture", tiny_scenes.colors_of(scene)),
            ("start", colors[self._run(0).argmax(0)]),
            (f"after {self.steps} iterations", colors[self.labels]),
            ("truth", colors[self.truth]),
        ]
        parts = []
        for k, (words, pixels) in enumerate(panels):
            x, y = 10 + 320 * (k % 2), 24 + 258 * (k // 2)
            parts += [svg.text(x, y - 8, words), svg.image(x, y, 6, pixels)]
            if k in (1, 2):  # the border of the truth over what is said
                parts.append(svg.path(_border(self.truth, x, y, 6), stroke="#ffffff", stroke_width=1.2))
        return svg.document(628, 508, parts)


def _border(labels: NDArray[np.int64], x: float, y: float, side: float) -> str:
    down = "".join(f"M{x + side * j} {y + side * (i + 1)}h{side}" for i, j in np.argwhere(labels[1:] != labels[:-1]))
    across = np.argwhere(labels[:, 1:] != labels[:, :-1])
    return down + "".join(f"M{x + side * (j + 1)} {y + side * i}v{side}" for i, j in across)


@lru_cache(maxsize=4)
def _matrix(scene: str, numbers: tuple[float, ...]) -> NDArray[np.float64]:
    """Return both kernels of `dense_crf.message_filters`, weighted and added, as one matrix: fast on few pixels."""
    appearance, smoothness, theta_alpha, theta_beta, theta_gamma = numbers
    pixels = tiny_scenes.colors_of(_scenes()[scene])
    (height, width), colors = pixels.shape[:2], pixels.reshape(-1, 3) / 255
    gaps = (np.subtract.outer(np.arange(n), np.arange(n)) ** 2 for n in (height, width))
    down, across = (np.repeat(np.repeat(gap, width, 0), width, 1) if k == 0 else np.tile(gap, (height, height))
                    for k, gap in enumerate(gaps))  # fmt: skip
    place, color = down + across, sum(np.subtract.outer(c, c) ** 2 for c in colors.T)
    total = np.zeros(place.shape)
    for weight, distance in (
        (appearance, place / (2 * theta_alpha**2) + color / (2 * theta_beta**2)),
        (smoothness, place / (2 * theta_gamma**2)),
    ):
        kernel = np.exp(-distance)
        np.fill_diagonal(kernel, 0)
        scale = 1 / np.sqrt(np.maximum(kernel.sum(1), 1e-6))
        total += weight * scale[:, None] * kernel * scale
    return total


@lru_cache(maxsize=32)
def _cached(scene: str, settings: str, scores: bytes, steps: int) -> NDArray[np.float64]:
    chosen = dict(ast.literal_eval(settings))
    picture = unpack_scene(_scenes()[scene])
    flat = np.frombuffer(scores).reshape(-1, len(picture["index"])).T
    if chosen["model"] == "grid":
        return beliefs(picture, chosen, np.ascontiguousarray(flat), flat.shape[1], steps).numpy()
    kernels = _matrix(scene, tuple(float(chosen[name]) for name in KERNELS))
    q = np.exp(flat)
    for _ in range(steps):
        voice = flat + kernels @ q  # what all labels are charged alike is left out
        q = np.exp(voice - voice.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
    return np.ascontiguousarray(q.T).reshape(-1, picture["height"], picture["width"])
