"""Six optimisers that walk over the same surface from the same start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int, check_number
from course_utils.scratch.optimisation.adam import Adam
from course_utils.scratch.optimisation.gradient_descent import GradientDescent, Rule
from course_utils.scratch.optimisation.momentum import Momentum
from course_utils.scratch.optimisation.newton import newton
from course_utils.scratch.optimisation.rmsprop import RMSProp
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.shuffle import random_numbers

__all__ = ["RULES", "SURFACES", "OptimiserSurface", "bend", "first_below", "height", "limit", "slope", "walk"]

RULES = ("gradient descent", "momentum", "Nesterov", "RMSProp", "Adam", "Newton")
MAX_STEPS, GOAL, AWAY = 500, 0.01, 1e4
# What a surface starts with, and the square it is drawn in: the middle and half the side. The minimum's loss is 0.
SURFACES: dict[str, dict[str, Any]] = {
    "noisy bowl": {"start": [-1.5, 1.2], "lr": 0.1, "adaptive_lr": 0.1, "noise": 1.0, "view": [0, 0, 2]},
    "ravine": {"start": [-1.1, 1.5], "lr": 0.06, "adaptive_lr": 0.1, "noise": 0.0, "view": [0, 0, 2]},
    "Rosenbrock": {"start": [-1.2, 1.0], "lr": 0.001, "adaptive_lr": 0.1, "noise": 0.0, "view": [0, 1, 2]},
    "saddle": {"start": [-1.2, 0.02], "lr": 0.1, "adaptive_lr": 0.05, "noise": 0.0, "view": [0, 0, 2]},
    "two basins": {"start": [1.9, 1.2], "lr": 0.1, "adaptive_lr": 0.1, "noise": 0.0, "view": [0, 0, 2.5]},
}
MINIMA: dict[str, list[list[float]]] = {"Rosenbrock": [[1, 1]], "saddle": [[0, -1], [0, 1]], "two basins": [[-1.5, 0]]}
Shape = Mapping[str, float]  # condition, turn: the ravine's numbers


def _axes(surface: str, shape: Shape) -> tuple[float, float, float]:
    """Return the steep curvature and the direction of the flat one of the two quadratics."""
    angle = math.radians(shape["turn"])
    return (shape["condition"], math.cos(angle), math.sin(angle)) if surface == "ravine" else (1.0, 1.0, 0.0)


def height(surface: str, shape: Shape, x: float, y: float) -> float:
    """Return the loss at (x, y); the least value of every surface is 0.

    Args:
        surface: one of ``SURFACES``.
        shape: ``condition``, the steep curvature of the ravine (the flat one is 1), and ``turn``, the degrees
            from the first axis to its floor.
        x: first weight.
        y: second weight.
    """
    if surface == "Rosenbrock":
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2
    if surface == "saddle":
        return 2 * x * x + (y * y - 1) ** 2 / 4
    if surface == "two basins":
        return x**4 / 4 + x**3 / 6 - 0.75 * x * x + 0.984375 + y * y
    steep, c, s = _axes(surface, shape)
    return ((c * x + s * y) ** 2 + steep * (c * y - s * x) ** 2) / 2


def slope(surface: str, shape: Shape, x: float, y: float) -> list[float]:
    """Return the two first derivatives of ``height``."""
    if surface == "Rosenbrock":
        return [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]
    if surface == "saddle":
        return [4 * x, y * (y * y - 1)]
    if surface == "two basins":
        return [x**3 + x * x / 2 - 1.5 * x, 2 * y]
    steep, c, s = _axes(surface, shape)
    along, across = c * x + s * y, steep * (c * y - s * x)
    return [c * along - s * across, s * along + c * across]


def bend(surface: str, shape: Shape, x: float, y: float) -> list[float]:
    """Return the second derivatives of ``height``: by x twice, by x and y, by y twice."""
    if surface == "Rosenbrock":
        return [2 - 400 * y + 1200 * x * x, -400 * x, 200.0]
    if surface == "saddle":
        return [4.0, 0.0, 3 * y * y - 1]
    if surface == "two basins":
        return [3 * x * x + x - 1.5, 0.0, 2.0]
    steep, c, s = _axes(surface, shape)
    return [c * c + steep * s * s, c * s * (1 - steep), s * s + steep * c * c]


def noise_of(seed: int, steps: int) -> list[list[float]]:
    """Return ``steps`` pairs of standard normal numbers, the same ones in the browser."""
    numbers, pairs = random_numbers(seed), []
    for u, v in islice(zip(numbers, numbers), steps):
        length = math.sqrt(-2 * math.log(1 - u))
        pairs.append([length * math.cos(2 * math.pi * v), length * math.sin(2 * math.pi * v)])
    return pairs


def _make(rule: str, settings: Mapping[str, float]) -> Rule:
    lr, rate, alpha = settings["lr"], settings["adaptive_lr"], settings["alpha"]
    if rule == "gradient descent":
        return GradientDescent(lr)
    if rule == "RMSProp":
        return RMSProp(rate, settings["beta"])
    if rule == "Adam":
        return Adam(rate, (alpha, settings["beta"]))
    return Momentum(lr, alpha, nesterov=rule == "Nesterov")


def walk(
    surface: str, shape: Shape, rule: str, settings: Mapping[str, float], start: Sequence[float], steps: int
) -> list[list[float]]:
    """Return the points that one optimiser of ``course_utils.scratch.optimisation`` visits.

    Args:
        surface: one of ``SURFACES``.
        shape: of the ravine, see ``height``.
        rule: one of ``RULES``.
        settings: ``lr`` of the first three rules, ``adaptive_lr`` of RMSProp and Adam, ``alpha`` (momentum's share,
            Adam's first beta), ``beta`` (RMSProp's, Adam's second), ``noise`` and ``seed`` of what is added to
            every gradient.
        start: first point.
        steps: how many steps.

    Returns:
        ``steps + 1`` points, fewer if a coordinate left +-10,000.
    """
    made = None if rule == "Newton" else _make(rule, settings)
    path, w = [list(start)], np.array(start, dtype=np.float64)
    for pair in noise_of(int(settings["seed"]), steps):
        gradient = np.array(slope(surface, shape, *w)) + settings["noise"] * np.array(pair)
        if made is not None:
            w = made.step(w, gradient)
        else:
            xx, xy, yy = bend(surface, shape, *w)
            if xx * yy != xy * xy:
                matrix = np.array([[xx, xy], [xy, yy]])
                w = newton(lambda _, g=gradient: g, lambda _, m=matrix: m, w, 1)[-1]  # type: ignore[misc]
        if not np.abs(w).max() < AWAY:
            break
        path.append(w.tolist())
    return path


def limit(rule: str, largest: float, alpha: float) -> float | None:
    """Return the learning rate above which a rule diverges on a quadratic, None if it has no such limit.

    Args:
        rule: one of ``RULES``.
        largest: the largest curvature.
        alpha: momentum's share of the velocity.
    """
    if rule == "gradient descent":
        return 2 / largest
    if rule == "momentum":
        return 2 * (1 + alpha) / largest
    return 2 * (1 + alpha) / (1 + 2 * alpha) / largest if rule == "Nesterov" else None


def first_below(losses: Sequence[float], goal: float) -> int:
    """Return the first index with a loss below ``goal``, -1 if there is none."""
    return next((t for t, value in enumerate(losses) if value < goal), -1)


def _draw_shape(rng: np.random.Generator) -> tuple[str, dict[str, float]]:
    shape = {"condition": float(rng.uniform(1, 100)), "turn": float(rng.uniform(-45, 45))}
    return str(rng.choice(list(SURFACES))), shape


def _draw_place(rng: np.random.Generator) -> tuple[Any, ...]:
    return *_draw_shape(rng), float(rng.uniform(-2, 2)), float(rng.uniform(-2, 2))


def _draw_walk(rng: np.random.Generator) -> tuple[Any, ...]:
    surface, shape = _draw_shape(rng)
    settings = {"lr": SURFACES[surface]["lr"] * float(rng.choice([0.3, 1, 6])), "alpha": float(rng.uniform(0, 0.95)),
                "adaptive_lr": float(rng.uniform(0.01, 0.2)), "beta": float(rng.uniform(0.8, 0.999)),
                "noise": float(rng.choice([0, 0.5])), "seed": int(rng.integers(2**31))}  # fmt: skip
    return surface, shape, str(rng.choice(RULES)), settings, rng.uniform(-1.5, 1.5, 2).tolist(), int(rng.integers(40))


class OptimiserSurface(CourseWidget):
    """Drag the start and watch gradient descent, momentum, Nesterov, RMSProp, Adam and Newton walk from there.

    Args:
        surface: "noisy bowl", "ravine", "Rosenbrock", "saddle" or "two basins".
        shown: the optimisers that walk, of ``RULES``.
        start: where they start, two numbers inside the picture.
        lr: learning rate of gradient descent, momentum and Nesterov, 0.0001 to 2.
        adaptive_lr: learning rate of RMSProp and Adam, 0.001 to 1.
        alpha: share of the velocity that momentum keeps, and Adam's first beta, 0 to 0.99.
        beta: share that the running mean of squares keeps, 0 to 0.999.
        condition: steep over flat curvature of the ravine, 1 to 1000.
        turn: degrees by which the ravine is turned, -45 to 45.
        noise: standard deviation of what is added to every gradient, 0 to 3.
        steps: how many steps are shown at first, 0 to 500.

    What is left out is chosen for the surface.
    """

    title = "Optimisers on a surface"
    twins = (
        Twin("height", height, _draw_place),
        Twin("slope", slope, _draw_place),
        Twin("bend", bend, _draw_place),
        Twin("noiseOf", noise_of, lambda rng: (int(rng.integers(2**31)), int(rng.integers(20)))),
        Twin("walk", walk, _draw_walk, 1e-6),
        Twin("limit", limit, lambda rng: (str(rng.choice(RULES)), float(rng.uniform(1, 9)), float(rng.uniform(0, 1)))),
        Twin("firstBelow", first_below, lambda rng: (rng.uniform(0, 1, rng.integers(6)).tolist(), 0.3)),
    )

    surface = traitlets.Enum(tuple(SURFACES), "ravine").tag(sync=True)
    shown = traitlets.List(["gradient descent", "momentum", "Adam"]).tag(sync=True)
    start: Any = traitlets.List([-1.1, 1.5]).tag(sync=True)
    lr = traitlets.Float(0.06).tag(sync=True)
    adaptive_lr = traitlets.Float(0.1).tag(sync=True)
    alpha = traitlets.Float(0.8).tag(sync=True)
    beta = traitlets.Float(0.99).tag(sync=True)
    condition = traitlets.Float(30.0).tag(sync=True)
    turn = traitlets.Float(-30.0).tag(sync=True)
    noise = traitlets.Float(0.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Int(40).tag(sync=True)
    surfaces = traitlets.Dict(SURFACES).tag(sync=True)
    minima = traitlets.Dict(MINIMA).tag(sync=True)

    def __init__(
        self,
        surface: str = "ravine",
        shown: Sequence[str] = ("gradient descent", "momentum", "Adam"),
        start: Sequence[float] | None = None,
        lr: float | None = None,
        adaptive_lr: float | None = None,
        alpha: float = 0.8,
        beta: float = 0.99,
        condition: float = 30.0,
        turn: float = -30.0,
        noise: float | None = None,
        steps: int = 40,
        **traits: Any,
    ) -> None:
        preset = SURFACES[check_choice("surface", surface, tuple(SURFACES))]
        for rule in shown:
            check_choice("shown", rule, RULES)
        x, y, half = preset["view"]
        place = [float(value) for value in (preset["start"] if start is None else start)]
        check_int("numbers of start", len(place), minimum=2, maximum=2)
        for name, value, middle in (("start[0]", place[0], x), ("start[1]", place[1], y)):
            check_number(name, value, minimum=middle - half, maximum=middle + half)
        lr, rate, noise = (
            preset[name] if value is None else value
            for name, value in (("lr", lr), ("adaptive_lr", adaptive_lr), ("noise", noise))
        )
        super().__init__(
            surface=surface, shown=[rule for rule in RULES if rule in shown], start=place,
            lr=check_number("lr", lr, minimum=1e-4, maximum=2),
            adaptive_lr=check_number("adaptive_lr", rate, minimum=1e-3, maximum=1),
            alpha=check_number("alpha", alpha, minimum=0, maximum=0.99),
            beta=check_number("beta", beta, minimum=0, maximum=0.999),
            condition=check_number("condition", condition, minimum=1, maximum=1000),
            turn=check_number("turn", turn, minimum=-45, maximum=45),
            noise=check_number("noise", noise, minimum=0, maximum=3),
            steps=check_int("steps", steps, minimum=0, maximum=MAX_STEPS), **traits,
        )  # fmt: skip

    @property
    def shape(self) -> dict[str, float]:
        """Condition number and turn of the ravine, as ``height`` takes them."""
        return {"condition": self.condition, "turn": self.turn}

    def path(self, rule: str, steps: int | None = None) -> list[list[float]]:
        """Return the points that ``rule`` visits in ``steps`` steps (those shown, if left out), the start first."""
        settings = {name: getattr(self, name) for name in ("lr", "adaptive_lr", "alpha", "beta", "noise", "seed")}
        check_choice("rule", rule, RULES)
        return walk(self.surface, self.shape, rule, settings, self.start, self.steps if steps is None else steps)

    def losses(self, rule: str, steps: int | None = None) -> list[float]:
        """Return the loss at every point of ``path``."""
        return [height(self.surface, self.shape, *point) for point in self.path(rule, steps)]

    @property
    def static_text(self) -> str:
        """One sentence with the loss of every walker after the steps shown."""
        said = []
        for rule in self.shown:
            losses = self.losses(rule)
            now = f"{losses[-1]:.2g}" if losses[-1] >= GOAL else f"below {GOAL}"
            said.append(f"{rule} {now}" if len(losses) > self.steps else f"{rule} ran away")
        where = ", ".join(svg.number(value) for value in self.start).replace("-", "−")
        what = f"ravine with condition number {self.condition:.0f}" if self.surface == "ravine" else self.surface
        count = f"{self.steps} step{'' if self.steps == 1 else 's'}"
        return f"Surface “{what}”, loss after {count} from ({where}): {', '.join(said) or 'no walker chosen'}."

    def static_svg(self) -> str:
        """Draw the surface in bands of equal loss, the paths on it, and a legend."""
        (x, y, half), cells, side = SURFACES[self.surface]["view"], 120, 3.0
        edge = half * (2 * (np.arange(cells) + 0.5) / cells - 1)
        bands = np.array([[_band(height(self.surface, self.shape, x + u, y - v)) for u in edge] for v in edge])
        parts = [svg.image(10, 10, side, (252 - 9 * bands).astype(np.uint8))]

        def place(point: Sequence[float]) -> tuple[float, float]:
            return (10 + cells * side * ((point[0] - x) / half + 1) / 2,
                    10 + cells * side * (1 - (point[1] - y) / half) / 2)  # fmt: skip

        colors = dict(zip(RULES, ("blue", "vermillion", "orange", "green", "purple", "ink")))
        dashes = dict(zip(RULES, (None, "8 3", "2 3", "10 3 2 3", "5 2", None)))
        for i, rule in enumerate(self.shown):
            style: dict[str, object] = {"stroke": svg.COLORS[colors[rule]], "stroke_width": 2.2}
            style["stroke_dasharray"] = dashes[rule]
            points = [place(point) for point in self.path(rule)]
            points = [(min(370.0, max(10.0, px)), min(370.0, max(10.0, py))) for px, py in points]
            parts += [svg.polyline(points, **style), svg.circle(*points[-1], 5, fill=svg.COLORS[colors[rule]])]
            parts += [svg.line(390, 30 + 26 * i, 424, 30 + 26 * i, **style), svg.text(432, 35 + 26 * i, rule)]
        for a, b in [place(point) for point in MINIMA.get(self.surface, [[0.0, 0.0]])]:
            parts.append(svg.path(f"M{a - 6} {b - 6}l12 12m0 -12l-12 12", stroke_width=2.5))
        parts.append(svg.circle(*place(self.start), 6, fill="#ffffff", stroke=svg.COLORS["ink"], stroke_width=2))
        parts.append(svg.text(390, 35 + 26 * len(self.shown), "ring: start, cross: minimum"))
        return svg.document(610, 380, parts)


def _band(loss: float) -> int:
    """Return the number of half decades from 0.001 to the loss, 0 to 12."""
    return min(12, max(0, math.floor(2 * math.log10(max(loss, 1e-9)) + 6)))
