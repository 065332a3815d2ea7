"""Slices, permutations and matching on small networks."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

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


def clouds(n=120, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=generator)
    centres = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return centres[y] + 0.5 * torch.randn(n, 2, generator=generator), y


def test_training_lowers_the_loss_and_leaves_the_start_alone():
    x, y = clouds()
    start = start_network(2, 8, 3)
    before = {name: value.clone() for name, value in start.items()}
    trained = train_network(start, x, y, steps=150)
    assert F.cross_entropy(forward(trained, x), y) < 0.2 * F.cross_entropy(forward(start, x), y)
    assert all(torch.equal(start[name], before[name]) for name in start)
    assert all(torch.equal(a, b) for a, b in zip(trained.values(), train_network(start, x, y, steps=150).values()))


def test_forward_equals_torch_modules():
    net, x = start_network(5, 4, 3, seed=2), torch.randn(6, 5)
    first, second = torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)
    first.load_state_dict({"weight": net["weight1"], "bias": net["bias1"]})
    second.load_state_dict({"weight": net["weight2"], "bias": net["bias2"]})
    torch.testing.assert_close(forward(net, x), second(first(x).relu()))


def test_permuted_network_is_the_same_function_and_matching_undoes_it():
    net, x = start_network(4, 9, 3, seed=1), torch.randn(20, 4)
    order = np.random.default_rng(0).permutation(9)
    twin = permute_units(net, order)
    torch.testing.assert_close(forward(twin, x), forward(net, x))
    assert cosine(net, twin) < 0.9
    back = permute_units(twin, match_units(net, twin))
    assert all(torch.equal(back[name], net[name]) for name in net)
    assert cosine(net, back) == pytest.approx(1)


def test_matching_is_never_worse_than_any_order_tried():
    a, b = start_network(3, 6, 2, seed=0), start_network(3, 6, 2, seed=1)
    best = cosine(a, permute_units(b, match_units(a, b)))
    rng = np.random.default_rng(0)
    tried = [cosine(a, permute_units(b, rng.permutation(6))) for _ in range(300)]
    assert best >= max(tried) - 1e-7
    assert best > np.mean(tried)


def test_slice_has_its_centre_and_its_axes_where_it_says():
    net = start_network(2, 3, 2)
    across, up = random_direction(net, 1), random_direction(net, 2)
    loss = lambda one: float(one["weight1"].sum() + 10 * one["weight2"].sum())
    surface = loss_slice(loss, net, across, up, [-1.0, 0.0, 0.5])
    assert surface[1, 1] == pytest.approx(loss(net), abs=1e-6)
    assert surface[1, 2] == pytest.approx(loss(blend(net, {k: net[k] + across[k] for k in net}, 0.5)), abs=1e-5)
    assert surface[0, 1] == pytest.approx(loss({k: net[k] - up[k] for k in net}), abs=1e-5)


def test_directions_are_as_long_as_each_unit():
    net = start_network(5, 4, 3)
    net["weight1"][2] *= 100
    direction = random_direction(net, 3)
    for name in ("weight1", "weight2"):
        torch.testing.assert_close(direction[name].norm(dim=1), net[name].norm(dim=1))
    assert direction["bias1"].abs().max() == 0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="order must hold each of 0 to 2 once"):
        permute_units(start_network(2, 3, 2), [0, 0, 1])
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        start_network(2, 0, 2)
    with pytest.raises(ValueError, match="same length"):
        train_network(start_network(2, 3, 2), torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
