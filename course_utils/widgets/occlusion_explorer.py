"""A grey square to move over a picture, and the maps of what mattered, with a small network in the browser."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int
from course_utils.widgets import small_network as net
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack

if TYPE_CHECKING:
    from torch import nn

    from course_utils.data.synthetic import ObjectImages

__all__ = ["METHODS", "OcclusionExplorer", "stride_of"]

METHODS = ("by hand", "occlusion", "saliency", "gradient × input")
TARGETS = ("predicted", "true")
SIZE, SMALLEST, LARGEST = 64, 4, 32
EXAMPLE_SEED, EXAMPLES = 7, (11, 3, 9, 13, 16, 10)


def stride_of(patch: int) -> int:
    """Return how far the patch moves from place to place of the whole map: half its side, at most 4 pixels."""
    return min(4, patch // 2)


@cache
def _default_network() -> dict[str, Any]:
    from course_utils.recipes import small_scenes, stored_weights

    model = stored_weights.restore(small_scenes.build_model(), small_scenes.weights_path(), small_scenes.NAME)
    return net.pack_network(model)


@cache
def _default_pictures() -> ObjectImages:
    from course_utils.data.synthetic import make_object_images

    return make_object_images(24, SIZE, EXAMPLE_SEED).subset(list(EXAMPLES))


def _draw_layer(rng: np.random.Generator, inputs: int) -> dict[str, Any]:
    kernel, outputs = int(rng.choice([1, 3, 5])), int(rng.integers(1, 5))
    weight = rng.normal(0, 0.4, outputs * inputs * kernel**2)
    return {"weight": weight, "bias": rng.normal(size=outputs), "kernel": kernel, "stride": int(rng.integers(1, 4))}


def _draw_network(rng: np.random.Generator) -> tuple[NDArray[np.float64], int, list[dict[str, Any]]]:
    size, layers, width = int(rng.integers(6, 13)), [], 3
    for _ in range(int(rng.integers(1, 4))):
        layers.append(_draw_layer(rng, width))
        width = len(layers[-1]["bias"])
    layers.append({"weight": rng.normal(size=4 * width), "bias": rng.normal(size=4)})
    return rng.uniform(-2, 2, 3 * size**2), size, layers


def _draw_back(rng: np.random.Generator) -> tuple[Any, ...]:
    size, layer = int(rng.integers(3, 10)), _draw_layer(rng, int(rng.integers(1, 4)))
    count = len(layer["bias"]) * ((size - 1) // layer["stride"] + 1) ** 2
    return rng.normal(size=count), np.maximum(rng.normal(size=count), 0), size, layer


def _draw_convolution(rng: np.random.Generator) -> tuple[Any, ...]:
    size, inputs = int(rng.integers(3, 10)), int(rng.integers(1, 4))
    return rng.normal(size=inputs * size**2), size, _draw_layer(rng, inputs)


def _draw_square(rng: np.random.Generator) -> tuple[int, int, int]:
    size = int(rng.integers(4, 13))
    patch = int(rng.integers(1, size + 1))
    return size, patch, int(rng.integers(1, patch + 1))


def _draw_drops(rng: np.random.Generator) -> tuple[Any, ...]:
    x, size, layers = _draw_network(rng)
    patch = int(rng.integers(1, size + 1))
    return x, size, layers, int(rng.integers(4)), patch, rng.integers(0, size, (5, 2))


def _draw_spread(rng: np.random.Generator) -> tuple[Any, ...]:
    size, patch, _ = _draw_square(rng)
    where = rng.integers(0, size, (int(rng.integers(0, 9)), 2))
    return rng.normal(size=len(where)), where, size, patch


def _draw_share(rng: np.random.Generator) -> tuple[Any, ...]:
    kind = int(rng.integers(4))  # some maps are of zeros, some below zero
    return rng.normal(size=30) * (kind > 0) - 9 * (kind == 1), rng.random(30) < 0.4


def _draw_stored(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    rows, inputs = [], 3
    for _ in range(int(rng.integers(1, 4))):
        rows.append([int(rng.integers(1, 6)), inputs, int(rng.choice([1, 3])), 1])
        inputs = rows[-1][0]
    count, channels = sum(o * i * k * k for o, i, k, _ in rows), sum(row[0] for row in rows)
    return (
        {
            "layers": rows,
            "numbers": pack(rng.integers(-127, 128, count).astype(np.int8)),
            "steps": pack(rng.integers(-20, 3, channels).astype(np.int8)),
            "biases": pack(rng.normal(size=channels).astype(np.float16)),
        },
    )


def _draw_picture(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    letters = "".join(net.LETTERS[i] for i in rng.integers(0, 64, 40))
    return ({"pixels": letters, "palette": pack(rng.integers(0, 256, 192).astype(np.uint8)), "label": 0},)


class OcclusionExplorer(CourseWidget):
    """Move a grey square over a picture and see what the network loses; then let it explain itself.

    A network of four convolutions (`recipes.small_scenes`) runs in the page, forward and backward. Its maps are scored
    against the true outline of the object.

    Args:
        pictures: at most 8 of `data.synthetic.make_object_images` at 64x64; default six that it never saw.
        model: a network built by `recipes.small_scenes.build_model`; default the trained one.
        picture: which picture is shown, from 0.
        size: side of the square in pixels, 4 to 32.
        row: its first row; what would stick out is moved in.
        column: its first column.
        covered: whether the square lies on the picture.
        target: class that is explained: ``"predicted"``, ``"true"``, or a class's name.
        method: map that is shown, one of ``METHODS``.
        outline: whether the object's true outline is drawn.

    ``scores()``, ``fall`` and ``map()`` compute in Python, by torch, what the page computes.
    """

    title = "Occlusion explorer"
    twins = (
        Twin("convolve", net.convolve, _draw_convolution),
        Twin("convolveBack", net.convolve_back, _draw_back),
        Twin("scores", net.scores, _draw_network),
        Twin("inputGradient", net.input_gradient, lambda rng: (*_draw_network(rng), int(rng.integers(4)))),
        Twin("cover", net.cover, lambda rng: (rng.normal(size=48), 4, *rng.integers(0, 4, 2), int(rng.integers(1, 5)))),
        Twin("places", net.places, _draw_square),
        Twin("drops", net.drops, _draw_drops),
        Twin("spread", net.spread, _draw_spread),
        Twin("saliency", net.saliency, lambda rng: (rng.normal(size=75), 5)),
        Twin("gradientTimesInput", net.gradient_times_input, lambda rng: (rng.normal(size=75), rng.normal(size=75), 5)),
        Twin("shareInside", net.share_inside, _draw_share),
        Twin("unpackNetwork", net.unpack_network, _draw_stored),
        Twin("unpackPicture", net.unpack_picture, _draw_picture),
        Twin("prepare", net.prepare, lambda rng: (rng.integers(0, 256, 9),)),
    )

    network: Any = traitlets.Dict().tag(sync=True)
    pictures: Any = traitlets.List().tag(sync=True)
    classes: Any = traitlets.List().tag(sync=True)
    picture = traitlets.Int(0).tag(sync=True)
    size = traitlets.Int(16).tag(sync=True)
    row = traitlets.Int(8).tag(sync=True)
    column = traitlets.Int(8).tag(sync=True)
    covered = traitlets.Bool(True).tag(sync=True)
    target = traitlets.Unicode("predicted").tag(sync=True)
    method = traitlets.Unicode("by hand").tag(sync=True)
    outline = traitlets.Bool(False).tag(sync=True)

    def __init__(self, pictures: ObjectImages | None = None, model: nn.Module | None = None, **traits: Any) -> None:
        shown = _default_pictures() if pictures is None else pictures
        check_int("number of pictures", len(shown), minimum=1, maximum=8)
        if tuple(shown.images.shape[1:]) != (3, SIZE, SIZE):
            raise ValueError(f"pictures must be 64 by 64 in colour, got {tuple(shown.images.shape[1:])}")
        stored = _default_network() if model is None else net.pack_network(model)
        self._maps: dict[Any, NDArray[np.float64]] = {}  # an occlusion map costs a hundred passes
        super().__init__(
            network=stored,
            classes=list(shown.classes),
            pictures=[
                net.pack_picture(pixels, mask, label)
                for pixels, mask, label in zip(
                    shown.images.numpy(), shown.object_masks.numpy(), shown.labels.tolist(), strict=True
                )
            ],
            **traits,
        )

    @traitlets.validate("picture")
    def _check_picture(self, proposal: Any) -> int:
        return check_int("picture", proposal["value"], minimum=0, maximum=max(0, len(self.pictures) - 1))

    @traitlets.validate("size")
    def _check_size(self, proposal: Any) -> int:
        return check_int("size", proposal["value"], minimum=SMALLEST, maximum=LARGEST)

    @traitlets.validate("target")
    def _check_target(self, proposal: Any) -> str:
        return check_choice("target", proposal["value"], (*TARGETS, *self.classes))

    @traitlets.validate("method")
    def _check_method(self, proposal: Any) -> str:
        return check_choice("method", proposal["value"], METHODS)

    # ---- what the page computes, in torch -------------------------------------------------------------------------

    def _shown(self) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        stored = net.unpack_picture(self.pictures[self.picture])
        mask = np.array(stored["mask"], dtype=bool).reshape(SIZE, SIZE)
        return net.prepare(stored["bytes"]), mask, net.unpack_network(self.network)

    @property
    def place(self) -> tuple[int, int]:
        """First row and first column of the square, inside the picture."""
        return min(self.row, SIZE - self.size), min(self.column, SIZE - self.size)

    @property
    def label(self) -> int:
        """The class that is explained, as a number."""
        if self.target == "true":
            return int(self.pictures[self.picture]["label"])
        return int(np.argmax(self.scores(False))) if self.target == "predicted" else self.classes.index(self.target)

    def scores(self, covered: bool | None = None) -> list[float]:
        """Return the score of each class.

        Args:
            covered: with the square on the picture; as in the trait of that name if None.
        """
        x, _, layers = self._shown()
        if self.covered if covered is None else covered:
            x = net.cover(x, SIZE, *self.place, self.size)
        return net.scores(x, SIZE, layers).tolist()

    @property
    def fall(self) -> float:
        """How much the square lowers the score of the explained class."""
        return self.scores(False)[self.label] - self.scores(True)[self.label]

    def map(self, method: str = "occlusion") -> NDArray[np.float64]:
        """Return a map (64, 64) of what mattered for the explained class.

        Args:
            method: ``"occlusion"`` (every place, moved by ``stride_of(size)``), ``"saliency"`` or
                ``"gradient × input"``.
        """
        check_choice("method", method, METHODS[1:])
        key = (self.network["numbers"], self.pictures[self.picture]["pixels"], self.label, self.size, method)
        if key not in self._maps:
            self._maps[key] = self._compute(method)
        return self._maps[key]

    def _compute(self, method: str) -> NDArray[np.float64]:
        x, _, layers = self._shown()
        if method == "occlusion":
            import torch

            from course_utils.explain.occlusion import occlusion, spread

            stride, picture = stride_of(self.size), torch.as_tensor(x).reshape(1, 3, SIZE, SIZE)
            fallen = occlusion(net.network_of(layers), picture, self.label, patch=self.size, stride=stride)
            return spread(fallen, (SIZE, SIZE), self.size, stride)[0].numpy()
        gradient = net.input_gradient(x, SIZE, layers, self.label)
        flat = net.saliency(gradient, SIZE) if method == "saliency" else net.gradient_times_input(gradient, x, SIZE)
        return flat.reshape(SIZE, SIZE)

    def share(self, method: str = "occlusion") -> tuple[float, float]:
        """Return which share of a map lies inside the object, and which share of a uniform map would."""
        mask = self._shown()[1]
        return net.share_inside(self.map(method).reshape(-1), mask.reshape(-1)), float(mask.mean())

    # ---- the still picture ----------------------------------------------------------------------------------------

    @property
    def _still(self) -> str:
        return "occlusion" if self.method == "by hand" else self.method

    @property
    def static_text(self) -> str:
        """One sentence with the fall and the map's share inside the object."""
        name, (row, column) = self.classes[self.label], self.place
        before, after = (self.scores(covered)[self.label] for covered in (False, True))
        what = f"a score of {before:.1f} for {name}"
        if self.covered:
            what += f"; a grey square of {self.size} pixels at row {row}, column {column} makes it {after:.1f}"
        share, chance = self.share(self._still)
        true = self.classes[self.pictures[self.picture]["label"]]
        return (
            f"A picture of a {true} gets {what}; of the {self._still} map {100 * share:.0f} % lie inside the object, "
            f"which fills {100 * chance:.0f} % of the picture."
        )

    def static_svg(self) -> str:
        """Draw the picture with the square, the map, and the scores with and without the square."""
        x = self._shown()[0]
        rgb = np.rint((x.reshape(3, SIZE, SIZE) + 2) / 4 * 255).astype(np.uint8).transpose(1, 2, 0)
        side, (row, column) = 3.0, self.place
        parts = [svg.image(10, 30, side, rgb, colors=48), svg.text(10, 20, "picture and square")]
        if self.covered:
            at = (10 + side * column, 30 + side * row)
            width = side * self.size
            parts.append(svg.rect(*at, width, width, fill="#808080", stroke="#ffffff", stroke_width=2))
        values = np.round(self.map(self._still), 6)
        strength = np.round(np.abs(values) / max(np.abs(values).max(), 1e-9), 2)[..., None] ** 0.7
        ground = 150 + 0.4 * (rgb @ np.array([0.3, 0.59, 0.11]))[..., None]
        ink = np.where(values[..., None] > 0, np.array([213.0, 74, 0]), np.array([0.0, 104, 190]))
        heat = np.rint((1 - strength) * ground + strength * ink).astype(np.uint8)
        parts += [svg.image(222, 30, side, heat, colors=48), svg.text(222, 20, f"{self._still} map")]
        before, after = self.scores(False), self.scores()
        reach = max(max(before), max(after), 1.0)
        for c, name in enumerate(self.classes):
            y, middle, scale = 30 + 19.2 * c, 570.0, 60 / reach
            fill = svg.COLORS["blue"] if c == self.label else svg.COLORS["gray"]
            parts.append(svg.text(434, y + 14, name))
            width, mark = (scale * max(-reach, one[c]) for one in (after, before))  # far below zero: at the edge
            parts.append(svg.rect(middle + min(0, width), y + 3, abs(width), 13, fill=fill))
            mark += middle
            parts.append(svg.line(mark, y + 1, mark, y + 18, stroke_width=2))
            value = f"{after[c]:.1f}".replace("-0.0", "0.0").replace("-", "\u2212")
            parts.append(svg.text(690, y + 14, value, text_anchor="end"))
        parts.append(svg.text(434, 20, "scores; the line: without square"))
        return svg.document(700, 232, parts)
