"""A multilayer perceptron that trains before the reader's eyes, on points in the plane."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import permutation, random_numbers

__all__ = ["ACTIVATIONS", "DATA", "MlpPlayground", "evaluate", "forward", "gradients", "initial", "make_data", "train"]

Layers = list[dict[str, Any]]  # each {"W": rows, one a unit, "b": one number a unit}
Point = Sequence[float]  # x1, x2, label (+1 or -1)
DATA = ("XOR", "circles", "moons", "spiral", "blobs")
ACTIVATIONS = ("linear", "tanh", "ReLU", "sigmoid")
# With a large learning rate weights run away to infinity: the figure says so, numpy need not.
_QUIET = np.errstate(over="ignore", invalid="ignore")
COUNT, EXTENT, MAX_DEPTH, MAX_UNITS = 240, 3.0, 4, 8


def make_data(kind: str, count: int, noise: float, seed: int) -> list[list[float]]:
    """Return ``count`` points ``[x1, x2, label]`` with labels +1 and -1 in turn, inside [-3, 3].

    Args:
        kind: one of ``DATA``.
        count: how many points.
        noise: standard deviation of what is added to both coordinates.
        seed: of the generator that the browser repeats exactly.
    """
    numbers = random_numbers(seed)

    def normal() -> float:
        return math.sqrt(-2 * math.log(1 - next(numbers))) * math.cos(2 * math.pi * next(numbers))

    points = []
    for i in range(count):
        label, u, v = 1 - 2 * (i % 2), next(numbers), next(numbers)
        if kind == "blobs":
            x, y = 1.3 * label + 0.5 * normal(), 1.3 * label + 0.5 * normal()
        elif kind == "XOR":
            x, y = (0.2 + 2.3 * u) * (1 if i % 4 < 2 else -1), 0.2 + 2.3 * v
            y *= label * (1 if x > 0 else -1)
        elif kind == "circles":
            radius = 1.1 * math.sqrt(u) if label > 0 else 1.8 + 0.7 * u
            x, y = radius * math.cos(2 * math.pi * v), radius * math.sin(2 * math.pi * v)
        elif kind == "moons":
            angle = math.pi * u
            x, y = label * 1.6 * math.cos(angle) - 0.8 * label, label * (1.6 * math.sin(angle) - 0.45)
        else:
            angle = 3.5 * math.pi * u + (math.pi if label < 0 else 0)
            x, y = (0.15 + 2.4 * u) * math.sin(angle), (0.15 + 2.4 * u) * math.cos(angle)
        x, y = x + noise * normal(), y + noise * normal()
        points.append([min(2.95, max(-2.95, x)), min(2.95, max(-2.95, y)), label])
    return points


def initial(sizes: Sequence[int], activation: str, seed: int) -> Layers:
    """Return weights that are uniform in +-sqrt(6 / n) and biases 0.

    ``n`` is the number of inputs for ReLU (He and others, 2015), of inputs and outputs otherwise (Glorot and
    Bengio, 2010).
    """
    numbers, layers = random_numbers(seed), []
    for fan_in, fan_out in pairwise(sizes):
        reach = math.sqrt(6 / (fan_in if activation == "ReLU" else fan_in + fan_out))
        weights = [[reach * (2 * next(numbers) - 1) for _ in range(fan_in)] for _ in range(fan_out)]
        layers.append({"W": weights, "b": [0.0] * fan_out})
    return layers


def _activate(name: str, a: NDArray[np.float64]) -> NDArray[np.float64]:
    if name == "tanh":
        return np.tanh(a)
    if name == "ReLU":
        return np.maximum(a, 0)
    return 1 / (1 + np.exp(-a)) if name == "sigmoid" else a


def _slope(name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative at the place where the activation is ``x``."""
    if name == "tanh":
        return 1 - x * x
    if name == "ReLU":
        return (x > 0).astype(float)
    return x * (1 - x) if name == "sigmoid" else np.ones_like(x)


@_QUIET
def forward(layers: Layers, activation: str, x: Any) -> list[NDArray[np.float64]]:
    """Return the activations of every layer, the last one the score, for inputs ``(..., 2)``."""
    values, out = np.asarray(x, dtype=float), []
    for depth, layer in enumerate(layers):
        a = values @ np.asarray(layer["W"]).T + np.asarray(layer["b"])
        values = _activate(activation, a) if depth < len(layers) - 1 else a
        out.append(values)
    return out


@_QUIET
def gradients(layers: Layers, activation: str, points: Sequence[Point], l2: float) -> dict[str, Any]:
    """Return the mean logistic loss log(1 + exp(-y f)) of the points, and the gradients for one step.

    Returns:
        ``loss`` without the penalty; ``layers``, the gradients of loss + l2 / 2 * (sum of squared weights).
    """
    table = np.asarray(points, dtype=float)
    values = [table[:, :2], *forward(layers, activation, table[:, :2])]
    signed = table[:, 2] * values[-1][:, 0]
    delta = (-table[:, 2] / (1 + np.exp(signed)) / len(table))[:, None]
    found: Layers = []
    for depth in range(len(layers) - 1, -1, -1):
        weights = np.asarray(layers[depth]["W"])
        found.insert(0, {"W": delta.T @ values[depth] + l2 * weights, "b": delta.sum(0)})
        if depth:
            delta = delta @ weights * _slope(activation, values[depth])
    return {"loss": float(np.logaddexp(0, -signed).mean()), "layers": found}


