"""The dials end at the trained weights to the bit, and come near enough before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course_utils.widgets import WeightDials
from course_utils.widgets.packing import unpack_bytes
from course_utils.widgets.weight_dials import dial_angle, turns


@pytest.mark.parametrize("size", [0.003, 1.0, 250.0])
def test_last_frame_is_exact_and_others_precise(size: float) -> None:
    history = (np.random.default_rng(0).normal(size=(9, 12)) * size).astype(np.float32)
    made = WeightDials(history, shape=(3, 4))
    assert np.array_equal(made.weights_at(8), history[-1])
    assert made.precision <= np.abs(history).max() / 253
    worst = max(np.abs(made.weights_at(t) - history[t]).max() for t in range(9))
    assert 0 < worst <= made.precision * 1.0001


def test_perceptron_histories_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    updates = rng.integers(0, 2, (20, 400)) * rng.choice([-1, 1], (20, 1)) * 0.1
    history = np.vstack([np.zeros(400), updates.cumsum(0)])
    made = WeightDials(history)
    for t in range(21):
        assert np.abs(made.weights_at(t) - history[t]).max() < 1e-6


def test_demonstration_ends_without_mistakes() -> None:
    made = WeightDials()
    causes = unpack_bytes(made.causes).reshape(-1, 400) / 255
    w = np.zeros(400)
    for t, (x, label) in enumerate(zip(causes, made.labels, strict=True)):
        assert label * (w @ x) <= 0, "every replayed input was a mistake"
        w = w + label * x
        assert np.allclose(made.weights_at(t + 1), w), "and each update adds its input"
    assert made.frames == len(made.labels) + 1 > 15


def test_angles_and_turns() -> None:
    assert [dial_angle(v, 2.0) for v in (-4, -2, 0, 1, 2)] == [-135, -135, 0, 67.5, 135]
    assert turns([0, 0, 0], [0, -3, 0.001], step=0.01) == {"count": 1, "largest": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"history": np.zeros((2, 5)), "shape": (2, 3)}, r"history must have shape \(any, 6\), got \(2, 5\)"),
        ({"history": np.full((2, 4), np.nan), "shape": (2, 2)}, "history must be finite"),
        ({"history": np.zeros((400, 400))}, "at most 100000 weights, got 160000; pass every 2th row"),
        ({"history": np.zeros((1, 1600)), "shape": (40, 40)}, "product of shape must be at most 1024, got 1600"),
        ({"history": np.zeros((3, 4)), "shape": (2, 2), "labels": [1]}, r"labels must have shape \(2\)"),
        ({"history": np.zeros((3, 4)), "shape": (2, 2), "patterns": np.zeros((3, 4))}, "patterns must have shape"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WeightDials(**arguments)
