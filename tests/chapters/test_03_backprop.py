"""Chapter 03: every system works, every claim is checked, every numbered equation is what the code does."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.autograd import checkpointing, dag_backward, relu_gate
from course_utils.scratch.autograd.checkpointing import TanhLayer, backward_bisecting, backward_storing, expected_counts
from course_utils.scratch.autograd.dag_backward import backward, layered_edges, linear_backward, random_edges
from course_utils.scratch.autograd.gradient_check import errors_by_step, numerical_gradient, relative_error
from course_utils.scratch.autograd.loss_surface import (
    blend,
    cosine,
    forward,
    loss_slice,
    match_units,
    permute_units,
    random_direction,
    start_network,
    train_network,
)
from course_utils.scratch.autograd.relu_gate import dead_units, deconvnet_backward, relu_backward
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy
from course_utils.scratch.autograd.value import FUNCTIONS, ScalarMLP, Value
from course_utils.scratch.kernel_methods.point_sets import moons
from course_utils.scratch.networks.activations import ACTIVATIONS
from course_utils.scratch.networks.dag import Dag

IN_TORCH = {"linear": lambda a: a, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


@pytest.fixture(scope="module")
def digits():
    """Digits as float32 rows in [0, 1], and their labels: training, then test."""
    both = (data.load("digits", split) for split in ("train", "test"))
    return [(part.images.reshape(len(part), -1).float() / 255, part.labels) for part in both]


@pytest.fixture(scope="module")
def trained(digits):
    """Three networks with one hidden layer, from different starts."""
    (x, y), _ = digits
    return [train_network(start_network(64, 64, 10, seed=s), x, y, steps=250, seed=s) for s in range(3)]


def random_graph(seed):
    rng = np.random.default_rng(seed)
    edges = random_edges(units=11, inputs=3, seed=seed)
    names = sorted({target for _, target in edges})
    net = Dag(edges, {name: str(rng.choice(list(IN_TORCH))) for name in names})
    return net, {name: rng.normal(size=4) for name in net.inputs}, rng


def autograd_on(net, inputs):
    weights = {e: torch.tensor(w, dtype=torch.float64, requires_grad=True) for e, w in net.weights.items()}
    x = {name: torch.tensor(v, requires_grad=True) for name, v in inputs.items()}
    a = {}
    for unit in net.activations:
        a[unit] = sum(weights[i, unit] * x[i] for i in net.predecessors[unit])
        a[unit].retain_grad()
        x[unit] = IN_TORCH[net.activations[unit]](a[unit])
    return weights, x, a


# ---- S059, C051, (3.2) ---------------------------------------------------------------------------------------------


def test_forward_node_by_node_equals_matrices_and_autograd():
    rng = np.random.default_rng(0)
    first, second, x = rng.normal(size=(5, 3)), rng.normal(size=(2, 5)), rng.normal(size=(6, 3))
    values = Dag(layered_edges([first, second]), "tanh").forward({f"0.{i}": x[:, i] for i in range(3)})
    by_node = np.stack([values.x[f"2.{j}"] for j in range(2)], axis=1)
    np.testing.assert_allclose(by_node, np.tanh(np.tanh(x @ first.T) @ second.T), atol=1e-12)
    for seed in range(20):
        net, inputs, _ = random_graph(seed)
        values, (_, theirs, sums) = net.forward(inputs), autograd_on(net, inputs)
        for unit in net.order:
            np.testing.assert_allclose(values.x[unit], theirs[unit].detach(), atol=1e-12)
        for unit in sums:  # equation (3.2), term by term
            by_hand = sum(net.weights[i, unit] * values.x[i] for i in net.predecessors[unit])
            np.testing.assert_allclose(values.a[unit], by_hand, atol=1e-12)
            np.testing.assert_allclose(values.x[unit], ACTIVATIONS[net.activations[unit]][0](by_hand), atol=1e-12)


def test_bias_is_a_weight_from_a_constant_one():
    net = Dag({("x", "y"): 2.0, ("one", "y"): -0.5}, "linear")
    values = net.forward({"x": np.array([1.0, 3.0]), "one": np.ones(2)})
    np.testing.assert_allclose(values.x["y"], [1.5, 5.5])
    assert backward(net, values, {"y": np.ones(2)}).weights["one", "y"] == 2  # the sum of g


# ---- S060, C053, (3.1), (3.3) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_recursion_equals_autograd_and_differences_with_skip_links(seed):
    net, inputs, rng = random_graph(seed)
    above = {name: rng.normal(size=4) for name in net.outputs}
    values = net.forward(inputs)
    found = backward(net, values, above)
    weights, x, a = autograd_on(net, inputs)
    sum((x[n] * torch.tensor(s)).sum() for n, s in above.items()).backward()
    for edge, weight in weights.items():
        assert found.weights[edge] == pytest.approx(0 if weight.grad is None else weight.grad.item(), abs=1e-12)
    for unit in net.activations:  # equation (3.3), both halves
        np.testing.assert_allclose(found.g[unit], a[unit].grad, atol=1e-12)
        collected = above.get(unit, 0) + sum(net.weights[unit, j] * found.g[j] for j in net.successors[unit])
        np.testing.assert_allclose(found.x[unit], collected, atol=1e-12)
        slope = ACTIVATIONS[net.activations[unit]][1](values.a[unit])
        np.testing.assert_allclose(found.g[unit], slope * collected, atol=1e-12)

    def loss(w):
        out = Dag(dict(zip(net.weights, w)), net.activations).forward(inputs)
        return sum(float((out.x[n] * s).sum()) for n, s in above.items())

    measured = numerical_gradient(loss, list(net.weights.values()))
    assert relative_error(list(found.weights.values()), measured) < 1e-6


def test_a_value_collects_from_all_its_users():
    """(3.1): the slope is the sum over users, and a sum over all paths gives the same."""
    v = Value(0.7)
    users = [v.tanh(), v.sigmoid(), v * v]
    out = users[0] * users[1] + users[2].tanh() * users[0]
    out.backward()
    by_users = sum(u.grad * slope for u in users for parent, slope in zip(u.parents, u.slopes) if parent is v)

    def over_paths(node):
        return 1.0 if node is v else sum(s * over_paths(p) for p, s in zip(node.parents, node.slopes))

    assert v.grad == pytest.approx(by_users, rel=1e-12)
    assert v.grad == pytest.approx(over_paths(out), rel=1e-12)


# ---- S061, C052, (3.4), (3.5) --------------------------------------------------------------------------------------


def test_weight_gradient_is_an_outer_product_and_for_a_batch_their_sum():
    rng = np.random.default_rng(1)
    x, g, w = rng.normal(size=(6, 3)), rng.normal(size=(6, 5)), rng.normal(size=(5, 3))
    np.testing.assert_allclose(linear_backward(x[:1], g[:1], w)[1], np.outer(g[0], x[0]), atol=1e-14)
    grad_x, grad_w, grad_b = linear_backward(x, g, w)
    np.testing.assert_allclose(grad_w, sum(np.outer(b, a) for a, b in zip(x, g)), atol=1e-12)
    assert np.linalg.matrix_rank(np.outer(g[0], x[0])) == 1
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    tb = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    F.linear(tx, tw, tb).backward(torch.tensor(g))
    for ours, theirs in ((grad_x, tx.grad), (grad_w, tw.grad), (grad_b, tb.grad)):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_each_weight_has_g_at_its_head_times_x_at_its_tail():
    for seed in range(10):
        net, inputs, _ = random_graph(seed)
        values = net.forward(inputs)
        found = backward(net, values, {name: np.ones(4) for name in net.outputs})
        for (i, j), slope in found.weights.items():
            assert slope == pytest.approx(float(np.sum(found.g[j] * values.x[i])), abs=1e-12)


# ---- S062 ----------------------------------------------------------------------------------------------------------


def test_scalar_engine_trains_to_torchs_weights():
    points, sides = moons(20, seed=0)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    start = [p.detach().numpy().copy() for p in net.parameters()]
    ours = ScalarMLP(start[0::2], start[1::2])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.3)
    for _ in range(25):
        optimiser.zero_grad()
        ((net(torch.tensor(points))[:, 0] - torch.tensor(sides)) ** 2).mean().backward()
        optimiser.step()
        (sum(((ours(row)[0] - s) ** 2 for row, s in zip(points, sides)), start=Value(0)) / len(sides)).backward()
        ours.step(0.3)
    reached = np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])
    assert np.abs(reached - np.concatenate([p.ravel() for p in start])).max() > 0.1
    np.testing.assert_allclose([p.data for p in ours.parameters()], reached, atol=1e-12)


def test_tensor_engine_has_torchs_gradients_and_reads_digits(digits):
    (x, y), _ = digits
    net = MLP([64, 32, 10], dtype="float64")
    cross_entropy(net(Tensor(x[:64].double().numpy())), y[:64].numpy()).backward()
    p = [torch.tensor(one.data, requires_grad=True) for one in net.parameters()]
    F.cross_entropy(F.linear(F.linear(x[:64].double(), p[0], p[1]).relu(), p[2], p[3]), y[:64]).backward()
    for ours, theirs in zip(net.parameters(), p):
        assert relative_error(ours.grad, theirs.grad) < 1e-13
    assert band("03_backprop.digits", "accuracy").minimum > 0.94
    assert band("03_backprop.mnist", "accuracy").minimum > 0.97
    assert load_record("autograd")["ratio"] < 5


# ---- S063, C054, C055, C056, (3.6) ---------------------------------------------------------------------------------


def test_relu_gate_is_set_going_forward():
    rng = np.random.default_rng(3)
    a, w, g = rng.normal(size=(7, 4)), rng.normal(size=(5, 4)), rng.normal(size=(7, 5))
    t = torch.tensor(a, requires_grad=True)
    (t.relu() @ torch.tensor(w).T).backward(torch.tensor(g))
    np.testing.assert_allclose(relu_backward(a, g @ w), t.grad, atol=1e-12)
    by_cases = [[sum(w[j, i] * g[n, j] for j in range(5)) if a[n, i] > 0 else 0.0 for i in range(4)] for n in range(7)]
    np.testing.assert_allclose(relu_backward(a, g @ w), by_cases, atol=1e-12)


def test_relu_slope_at_zero_is_zero_and_any_other_would_be_a_subgradient():
    t = torch.zeros(1, requires_grad=True)
    t.relu().backward()
    assert t.grad.item() == 0
    assert relu_backward([0.0], [1.0])[0] == 0
    line = np.linspace(-2, 2, 41)
    for slope in (0.0, 0.3, 1.0):
        assert (np.maximum(line, 0) >= slope * line).all()
    for slope in (-0.1, 1.1):
        assert (np.maximum(line, 0) < slope * line - 1e-9).any()


def test_clipping_what_comes_back_is_not_the_gradient():
    a, above = np.array([2.0, -1.0, -3.0, 1.0]), np.array([-1.5, 2.0, -1.0, 3.0])
    t = torch.tensor(a, requires_grad=True)
    t.relu().backward(torch.tensor(above))
    assert t.grad.tolist() == relu_backward(a, above).tolist() == [-1.5, 0, 0, 3]
    assert np.maximum(above, 0).tolist() == deconvnet_backward(a, above).tolist() == [0, 2, 0, 3]
    measured = numerical_gradient(lambda v: float((np.maximum(v, 0) * above).sum()), a)
    assert relative_error(measured, relu_backward(a, above)) < 1e-8
    assert relative_error(measured, deconvnet_backward(a, above)) > 0.3


# ---- S064, C057 ----------------------------------------------------------------------------------------------------


def dead_experiment(bias, seed=0, steps=200):
    points, sides = moons(40, seed=seed)
    x, y = torch.tensor(points), torch.tensor(sides)
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).double()
    with torch.no_grad():
        net[0].bias[0] = bias
    start, zero = net[0].weight.detach().clone(), True
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        optimiser.zero_grad()
        ((net(x)[:, 0] - y) ** 2).mean().backward()
        zero &= bool((net[0].weight.grad[0] == 0).all() and net[0].bias.grad[0] == 0)
        optimiser.step()
    return zero, (net[0].weight.detach() - start)[0], dead_units(net[0](x).detach())[0]


@pytest.mark.parametrize("seed", range(3))
def test_dead_unit_gets_exactly_zero_and_stays_dead(seed):
    zero, moved, dead = dead_experiment(-10.0, seed)
    assert zero
    assert (moved == 0).all()
    assert dead
    zero, moved, dead = dead_experiment(0.5, seed)  # the same unit alive: the test can fail
    assert not zero
    assert not dead
    assert (moved != 0).any()


def test_unit_with_changing_inputs_can_wake_up():
    w1, w2, bias, out = Value(1.0), Value(1.0), Value(-2.0), Value(1.0)
    silent = 0
    for _ in range(200):
        low = (w1 * 1.0).relu()
        high = (w2 * low + bias).relu()
        ((low + out * high - 4.0) ** 2).backward()
        if high.data == 0:
            assert w2.grad == bias.grad == 0
            silent += 1
        for p in (w1, w2, bias, out):
            p.data, p.grad = p.data - 0.02 * p.grad, 0.0
    assert 5 < silent < 150
    assert w2.data != 1


# ---- C049, C050, (3.7), (3.8) --------------------------------------------------------------------------------------


def regularised(make, penalty=0.0, steps=40):
    w = torch.linspace(-2, 2, 5, dtype=torch.float64).requires_grad_(True)
    x = torch.sin(torch.arange(40, dtype=torch.float64)).reshape(8, 5)
    optimiser = make([w])
    for _ in range(steps):
        optimiser.zero_grad()
        (((x @ w - x[:, 0]) ** 2).mean() + penalty * (w**2).sum()).backward()
        optimiser.step()
    return w.detach()


def test_penalty_is_decay_of_twice_lambda_for_sgd_only():
    lam = 0.1
    sgd = regularised(lambda p: torch.optim.SGD(p, lr=0.05), lam)
    assert torch.allclose(sgd, regularised(lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=2 * lam)), rtol=1e-12)
    assert not torch.allclose(sgd, regularised(lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=lam)), rtol=1e-2)
    adam = regularised(lambda p: torch.optim.Adam(p, lr=0.05), lam)
    adamw = regularised(lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=2 * lam))
    assert not torch.allclose(adam, adamw, rtol=1e-2)


def test_gradient_of_the_regularised_objective():
    rng = np.random.default_rng(0)
    x, y, w = Tensor(rng.normal(size=(8, 5))), rng.normal(size=8), Tensor(rng.normal(size=5), requires_grad=True)
    lam = 0.3
    misfit = lambda v: ((x @ v.reshape(5, 1)).reshape(8) - y) ** 2
    (misfit(w).mean() + lam * (w * w).sum()).backward()
    alone = Tensor(w.data, requires_grad=True)
    misfit(alone).mean().backward()
    np.testing.assert_allclose(w.grad, alone.grad + 2 * lam * w.data, atol=1e-12)
    lr = 0.05  # one step: first shrink, then descend
    np.testing.assert_allclose(w.data - lr * w.grad, (1 - 2 * lr * lam) * w.data - lr * alone.grad, atol=1e-12)


def test_gradients_of_the_objective_with_halves():
    rng = np.random.default_rng(0)
    h, w = (torch.tensor(rng.normal(size=n), requires_grad=True) for n in (6, 4))
    y, lam = torch.tensor(rng.normal(size=6)), 0.7
    (((y - h) ** 2).sum() / 12 + lam / 12 * (w**2).sum()).backward()
    np.testing.assert_allclose(h.grad, -(y - h.detach()) / 6, atol=1e-12)
    np.testing.assert_allclose(w.grad, lam * w.detach() / 6, atol=1e-12)


# ---- S065, (3.9) ---------------------------------------------------------------------------------------------------


def checked_layers():
    """Name to (claimed gradient, function, point): everything in the package that goes backwards by hand."""
    rng = np.random.default_rng(5)
    point = rng.normal(size=(3, 4))
    cases = {}
    for name, (f, f_prime) in ACTIVATIONS.items():
        cases[f"{name}'"] = (f_prime(point), lambda v, f=f: float(f(v).sum()), point)
    for name, function in FUNCTIONS.items():
        leaf = Value(0.8)
        function(leaf).backward()
        cases[f"scalar {name}"] = (leaf.grad, lambda v, f=function: f(Value(float(v))).data, 0.8)
    operations = {
        "arithmetic": lambda t: (t + 2.0) * t - 1.0 / (t * t + 1.0) + (t * t + 1.0) ** 0.5,
        "matmul": lambda t: t @ t.T,
        "relu": Tensor.relu,
        "tanh": Tensor.tanh,
        "sigmoid": Tensor.sigmoid,
        "exp, log": lambda t: (t.exp() + 1.0).log(),
        "sum, mean": lambda t: t.sum(axis=0) * t.mean(axis=1, keepdims=True),
        "reshape, index": lambda t: t.reshape(2, 6)[np.array([0, 1, 0]), np.array([3, 3, 3])],
        "cross-entropy": lambda t: cross_entropy(t, [0, 3, 1]),
    }
    for name, operation in operations.items():
        leaf = Tensor(point, requires_grad=True)
        (operation(leaf) * operation(leaf)).sum().backward()
        cases[name] = (leaf.grad, lambda v, f=operation: float((f(Tensor(v)).data ** 2).sum()), point)
    layer, above = TanhLayer(rng.normal(size=(5, 4))), rng.normal(size=(3, 5))
    back = layer.backward(point, above)
    cases["tanh layer x"] = (back[0], lambda v: float((layer.forward(v) * above).sum()), point)
    cases["tanh layer W"] = (back[1], lambda v: float((TanhLayer(v).forward(point) * above).sum()), layer.weight)
    linear = linear_backward(point, above, layer.weight)
    cases["linear x"] = (linear[0], lambda v: float((v @ layer.weight.T * above).sum()), point)
    cases["linear W"] = (linear[1], lambda v: float((point @ v.T * above).sum()), layer.weight)
    cases["linear b"] = (linear[2], lambda v: float(((point @ layer.weight.T + v) * above).sum()), np.zeros(5))
    gate = relu_backward(point, above[:, :4])
    cases["relu gate"] = (gate, lambda v: float((np.maximum(v, 0) * above[:, :4]).sum()), point)
    deep = [TanhLayer(rng.normal(size=(4, 4))) for _ in range(4)]
    run = backward_storing(deep, point, np.ones((3, 4)), every=2)

    def through(v):
        for one in deep:
            v = one.forward(v)
        return float(v.sum())

    cases["checkpointed chain"] = (run.grad_x, through, point)
    return cases


CHECKED = checked_layers()


@pytest.mark.parametrize("name", CHECKED)
def test_every_layer_passes_a_gradient_check_in_double_precision(name):
    claimed, function, point = CHECKED[name]
    assert relative_error(claimed, numerical_gradient(function, point, 1e-5)) < 1e-7


def test_every_backward_of_the_package_is_in_the_list():
    """A new hand-written gradient in the chapter's packages has to be added to the checks above."""
    found = {
        name for module in (dag_backward, checkpointing, relu_gate) for name in module.__all__ if "backward" in name
    }
    by_other_tests = {
        "backward",
        "linear_backward_loops",
        "backward_bisecting",
        "deconvnet_backward",
        "guided_backward",
    }
    assert found == by_other_tests | {"linear_backward", "backward_storing", "relu_backward"}
    assert {name.rstrip("'") for name in CHECKED if name.endswith("'")} == set(ACTIVATIONS)