def _batches(count: int, size: int, first: int, seed: int) -> Iterator[list[int]]:
    """Yield the examples of step ``first``, ``first`` + 1, ...: each epoch in an order of its own."""
    in_epoch = math.ceil(count / size)
    while True:
        epoch, turn = divmod(first, in_epoch)
        yield permutation(count, seed + epoch)[turn * size : (turn + 1) * size]
        first += 1


@_QUIET
def train(
    layers: Layers, activation: str, points: Sequence[Point], settings: dict[str, Any], first: int, steps: int
) -> Layers:
    """Return the weights after ``steps`` steps of stochastic gradient descent, the earlier ``first`` ones done.

    Args:
        layers: weights and biases to start from.
        activation: one of ``ACTIVATIONS``.
        points: the training set.
        settings: ``lr``, ``batch_size``, ``l2``, ``seed``.
        first: number of steps already made.
        steps: how many to make.
    """
    order = _batches(len(points), settings["batch_size"], first, settings["seed"])
    for _ in range(steps):
        slopes = gradients(layers, activation, [points[i] for i in next(order)], settings["l2"])["layers"]
        layers = [
            {name: (np.asarray(layer[name]) - settings["lr"] * slope[name]).tolist() for name in ("W", "b")}
            for layer, slope in zip(layers, slopes)
        ]
    return layers


@_QUIET
def evaluate(layers: Layers, activation: str, points: Sequence[Point]) -> dict[str, float]:
    """Return the mean ``loss`` and the share of points on the wrong side, ``error``."""
    table = np.asarray(points, dtype=float)
    signed = table[:, 2] * forward(layers, activation, table[:, :2])[-1][:, 0]
    return {"loss": float(np.logaddexp(0, -signed).mean()), "error": float((~(signed > 0)).mean())}


