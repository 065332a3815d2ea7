"""Strided, dilated, grouped, pointwise and transposed layers: each against its slow twin and PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.convolution_kinds.dilated import (
    dilate_kernel,
    dilated_conv2d,
    dilated_conv2d_backward,
    dilated_conv2d_loops,
    paths_to_input,
)
from course_utils.scratch.convolution_kinds.grouped import (
    conv_weights,
    depthwise_separable_conv2d,
    grouped_conv2d,
    grouped_conv2d_backward,
    grouped_conv2d_loops,
    merged_kernel,
    separable_weights,
)
from course_utils.scratch.convolution_kinds.pointwise import (
    bottleneck_weights,
    pointwise_conv2d,
    pointwise_conv2d_backward,
    pointwise_conv2d_loops,
)
from course_utils.scratch.convolution_kinds.strided import (
    strided_conv2d,
    strided_conv2d_backward,
    strided_conv2d_backward_loops,
    strided_conv2d_loops,
    subsample,
)
from course_utils.scratch.convolution_kinds.transposed import (
    insert_zeros,
    overlap_counts,
    phase_spread,
    strided_matrix,
    transposed_conv2d,
    transposed_conv2d_backward,
    transposed_conv2d_by_zero_insertion,
    transposed_conv2d_loops,
)

# shape of the input, output channels, kernel, stride, padding
STRIDED = [
    ((2, 3, 7, 6), 4, 3, 1, 0),
    ((2, 3, 7, 6), 4, 3, 2, 1),
    ((1, 1, 1, 1), 2, 1, 1, 0),  # one pixel
    ((1, 2, 1, 1), 1, 3, 2, 1),
    ((3, 2, 8, 5), 3, 2, 3, 2),
    ((1, 4, 5, 9), 1, 5, 2, 2),
    ((2, 1, 6, 6), 2, 4, 4, 0),
]
# the same with a dilation
DILATED = [
    ((2, 3, 7, 8), 4, 3, 1, 0, 1),
    ((2, 3, 9, 8), 4, 3, 2, 1, 2),
    ((1, 1, 1, 1), 2, 3, 1, 3, 3),
    ((3, 2, 8, 7), 3, 2, 3, 2, 3),
    ((1, 4, 5, 9), 1, 3, 2, 2, 2),
]


def arrays(shape, out, k, seed=0, transposed=False):
    rng = np.random.default_rng(seed)
    weight = (shape[1], out, k, k) if transposed else (out, shape[1], k, k)
    return rng.normal(size=shape), rng.normal(size=weight), rng.normal(size=out)


def leaves(*arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("shape", "out", "k", "s", "p"), STRIDED)
def test_strided_layer_and_its_gradients(shape, out, k, s, p):
    x, weight, bias = arrays(shape, out, k)
    tx, tw, tb = leaves(x, weight, bias)
    z = F.conv2d(tx, tw, tb, s, p)
    same(strided_conv2d_loops(x, weight, bias, s, p), z)
    same(strided_conv2d(x, weight, bias, s, p), z)
    gradient = np.random.default_rng(1).normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    for backward in (strided_conv2d_backward_loops, strided_conv2d_backward):
        for ours, leaf in zip(backward(gradient, x, weight, s, p), (tx, tw, tb)):
            same(ours, leaf.grad)


@pytest.mark.parametrize("s", [1, 2, 3, 5])
def test_a_strided_output_is_the_subsampled_output_at_stride_1(s):
    x, weight, bias = arrays((2, 3, 11, 8), 2, 3)
    for p in (0, 1, 2):
        full = strided_conv2d(x, weight, bias, 1, p)
        np.testing.assert_allclose(strided_conv2d(x, weight, bias, s, p), subsample(full, s), rtol=1e-12)


@pytest.mark.parametrize(("shape", "out", "k", "s", "p", "r"), DILATED)
def test_dilated_layer_its_zero_filled_kernel_and_its_gradients(shape, out, k, s, p, r):
    x, weight, bias = arrays(shape, out, k)
    tx, tw, tb = leaves(x, weight, bias)
    z = F.conv2d(tx, tw, tb, s, p, r)
    same(dilated_conv2d_loops(x, weight, bias, s, p, r), z)
    same(dilated_conv2d(x, weight, bias, s, p, r), z)
    wide = dilate_kernel(weight, r)
    assert wide.shape[-1] == k + (k - 1) * (r - 1)
    assert np.count_nonzero(wide) == np.count_nonzero(weight)
    same(strided_conv2d(x, wide, bias, s, p), z)
    gradient = np.random.default_rng(1).normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    for ours, leaf in zip(dilated_conv2d_backward(gradient, x, weight, s, p, r), (tx, tw, tb)):
        same(ours, leaf.grad)


def test_paths_have_holes_where_dilations_share_a_factor():
    np.testing.assert_array_equal(paths_to_input(3, [1]), [1, 1, 1])
    assert (paths_to_input(3, [2, 2, 2])[1::2] == 0).all()
    assert (paths_to_input(3, [1, 2, 4]) > 0).all()
    assert (paths_to_input(3, [1, 3, 9]) == 1).all()
    for dilations in ([2, 2, 2], [1, 2, 4], [1, 2, 3], [3, 1]):  # against the gradient of a real stack of ones
        reach = sum(2 * r for r in dilations) + 1
        x = torch.zeros(1, 1, reach, dtype=torch.float64, requires_grad=True)
        z = x
        for r in dilations:
            z = F.conv1d(z, torch.ones(1, 1, 3, dtype=torch.float64), dilation=r)
        z.sum().backward()
        np.testing.assert_array_equal(paths_to_input(3, dilations), x.grad[0, 0].numpy())


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("shape", "k", "s", "p", "r"), [((2, 4, 7, 6), 3, 1, 1, 1), ((1, 4, 9, 9), 3, 2, 2, 2)])
def test_grouped_layer_and_its_gradients(groups, shape, k, s, p, r):
    rng = np.random.default_rng(groups)
    x, bias = rng.normal(size=shape), rng.normal(size=8)
    weight = rng.normal(size=(8, 4 // groups, k, k))
    tx, tw, tb = leaves(x, weight, bias)
    z = F.conv2d(tx, tw, tb, s, p, r, groups)
    same(grouped_conv2d_loops(x, weight, bias, s, p, r, groups), z)
    same(grouped_conv2d(x, weight, bias, s, p, r, groups), z)
    gradient = rng.normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    for ours, leaf in zip(grouped_conv2d_backward(gradient, x, weight, s, p, r, groups), (tx, tw, tb)):
        same(ours, leaf.grad)


def test_groups_must_divide_the_channels():
    x, weight, _ = arrays((1, 4, 5, 5), 4, 3)
    with pytest.raises(ValueError, match="groups must divide the number of input channels, got 3 groups, 4 channels"):
        grouped_conv2d_loops(x, weight, groups=3)
    with pytest.raises(ValueError, match="groups must divide"):
        conv_weights(4, 6, 3, groups=4)


def test_depthwise_separable_is_a_grouped_layer_a_1x1_layer_and_one_merged_kernel():
    rng = np.random.default_rng(0)
    x, depthwise, pointwise = rng.normal(size=(2, 5, 8, 7)), rng.normal(size=(5, 1, 3, 3)), rng.normal(size=(6, 5))
    ours = depthwise_separable_conv2d(x, depthwise, pointwise, stride=2, padding=1)
    tx, td, tp = (torch.tensor(a) for a in (x, depthwise, pointwise))
    theirs = F.conv2d(F.conv2d(tx, td, stride=2, padding=1, groups=5), tp[:, :, None, None])
    same(ours, theirs)
    same(strided_conv2d(x, merged_kernel(depthwise, pointwise), None, 2, 1), theirs)
    layers = torch.nn.Conv2d(5, 5, 3, groups=5, bias=False), torch.nn.Conv2d(5, 6, 1, bias=False)
    assert separable_weights(5, 6) == sum(layer.weight.numel() for layer in layers) == 9 * 5 + 5 * 6


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (1, 6, 1, 3)])
def test_pointwise_layer_and_its_gradients(shape):
    x, weight, bias = arrays(shape, 4, 1)
    matrix = weight[:, :, 0, 0]
    tx, tw, tb = leaves(x, weight, bias)
    z = F.conv2d(tx, tw, tb)
    same(pointwise_conv2d_loops(x, matrix, bias), z)
    same(pointwise_conv2d(x, matrix, bias), z)
    gradient = np.random.default_rng(1).normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    to_x, to_weight, to_bias = pointwise_conv2d_backward(gradient, x, matrix)
    same(to_x, tx.grad)
    same(to_weight, tw.grad[:, :, 0, 0])
    same(to_bias, tb.grad)


def test_bottleneck_weights_are_those_of_the_layers():
    real = [torch.nn.Conv2d(256, 64, 1), torch.nn.Conv2d(64, 64, 3), torch.nn.Conv2d(64, 256, 1)]
    assert bottleneck_weights(256, 64) == tuple(layer.weight.numel() for layer in real)


# shape, output channels, kernel, stride, padding, output padding, dilation
TRANSPOSED = [
    ((2, 3, 4, 5), 2, 3, 1, 0, 0, 1),
    ((2, 3, 4, 5), 2, 3, 2, 1, 1, 1),
    ((1, 1, 1, 1), 1, 2, 2, 0, 1, 1),  # one pixel
    ((1, 2, 3, 3), 4, 4, 2, 1, 0, 1),
    ((3, 2, 4, 2), 1, 3, 3, 2, 2, 2),
    ((1, 2, 5, 4), 2, 2, 3, 0, 0, 1),  # stamps that do not touch
    ((1, 2, 5, 4), 2, 2, 2, 2, 1, 1),  # a padding beyond the kernel
    ((2, 2, 6, 5), 3, 3, 1, 2, 1, 2),
]


@pytest.mark.parametrize(("shape", "out", "k", "s", "p", "extra", "r"), TRANSPOSED)
def test_transposed_layer_three_ways_and_its_gradients(shape, out, k, s, p, extra, r):
    x, weight, bias = arrays(shape, out, k, transposed=True)
    tx, tw, tb = leaves(x, weight, bias)
    z = F.conv_transpose2d(tx, tw, tb, s, p, extra, dilation=r)
    for layer in (transposed_conv2d_loops, transposed_conv2d_by_zero_insertion, transposed_conv2d):
        same(layer(x, weight, bias, s, p, extra, r), z)
    gradient = np.random.default_rng(1).normal(size=z.shape)
    z.backward(torch.tensor(gradient))
    for ours, leaf in zip(transposed_conv2d_backward(gradient, x, weight, s, p, r), (tx, tw, tb)):
        same(ours, leaf.grad)


def test_the_matrix_of_a_strided_layer_and_its_transpose():
    rng = np.random.default_rng(0)
    for k, s, p, size in ((3, 2, 1, 8), (4, 3, 0, 10), (2, 1, 1, 5)):
        kernel, x = rng.normal(size=k), rng.normal(size=size)
        matrix = strided_matrix(kernel, size, s, p)
        ours = torch.tensor(matrix @ x)
        theirs = F.conv1d(torch.tensor(x)[None, None], torch.tensor(kernel)[None, None], stride=s, padding=p)[0, 0]
        torch.testing.assert_close(ours, theirs)


def test_zeros_inserted_stamps_counted_and_phases_compared():
    np.testing.assert_array_equal(insert_zeros(np.array([[1, 2], [3, 4]]), 2), [[1, 0, 2], [0, 0, 0], [3, 0, 4]])
    np.testing.assert_array_equal(overlap_counts(4, 3, 2), [1, 1, 2, 1, 2, 1, 2, 1, 1])
    np.testing.assert_array_equal(overlap_counts(4, 4, 2)[2:-2], [2] * 6)
    board = np.indices((6, 6)).sum(axis=0) % 2
    assert phase_spread(board, 2) == 0.5
    assert phase_spread(np.full((4, 4), 7.0), 2) == 0
    assert phase_spread(np.kron([[0.0, 1.0], [1.0, 0.0]], np.ones((2, 2))), 2) == 0  # uneven, yet no board of period 2


def test_non_contiguous_input_changes_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 7, 3, 2)).transpose(3, 2, 0, 1)[:, :, ::2]
    weight = rng.normal(size=(3, 3, 3, 4)).transpose(3, 2, 0, 1)[:, :, ::-1]
    assert not x.flags["C_CONTIGUOUS"]
    assert not weight.flags["C_CONTIGUOUS"]
    tx, tw = torch.tensor(x.copy()), torch.tensor(weight.copy())
    z = F.conv2d(tx, tw, padding=1)
    for layer in (strided_conv2d_loops, strided_conv2d, dilated_conv2d_loops, dilated_conv2d):
        same(layer(x, weight, None, 1, 1), z)
    gradient = np.random.default_rng(1).normal(size=z.shape[::-1]).T
    for backward in (strided_conv2d_backward_loops, strided_conv2d_backward, dilated_conv2d_backward):
        ours = backward(gradient, x, weight, 1, 1)
        txx = tx.clone().requires_grad_(True)
        F.conv2d(txx, tw, padding=1).backward(torch.tensor(gradient.copy()))
        same(ours[0], txx.grad)
    wt = weight.transpose(1, 0, 2, 3)
    zt = F.conv_transpose2d(tx, torch.tensor(wt.copy()), stride=2)
    for layer in (transposed_conv2d_loops, transposed_conv2d_by_zero_insertion, transposed_conv2d):
        same(layer(x, wt, None, 2), zt)
    same(pointwise_conv2d(x, weight[:, :, 0, 0]), F.conv2d(tx, tw[:, :, :1, :1]))
