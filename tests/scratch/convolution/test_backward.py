"""Gradients by hand are autograd's, in all settings a layer has."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.scratch.convolution.backward import (
    backward_loops,
    conv2d_backward,
    grad_input_by_convolution,
    grad_weight_by_correlation,
    spread,
)

GRID = [
    # batch, channels, height, width, outputs, kernel, stride, padding, dilation, groups
    (2, 3, 6, 7, 4, (3, 3), 1, 0, 1, 1),
    (2, 3, 6, 7, 4, (3, 3), 1, 1, 1, 1),
    (2, 3, 6, 7, 4, (3, 2), 2, 1, 1, 1),
    (2, 3, 8, 8, 2, (3, 3), 1, 2, 2, 1),
    (2, 3, 9, 8, 2, (2, 3), (3, 2), (0, 2), (1, 2), 1),
    (1, 2, 5, 5, 3, (5, 5), 1, 0, 1, 1),  # batch of one, kernel as large as the input
    (3, 2, 1, 1, 2, (1, 1), 1, 0, 1, 1),  # one pixel
    (2, 1, 1, 1, 2, (3, 3), 1, 1, 1, 1),  # one pixel and its border
    (2, 4, 6, 6, 6, (3, 3), 1, 1, 1, 2),
    (2, 4, 7, 6, 4, (3, 3), 2, 1, 1, 4),
    (1, 2, 6, 6, 1, (2, 2), 4, 0, 1, 1),  # a stride that leaves pixels unseen
]


def draw(n, c, h, w, o, kernel, groups, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, c, h, w, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(o, c // groups, *kernel, generator=generator, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(o, generator=generator, dtype=torch.float64, requires_grad=True)
    return x, weight, bias


@pytest.mark.parametrize(("n", "c", "h", "w", "o", "kernel", "stride", "padding", "dilation", "groups"), GRID)
def test_gradients_are_autograds(n, c, h, w, o, kernel, stride, padding, dilation, groups):
    x, weight, bias = draw(n, c, h, w, o, kernel, groups)
    z = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    grad = torch.randn(z.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z.backward(grad)
    arrays = grad.numpy(), x.detach().numpy(), weight.detach().numpy()
    ours = conv2d_backward(*arrays, stride, padding, dilation, groups)
    for mine, theirs in zip(ours, (x.grad, weight.grad, bias.grad)):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)
    if groups == 1:
        as_convolution = grad_input_by_convolution(arrays[0], arrays[2], (h, w), stride, padding, dilation)
        np.testing.assert_allclose(as_convolution, x.grad, atol=1e-10)
        as_correlation = grad_weight_by_correlation(arrays[0], arrays[1], kernel, stride, padding, dilation)
        np.testing.assert_allclose(as_correlation, weight.grad, atol=1e-10)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_loops_are_the_matrix_products(stride, padding, dilation):
    x, weight, _ = draw(1, 2, 6, 5, 3, (3, 2), 1)
    v, kernel = x.detach().numpy(), weight.detach().numpy()
    shape = F.conv2d(x, weight, None, stride, padding, dilation).shape
    grad = np.random.default_rng(0).normal(size=shape)
    fast = conv2d_backward(grad, v, kernel, stride, padding, dilation)
    slow = backward_loops(grad[0], v[0], kernel, stride, padding, dilation)
    np.testing.assert_allclose(fast[0][0], slow[0], atol=1e-12)
    np.testing.assert_allclose(fast[1], slow[1], atol=1e-12)
    np.testing.assert_allclose(fast[2], slow[2], atol=1e-12)


def test_views_that_are_not_contiguous():
    base = torch.randn(4, 9, 8, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = base.permute(0, 3, 2, 1)[::2].detach().requires_grad_()
    weight = torch.randn(3, 3, 2, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    weight = weight.permute(3, 2, 0, 1).detach().requires_grad_()
    assert not x.is_contiguous()
    z = F.conv2d(x, weight, padding=1)
    grad = torch.randn(*z.shape[::-1], generator=torch.Generator().manual_seed(4), dtype=torch.float64).permute(
        3, 2, 1, 0
    )
    z.backward(grad)
    ours = conv2d_backward(grad.numpy(), x.detach().numpy(), weight.detach().numpy(), padding=1)
    np.testing.assert_allclose(ours[0], x.grad, atol=1e-10)
    np.testing.assert_allclose(ours[1], weight.grad, atol=1e-10)


def test_spreading_puts_zeros_between():
    assert spread(np.ones((1, 1, 2, 2)), (2, 3))[0, 0].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1]]


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"grad must have shape \(1, 2, 3, 3\), got \(1, 2, 5, 5\)"):
        conv2d_backward(np.zeros((1, 2, 5, 5)), np.zeros((1, 1, 5, 5)), np.zeros((2, 1, 3, 3)))