def test_a_wrong_gradient_fails_even_if_its_direction_is_right():
    claimed, function, point = CHECKED["matmul"]
    measured = numerical_gradient(function, point)
    assert relative_error(8 * claimed, measured) > 0.5
    assert relative_error(-claimed, measured) == pytest.approx(1)
    slip = claimed.copy()
    slip[1, 2] *= 1.01
    assert relative_error(slip, measured) > 1e-5


def test_error_of_central_differences_falls_with_the_square_of_the_step_until_rounding():
    x = np.linspace(0.2, 1, 4)
    gradient = np.cos(x)
    curve = errors_by_step(lambda v: np.sin(v).sum(), gradient, x, [1e-1, 1e-2, 1e-3, 1e-5, 1e-13])
    assert curve[0] / curve[1] == pytest.approx(100, rel=0.01)
    assert curve[1] / curve[2] == pytest.approx(100, rel=0.01)
    assert curve[4] > 1e5 * curve[3]
    single = errors_by_step(lambda v: np.sin(v).sum(), gradient, x, 10.0 ** np.arange(-8, 0.0), dtype="float32")
    assert single.min() > 1e-6
    formula = (np.sin(x + 1e-3) - np.sin(x - 1e-3)) / 2e-3
    error = np.linalg.norm(formula - gradient) / (np.linalg.norm(formula) + np.linalg.norm(gradient))
    assert curve[2] == pytest.approx(error, rel=1e-6)


