"""The perceptron playground's mathematics, against an independent solver and against the theorem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from course_utils.widgets.perceptron_playground import (
    MAX_POINTS,
    ORDERS,
    PRESETS,
    PerceptronPlayground,
    bound,
    is_mistake,
    separator,
    step,
)


def random_points(seed: int, count: int = 10) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    place, w = rng.uniform(-1, 1, (count, 2)), rng.normal(size=3)
    return [[x, y, 1 if w[0] * x + w[1] * y + 0.3 * w[2] > 0 else -1] for x, y in place.tolist()]


def run(points: Any, eta: float, order: str, rule: str = "at most 0", limit: int = 200_000) -> tuple[list[float], int]:
    w, mistakes = [0.0, 0.0, 0.0], 0
    for visits in range(limit):
        if not any(is_mistake(w, point, rule) for point in points):
            break
        after = step(points, w, visits, eta, order, rule, seed=1)
        w, mistakes = after["w"], mistakes + after["mistake"]
    return w, mistakes


@pytest.mark.parametrize("seed", range(12))
def test_margin_equals_a_general_solver(seed: int) -> None:
    points = random_points(seed)
    found = separator(points)
    assert found is not None
    z = np.array([[x * y, v * y, y] for x, v, y in points])
    start = np.array(found["w"]) * 1.5 / found["margin"] + 0.01
    solved = minimize(
        lambda w: 0.5 * w @ w,
        start,
        jac=lambda w: w,
        constraints={"type": "ineq", "fun": lambda w: z @ w - 1, "jac": lambda w: z},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found["margin"] == pytest.approx(1 / np.linalg.norm(solved.x), rel=1e-5)
    assert min(z @ np.array(found["w"])) == pytest.approx(found["margin"], abs=1e-9)
    assert np.linalg.norm(found["w"]) == pytest.approx(1)


def test_no_margin_where_no_line_separates() -> None:
    for name in ("XOR", "ring"):
        assert separator(PRESETS[name]) is None
        assert bound(PRESETS[name]) is None
    assert separator([[0.1, 0.2, 1], [0.1, 0.2, -1]]) is None


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("eta", [0.1, 1.0, 2.0])
def test_mistakes_stay_within_the_bound(order: str, eta: float) -> None:
    sets = [random_points(seed) for seed in range(8)]
    sets += [PRESETS[name] for name in ("wide margin", "narrow margin", "one outlier")]
    for points in sets:
        limit = bound(points)
        assert limit is not None
        w, mistakes = run(points, eta, order)
        assert not any(is_mistake(w, point, "at most 0") for point in points), "it ends with every point right"
        assert 0 < mistakes <= limit


def test_strict_rule_never_leaves_zero() -> None:
    w, mistakes = run(PRESETS["wide margin"], 1.0, "in turn", rule="below 0", limit=100)
    assert (w, mistakes) == ([0, 0, 0], 0)


def test_new_points_start_the_count_again() -> None:
    made = PerceptronPlayground(w=[1.0, 2.0, 3.0], mistakes=4, visits=9, current=2)
    made.points = [[0.0, 0.5, 1]]
    assert (made.w, made.mistakes, made.visits, made.current) == ([0, 0, 0], 0, 0, -1)


def test_steps_that_arrive_with_new_points_are_kept() -> None:
    """A busy kernel gets several changes in one message: the points and the steps made on them."""
    made = PerceptronPlayground()
    made.set_state({"points": [[0.0, 0.5, 1]], "w": [0.0, 0.5, 1.0], "mistakes": 1, "visits": 1})
    assert (made.w, made.mistakes, made.visits) == ([0.0, 0.5, 1.0], 1, 1)


def test_plane_grows_with_the_points() -> None:
    made = PerceptronPlayground(points=[[3.0, -1.0, 1], [0.0, 0.0, -1]])
    assert made.extent == pytest.approx(3.3)
    assert made.preset == "own"


@pytest.mark.parametrize(
    ("points", "eta", "message"),
    [
        ([[0, 0]], 1.0, r"points must have shape \(any, 3\), got \(1, 2\)"),
        ([[0, 0, 2]], 1.0, r"label must be \+1 or -1, got \[2.0\]"),
        ([[0, 0, 1]] * (MAX_POINTS + 1), 1.0, "number of points must be at most 60, got 61"),
        ([[0, 0, 1]], 0.0, "eta must be greater than 0, got 0.0"),
        ([[math.nan, 0, 1]], 1.0, "points must be finite"),
    ],
)
def test_wrong_arguments_are_named(points: Any, eta: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PerceptronPlayground(points=points, eta=eta)


def test_sentence_tells_the_bound() -> None:
    assert f"at most {math.floor(bound(PRESETS['wide margin']) or 0)} mistakes" in PerceptronPlayground().static_text
    assert "no single line" in PerceptronPlayground(points=PRESETS["XOR"]).static_text
