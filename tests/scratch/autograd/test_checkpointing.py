"""Checkpointing gives the same gradients, with the counts that arithmetic predicts."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils.scratch.autograd.checkpointing import (
    TanhLayer,
    backward_bisecting,
    backward_storing,
    expected_counts,
)
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error


def chain(count, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, count + 1)
    layers = [TanhLayer(rng.normal(size=(b, a))) for a, b in pairwise(sizes)]
    return layers, rng.normal(size=(4, sizes[0])), rng.normal(size=(4, sizes[-1]))


def torch_gradients(layers, x, above):
    tx = torch.tensor(x, requires_grad=True)
    weights = [torch.tensor(layer.weight, requires_grad=True) for layer in layers]
    signal = tx
    for weight in weights:
        signal = torch.tanh(signal @ weight.T)
    signal.backward(torch.tensor(above))
    return tx.grad.numpy(), [w.grad.numpy() for w in weights]


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_gradients_do_not_depend_on_what_is_kept(count):
    layers, x, above = chain(count, count)
    grad_x, grad_weights = torch_gradients(layers, x, above)
    runs = [backward_storing(layers, x, above, every) for every in range(1, count + 1)]
    for run in [*runs, backward_bisecting(layers, x, above)]:
        np.testing.assert_allclose(run.grad_x, grad_x, atol=1e-12)
        for ours, theirs in zip(run.grad_weights, grad_weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)
        np.testing.assert_array_equal(run.output, runs[0].output)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 16, 17])
def test_counts_are_the_ones_of_the_formula(count):
    layers, x, above = chain(count)
    for every in range(1, count + 1):
        run = backward_storing(layers, x, above, every)
        assert (run.peak_stored, run.forward_calls) == expected_counts(count, every)
    assert expected_counts(count, 1) == (count, count)


def test_square_root_is_the_best_segment():
    peaks = {every: expected_counts(64, every)[0] for every in range(1, 65)}
    assert min(peaks.values()) == peaks[8] == 15
    assert expected_counts(64, 8)[1] == 64 + 56


@pytest.mark.parametrize("power", [0, 1, 3, 6])
def test_bisecting_holds_a_logarithm(power):
    count = 2**power
    layers, x, above = chain(count)
    run = backward_bisecting(layers, x, above)
    assert run.peak_stored == power + 1
    assert run.forward_calls == count + count * power // 2
    assert run.peak_stored == 1 + math.log2(count)


def test_layer_passes_a_gradient_check():
    layers, x, _ = chain(1, 3)
    above = np.random.default_rng(1).normal(size=layers[0].forward(x).shape)
    grad_x, grad_weight = layers[0].backward(x, above)
    in_x = numerical_gradient(lambda v: float((layers[0].forward(v) * above).sum()), x)
    in_w = numerical_gradient(lambda w: float((TanhLayer(w).forward(x) * above).sum()), layers[0].weight)
    assert relative_error(grad_x, in_x) < 1e-8
    assert relative_error(grad_weight, in_w) < 1e-8


def test_wrong_arguments_are_named():
    layers, x, above = chain(3)
    with pytest.raises(ValueError, match="every must be at most 3, got 4"):
        backward_storing(layers, x, above, 4)
    with pytest.raises(ValueError, match="number of layers must be at least 1, got 0"):
        backward_bisecting([], x, above)
