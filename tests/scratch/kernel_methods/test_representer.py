"""Splitting weights by the span of the samples."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.representer import span_coefficients, split_by_span


@pytest.mark.parametrize("n", [1, 3, 8])
def test_parts_add_up_and_the_second_is_orthogonal_to_every_sample(n):
    rng = np.random.default_rng(n)
    x, w = rng.normal(size=(n, 8)), rng.normal(size=8)
    inside, off = split_by_span(w, x)
    np.testing.assert_allclose(inside + off, w, atol=1e-12)
    np.testing.assert_allclose(x @ off, 0.0, atol=1e-12)
    np.testing.assert_allclose(span_coefficients(w, x) @ x, inside, atol=1e-10)


def test_repeated_samples_do_not_widen_the_span():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(2, 5)), 3, axis=0)
    inside, off = split_by_span(rng.normal(size=5), x)
    assert np.linalg.norm(off) > 0.1
    np.testing.assert_allclose(split_by_span(inside, x)[1], 0.0, atol=1e-12)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError):
        split_by_span(np.ones(3), np.ones((2, 4)))
