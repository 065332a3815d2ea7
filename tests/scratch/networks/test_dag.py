"""Graphs: order, one pass, skip connections, cycles refused."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils.scratch.networks.activations import ACTIVATIONS
from course_utils.scratch.networks.dag import Dag, find_cycle

SKIP = {("x", "h"): 2.0, ("h", "y"): -1.5, ("x", "y"): 0.5}


def random_graph(seed, units=12):
    """A random acyclic graph whose edges are mentioned in random order."""
    rng = np.random.default_rng(seed)
    names = [f"u{i}" for i in rng.permutation(units)]
    edges = [(names[i], names[j]) for i in range(units) for j in range(i + 1, units) if rng.random() < 0.4]
    return {edges[k]: float(rng.normal()) for k in rng.permutation(len(edges))}


def value_by_recursion(dag, unit, inputs):
    """The slow twin: ask for a unit, and it asks for its predecessors, again and again."""
    if unit in inputs:
        return np.asarray(inputs[unit])
    total = sum(dag.weights[s, unit] * value_by_recursion(dag, s, inputs) for s in dag.predecessors[unit])
    return ACTIVATIONS[dag.activations[unit]][0](total)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_one_pass_gives_what_recursion_gives(seed, activation):
    dag = Dag(random_graph(seed), activation)
    position = {unit: i for i, unit in enumerate(dag.order)}
    assert all(position[s] < position[t] for s, t in dag.weights)
    rng = np.random.default_rng(seed)
    inputs = {unit: rng.normal(size=5) for unit in dag.inputs}
    values = dag.forward(inputs)
    assert set(values.x) == set(dag.order)
    assert set(values.a) == set(dag.order) - set(dag.inputs)
    for unit in dag.order:
        np.testing.assert_allclose(values.x[unit], value_by_recursion(dag, unit, inputs), atol=1e-12)


def test_skip_connection_by_hand():
    dag = Dag(SKIP, {"h": "relu", "y": "linear"})
    assert (dag.inputs, dag.outputs, dag.order) == (("x",), ("y",), ("x", "h", "y"))
    values = dag.forward({"x": np.array([1.0, -1.0])})
    assert values.a["h"].tolist() == [2.0, -2.0]
    assert values.x["h"].tolist() == [2.0, 0.0]
    assert values.x["y"].tolist() == [-2.5, -0.5]
    assert dag.forward({"x": 1.0}).x["y"] == -2.5


def test_layers_as_a_graph_equal_torch():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    edges = {}
    for layer, (below, above) in zip((net[0], net[2]), (("x", "h"), ("h", "y"))):
        for j, row in enumerate(layer.weight.tolist()):
            edges |= {(f"{below}{i}", f"{above}{j}"): w for i, w in enumerate(row)}
            edges["one", f"{above}{j}"] = layer.bias[j].item()
    dag = Dag(edges, {**{f"h{j}": "tanh" for j in range(4)}, **{f"y{k}": "linear" for k in range(2)}})
    x = torch.randn(6, 3, dtype=torch.float64)
    values = dag.forward({**{f"x{i}": x[:, i].numpy() for i in range(3)}, "one": np.ones(6)})
    np.testing.assert_allclose(np.stack([values.x["y0"], values.x["y1"]], axis=1), net(x).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({("y", "h"): 1.0}, {"h", "y"}),
        ({("h", "h"): 1.0}, {"h"}),
        ({("y", "z"): 1.0, ("z", "h"): 1.0}, {"h", "y", "z"}),
    ],
)
def test_a_cycle_is_refused_by_name(extra, named):
    with pytest.raises(ValueError, match="no cycle, got") as caught:
        Dag(SKIP | extra)
    cycle = str(caught.value).split("got ")[1].split(":")[0].split(" -> ")
    assert cycle[0] == cycle[-1]
    assert set(cycle) == named
    assert all(edge in SKIP | extra for edge in pairwise(cycle))


def test_deep_chains_need_no_recursion():
    chain = {(f"u{i}", f"u{i + 1}"): 1.0 for i in range(3000)}
    assert Dag(chain, "linear").forward({"u0": 2.0}).x["u3000"] == 2.0
    assert find_cycle({f"u{i}": (f"u{(i + 1) % 3000}",) for i in range(3000)}) is not None


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least one edge"):
        Dag({})
    with pytest.raises(ValueError, match="'y' has none"):
        Dag(SKIP, {"h": "relu"})
    with pytest.raises(ValueError, match="sigmoid"):
        Dag(SKIP, "sigmoidal")
    with pytest.raises(ValueError, match="exactly"):
        Dag(SKIP).forward({"z": 1.0})
