"""Central differences against known gradients, and the ways in which the check itself must not fail silently."""

import numpy as np
import pytest

from course_utils.scratch.autograd.gradient_check import (
    directional_error,
    errors_by_step,
    numerical_gradient,
    relative_error,
)


def cubic(x):
    return float((x**3).sum() + x.prod())


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 2)])
def test_numerical_gradient_equals_the_formula(shape):
    x = np.random.default_rng(0).normal(size=shape)
    exact = 3 * x**2 + (x.prod() / x)
    assert numerical_gradient(cubic, x).shape == shape
    assert relative_error(numerical_gradient(cubic, x), exact) < 1e-9


def test_argument_is_left_alone_even_when_not_contiguous():
    whole = np.arange(12.0).reshape(3, 4)
    part = whole[:, ::2]
    slopes = numerical_gradient(lambda v: float((v**2).sum()), part)
    np.testing.assert_allclose(slopes, 2 * part, atol=1e-6)
    np.testing.assert_array_equal(whole, np.arange(12.0).reshape(3, 4))
    assert numerical_gradient(lambda v: float((v**2).sum()), [1, 2]).tolist() == pytest.approx([2, 4])


def test_relative_error_of_special_cases():
    assert relative_error([0, 0], [0, 0]) == 0
    assert relative_error([1, 0], [0, 0]) == 1
    assert relative_error([1.0], [-1.0]) == 1
    assert relative_error([3e-20], [1e-20]) == pytest.approx(0.5)
    assert not relative_error([np.nan], [1.0]) < 1
    with pytest.raises(ValueError, match=r"same shape, got \(2,\) and \(1,\)"):
        relative_error([1, 2], [1])


def test_directions_find_a_single_wrong_entry():
    x = np.random.default_rng(1).normal(size=(20, 20))
    right = 3 * x**2
    wrong = right.copy()
    wrong[7, 3] *= -1
    total = lambda v: float((v**3).sum())
    assert directional_error(total, right, x) < 1e-7
    assert directional_error(total, wrong, x) > 1e-4
    with pytest.raises(ValueError, match="gradient must have the shape of x"):
        directional_error(total, right[0], x)


def test_error_curve_is_a_u_and_central_beats_forward():
    x = np.linspace(0.2, 1, 5)
    function, gradient = (lambda v: np.exp(v).sum()), np.exp(x)
    steps = 10.0 ** np.arange(-14, 0)
    curve = errors_by_step(function, gradient, x, steps)
    lowest = int(curve.argmin())
    assert 1e-7 <= steps[lowest] <= 1e-4
    assert curve[0] > 1e3 * curve[lowest]
    assert curve[-1] > 1e3 * curve[lowest]
    forward = errors_by_step(function, gradient, x, steps, difference="forward")
    assert forward.min() > 100 * curve.min()
    single = errors_by_step(function, gradient, x, steps, dtype="float32")
    assert single.min() > 1e-6
    assert steps[int(single.argmin())] >= 1e-3


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="step must be greater than 0"):
        numerical_gradient(cubic, [1.0], step=0)
    with pytest.raises(ValueError, match=r"function must return one number, got an array of shape \(2,\)"):
        numerical_gradient(lambda v: v, [1.0, 2.0])
    with pytest.raises(ValueError, match="difference must be"):
        errors_by_step(cubic, [1.0], [1.0], [1e-3], difference="left")
