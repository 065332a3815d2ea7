"""The size formulas against the layers themselves, over a full grid."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.convolution_kinds.sizes import (
    effective_kernel_size,
    output_padding_for,
    output_size,
    same_padding,
    transposed_output_size,
)

GRID = list(product(range(1, 13), range(1, 6), range(1, 4), range(0, 4), range(1, 4)))


def test_every_size_is_the_size_of_the_real_layer_and_every_refusal_is_its_refusal():
    refused = 0
    for size, k, s, p, r in GRID:
        x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, k)
        try:
            real = F.conv1d(x, weight, stride=s, padding=p, dilation=r).shape[-1]
        except RuntimeError:
            refused += 1
            with pytest.raises(ValueError, match=r"must be at least 1: pad more or use a smaller kernel"):
                output_size(size, k, s, p, r)
        else:
            assert output_size(size, k, s, p, r) == real, (size, k, s, p, r)
    assert 0 < refused < len(GRID) / 2


def test_every_transposed_size_is_the_size_of_the_real_layer():
    checked = 0
    for (size, k, s, p, r), extra in product(GRID, range(3)):
        x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, k)
        try:
            real = F.conv_transpose1d(x, weight, stride=s, padding=p, output_padding=extra, dilation=r).shape[-1]
        except RuntimeError:
            with pytest.raises(ValueError, match="output"):
                transposed_output_size(size, k, s, p, extra, r)
        else:
            if real == 0:  # the library hands back an empty map where ours refuses
                continue
            checked += 1
            assert transposed_output_size(size, k, s, p, extra, r) == real, (size, k, s, p, r, extra)
    assert checked > 2000


def test_the_output_padding_gives_back_every_size():
    for size, k, s, p, r in GRID:
        try:
            m = output_size(size, k, s, p, r)
        except ValueError:
            continue
        extra = output_padding_for(size, k, s, p, r)
        assert 0 <= extra < s
        assert transposed_output_size(m, k, s, p, extra, r) == size


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("k", range(1, 8))
@pytest.mark.parametrize("r", range(1, 4))
def test_same_padding_keeps_the_size(k, r):
    left, right = same_padding(k, r)
    x = torch.randn(1, 1, 9, dtype=torch.float64)
    weight = torch.randn(1, 1, k, dtype=torch.float64)
    ours = F.conv1d(F.pad(x, (left, right)), weight, dilation=r)
    assert ours.shape == x.shape
    torch.testing.assert_close(ours, F.conv1d(x, weight, dilation=r, padding="same"))
    assert (left == right) == ((r * (k - 1)) % 2 == 0)


def test_the_message_shows_the_formula_with_the_numbers_put_in():
    with pytest.raises(ValueError) as caught:
        output_size(4, 5)
    assert str(caught.value) == (
        "output size is floor((4 + 2*0 - 1*(5 - 1) - 1) / 1) + 1 = 0, must be at least 1: "
        "pad more or use a smaller kernel"
    )
    with pytest.raises(ValueError, match=r"2\*\(1 - 1\) \+ 1\*\(2 - 1\) \+ 1 - 2\*1 \+ 0 = 0, .* smaller padding"):
        transposed_output_size(1, 2, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0, "kernel_size": 3}, "size must be at least 1, got 0"),
        ({"size": 5, "kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ({"size": 5, "kernel_size": 3, "stride": 0}, "stride must be at least 1, got 0"),
        ({"size": 5, "kernel_size": 3, "padding": -1}, "padding must be at least 0, got -1"),
        ({"size": 5, "kernel_size": 3, "dilation": 0}, "dilation must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        output_size(**arguments)
    with pytest.raises(ValueError, match=message):
        transposed_output_size(**arguments)
    assert effective_kernel_size(3, 2) == 5
