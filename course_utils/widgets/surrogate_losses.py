"""Six losses as functions of the margin, with their slopes and the question which of them bound the error."""

from __future__ import annotations

import math
from typing import Any

import traitlets

from course_utils.check import check_choice, check_number
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["LOSSES", "SurrogateLosses", "least_gap", "loss", "slope"]

LOSSES = ("zero-one", "perceptron", "hinge", "logistic", "exponential", "squared")
REACH, TOP = 3.0, 5.0


def loss(name: str, margin: float, base_two: bool = False) -> float:
    """Return the loss at margin m = y f(x); ``base_two`` divides the logistic loss by ln 2.

    A margin of exactly 0 counts as an error of the zero-one loss.
    """
    if name == "zero-one":
        return 1.0 if margin <= 0 else 0.0
    if name == "perceptron":
        return max(0.0, -margin)
    if name == "hinge":
        return max(0.0, 1 - margin)
    if name == "logistic":
        # the form with -|m| never overflows
        return (max(0.0, -margin) + math.log1p(math.exp(-abs(margin)))) / (math.log(2) if base_two else 1)
    if name == "exponential":
        return math.exp(-margin)
    check_choice("name", name, LOSSES)
    return (1 - margin) ** 2


def slope(name: str, margin: float, base_two: bool = False) -> float:
    """Return the derivative of the loss by the margin.

    At the kinks it is the slope that the training rules use: -1 for the perceptron loss at 0, 0 for the
    hinge at 1; the zero-one loss has slope 0 everywhere, its jump included.
    """
    if name == "zero-one":
        return 0.0
    if name == "perceptron":
        return -1.0 if margin <= 0 else 0.0
    if name == "hinge":
        return -1.0 if margin < 1 else 0.0
    if name == "logistic":
        return -1 / (1 + math.exp(margin)) / (math.log(2) if base_two else 1)
    if name == "exponential":
        return -math.exp(-margin)
    check_choice("name", name, LOSSES)
    return -2 * (1 - margin)


def least_gap(name: str, base_two: bool = False) -> float:
    """Return the least of loss minus zero-one loss on margins -3, -2.99, ..., 3; below 0: no upper bound."""
    margins = [(i - 300) / 100 for i in range(601)]
    return min(loss(name, m, base_two) - loss("zero-one", m) for m in margins)


def _draw(rng: Any) -> tuple[Any, ...]:
    margin = float(rng.choice([0, 1, rng.uniform(-3, 3)], p=[0.1, 0.1, 0.8]))
    return str(rng.choice(LOSSES)), margin, bool(rng.integers(2))


class SurrogateLosses(CourseWidget):
    """Read six losses and their slopes at any margin, and see which stay above the zero-one loss.

    Args:
        margin: where to start, from -3 to 3.
    """

    title = "Losses as functions of the margin"
    twins = (
        Twin("loss", loss, _draw),
        Twin("slope", slope, _draw),
        Twin("leastGap", least_gap, lambda rng: (str(rng.choice(LOSSES)), bool(rng.integers(2)))),
    )

    margin = traitlets.Float(-0.5).tag(sync=True)
    shown = traitlets.List(list(LOSSES)).tag(sync=True)
    base_two = traitlets.Bool(False).tag(sync=True)
    slopes = traitlets.Bool(False).tag(sync=True)

    def __init__(self, margin: float = -0.5, **traits: Any) -> None:
        check_number("margin", margin, minimum=-REACH, maximum=REACH)
        super().__init__(margin=float(margin), **traits)

    @property
    def static_text(self) -> str:
        """One sentence with every value at the present margin."""
        values = ", ".join(f"{name} {loss(name, self.margin, self.base_two):.2f}" for name in self.shown)
        margin = svg.number(self.margin).replace("-", "−")
        return f"Losses over the margin m = y f(x) from −3 to 3; at m = {margin}: {values}."

    def static_svg(self) -> str:
        """Draw the curves, the margin's line and a legend."""
        colors = dict(zip(LOSSES, ("ink", "purple", "blue", "green", "vermillion", "orange")))
        dashes = dict(zip(LOSSES, (None, "2 4", None, "10 4", "6 3 2 3", "4 3")))

        def place(m: float, value: float) -> tuple[float, float]:
            return 40 + (m + REACH) / (2 * REACH) * 400, 260 - value / TOP * 240

        parts = [svg.line(40, 260, 440, 260), svg.line(*place(0, 0), *place(0, TOP), stroke=svg.COLORS["line"])]
        parts += [svg.text(place(m, 0)[0], 278, str(m).replace("-", "−"), text_anchor="middle") for m in range(-3, 4)]
        parts += [svg.text(32, place(0, v)[1] + 5, str(v), text_anchor="end") for v in range(6)]
        for i, name in enumerate(self.shown):
            style: dict[str, object] = {"stroke": svg.COLORS[colors[name]], "stroke_width": 2.5}
            style["stroke_dasharray"] = dashes[name]
            grid = [(k - 60) / 20 for k in range(121)]
            values = [(m, loss(name, m, self.base_two)) for m in grid]
            parts.append(svg.polyline([place(m, v) for m, v in values if v <= TOP], **style))
            parts.append(svg.line(455, 40 + 24 * i, 490, 40 + 24 * i, **style))
            parts.append(svg.text(498, 45 + 24 * i, name))
        parts.append(svg.line(*place(self.margin, 0), *place(self.margin, TOP), stroke_dasharray="3 3"))
        parts.append(svg.text(240, 298, "margin m = y f(x)", text_anchor="middle"))
        return svg.document(600, 308, parts)
