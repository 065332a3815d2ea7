"""MLPs: loops, matrices and PyTorch agree; linear ones collapse; parameters are counted as torch counts."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.scratch.networks.mlp import (
    MLP,
    collapse,
    conv_parameters,
    dense_parameters,
    forward_by_loops,
    from_torch,
    random_mlp,
    to_torch,
)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
@pytest.mark.parametrize(("sizes", "n"), [((3, 5, 2), 4), ((1, 1, 1), 1), ((4, 3), 2), ((2, 6, 5, 3, 1), 3)])
def test_loops_matrices_and_torch_agree(activation, sizes, n):
    net = random_mlp(sizes, activation, seed=1)
    x = np.random.default_rng(2).normal(size=(n, 2 * sizes[0]))[:, ::2]  # not contiguous
    model = to_torch(net)
    expected = model(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(net(x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(forward_by_loops(net, x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(from_torch(model, activation)(x), expected, rtol=0, atol=1e-12)
    assert net.parameters == sum(p.numel() for p in model.parameters())
    assert [v.shape[1] for v in net.layers(x)] == list(sizes)


def test_step_and_scaled_tanh_run_without_a_torch_twin():
    net = random_mlp((3, 4, 1), "step")
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(net(x), forward_by_loops(net, x), atol=1e-12)
    assert set(np.unique(net.layers(x)[1])) <= {0, 1}
    with pytest.raises(ValueError, match="activation"):
        to_torch(net)


def test_a_linear_network_is_one_matrix():
    net = random_mlp((6, 9, 2, 7, 5), "linear", seed=3)
    weight, bias = collapse(net)
    x = np.random.default_rng(4).normal(size=(50, 6))
    np.testing.assert_allclose(net(x), x @ weight.T + bias, rtol=0, atol=1e-12)
    assert np.linalg.matrix_rank(weight) == 2  # the narrowest layer
    with pytest.raises(ValueError, match="must be 'linear'"):
        collapse(random_mlp((2, 2, 2), "tanh"))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="weight"):
        MLP([np.zeros((3, 2)), np.zeros((1, 4))], [np.zeros(3), np.zeros(1)])
    with pytest.raises(ValueError, match="bias"):
        MLP([np.zeros((3, 2))], [np.zeros(2)])
    with pytest.raises(ValueError, match="x must"):
        random_mlp((3, 2))(np.zeros((4, 5)))


@pytest.mark.parametrize("side", [1, 8, 28])
def test_parameters_as_torch_counts_them(side):
    count = lambda layer: sum(p.numel() for p in layer.parameters())
    assert dense_parameters(3 * side**2, 20) == count(nn.Linear(3 * side**2, 20))
    assert conv_parameters(3, 20, 5) == count(nn.Conv2d(3, 20, 5))