def test_a_kink_within_the_step_makes_a_right_gradient_fail():
    relu = lambda v: float(np.maximum(v, 0))
    assert float(numerical_gradient(relu, 2e-7, 1e-6)) == pytest.approx(0.6)
    assert float(numerical_gradient(relu, 2e-7, 1e-8)) == pytest.approx(1.0)


# ---- S066, S067, C058, C059 ----------------------------------------------------------------------------------------


def test_two_units_that_fold_xor_prove_that_the_loss_is_not_convex():
    corners, wanted = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 1, 1, 0])
    first = np.array([[1, 1, 0], [1, 1, -1.0]]), np.array([1, -2.0])  # two weights and a bias a unit; the output's
    twin = first[0][::-1], first[1][::-1]
    middle = tuple((a + b) / 2 for a, b in zip(first, twin))

    def loss(hidden, out):
        z = np.maximum(corners @ hidden[:, :2].T + hidden[:, 2], 0)
        return ((z @ out - wanted) ** 2).mean()

    assert loss(*first) == loss(*twin) == 0
    assert (middle[0][0] == middle[0][1]).all()  # one unit, written twice
    assert loss(*middle) > 0.1


def test_permuted_twin_is_as_good_and_the_midpoint_is_worse(digits, trained):
    (x, y), _ = digits
    loss = lambda net: F.cross_entropy(forward(net, x), y).item()
    for seed, net in enumerate(trained):
        twin = permute_units(net, np.random.default_rng(seed).permutation(64))
        assert loss(twin) == pytest.approx(loss(net), rel=1e-4)
        assert loss(blend(net, twin, 0.5)) > 3 * loss(net)  # a convex loss would be at most loss(net) there
    assert band("03_backprop.minima", "twin_midpoint").minimum > 3 * band("03_backprop.minima", "loss").maximum


