"""Assignment 2: its picture, and the claim to be judged."""

import re

import numpy as np
import pytest

from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "02_mlp"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("bumps_picture",)


@pytest.mark.parametrize("units", [1, 3, 1000])
def test_the_claim_to_be_judged_is_false_any_sum_of_squares_is_a_parabola(units):
    rng = np.random.default_rng(units)
    v, w, b = rng.normal(size=(3, units))
    x = np.arange(4.0)
    values = ((np.outer(x, w) + b) ** 2) @ v
    assert abs(values[3] - 3 * values[2] + 3 * values[1] - values[0]) < 1e-9 * units * np.abs(values).max()


def test_no_parabola_comes_closer_than_three_quarters_to_the_four_points():
    """Least squares gives a parabola; the best in the largest error is found among those with equal errors."""
    target = np.array([0.0, 1.0, -1.0, 0.0])
    assert target[3] - 3 * target[2] + 3 * target[1] - target[0] == 6
    powers = np.vander(np.arange(4.0), 3)
    signs = np.array([-1.0, 1.0, -1.0, 1.0])
    *parabola, error = np.linalg.solve(np.column_stack([powers, signs]), target)
    assert np.abs(powers @ parabola - target).max() == pytest.approx(0.75)
    assert abs(error) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (lambda *a: None, "Nothing to draw: draw_curve.* is None"),
        (lambda x, e, h, k: h, r"should have shape \(400,\)"),
        (lambda *a: a[9], "stops with IndexError"),
    ],
)
def test_the_picture_cell_says_why_nothing_is_drawn(capsys, curve, words):
    with mutation.Judge(NAME) as judge:
        judge.checks.pictures.sine(curve)
    assert re.search(words, capsys.readouterr().out)


ACTIVATION = """
def activation(kind, a):
    t = np.tanh(a)
    s = 1 / (1 + np.exp(-a))
    up = a > 0
    value = {"sigmoid": s, "tanh": t, "relu": a * up, "leaky_relu": np.where(up, a, 0.01 * a)}
    slope = {"sigmoid": s * (1 - s), "tanh": 1 - t**2, "relu": 1.0 * up, "leaky_relu": np.where(up, 1, 0.01)}
    CHANGE
    return value[kind], slope[kind]
"""
LOG_P = "lambda s: s - np.logaddexp.reduce(s, axis=1)[:, None]"


