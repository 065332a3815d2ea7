"""The ReLU's gradient against autograd, and the two rules that only look like it."""

import numpy as np
import pytest
import torch

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.autograd.relu_gate import (
    RELU_RULES,
    dead_units,
    deconvnet_backward,
    guided_backward,
    relu_backward,
)


@pytest.mark.parametrize("shape", [(), (1,), (4, 3), (2, 1, 5)])
def test_gate_agrees_with_autograd_and_differences(shape):
    rng = np.random.default_rng(0)
    a, above = rng.normal(size=shape), rng.normal(size=shape)
    t = torch.tensor(a, requires_grad=True)
    torch.relu(t).backward(torch.tensor(above))
    np.testing.assert_array_equal(relu_backward(a, above), t.grad.numpy())
    measured = numerical_gradient(lambda v: float((np.maximum(v, 0) * above).sum()), a)
    assert relative_error(relu_backward(a, above), measured) < 1e-8


def test_at_the_kink_the_slope_is_torchs():
    t = torch.zeros(1, requires_grad=True)
    torch.relu(t).backward()
    assert relu_backward([0.0], [1.0]).tolist() == t.grad.tolist() == [0.0]


def test_four_cases_tell_the_three_rules_apart():
    a, above = [1.0, 1.0, -1.0, -1.0], [2.0, -3.0, 4.0, -5.0]
    assert relu_backward(a, above).tolist() == [2, -3, 0, 0]
    assert deconvnet_backward(a, above).tolist() == [2, 0, 4, 0]
    assert guided_backward(a, above).tolist() == [2, 0, 0, 0]
    assert list(RELU_RULES) == ["gradient", "deconvnet", "guided"]


def test_dead_means_inactive_on_all_examples():
    assert dead_units([[-1.0, 0.0, -2.0], [-3.0, -1.0, 0.1]]).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="a must have shape"):
        dead_units([1.0])
    with pytest.raises(ValueError, match=r"above must have shape \(2\), got \(3,\)"):
        relu_backward([1.0, 2.0], [1.0, 2.0, 3.0])
