"""A kernel for every position: loops, columns and the trainable layer agree, and equal kernels give the convolution."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.scratch.convolution.unshared import (
    UnsharedConv2d,
    share_everywhere,
    unshared_im2col,
    unshared_loops,
)


@pytest.mark.parametrize("stride", [1, 2])
def test_columns_are_the_loops(stride):
    draw = np.random.default_rng(0)
    side = (7 - 3) // stride + 1
    x, weight = draw.normal(size=(2, 2, 7, 7)), draw.normal(size=(3, side, side, 2, 3, 3))
    for image, z in zip(x, unshared_im2col(x, weight, stride)):
        np.testing.assert_allclose(z, unshared_loops(image, weight, stride), atol=1e-12)


def test_equal_kernels_are_a_convolution():
    draw = np.random.default_rng(1)
    x, kernel = draw.normal(size=(2, 3, 6, 7)), draw.normal(size=(4, 3, 3, 2))
    weight = share_everywhere(kernel, 4, 6)
    theirs = F.conv2d(torch.tensor(x), torch.tensor(kernel)).numpy()
    np.testing.assert_allclose(unshared_im2col(x, weight), theirs, atol=1e-12)


def test_each_kernel_belongs_to_its_own_position():
    x, weight = np.ones((1, 1, 4, 4)), np.zeros((1, 2, 2, 1, 3, 3))
    weight[0, 1, 0] = 1.0
    assert unshared_im2col(x, weight)[0, 0].tolist() == [[0, 0], [9, 0]]


def test_the_trainable_layer_is_the_formula_and_its_gradients_are_right():
    torch.manual_seed(0)
    layer = UnsharedConv2d(2, 3, 3, 6).double()
    x = torch.randn(4, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    weight = layer.weight.detach().reshape(3, 4, 4, 2, 3, 3).numpy()
    bias = layer.bias.detach().reshape(3, 4, 4).numpy()
    np.testing.assert_allclose(layer(x).detach(), unshared_im2col(x.detach().numpy(), weight) + bias, atol=1e-12)
    assert torch.autograd.gradcheck(layer, (x,))
    assert layer.weight.numel() == 3 * 4 * 4 * 2 * 9


def test_the_layer_is_a_dense_one_with_zeros_and_large_pictures_take_the_other_road(monkeypatch):
    torch.manual_seed(1)
    layer = UnsharedConv2d(2, 3, 3, 6, bias=False)
    x = torch.randn(4, 2, 6, 6)
    matrix = layer.as_matrix()
    assert matrix.shape == (3 * 16, 2 * 36)
    assert (matrix != 0).sum(dim=1).tolist() == [18] * 48
    small = layer(x)
    (grad_small,) = torch.autograd.grad(small.square().sum(), layer.weight)
    monkeypatch.setattr("course_utils.scratch.convolution.unshared.LARGEST_MATRIX", 0)
    large = layer(x)
    (grad_large,) = torch.autograd.grad(large.square().sum(), layer.weight)
    assert torch.allclose(small, large, atol=1e-5)
    assert torch.allclose(grad_small, grad_large, atol=1e-4)


def test_tied_and_untied_layers_start_alike_so_that_comparing_them_is_fair():
    torch.manual_seed(2)
    tied, untied = torch.nn.Conv2d(2, 64, 5), UnsharedConv2d(2, 8, 5, 9)
    for one, other in ((tied.weight, untied.weight), (tied.bias, untied.bias)):
        assert other.abs().max().item() == pytest.approx(one.abs().max().item(), rel=0.1)
        assert other.std().item() == pytest.approx(one.std().item(), rel=0.2)


def test_one_pixel_and_another_size():
    layer = UnsharedConv2d(1, 1, 1, 1, bias=False)
    assert layer(torch.full((1, 1, 1, 1), 2.0)).item() == pytest.approx(2 * layer.weight.item())
    with pytest.raises(ValueError, match=r"x must have shape \(any, 1, 1, 1\), got \(1, 1, 2, 2\)"):
        layer(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="4 x 4 positions and 2 channels, got 3 x 4 positions"):
        unshared_loops(np.zeros((2, 6, 6)), np.zeros((1, 3, 4, 2, 3, 3)))
