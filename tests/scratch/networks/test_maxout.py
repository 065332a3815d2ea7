"""Maxout: values, gradients, both rewrites exact, parameters counted."""

import numpy as np
import pytest
import torch

from course_utils.scratch.networks.activations import relu
from course_utils.scratch.networks.maxout import Maxout, maxout_as_relu, maxout_gradient, relu_as_maxout


def random_layer(pieces, units, inputs, seed=0):
    rng = np.random.default_rng(seed)
    return Maxout(rng.normal(size=(pieces, units, inputs)), rng.normal(size=(pieces, units)))


@pytest.mark.parametrize(("pieces", "units", "inputs", "n"), [(2, 3, 4, 6), (5, 1, 2, 1), (1, 2, 1, 3)])
def test_values_and_gradients_by_loops_and_autograd(pieces, units, inputs, n):
    layer = random_layer(pieces, units, inputs)
    rng = np.random.default_rng(1)
    x, upstream = rng.normal(size=(n, inputs)), rng.normal(size=(n, units))
    slow = [[max(w[j] @ row + b[j] for w, b in zip(layer.weight, layer.bias)) for j in range(units)] for row in x]
    np.testing.assert_allclose(layer(x), slow, atol=1e-12)
    w, b, xt = (torch.tensor(v, requires_grad=True) for v in (layer.weight, layer.bias, x))
    (torch.einsum("nd,khd->knh", xt, w) + b[:, None]).max(dim=0).values.backward(torch.tensor(upstream))
    for ours, theirs in zip(maxout_gradient(layer, x, upstream), (w, b, xt)):
        np.testing.assert_allclose(ours, theirs.grad, atol=1e-12)


def test_relu_is_a_maxout():
    rng = np.random.default_rng(2)
    weight, bias, x = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=(200, 3))
    layer = relu_as_maxout(weight, bias)
    np.testing.assert_allclose(layer(x), relu(x @ weight.T + bias), rtol=0, atol=1e-12)
    assert layer.parameters == 2 * (weight.size + bias.size)


def test_maxout_is_three_relus():
    layer = random_layer(2, 5, 3, seed=3)
    x = np.random.default_rng(4).normal(size=(500, 3)) * 10
    rewrite = maxout_as_relu(layer)
    np.testing.assert_allclose(rewrite(x), layer(x), rtol=0, atol=1e-12)
    assert len(rewrite.weight) == 3 * 5
    with pytest.raises(ValueError, match="2 pieces, got 3"):
        maxout_as_relu(random_layer(3, 1, 1))
