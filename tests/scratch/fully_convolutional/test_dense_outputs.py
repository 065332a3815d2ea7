"""Probabilities at every pixel, and their loss."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.fully_convolutional.dense_outputs import (
    pixel_cross_entropy,
    pixel_softmax,
    pixel_softmax_loop,
)

RNG = np.random.default_rng(0)
INPUTS = {
    "batch": RNG.normal(size=(2, 4, 5, 3)),
    "one pixel": RNG.normal(size=(1, 3, 1, 1)),
    "one class": RNG.normal(size=(1, 1, 2, 2)),
    "transposed": RNG.normal(size=(4, 2, 3, 5)).transpose(1, 0, 3, 2),
    "large": 1000 * RNG.normal(size=(2, 4, 2, 2)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_loops_fast_version_and_torch_agree(name):
    logits = INPUTS[name]
    theirs = torch.tensor(np.ascontiguousarray(logits)).softmax(dim=1).numpy()
    np.testing.assert_allclose(pixel_softmax(logits), theirs, atol=1e-12)
    np.testing.assert_allclose(pixel_softmax_loop(logits), theirs, atol=1e-12)
    np.testing.assert_allclose(pixel_softmax(logits).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("name", INPUTS)
def test_loss_and_gradient_agree_with_autograd(name):
    logits = INPUTS[name]
    n, classes, height, width = logits.shape
    labels = RNG.integers(0, classes, (n, height, width))
    tensor = torch.tensor(np.ascontiguousarray(logits), requires_grad=True)
    theirs = F.cross_entropy(tensor, torch.tensor(labels))
    theirs.backward()
    loss, grad = pixel_cross_entropy(logits, labels)
    assert loss == pytest.approx(theirs.item(), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(grad, tensor.grad.numpy(), atol=1e-12)


def test_gradient_passes_a_numerical_check():
    logits, labels = INPUTS["batch"], RNG.integers(0, 4, (2, 5, 3))
    numerical = numerical_gradient(lambda z: pixel_cross_entropy(z, labels)[0], logits.copy())
    assert relative_error(pixel_cross_entropy(logits, labels)[1], numerical) < 1e-6


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.3, got 0\.\.4"):
        pixel_cross_entropy(INPUTS["batch"], np.array([4] + [0] * 29).reshape(2, 5, 3))
