"""Columns are PyTorch's, and one matrix product is its convolution."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.scratch.convolution.im2col import as_pair, col2im, conv2d_im2col, im2col, pad_borders

SETTINGS = [  # kernel, stride, padding, dilation
    (1, 1, 0, 1),
    (3, 1, 1, 1),
    (3, 2, 1, 1),
    (2, 3, 2, 1),
    (3, 1, 2, 2),
    ((1, 2), 1, 0, 1),
    ((3, 2), (2, 1), (1, 0), (1, 3)),
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
@pytest.mark.parametrize("n", [1, 3])
def test_columns_are_those_of_unfold_and_fold_adds_them_back(kernel, stride, padding, dilation, n):
    x = np.random.default_rng(0).normal(size=(n, 2, 7, 8))
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    columns = im2col(x, **settings)
    np.testing.assert_array_equal(columns, F.unfold(torch.tensor(x), **settings))
    y = np.random.default_rng(1).normal(size=columns.shape)
    back = col2im(y, x.shape, **settings)
    np.testing.assert_allclose(back, F.fold(torch.tensor(y), (7, 8), **settings), atol=1e-12)
    assert np.vdot(columns, y) == pytest.approx(np.vdot(x, back))  # the transpose: <Ax, y> = <x, A'y>


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_matrix_product_is_the_library_convolution(kernel, stride, padding, dilation, groups, dtype):
    draw = np.random.default_rng(2)
    x = draw.normal(size=(3, 4, 7, 8)).astype(dtype)
    weight = draw.normal(size=(6, 4 // groups, *as_pair("kernel_size", kernel, 1))).astype(dtype)
    bias = draw.normal(size=6).astype(dtype)
    ours = conv2d_im2col(x, weight, bias, stride, padding, dilation, groups)
    theirs = F.conv2d(
        torch.tensor(x), torch.tensor(weight), torch.tensor(bias), stride, padding, dilation, groups
    ).numpy()
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-10 if dtype == np.float64 else 1e-4)


def test_batch_of_one_one_pixel_and_views():
    draw = np.random.default_rng(3)
    one = draw.normal(size=(1, 2, 1, 1))
    weight = draw.normal(size=(3, 2, 1, 1))
    np.testing.assert_allclose(conv2d_im2col(one, weight)[0, :, 0, 0], weight[:, :, 0, 0] @ one[0, :, 0, 0])
    view = draw.normal(size=(4, 9, 8, 2)).transpose(0, 3, 2, 1)[::2, :, ::-1]  # not contiguous, one axis reversed
    kernel = draw.normal(size=(2, 3, 3, 5)).transpose(3, 0, 1, 2)
    theirs = F.conv2d(torch.tensor(view.copy()), torch.tensor(kernel.copy()), padding=1)
    np.testing.assert_allclose(conv2d_im2col(view, kernel, padding=1), theirs, atol=1e-12)


def test_many_images_pass_through_the_small_buffer_unmixed():
    draw = np.random.default_rng(4)
    x, weight = draw.normal(size=(7, 8, 40, 40)), draw.normal(size=(2, 8, 5, 5))
    together = conv2d_im2col(x, weight)
    for one, z in zip(x, together):
        np.testing.assert_allclose(conv2d_im2col(one[None], weight)[0], z, atol=1e-12)


def test_padding_leaves_the_input_alone():
    x = np.ones((2, 3))
    padded = pad_borders(x, (1, 2))
    assert padded.shape == (4, 7)
    assert padded.sum() == x.sum() == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"dilation": (1, 0)}, "dilation must be at least 1, got 0"),
        ({"groups": 3}, "groups must divide the number of input channels, got 3 groups, 4 channels"),
        ({"stride": (1, 2, 3)}, "pair"),
        ({"bias": np.zeros(5)}, "bias must have shape"),
        ({"weight": np.zeros((2, 3, 3, 3))}, "weight must have shape"),
        ({"weight": np.zeros((2, 4, 9, 9))}, r"output size is floor\("),
    ],
)
def test_wrong_settings_are_named(change, message):
    arguments = {"x": np.zeros((1, 4, 5, 5)), "weight": np.zeros((2, 4, 3, 3)), **change}
    with pytest.raises(ValueError, match=message):
        conv2d_im2col(**arguments)
