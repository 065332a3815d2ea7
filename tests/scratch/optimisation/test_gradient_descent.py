"""Full-batch descent against autograd, torch.optim.SGD and the closed form."""

import numpy as np
import pytest
import torch

from course_utils.scratch.optimisation.gradient_descent import (
    GradientDescent,
    closed_form,
    example_gradients,
    follow,
    hessian,
    least_squares_gradient,
    least_squares_loss,
)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4)) * [1.0, 2.0, 0.5, 1.0]
    return x, x @ [1.0, -2.0, 0.5, 3.0] + 0.1 * rng.normal(size=50)


@pytest.mark.parametrize("penalty", [0.0, 0.3])
@pytest.mark.parametrize("count", [1, 7, 50])
def test_gradient_is_autograds(problem, penalty, count):
    x, y = problem[0][::-1][:count], problem[1][::-1][:count]  # negative strides
    w = torch.tensor([0.3, -1.0, 2.0, 0.1], dtype=torch.float64, requires_grad=True)
    tx, ty = torch.tensor(x.copy()), torch.tensor(y.copy())
    loss = 0.5 * ((tx @ w - ty) ** 2).mean() + 0.5 * penalty * (w**2).sum()
    loss.backward()
    ours = w.detach().numpy()
    assert least_squares_loss(ours, x, y, penalty) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(least_squares_gradient(ours, x, y, penalty), w.grad, rtol=1e-10, atol=1e-12)
    if penalty == 0:
        np.testing.assert_allclose(example_gradients(ours, x, y).mean(axis=0), w.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_descent_arrives_at_the_closed_form(problem, penalty):
    x, y = problem
    lr = 1.0 / np.linalg.eigvalsh(hessian(x, penalty))[-1]
    path = follow(lambda w: least_squares_gradient(w, x, y, penalty), np.zeros(4), GradientDescent(lr), 800)
    np.testing.assert_allclose(path[-1], closed_form(x, y, penalty), atol=1e-10)
    assert np.abs(least_squares_gradient(closed_form(x, y, penalty), x, y, penalty)).max() < 1e-12


def test_closed_form_is_lstsq(problem):
    np.testing.assert_allclose(closed_form(*problem), np.linalg.lstsq(*problem, rcond=None)[0], rtol=1e-9)


def test_steps_are_those_of_torch(problem):
    x, y = problem
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.1)
    seen = [w.detach().clone()]
    for _ in range(25):
        optimiser.zero_grad()
        (0.5 * ((torch.tensor(x) @ w - torch.tensor(y)) ** 2).mean()).backward()
        optimiser.step()
        seen.append(w.detach().clone())
    ours = follow(lambda v: least_squares_gradient(v, x, y), np.zeros(4), GradientDescent(0.1), 25)
    np.testing.assert_allclose(ours, torch.stack(seen), rtol=1e-10, atol=1e-12)


def test_hessian_is_the_derivative_of_the_gradient(problem):
    x, y = problem
    columns = [
        (least_squares_gradient(e, x, y, 0.2) - least_squares_gradient(np.zeros(4), x, y, 0.2)) for e in np.eye(4)
    ]
    np.testing.assert_allclose(hessian(x, 0.2), np.stack(columns, axis=1), atol=1e-12)


def test_a_repeated_column_is_named_unless_a_penalty_decides(problem):
    x, y = problem
    twice = np.hstack([x, x[:, :1]])
    with pytest.raises(ValueError, match="give a penalty above 0"):
        closed_form(twice, y)
    w = closed_form(twice, y, 1e-3)
    assert w[0] == pytest.approx(w[4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GradientDescent(0.0), "lr must be greater than 0"),
        (lambda: least_squares_loss([1.0], [[1.0, 2.0]], [1.0]), r"w must have shape \(2\)|w must have shape"),
        (lambda: least_squares_gradient([1.0], [[1.0]], [1.0, 2.0]), "same length"),
        (lambda: follow(lambda w: w, [1.0], GradientDescent(1.0), -1), "steps must be at least 0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
