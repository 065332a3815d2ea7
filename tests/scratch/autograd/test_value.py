"""The scalar engine against torch and central differences, on expressions and on a network."""

import math

import numpy as np
import pytest
import torch

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.autograd.value import FUNCTIONS, ScalarMLP, Value

TORCH = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "exp": torch.exp, "log": torch.log}


def random_expression(rng, leaves, depth=5):
    """Build one expression twice at once: with our values and with torch's."""
    if depth == 0 or rng.random() < 0.15:
        return leaves[rng.integers(len(leaves))]
    a = random_expression(rng, leaves, depth - 1)
    kind = rng.choice(["+", "-", "*", "/", "**", "neg", "name"])
    if kind == "neg":
        return -a[0], -a[1]
    if kind == "**":
        p = int(rng.integers(0, 4))
        return a[0] ** p, a[1] ** p
    if kind == "name":
        name = str(rng.choice(["relu", "tanh", "sigmoid"]))
        return FUNCTIONS[name](a[0]), TORCH[name](a[1])
    b = random_expression(rng, leaves, depth - 1)
    if kind == "+":
        return a[0] + b[0], a[1] + b[1]
    if kind == "-":
        return a[0] - b[0], a[1] - b[1]
    if kind == "*":
        return a[0] * b[0], a[1] * b[1]
    return a[0] / (b[0] * b[0] + 1), a[1] / (b[1] * b[1] + 1)


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_agree_with_torch(seed):
    rng = np.random.default_rng(seed)
    start = rng.normal(size=3)
    ours = [Value(v) for v in start]
    theirs = torch.tensor(start, requires_grad=True)
    made, expected = random_expression(rng, list(zip(ours, theirs)))
    made.backward()
    assert made.data == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    slopes = torch.autograd.grad(expected, theirs, allow_unused=True)[0]
    wanted = np.zeros(3) if slopes is None else slopes.numpy()
    np.testing.assert_allclose([v.grad for v in ours], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [0.3, 2.0, 30.0])
def test_functions_pass_a_gradient_check(name, a):
    v = Value(a)
    FUNCTIONS[name](v).backward()
    measured = numerical_gradient(lambda p: FUNCTIONS[name](Value(p)).data, a, step=1e-5)
    assert v.grad == pytest.approx(float(measured), rel=1e-7, abs=1e-9)


def test_plain_numbers_work_on_both_sides():
    v = Value(3.0)
    out = 2 + v * 4 - (1 - v) + 6 / v + 5 * v + v / 2
    out.backward()
    assert out.data == pytest.approx(2 + 12 + 2 + 2 + 15 + 1.5)
    assert v.grad == pytest.approx(4 + 1 - 6 / 9 + 5 + 0.5)


def test_a_value_used_twice_collects_both_paths():
    v = Value(3.0)
    (v * v + v).backward()
    assert v.grad == 7


def test_gradients_add_up_over_calls_as_in_torch():
    a, t = Value(0.7), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    middle, other = a * a, t * t
    out, theirs = middle.tanh() * middle, other.tanh() * other
    out.backward()
    first = a.grad
    out.backward()
    theirs.backward(retain_graph=True)
    theirs.backward()
    assert a.grad == pytest.approx(2 * first)
    assert a.grad == pytest.approx(t.grad.item(), rel=1e-12)


def test_variable_exponents():
    a, b = Value(2.0), Value(3.0)
    (a**b).backward()
    assert (a.grad, b.grad) == (pytest.approx(12), pytest.approx(8 * math.log(2)))
    with pytest.raises(ValueError, match="base must be greater than 0 where the exponent is a variable, got -2"):
        Value(-2) ** Value(2)
    assert (Value(-2) ** 3).data == -8
    assert (Value(0.0) ** 0).data == 1


def test_long_chains_need_no_recursion():
    total = start = Value(1.0)
    for _ in range(20_000):
        total = total + 1
    total.backward()
    assert start.grad == 1


def test_relu_at_zero_and_far_sigmoid():
    v = Value(0.0)
    v.relu().backward()
    assert v.grad == 0
    assert Value(-800).sigmoid().data == 0
    assert Value(800).sigmoid().data == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Value(1) / 0, "divisor must not be 0, got 1 / 0"),
        (lambda: Value(0).log(), "log needs a number greater than 0, got 0"),
        (lambda: Value(1000).exp(), "exp of 1000 must be finite"),
        (lambda: Value(0) ** -1, "0 must not be raised to a power below 1"),
        (lambda: Value(-2) ** 0.5, "negative base needs a whole exponent"),
        (lambda: Value(10) ** 400, r"\*\*400 of 10 must be finite"),
        (lambda: Value(1e200) * 1e200, r"\* of 1e\+200, 1e\+200 must be finite"),
    ],
)
def test_what_has_no_finite_result_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_network_trains_to_the_same_weights_as_torch(activation):
    torch.manual_seed(0)
    module = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), module(), torch.nn.Linear(5, 1)).double()
    state = [p.detach().numpy().copy() for p in net.parameters()]
    ours = ScalarMLP(state[0::2], state[1::2], activation)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(30):
        optimiser.zero_grad()
        ((net(torch.tensor(x))[:, 0] - torch.tensor(y)) ** 2).mean().backward()
        optimiser.step()
        loss = sum(((ours(row)[0] - t) ** 2 for row, t in zip(x, y)), start=Value(0)) / len(y)
        loss.backward()
        ours.step(0.1)
    reached = np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])
    moved = np.concatenate([p.ravel() for p in state]) - reached
    assert np.abs(moved).max() > 0.05, "training must move the weights, or agreement says nothing"
    assert relative_error([p.data for p in ours.parameters()], reached) < 1e-12


def test_network_shapes_are_checked():
    with pytest.raises(ValueError, match=r"weight must have shape \(any, 2\), got \(1, 3\)"):
        ScalarMLP([np.ones((2, 2)), np.ones((1, 3))], [np.ones(2), np.ones(1)])
    with pytest.raises(ValueError, match="activation must be one of"):
        ScalarMLP([np.ones((1, 2))], [np.ones(1)], "gelu")
