"""The recursion on graphs with skip links, and the linear layer, against torch and central differences."""

import numpy as np
import pytest
import torch

from course_utils.scratch.autograd.dag_backward import (
    backward,
    layered_edges,
    linear_backward,
    linear_backward_loops,
    random_edges,
)
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.networks.dag import Dag

TORCH = {"linear": lambda a: a, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


def random_dag(seed):
    rng = np.random.default_rng(100 + seed)
    edges = random_edges(int(rng.integers(6, 14)), 3, seed)
    names = {target for _, target in edges}
    return Dag(edges, {name: str(rng.choice(list(TORCH))) for name in sorted(names)})


def torch_forward(dag, weights, inputs):
    x = dict(inputs)
    for unit in dag.order:
        if unit not in x:
            a = sum(weights[source, unit] * x[source] for source in dag.predecessors[unit])
            x[unit] = TORCH[dag.activations[unit]](a)
    return x


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("shape", [(), (1,), (5,)])
def test_random_graphs_agree_with_autograd(seed, shape):
    dag = random_dag(seed)
    rng = np.random.default_rng(seed)
    inputs = {name: rng.normal(size=shape) for name in dag.inputs}
    slopes = {name: rng.normal(size=shape) for name in dag.outputs}
    slopes[dag.order[len(dag.order) // 2]] = rng.normal(size=shape)  # a loss may read a unit in the middle too
    values = dag.forward(inputs)
    found = backward(dag, values, slopes)

    w = {edge: torch.tensor(value, dtype=torch.float64, requires_grad=True) for edge, value in dag.weights.items()}
    tx = {name: torch.tensor(value, requires_grad=True) for name, value in inputs.items()}
    x = torch_forward(dag, w, tx)
    sum((x[name] * torch.tensor(slope)).sum() for name, slope in slopes.items()).backward()
    for edge, weight in w.items():
        assert found.weights[edge] == pytest.approx(0 if weight.grad is None else weight.grad.item(), abs=1e-12)
    for name, value in tx.items():
        wanted = np.zeros(shape) if value.grad is None else value.grad.numpy()
        np.testing.assert_allclose(found.x[name], wanted, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_random_graphs_pass_a_gradient_check(seed):
    dag = random_dag(seed)
    rng = np.random.default_rng(seed)
    inputs = {name: rng.normal(size=4) for name in dag.inputs}
    slopes = {name: rng.normal(size=4) for name in dag.outputs}
    found = backward(dag, dag.forward(inputs), slopes)
    edges = list(dag.weights)

    def loss(w):
        values = Dag(dict(zip(edges, w.tolist())), dag.activations).forward(inputs)
        return sum(float((values.x[name] * slope).sum()) for name, slope in slopes.items())

    measured = numerical_gradient(loss, [dag.weights[edge] for edge in edges])
    assert relative_error([found.weights[edge] for edge in edges], measured) < 1e-7


def test_graphs_of_the_tests_have_skip_links():
    """Depth of a unit: the longest way from an input. A skip link jumps over at least one level."""
    for seed in range(6):
        dag = random_dag(seed)
        depth = {}
        for unit in dag.order:
            depth[unit] = 1 + max((depth[s] for s in dag.predecessors[unit]), default=-1)
        assert any(depth[target] - depth[source] > 1 for source, target in dag.weights)


@pytest.mark.parametrize(("n", "inputs", "outputs"), [(1, 1, 1), (1, 3, 2), (6, 4, 3)])
def test_linear_layer_twins_and_torch(n, inputs, outputs):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(inputs, n)).T  # not contiguous
    weight, g = rng.normal(size=(outputs, inputs)), rng.normal(size=(n, outputs))
    layer = torch.nn.Linear(inputs, outputs).double()
    layer.weight.data = torch.tensor(weight)
    tx = torch.tensor(x, requires_grad=True)
    layer(tx).backward(torch.tensor(g))
    wanted = (tx.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy())
    for routine in (linear_backward_loops, linear_backward):
        for ours, theirs in zip(routine(x, g, weight), wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_layered_edges_make_the_matrix_product():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    dag = Dag(layered_edges([first, second]), "tanh")
    x = rng.normal(size=(5, 3))
    values = dag.forward({f"0.{i}": x[:, i] for i in range(3)})
    expected = np.tanh(np.tanh(x @ first.T) @ second.T)
    np.testing.assert_allclose(np.stack([values.x[f"2.{j}"] for j in range(2)], axis=1), expected, atol=1e-12)


def test_wrong_arguments_are_named():
    dag = Dag({("x", "y"): 1.0})
    values = dag.forward({"x": np.ones(3)})
    with pytest.raises(ValueError, match="unit in loss_slopes must be one of 'x', 'y', got 'z'"):
        backward(dag, values, {"z": np.ones(3)})
    with pytest.raises(ValueError, match=r"loss slope must have shape \(3\), got \(\)"):
        backward(dag, values, {"y": 1.0})
    with pytest.raises(ValueError, match=r"g must have shape \(2, 3\), got \(2, 2\)"):
        linear_backward(np.ones((2, 4)), np.ones((2, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="inputs must be at most 3, got 4"):
        random_edges(4, 4)
