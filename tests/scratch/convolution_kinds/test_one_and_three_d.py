"""Layers along one and along three axes against their slow twins and PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.convolution_kinds.one_d import conv1d, conv1d_backward, conv1d_loops
from course_utils.scratch.convolution_kinds.three_d import conv3d, conv3d_backward, conv3d_loops
from course_utils.scratch.convolution_kinds.windows import add_windows, stack_windows

ONE = [  # input, weight, stride, padding, dilation
    ((2, 3, 9), (4, 3, 3), 1, 0, 1),
    ((1, 1, 1), (2, 1, 1), 1, 0, 1),
    ((1, 2, 8), (1, 2, 4), 2, 1, 2),
    ((3, 2, 7), (2, 2, 2), 3, 2, 3),
]
THREE = [
    ((2, 2, 4, 5, 6), (3, 2, 2, 3, 3), 1, 0, 1),
    ((1, 1, 1, 1, 1), (2, 1, 1, 1, 1), 1, 0, 1),
    ((1, 2, 5, 5, 4), (2, 2, 3, 2, 3), 2, 1, 1),
    ((2, 1, 5, 6, 5), (2, 1, 2, 2, 2), 2, 1, 2),
]


def check(case, ours, slow, backward, theirs):
    x_shape, w_shape, s, p, r = case
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=x_shape), rng.normal(size=w_shape), rng.normal(size=w_shape[0])
    x = np.asfortranarray(x)  # not contiguous in the usual order
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    z = theirs(tx, tw, tb, s, p, r)
    for layer in (ours, slow):
        np.testing.assert_allclose(layer(x, weight, bias, s, p, r), z.detach().numpy(), rtol=1e-10, atol=1e-10)
    gradient = rng.normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    for mine, leaf in zip(backward(gradient, x, weight, s, p, r), (tx, tw, tb)):
        np.testing.assert_allclose(mine, leaf.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", ONE)
def test_one_axis(case):
    check(case, conv1d, conv1d_loops, conv1d_backward, F.conv1d)


@pytest.mark.parametrize("case", THREE)
def test_three_axes(case):
    check(case, conv3d, conv3d_loops, conv3d_backward, F.conv3d)


def test_adding_windows_is_the_transpose_of_stacking_them():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 6, 7))
    windows = stack_windows(x, (3, 2), 2, 1, 2)
    y = rng.normal(size=windows.shape)
    assert (windows * y).sum() == pytest.approx((x * add_windows(y, x.shape, (3, 2), 2, 1, 2)).sum(), rel=1e-12)


@pytest.mark.parametrize(("layer", "shape"), [(conv1d, (2, 3)), (conv1d_loops, (2, 3)), (conv3d, (2, 3, 4))])
def test_a_missing_axis_is_named(layer, shape):
    with pytest.raises(ValueError, match="x must have shape"):
        layer(np.zeros(shape), np.zeros((1, *shape[1:])))
