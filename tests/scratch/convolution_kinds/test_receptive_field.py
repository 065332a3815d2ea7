"""Receptive fields by formula against the support of the gradient, and the effective field against its theory."""

from itertools import product

import numpy as np
import pytest
import torch

from course_utils.scratch.convolution_kinds.dilated import paths_to_input
from course_utils.scratch.convolution_kinds.receptive_field import (
    Field,
    Layer,
    cone_of_unit,
    effective_profile,
    effective_variance,
    gradient_support,
    input_gradient,
    receptive_fields,
    spread_of,
)
from course_utils.scratch.convolution_kinds.sizes import output_size

KINDS = [Layer(k, s, p, r) for k, s, p, r in product((1, 2, 3, 5), (1, 2), (0, 1), (1, 2))]


def random_stacks(count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield [KINDS[i] for i in rng.integers(len(KINDS), size=rng.integers(1, 5))]


@pytest.mark.parametrize("layers", list(random_stacks(60)))
def test_first_and_last_pixel_of_the_gradient_lie_where_the_formula_says(layers):
    field = receptive_fields(layers)[-1]
    size = field.size + 3 * field.jump + 8
    outputs = size
    for layer in layers:
        outputs = output_size(outputs, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    for index in {0, outputs // 2, outputs - 1}:
        first, last = field.of_unit(index)
        seen = np.flatnonzero(gradient_support(layers, size, index))
        if len(seen) == 0:  # the unit looks at padding alone
            continue
        inside = range(max(first, 0), min(last, size - 1) + 1)
        assert set(seen) <= set(inside)
        if first >= 0 and last < size:
            assert (seen[0], seen[-1]) == (first, last)
            assert last - first + 1 == field.size


@pytest.mark.parametrize("layers", list(random_stacks(10, seed=5)))
def test_a_cone_ends_on_the_pixels_that_the_gradient_reaches(layers):
    size = receptive_fields(layers)[-1].size + 9
    for index in (0, 1):
        centres, edges = cone_of_unit(layers, size, index)
        assert set(edges[0][:, 1]) == set(np.flatnonzero(gradient_support(layers, size, index)))
        assert len(centres[0]) == size
        assert set(edges[-1][:, 0]) <= {index}


def test_holes_lie_inside_the_field():
    layers = [Layer(3, dilation=2)] * 3
    np.testing.assert_array_equal(gradient_support(layers, 13, 0), paths_to_input(3, [2, 2, 2]) > 0)
    assert receptive_fields(layers)[-1] == Field(size=13, jump=1, centre=6.0)


def test_variance_is_that_of_the_paths():
    for layers in ([Layer(3)] * 5, [Layer(3, dilation=r) for r in (1, 2, 4)], [Layer(5), Layer(2), Layer(3)]):
        paths = np.ones(1)
        for layer in layers:
            comb = np.zeros(layer.dilation * (layer.kernel_size - 1) + 1)
            comb[:: layer.dilation] = 1
            paths = np.convolve(paths, comb)
        assert spread_of(paths / paths.sum()) ** 2 == pytest.approx(effective_variance(layers), rel=1e-12)


def test_measured_field_is_narrower_than_the_theoretical_one_and_as_wide_as_predicted():
    layers = [Layer(3)] * 12
    profile = effective_profile(layers, 25, channels=32, networks=80, seed=0)
    assert profile.sum() == pytest.approx(1)
    assert spread_of(profile) == pytest.approx(effective_variance(layers) ** 0.5, rel=0.08)
    assert profile[[0, -1]].sum() < 1e-4 < profile[12]


def test_the_gradient_is_that_of_the_chosen_unit():
    model = torch.nn.Conv2d(1, 2, 3, bias=False)
    x = torch.randn(1, 1, 6, 6)
    gradient = input_gradient(model, x, (1, 2))[0]
    torch.testing.assert_close(gradient[1:4, 2:5], model.weight.sum(0)[0])
    assert gradient.count_nonzero() == 9


def test_a_layer_with_a_wrong_setting_is_refused():
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        Layer(3, stride=0)