def test_seeds_reach_similar_accuracy_with_weights_at_right_angles(digits, trained):
    _, (x, y) = digits
    accuracy = [(forward(net, x).argmax(dim=1) == y).float().mean().item() for net in trained]
    assert min(accuracy) > 0.94
    assert max(accuracy) - min(accuracy) < 0.03
    a, b, c = trained
    assert max(abs(cosine(a, b)), abs(cosine(a, c)), abs(cosine(b, c))) < 0.12
    record = "03_backprop.minima"
    assert band(record, "accuracy").count == 20
    assert band(record, "accuracy").maximum - band(record, "accuracy").minimum < 0.03
    assert abs(band(record, "cosine").median) < 0.05


def test_most_of_the_angle_is_naming_of_units(digits, trained):
    (x, y), _ = digits
    a, b, _ = trained
    renamed = permute_units(b, match_units(a, b))
    assert cosine(a, renamed) > 0.4
    loss = lambda net: F.cross_entropy(forward(net, x), y).item()
    assert loss(blend(a, renamed, 0.5)) < 0.5 * loss(blend(a, b, 0.5))
    assert band("03_backprop.minima", "cosine_renamed").minimum > 0.4


def test_slice_has_the_training_loss_at_its_centre(digits, trained):
    (x, y), _ = digits
    loss = lambda net: F.cross_entropy(forward(net, x), y).item()
    surface = loss_slice(loss, trained[0], random_direction(trained[0], 1), random_direction(trained[0], 2), [-1, 0, 1])
    assert surface[1, 1] == pytest.approx(loss(trained[0]), rel=1e-6)
    assert surface.min() == surface[1, 1]
    assert surface.max() > 5 * surface.min()


# ---- checkpointing, (3.10) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [16, 64])
def test_checkpoints_trade_memory_for_time_as_predicted(layers):
    rng = np.random.default_rng(0)
    chain = [TanhLayer(rng.normal(size=(4, 4))) for _ in range(layers)]
    x, above = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    plain = backward_storing(chain, x, above)
    for k in (k for k in range(1, layers + 1) if layers % k == 0):
        run = backward_storing(chain, x, above, every=k)
        assert run.peak_stored == layers // k + k - 1
        assert run.forward_calls == layers + (layers - layers // k)
        assert all(np.array_equal(a, b) for a, b in zip(run.grad_weights, plain.grad_weights))
    best = min(range(1, layers + 1), key=lambda k: expected_counts(layers, k)[0])
    assert expected_counts(layers, best)[0] == 2 * math.isqrt(layers) - 1
    halves = backward_bisecting(chain, x, above)
    assert halves.peak_stored == 1 + math.log2(layers)
    assert halves.forward_calls == layers * (1 + math.log2(layers) / 2)
