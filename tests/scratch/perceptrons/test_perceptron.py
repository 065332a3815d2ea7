"""The perceptron: the rule, its record, and scikit-learn's version."""

import numpy as np
import pytest
import torch

from course_utils.scratch.perceptrons.perceptron import add_bias, count_mistakes, scores, train_perceptron


def separable(seed=0, count=40, gap=0.03):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, size=(count, 3))
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    y = np.where(points @ normal > 0.2, 1.0, -1.0)
    return add_bias(points + gap * y[:, None] * normal), y


def slow_perceptron(x, y, eta, w, order, passes):
    """Written without arrays: the twin."""
    w, updates = list(w), 0
    for _ in range(passes):
        clean = True
        for i in order:
            score = sum(a * b for a, b in zip(w, x[i]))
            if y[i] * score <= 0:
                w = [a + eta * y[i] * b for a, b in zip(w, x[i])]
                updates, clean = updates + 1, False
        if clean:
            break
    return w, updates


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_slow_twin(seed):
    x, y = separable(seed)
    rng = np.random.default_rng(seed)
    start, order = rng.normal(size=4), rng.permutation(len(x))
    run = train_perceptron(x, y, eta=0.7, w=start, order=order)
    w, updates = slow_perceptron(x.tolist(), y.tolist(), 0.7, start, order, 1000)
    assert run.updates == updates > 0
    np.testing.assert_allclose(run.w, w, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed):
    from sklearn.linear_model import Perceptron

    x, y = separable(seed)
    run = train_perceptron(x, y)
    theirs = Perceptron(shuffle=False, tol=None, max_iter=run.epochs).fit(x[:, :-1], y)
    np.testing.assert_allclose(run.w, np.append(theirs.coef_[0], theirs.intercept_), atol=1e-12)


def test_the_record_tells_the_run():
    x, y = separable()
    run = train_perceptron(x, y)
    assert run.converged
    assert count_mistakes(x, y, run.w) == 0
    assert run.updates == sum(run.updates_per_epoch) == len(run.picked) == len(run.history) - 1
    assert run.updates_per_epoch[-1] == 0
    assert run.epochs == len(run.updates_per_epoch)
    np.testing.assert_array_equal(run.history[0], np.zeros(4))
    np.testing.assert_allclose(np.diff(run.history, axis=0), y[run.picked, None] * x[run.picked], atol=1e-12)
    for before, i in zip(run.history, run.picked):  # every update answers a mistake
        assert y[i] * (x[i] @ before) <= 0
    short = train_perceptron(x, y, keep_history=False)
    assert len(short.history) == 2
    np.testing.assert_array_equal(short.w, run.w)


def test_tensors_give_tensors():
    x, y = separable()
    run = train_perceptron(torch.tensor(x), torch.tensor(y))
    assert isinstance(run.w, torch.Tensor)
    assert run.w.dtype == torch.float64
    assert isinstance(add_bias(torch.zeros(2, 3)), torch.Tensor)
    assert isinstance(scores(torch.tensor(x), run.w), torch.Tensor)
    np.testing.assert_array_equal(run.w.numpy(), train_perceptron(x, y).w)


def test_non_contiguous_and_single_samples():
    x, y = separable()
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    assert not wide.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(train_perceptron(wide, y).w, train_perceptron(x, y).w)
    assert train_perceptron([[2.0]], [-1]).w.tolist() == [-2.0]


def test_fresh_orders_come_from_the_generator():
    x, y = separable()
    first = train_perceptron(x, y, order=np.random.default_rng(3))
    again = train_perceptron(x, y, order=np.random.default_rng(3))
    np.testing.assert_array_equal(first.history, again.history)
    assert first.converged
    assert not np.array_equal(first.history, train_perceptron(x, y).history)


def test_the_start_is_not_changed_in_place():
    x, y = separable()
    start = np.ones(4)
    train_perceptron(x, y, w=start)
    np.testing.assert_array_equal(start, np.ones(4))


def test_a_score_of_zero_is_a_mistake():
    assert count_mistakes([[1.0, 0.0]], [1], [0.0, 5.0]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": [0, 1]}, "2 \\* y - 1"),
        ({"y": [1, 1, 1]}, "same length"),
        ({"eta": 0.0}, "eta must be greater than 0"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"w": [1.0]}, "w must have shape"),
        ({"order": [0, 0]}, "permutation"),
    ],
)
def test_errors_name_the_rule(arguments, words):
    with pytest.raises(ValueError, match=words):
        train_perceptron(**{"x": [[1.0, 1.0], [2.0, 1.0]], "y": [1, -1], **arguments})
