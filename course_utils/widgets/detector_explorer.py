"""A detector that runs in the page: objects to drag, shrink and hide, and what an SSD still sees of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.widgets import small_detector as net
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack
from course_utils.widgets.small_network import LETTERS

if TYPE_CHECKING:
    from course_utils.recipes.small_ssd import SmallSSD

__all__ = ["PRESETS", "DetectorExplorer"]

SIZE, SPRITE, GROUND = 96, 32, 40  # pixels a side of the scene, of a stored sprite, of a stored background
SMALL, LARGE, MOST = 10, 60, 9  # diameters in pixels, and how many objects
SPRITE_SEED, GROUND_SEED, GROUNDS = 8, 110, (1, 4, 7)
PRESETS: dict[str, dict[str, Any]] = {
    "apart": {"ground": 0, "objects": [[3, 24, 25, 34], [6, 70, 28, 32], [9, 46, 70, 38]]},
    "one before the other": {"ground": 1, "objects": [[5, 40, 42, 40], [3, 58, 52, 36], [1, 24, 76, 28]]},
    "two of a kind": {"ground": 2, "objects": [[6, 40, 48, 36], [6, 53, 52, 36]]},
    "smaller and smaller": {
        "ground": 1,
        "objects": [[4, 22, 26, 40], [4, 62, 26, 28], [4, 26, 66, 19], [4, 54, 66, 14], [4, 78, 66, 10]],
    },
    "crowd": {
        "ground": 2,
        "objects": [
            [0, 18, 20, 28], [2, 50, 22, 30], [8, 80, 24, 26], [5, 22, 56, 32], [7, 52, 56, 30], [9, 80, 60, 30],
            [1, 34, 82, 24], [3, 66, 82, 28],
        ],
    },
}  # fmt: skip


@cache
def _default_network() -> dict[str, Any]:
    from course_utils.recipes import small_ssd, stored_weights

    model: Any = stored_weights.restore(small_ssd.build_model(), small_ssd.weights_path(), small_ssd.NAME)
    return net.pack_network(model)


@cache
def _sprites() -> tuple[dict[str, str], ...]:
    """Draw one object of each class alone, and cut it out by its mask."""
    import torch

    from course_utils.data.synthetic import CLASSES, make_scenes, render_scenes
    from course_utils.data.synthetic.backgrounds import draw_backgrounds
    from course_utils.data.synthetic.draws import Draws
    from course_utils.recipes.small_ssd import SCENES

    count, like = len(CLASSES), {**SCENES, "objects": 1, "clutter": 0, "rotation": 0.0}
    drawn = make_scenes(count, SPRITE, SPRITE_SEED, "medium", **like).objects
    middle = torch.full_like(drawn.x, SPRITE / 2)
    kinds = torch.arange(count).reshape(-1, 1).expand_as(drawn.kind)
    objects = replace(drawn, kind=kinds, x=middle, y=middle, radius=torch.full_like(drawn.radius, SPRITE / 2 - 0.5))
    ground = draw_backgrounds(Draws(count, SPRITE_SEED, "sprites"), SPRITE, "plain")
    dark = replace(ground, first=torch.full_like(ground.first, 0.12))
    scenes = render_scenes(objects, dark)
    return tuple(net.pack_sprite(scenes.images[k].numpy(), scenes.masks[k, 0].numpy()) for k in range(count))


@cache
def _grounds() -> tuple[dict[str, str], ...]:
    """Paint the photos that lie behind three of the scenes, without objects."""
    from course_utils.data.synthetic.backgrounds import draw_backgrounds
    from course_utils.data.synthetic.draws import Draws

    photos = draw_backgrounds(Draws(12, GROUND_SEED, "scenes"), GROUND, "photo").paint()
    return tuple(net.pack_ground(_bytes(photos[k])) for k in GROUNDS)


def _bytes(picture: Any) -> NDArray[np.uint8]:
    return (picture.clamp(0, 1) * 255).round().byte().numpy()


# ---- what the twins are compared on -------------------------------------------------------------------------------


def _draw_layer(rng: np.random.Generator, inputs: int, outputs: int = 0, kernel: int = 0) -> dict[str, Any]:
    kernel = kernel or int(rng.choice([1, 3]))
    outputs = outputs or int(rng.integers(1, 5))
    weight = rng.normal(0, 0.4, outputs * inputs * kernel**2)
    return {"weight": weight, "bias": rng.normal(size=outputs), "kernel": kernel, "stride": int(rng.integers(1, 3))}


def _draw_convolution(rng: np.random.Generator) -> tuple[Any, ...]:
    size, inputs = int(rng.integers(3, 10)), int(rng.integers(1, 4))
    return rng.normal(size=inputs * size**2), size, _draw_layer(rng, inputs), bool(rng.random() < 0.5)


def _draw_network(rng: np.random.Generator) -> tuple[Any, ...]:
    size, maps, layers, width = int(rng.integers(8, 17)), int(rng.integers(1, 4)), [], 3
    for _ in range(maps + int(rng.integers(0, 2))):
        layers.append(_draw_layer(rng, width))
        width = len(layers[-1]["bias"])
    heads = [{**_draw_layer(rng, len(one["bias"]), 10, 1), "stride": 1} for one in layers[-maps:]]
    return rng.normal(size=3 * size**2), size, layers + heads, maps


def _draw_maps(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {"stride": stride, "side": int(rng.integers(1, 4)), "cell": rng.uniform(4, 40, (2, 2)).tolist()}
        for stride in (8, 16)[: int(rng.integers(1, 3))]
    ]


def _draw_outputs(rng: np.random.Generator) -> tuple[Any, list[dict[str, Any]], int]:
    maps, columns = _draw_maps(rng), 5 + int(rng.integers(1, 4))
    count = sum(one["side"] ** 2 * len(one["cell"]) for one in maps)
    spread = np.array([4, 4, 6, 6] + [2] * (columns - 4))
    if rng.random() < 0.1:
        spread[2] = 60  # wild widths, which are cut off
    return (rng.normal(size=(count, columns)) * spread).reshape(-1), maps, columns


def _draw_read(rng: np.random.Generator) -> tuple[Any, ...]:
    outputs, maps, columns = _draw_outputs(rng)
    limits = round(0.05 * int(rng.integers(1, 15)), 2), round(0.05 * int(rng.integers(0, 21)), 2)
    return outputs, net.anchors_of(maps), 48, columns, *limits


def _draw_scores(rng: np.random.Generator) -> tuple[Any, ...]:
    outputs, maps, columns = _draw_outputs(rng)
    return outputs, maps, columns, int(rng.integers(columns - 5))


def _draw_box(rng: np.random.Generator) -> list[float]:
    (x, y), (w, h) = rng.integers(0, 12, 2), rng.integers(8, 30, 2)
    return [int(x), int(y), int(x + w), int(y + h)]


def _draw_judge(rng: np.random.Generator) -> tuple[Any, ...]:
    shares = (0, 0.05, 0.1, 0.8)
    truth = [[*_draw_box(rng), int(rng.integers(2)), float(rng.choice(shares))] for _ in range(int(rng.integers(0, 5)))]
    rows = [[*_draw_box(rng), round(float(rng.random()), 3), int(rng.integers(2))] for _ in range(6)]
    return sorted(rows, key=lambda row: -row[4]), truth


def _draw_stored(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    rows, inputs = [], 3
    for _ in range(int(rng.integers(1, 4))):
        rows.append([int(rng.integers(1, 6)), inputs, int(rng.choice([1, 3])), 1])
        inputs = rows[-1][0]
    count, channels = sum(o * i * k * k for o, i, k, _ in rows), sum(row[0] for row in rows)
    return (
        {
            "layers": rows,
            "letters": "".join(LETTERS[i] for i in rng.integers(0, 63, count)),
            "steps": pack(rng.uniform(0.001, 0.1, channels).astype(np.float16)),
            "biases": pack(rng.normal(size=channels).astype(np.float16)),
        },
    )


def _draw_letters(rng: np.random.Generator) -> dict[str, str]:
    letters = "".join(LETTERS[i] for i in rng.integers(0, 64, int(rng.integers(2, 7)) ** 2))
    return {"pixels": letters, "palette": pack(rng.integers(0, 256, 192).astype(np.uint8))}


def _draw_compose(rng: np.random.Generator) -> tuple[Any, ...]:
    size = int(rng.integers(6, 14))
    sprites = [net.unpack_sprite(_draw_letters(rng)) for _ in range(2)]
    objects = [
        [int(rng.integers(2)), *rng.integers(-1, size + 2, 2).tolist(), float(rng.choice([2, 4, 5.5, 9]))]
        for _ in range(int(rng.integers(0, 4)))
    ]
    return rng.uniform(0, 255, 3 * size**2), size, sprites, objects


def _draw_truth(rng: np.random.Generator) -> tuple[Any, ...]:
    size, labels = int(rng.integers(3, 9)), rng.integers(0, 9, int(rng.integers(0, 4))).tolist()
    owner = rng.integers(-1, max(1, len(labels)), size**2) if labels else np.full(size**2, -1)
    owner[rng.random(size**2) < 0.6] = -1
    full = [int((owner == k).sum() + rng.integers(0, 9)) for k in range(len(labels))]
    return owner, size, full, labels


class DetectorExplorer(CourseWidget):
    """Drag objects over a photo and see what an SSD of 38,000 numbers, running in the page, says of them.

    Args:
        preset: ``"apart"``, ``"one before the other"``, ``"two of a kind"``, ``"smaller and smaller"`` or ``"crowd"``.
        objects: rows ``[label, x, y, diameter]``, whole pixels of the 96 x 96 scene, the last in front, at most 9;
            None takes those of the preset. Labels as in ``data.synthetic.CLASSES``.
        model: a network of `recipes.small_ssd` as its ``train`` leaves it; default the trained one.
        ground: which photo lies behind, 0 to 2.
        chosen: the object that keys move.
        detection: the detection that is looked at, by falling score.
        score_threshold: boxes whose score is not above it are not shown.
        iou_threshold: an overlap above it suppresses, within each class.
        truth: whether the true boxes are drawn.
        shown: whose scores the maps show: ``"chosen"`` (the detection's class) or the name of a class.

    ``detections``, ``true_objects`` and ``judged`` compute in Python, by torch, what the page computes.
    """

    title = "A detector in this page"
    twins = (
        Twin("unpackNetwork", net.unpack_network, _draw_stored),
        Twin("convolve", net.convolve, _draw_convolution),
        Twin("forward", net.forward, _draw_network),
        Twin("anchorsOf", net.anchors_of, lambda rng: (_draw_maps(rng),)),
        Twin("read", net.read, _draw_read),
        Twin("scoreMaps", net.score_maps, _draw_scores),
        Twin("judge", net.judge, _draw_judge),
        Twin("unpackSprite", net.unpack_sprite, lambda rng: (_draw_letters(rng),)),
        Twin("unpackGround", net.unpack_ground, lambda rng: (_draw_letters(rng), int(rng.integers(6, 14)))),
        Twin("compose", net.compose, _draw_compose),
        Twin("truthOf", net.truth_of, _draw_truth),
        Twin("prepare", net.prepare, lambda rng: (rng.uniform(0, 255, 9),)),
    )

    network: Any = traitlets.Dict().tag(sync=True)
    sprites: Any = traitlets.List().tag(sync=True)
    grounds: Any = traitlets.List().tag(sync=True)
    classes: Any = traitlets.List().tag(sync=True)
    facts: Any = traitlets.Dict().tag(sync=True)
    presets = traitlets.Dict(PRESETS).tag(sync=True)
    preset = traitlets.Unicode("apart").tag(sync=True)
    objects: Any = traitlets.List().tag(sync=True)
    ground = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    detection = traitlets.Int(0).tag(sync=True)
    score_threshold = traitlets.Float(0.5).tag(sync=True)
    iou_threshold = traitlets.Float(0.45).tag(sync=True)
    truth = traitlets.Bool(True).tag(sync=True)
    shown = traitlets.Unicode("chosen").tag(sync=True)

    def __init__(
        self, preset: str = "apart", objects: Any = None, model: SmallSSD | None = None, **traits: Any
    ) -> None:
        from course_utils.data.synthetic import CLASSES
        from course_utils.recipes import small_ssd
        from course_utils.runtime import load_record

        start = {**PRESETS[check_choice("preset", preset, tuple(PRESETS))], **traits}
        start["objects"] = start["objects"] if objects is None else _checked(objects, len(CLASSES))
        check_int("ground", start["ground"], minimum=0, maximum=len(GROUNDS) - 1)
        for name in ("score_threshold", "iou_threshold"):
            if name in start:
                start[name] = float(check_number(name, start[name], minimum=0, maximum=1))
        for name in ("chosen", "detection"):
            check_int(name, start.get(name, 0), minimum=0)
        check_choice("shown", start.get("shown", "chosen"), ("chosen", *CLASSES))
        record = load_record(small_ssd.NAME)
        super().__init__(
            preset=preset,
            network=_default_network() if model is None else net.pack_network(model),
            sprites=list(_sprites()),
            grounds=list(_grounds()),
            classes=list(CLASSES),
            facts={"mAP": record["kept_mAP"], "scenes": small_ssd.HELD_OUT},
            **start,
        )

    # ---- what the page computes, in torch -------------------------------------------------------------------------

    def _composed(self) -> dict[str, Any]:
        sprites = [net.unpack_sprite(one) for one in self.sprites]
        ground = net.unpack_ground(self.grounds[self.ground], SIZE)
        return net.compose(ground, SIZE, sprites, self.objects)

    @property
    def picture(self) -> NDArray[np.float64]:
        """The scene as the network gets it, (3, 96, 96), 0..255."""
        return np.asarray(self._composed()["pixels"]).reshape(3, SIZE, SIZE)

    @property
    def true_objects(self) -> list[list[float]]:
        """Rows ``[x1, y1, x2, y2, label, visible share]``, one an object."""
        made = self._composed()
        return net.truth_of(made["owner"], SIZE, made["full"], [int(one[0]) for one in self.objects])

    @property
    def detections(self) -> list[list[float]]:
        """Rows ``[x1, y1, x2, y2, score, label, anchor]``, best first."""
        layers, maps = net.unpack_network(self.network), self.network["maps"]
        outputs = net.forward(net.prepare(self.picture), SIZE, layers, len(maps))
        columns = 5 + len(self.classes)
        return net.read(outputs, net.anchors_of(maps), SIZE, columns, self.score_threshold, self.iou_threshold)

    @property
    def judged(self) -> dict[str, Any]:
        """``verdicts`` on the detections, and whether each object is ``found``."""
        return net.judge(self.detections, self.true_objects)

    @property
    def static_text(self) -> str:
        """One sentence with what is found, missed and falsely seen."""
        judged, names = self.judged, [self.classes[int(one[0])] for one in self.objects]
        hits, rest = judged["verdicts"].count("hit"), len(judged["verdicts"]) - judged["verdicts"].count("hit")
        there = (
            f"Of {len(names)} object{'s' * (len(names) != 1)} ({', '.join(names)})" if names else "In an empty scene"
        )
        return (
            f"{there} the network finds {hits} at a score above {self.score_threshold:.2f}; "
            f"it draws {rest} other box{'es' * (rest != 1)}."
        )

    def static_svg(self) -> str:
        """Draw the scene with the detections and the true boxes."""
        zoom, rows = 4.0, self.detections
        rgb = np.rint(self.picture.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0)
        parts = [svg.image(0, 0, zoom, rgb, colors=64)]

        def frame(box: Any, **style: Any) -> str:
            x1, y1, x2, y2 = (round(zoom * float(value), 1) for value in box[:4])
            return svg.rect(x1, y1, x2 - x1, y2 - y1, fill="none", **style)

        for one in self.true_objects:
            if one[5] > 0:
                parts.append(frame(one, stroke="#ffffff", stroke_width=1.5, stroke_dasharray="8 4"))
        for row, verdict in reversed(list(zip(rows, self.judged["verdicts"], strict=True))):  # the best on top
            color = "#3CE0AE" if verdict == "hit" else "#FF8A4C"
            parts.append(frame(row, stroke=color, stroke_width=3))
            words = f"{self.classes[int(row[5])]} {row[4]:.2f}"
            x, y = zoom * row[0], max(16.0, zoom * row[1])
            parts.append(svg.rect(x, y - 16, 7.5 * len(words) + 6, 17, fill="#10202E"))
            parts.append(svg.text(x + 3, y - 3, words, fill="#ffffff", font_size=13))
        return svg.document(zoom * SIZE, zoom * SIZE, parts)


def _checked(objects: Any, classes: int) -> list[list[int]]:
    table = np.asarray(objects, dtype=float)
    table = table.reshape(-1, 4) if table.size == 0 else table
    check_shape("objects", table, (None, 4))
    check_int("number of objects", len(table), minimum=0, maximum=MOST)
    rows = [[check_int("objects", int(v) if v % 1 == 0 else v) for v in row] for row in table.tolist()]
    for label, x, y, diameter in rows:
        check_int("label", label, minimum=0, maximum=classes - 1)
        for name, value in (("x", x), ("y", y)):
            check_int(name, value, minimum=0, maximum=SIZE)
        check_int("diameter", diameter, minimum=SMALL, maximum=LARGE)
    return rows