@pytest.mark.parametrize(
    ("exercise", "code", "words"),
    [
        ("two_layers", "two_layers = lambda x, u, b, v, c: np.tanh(x @ u.T + b) @ v.T - c", "subtracts b2"),
        ("two_layers", "two_layers = lambda x, u, b, v, c: np.tanh(x @ u.T + b) @ v.T + c.sum()", "adds up the biases"),
        ("two_layers", "two_layers = lambda x, u, b, v, c: np.maximum(x @ u.T + b, 0) @ v.T + c", "the ReLU in place"),
        ("two_layers", "two_layers = lambda x, u, b, v, c: (np.tanh(x) @ u.T + b) @ v.T + c", "tanh of the inputs"),
        ("two_layers", "two_layers = lambda x, u, b, v, c: np.tanh(x @ u + b) @ v + c", r"w1 \(3, 2\), b1 \(3,\)"),
        ("two_layers", "collapse = lambda u, b, v, c: (v @ u, b + c)", "through the second layer"),
        ("two_layers", "collapse = lambda u, b, v, c: (v @ u, v @ (b + c))", "through the second layer"),
        (
            "patterns",
            "pattern_network = lambda p: (p, [1.0 - p.shape[1]] * len(p), [1] * len(p), 1)",
            "All hidden units",
        ),
        (
            "patterns",
            "pattern_network = lambda p: (p, [1.0 - p.shape[1]] * len(p), [1] * len(p), 0)",
            "one has to be en",
        ),
        (
            "bumps",
            "bump = lambda x, l, r, h, k: h * (np.tanh((x - l) / 2) - np.tanh((x - r) / 2)) / 2",
            "forgets the steep",
        ),
        (
            "bumps",
            "bump = lambda x, l, r, h, k: (h * np.tanh(k * (x - l) / 2) - np.tanh(k * (x - r) / 2) + h - 1) / 2",
            "to the first step only",
        ),
        (
            "bumps",
            "draw_curve = lambda x, e, h, k: sum(bump(x, e[0], b, g, k) for b, g in zip(e[1:], h))",
            "at the first",
        ),
        (
            "bumps",
            "draw_curve = lambda x, e, h, k: np.mean([bump(x, a, b, g, k) for a, b, g in zip(e, e[1:], h)], 0)",
            "the mean of the bumps",
        ),
        (
            "bumps",
            "bump = lambda x, l, r, h, k: h * (np.tanh(k * (x - l)) - np.tanh(k * (x - r))) / 2",
            "twice as steep",
        ),
        ("activations", ACTIVATION.replace("CHANGE", 'value["sigmoid"] = (1 + t) / 2'), "half of a inside"),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["sigmoid"] = s * (s - 1)'), "sigmoid: .*wrong sign"),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["sigmoid"] = s * (1 - a)'), "the value twice"),
        (
            "activations",
            ACTIVATION.replace("CHANGE", 'q = 1 / (1 + np.exp(-s)); slope["sigmoid"] = q * (1 - q)'),
            "no second sigmoid",
        ),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["tanh"] = 1 - a**2'), "contains the value"),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["tanh"] = t**2 - 1'), "tanh: .*wrong sign"),
        ("activations", ACTIVATION.replace("CHANGE", 'value["relu"] = abs(a)'), "absolute value"),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["relu"] = np.sign(a)'), "this is the sign"),
        (
            "activations",
            ACTIVATION.replace("CHANGE", 'value["leaky_relu"] = np.minimum(a, 0.01 * a)'),
            "wrong way round",
        ),
        (
            "activations",
            ACTIVATION.replace("CHANGE", 'value["leaky_relu"] = np.where(up, a, -0.01)'),
            "everywhere below",
        ),
        ("activations", ACTIVATION.replace("CHANGE", 'slope["leaky_relu"] = np.where(up, 1, 0.1)'), "not 0.1"),
        (
            "activations",
            ACTIVATION.replace("CHANGE", 'value["relu"] = a * (a > -1)'),
            r"relu is not right.*at \[0, 1\]",
        ),
        ("activations", ACTIVATION.replace("CHANGE", "a = a[0] if a.ndim > 1 else [][1]"), "stops with IndexError"),
        (
            "losses",
            "def softmax(s):\n    e = np.exp(s - s.max(0))\n    return e / e.sum(1, keepdims=True)",
            "of each column",
        ),
        ("losses", "softmax = lambda s: 1 / (1 + np.exp(-s))", "a sigmoid of each score"),
        (
            "losses",
            "def softmax(s):\n    e = np.exp(-s)\n    return e / e.sum(1, keepdims=True)",
            "minus in the exponent",
        ),
        (
            "losses",
            "def softmax(s):\n    e = np.exp(s)\n    return e / e[:, [0, 1, 2]].sum(1, keepdims=True)",
            "IndexError",
        ),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -f(s).mean()", "averages over all classes"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -f(s).sum() / len(y)", "adds up all classes"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -(f(s) * np.eye(3)[y]).mean()", "N times C"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -(f(s) * np.eye(3)[y]).sum() / 3", "number of classes"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -f(s)[y].mean()", "takes rows"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -f(s)[np.arange(len(y)), y - 1].mean()", "from 1"),
        ("losses", f"f = {LOG_P}\ncross_entropy = lambda s, y: -f(s).max(1).mean()", "likeliest class"),
        (
            "losses",
            "cross_entropy = lambda s, y: -np.log(softmax(s)[np.arange(len(y)), y].mean())",
            "logarithm of the mean",
        ),
        ("losses", "squared_error = lambda p, t: (((p - t) ** 2).sum() / (len(p) - 1), 0)", "N - 1"),
        ("losses", "squared_error = lambda p, t: (np.sqrt(((p - t) ** 2).mean()), 0)", "a root"),
        ("losses", "squared_error = lambda p, t: ((p - t).mean() ** 2, 0)", "square of the mean"),
        ("losses", "squared_error = lambda p, t: (((p - t) ** 2).mean(), p - t)", "lacks the 2 .* divided by N"),
        (
            "losses",
            "squared_error = lambda p, t: (((p - t) ** 2).mean(), 2 * (t - p))",
            "wrong way round, and .* divided",
        ),
        ("losses", "squared_error = lambda p, t: (((p - t) ** 2).mean(), 2 * abs(p - t) / len(p))", "lost its sign"),
        (
            "losses",
            "squared_error = lambda p, t: (((p - t) ** 2).mean(), 2 * (p - t) ** 2 / len(p))",
            "squares the errors",
        ),
        ("maxout", "maxout = lambda x, w, b: (np.einsum('nd,khd->nkh', x, w) + b).min(1)", "smallest piece"),
        ("maxout", "maxout = lambda x, w, b: (np.einsum('nd,khd->nkh', x, w) + b).mean(1)", "mean of the pieces"),
        ("maxout", "relu_as_maxout = lambda w, b: ([w, 0.01 * w], [b, 0.01 * b])", "a leaky ReLU"),
        ("maxout", "relu_as_maxout = lambda w, b: ([w, 0 * w], [b, 0 * b + 1])", "never falls below 1"),
        ("maxout", "relu_as_maxout = lambda w, b: ([w, w], [b, 0 * b])", "keeps the weights"),
    ],
)
def test_a_check_names_further_mistakes(exercise, code, words):
    with mutation.Judge(NAME) as judge:
        assert re.search(words, judge.visible(exercise, code) or "accepted")
