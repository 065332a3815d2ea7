"""Assignment 3: its pictures, and the claim to be judged."""

import re

import numpy as np
import pytest

from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "03_backprop"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("gradient_check_picture", "network_picture")


class Counting(float):
    """A number that counts how often such numbers are multiplied."""

    count = 0

    def __mul__(self, other):
        Counting.count += 1
        return Counting(float(self) * float(other))

    def __add__(self, other):
        return Counting(float(self) + float(other))


def multiplications(function) -> int:
    Counting.count = 0
    function()
    return Counting.count


@pytest.mark.parametrize(("d", "h"), [(5, 4), (10, 8)])
def test_the_claim_to_be_judged_is_false_backward_costs_twice_forward_whatever_the_number_of_weights(d, h):
    x, w, g = (np.vectorize(Counting, otypes=[object])(np.ones(shape)) for shape in ((1, d), (h, d), (1, h)))
    forward = multiplications(lambda: x @ w.T)
    assert forward == d * h
    assert multiplications(lambda: (g @ w, g.T @ x)) == 2 * forward


@pytest.fixture
def pictures():
    with mutation.Judge(NAME) as judge:
        yield judge.checks.pictures


def stub(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("gradients", "words"),
    [
        (stub, "Nothing to draw yet: this picture needs network_gradients"),
        (lambda *a: None, "returns None: a function without"),
        (lambda *a: (1.0, *a[2:5], a[2]), r"a gradient of network_gradients should have shape \(2,\)"),
        (lambda *a: a[9], "stops with IndexError"),
    ],
)
def test_the_picture_of_training_says_why_nothing_is_drawn(pictures, capsys, gradients, words):
    pictures.moons(gradients)
    assert re.search(words, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("numerical", "words"),
    [
        (stub, "Nothing to draw yet: this picture needs numerical_gradient and evaluate"),
        (lambda ops, inputs, h: 3, r"should have shape \(1,\)"),
    ],
)
def test_the_picture_of_steps_says_why_nothing_is_drawn(pictures, capsys, numerical, words):
    pictures.steps(numerical)
    assert re.search(words, capsys.readouterr().out)


@pytest.mark.parametrize(("back", "low", "high"), [(1, 1e-7, 1e-4), (0, 1e-10, 1e-7)])
def test_the_picture_of_steps_says_where_the_error_is_smallest(pictures, capsys, monkeypatch, back, low, high):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    pictures.steps(lambda ops, x, h: (np.tanh(x + h) - np.tanh(x - back * h)) / (h + back * h))
    step = float(re.search(r"near h = (\S+)\. ", capsys.readouterr().out)[1])
    assert low < step < high


def test_the_answers_to_predictions_hold_for_the_model_solution():
    saturated = "assert abs(unit(1.0, 9.0, 1.0, -1.0)[1]) < 1e-7\n"
    sums = "assert np.allclose(cross_entropy(np.eye(2, 3), [0, 2])[1].sum(axis=1), 0)\n"
    with mutation.Judge(NAME) as judge:
        assert judge.visible("unit", saturated + sums) is None