def split(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Return the training and the test points: four points to each in turn."""
    return [p for i, p in enumerate(points) if i % 8 < 4], [p for i, p in enumerate(points) if i % 8 >= 4]


def _draw_net(rng: np.random.Generator) -> tuple[Layers, str]:
    sizes = [2, *rng.integers(1, 6, rng.integers(0, 4)).tolist(), 1]
    activation = str(rng.choice(ACTIVATIONS))
    layers = initial(sizes, activation, int(rng.integers(2**31)))
    return [{**layer, "b": rng.normal(size=len(layer["b"])).tolist()} for layer in layers], activation


def _draw_points(rng: np.random.Generator) -> list[list[float]]:
    return make_data(str(rng.choice(DATA)), int(rng.integers(4, 20)), 0.1, int(rng.integers(2**31)))


def _draw_train(rng: np.random.Generator) -> tuple[Any, ...]:
    settings = {"lr": float(rng.choice([0.03, 0.3])), "batch_size": int(rng.integers(1, 9)),
                "l2": float(rng.choice([0, 0.01])), "seed": int(rng.integers(2**31))}  # fmt: skip
    return *_draw_net(rng), _draw_points(rng), settings, int(rng.integers(20)), int(rng.integers(20))


class MlpPlayground(CourseWidget):
    """Train a multilayer perceptron on points in the plane and watch every unit's surface.

    Args:
        data: "XOR", "circles", "moons", "spiral" or "blobs".
        hidden: units of each hidden layer, at most four layers of at most eight; ``[]`` leaves a linear model.
        activation: "linear", "tanh", "ReLU" or "sigmoid".
        lr: learning rate, above 0 and at most 10.
        batch_size: examples a step, 1 to 120.
        l2: strength of the penalty on the squared weights, 0 to 1; biases go free.
        noise: standard deviation of what is added to the points, 0 to 0.5.

    ``layers`` (weights and biases) and ``steps`` can be read back whenever training pauses.
    """

    title = "MLP playground"
    twins = (
        Twin("makeData", make_data, lambda rng: (str(rng.choice(DATA)), int(rng.integers(1, 30)),
                                                 float(rng.uniform(0, 0.5)), int(rng.integers(2**31)))),
        Twin("initial", initial, lambda rng: ([2, int(rng.integers(1, 9)), 1], str(rng.choice(ACTIVATIONS)),
                                              int(rng.integers(2**31)))),
        Twin("forward", forward, lambda rng: (*_draw_net(rng), rng.normal(size=2).tolist())),
        Twin("gradients", gradients, lambda rng: (*_draw_net(rng), _draw_points(rng), float(rng.choice([0, 0.1])))),
        Twin("train", train, _draw_train),
        Twin("evaluate", evaluate, lambda rng: (*_draw_net(rng), _draw_points(rng))),
        Twin("split", split, lambda rng: (_draw_points(rng),)),
    )  # fmt: skip

    _built = False
    data = traitlets.Enum(DATA, "XOR").tag(sync=True)
    noise = traitlets.Float(0.1).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    start = traitlets.Int(0).tag(sync=True)
    hidden: Any = traitlets.List([4]).tag(sync=True)
    activation = traitlets.Enum(ACTIVATIONS, "tanh").tag(sync=True)
    lr = traitlets.Float(0.1).tag(sync=True)
    batch_size = traitlets.Int(10).tag(sync=True)
    l2 = traitlets.Float(0.0).tag(sync=True)
    layers: Any = traitlets.List().tag(sync=True)
    steps = traitlets.Int(0).tag(sync=True)
    history: Any = traitlets.List().tag(sync=True)

    def __init__(
        self,
        data: str = "XOR",
        hidden: Sequence[int] = (4,),
        activation: str = "tanh",
        lr: float = 0.1,
        batch_size: int = 10,
        l2: float = 0.0,
        noise: float = 0.1,
        **traits: Any,
    ) -> None:
        check_choice("data", data, DATA)
        check_choice("activation", activation, ACTIVATIONS)
        check_int("number of hidden layers", len(hidden), maximum=MAX_DEPTH)
        units = [check_int("units of a hidden layer", n, minimum=1, maximum=MAX_UNITS) for n in hidden]
        check_number("lr", lr, above=0, maximum=10)
        check_int("batch_size", batch_size, minimum=1, maximum=COUNT // 2)
        check_number("l2", l2, minimum=0, maximum=1)
        check_number("noise", noise, minimum=0, maximum=0.5)
        traits.setdefault("layers", initial([2, *units, 1], activation, traits.get("start", 0)))
        super().__init__(
            data=data, hidden=units, activation=activation, lr=float(lr), batch_size=batch_size, l2=float(l2),
            noise=float(noise), **traits,
        )  # fmt: skip
        self._built = True

    @traitlets.observe("hidden", "activation", "start", "data", "noise", "seed")
    def _start_again(self, change: Any) -> None:
        if self.from_browser or not self._built:  # the page starts again itself; arguments come together
            return
        self.layers = initial([2, *self.hidden, 1], self.activation, self.start)
        self.steps, self.history = 0, []

    @property
    def points(self) -> tuple[list[Point], list[Point]]:
        """Training and test points, rows ``[x1, x2, label]``."""
        return split(make_data(self.data, COUNT, self.noise, self.seed))

    def score(self, x: Any) -> NDArray[np.float64]:
        """Return the network's score, positive for class +1, at inputs ``(..., 2)``."""
        return forward(self.layers, self.activation, x)[-1][..., 0]

    def trained(self, epochs: int) -> Layers:
        """Return the weights ``epochs`` passes through the training points from now, as the page would reach them."""
        settings = {name: getattr(self, name) for name in ("lr", "batch_size", "l2", "seed")}
        steps = epochs * math.ceil(COUNT // 2 / self.batch_size)
        return train(self.layers, self.activation, self.points[0], settings, self.steps, steps)

    @property
    def static_text(self) -> str:
        """One sentence with the network and its errors, now and 40 epochs on."""
        now, later = (evaluate(one, self.activation, self.points[1]) for one in (self.layers, self.trained(40)))
        shape = "-".join(str(n) for n in (2, *self.hidden, 1))
        return (
            f"A {shape} network with {self.activation} units on the points “{self.data}”: {now['error']:.0%} of the "
            f"test points are on the wrong side now, {later['error']:.0%} after 40 more epochs of training."
        )

    def static_svg(self) -> str:
        """Draw points and regions twice: now, and 40 epochs on."""
        size, cells, parts = 300.0, 40, []
        middles = -EXTENT + 2 * EXTENT * (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(middles, -middles), axis=-1)
        for number, (layers, words) in enumerate([(self.layers, "now"), (self.trained(40), "40 epochs on")]):
            left = 10 + number * (size + 20)
            above = forward(layers, self.activation, grid)[-1][..., 0] > 0
            parts.append(svg.rect(left, 30, size, size, fill="#dcecf7"))
            side, d = size / cells, ""
            for i, line in enumerate(above):
                edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
                for first, last in zip(edges[::2], edges[1::2]):
                    corner = f"{svg.number(left + first * side)} {svg.number(30 + i * side)}"
                    wide = svg.number((last - first) * side)
                    d += f"M{corner}h{wide}v{svg.number(side)}h-{wide}z"
            parts.append(svg.path(d, fill="#fbe0c8", stroke="none"))
            for x, y, label in self.points[0]:
                px, py = left + size * (x / EXTENT + 1) / 2, 30 + size * (1 - y / EXTENT) / 2
                if label > 0:
                    parts.append(svg.rect(px - 3.5, py - 3.5, 7, 7, fill=svg.COLORS["vermillion"], stroke="#fff"))
                else:
                    parts.append(svg.circle(px, py, 3.8, fill=svg.COLORS["blue"], stroke="#fff"))
            parts.append(svg.text(left, 20, words))
        return svg.document(2 * size + 40, size + 40, parts)
