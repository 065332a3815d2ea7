"""The deformable layer against its slow twin, torchvision, and numerical gradients."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.convolution_kinds.deformable import (
    DeformableConv2d,
    bilinear_at,
    bilinear_sample,
    bilinear_slope,
    deform_conv2d,
    deform_conv2d_loops,
    sampling_points,
)

CASES = [  # input, output channels, kernel, stride, padding, dilation
    ((2, 3, 6, 7), 4, 3, 1, 1, 1),
    ((1, 1, 1, 1), 2, 1, 1, 0, 1),
    ((1, 2, 7, 6), 3, 3, 2, 2, 2),
    ((2, 1, 5, 5), 1, 2, 1, 0, 3),
]


def draw(shape, out, k, s, p, r, seed=0, spread=1.5):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=g, dtype=torch.float64)
    weight = torch.randn(out, shape[1], k, k, generator=g, dtype=torch.float64)
    z = F.conv2d(x, weight, None, s, p, r)
    offset = spread * torch.randn(shape[0], 2 * k * k, *z.shape[2:], generator=g, dtype=torch.float64)
    return x, offset, weight, torch.randn(out, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("case", CASES)
def test_equals_loops_and_torchvision(case):
    from torchvision.ops import deform_conv2d as reference

    x, offset, weight, bias = draw(*case)
    s, p, r = case[3:]
    ours = deform_conv2d(x, offset, weight, bias, s, p, r)
    torch.testing.assert_close(ours, reference(x, offset, weight, bias, s, p, r))
    slow = deform_conv2d_loops(x.numpy(), offset.numpy(), weight.numpy(), bias.numpy(), s, p, r)
    np.testing.assert_allclose(slow, ours.numpy(), rtol=1e-10, atol=1e-10)
    turned = x.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)  # other strides, same numbers
    torch.testing.assert_close(deform_conv2d(turned, offset, weight, bias, s, p, r), ours)


@pytest.mark.parametrize("case", CASES)
def test_zero_offsets_are_an_ordinary_layer(case):
    x, offset, weight, bias = draw(*case)
    s, p, r = case[3:]
    torch.testing.assert_close(
        deform_conv2d(x, torch.zeros_like(offset), weight, bias, s, p, r), F.conv2d(x, weight, bias, s, p, r)
    )


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, -2), (-1, 2)])
def test_whole_offsets_are_an_ordinary_layer_on_a_shifted_image(down, right):
    x, offset, weight, bias = draw((2, 3, 8, 8), 2, 3, 1, 0, 1)
    offset[:, 0::2], offset[:, 1::2] = down, right
    room = F.pad(x, (3, 3, 3, 3))
    shifted = room[:, :, 3 + down : 11 + down, 3 + right : 11 + right]
    torch.testing.assert_close(deform_conv2d(x, offset, weight, bias), F.conv2d(shifted, weight, bias))


def test_gradients_for_input_offset_weight_and_bias():
    # Offsets half a pixel from the kinks at whole numbers, so that finite steps stay inside one cell.
    x, offset, weight, bias = draw((2, 2, 4, 5), 2, 3, 1, 1, 1)
    offset = offset.round() + 0.5 + 0.3 * torch.rand_like(offset) - 0.15
    leaves = [t.requires_grad_(True) for t in (x, offset, weight, bias)]
    assert torch.autograd.gradcheck(lambda *t: deform_conv2d(*t, padding=1), leaves, eps=1e-6, atol=1e-7)


def test_gradients_equal_those_of_torchvision():
    from torchvision.ops import deform_conv2d as reference

    results = []
    for layer in (deform_conv2d, reference):
        leaves = [t.requires_grad_(True) for t in draw((2, 3, 6, 7), 4, 3, 2, 1, 1)]
        (layer(*leaves, stride=2, padding=1) ** 2).sum().backward()
        results.append([t.grad for t in leaves])
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs)


def test_the_slope_by_hand_is_what_autograd_gives():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(5, 6))
    tensor = torch.tensor(image)[None, None]
    for row, column in rng.uniform(-1.5, 6.5, size=(60, 2)):
        r, c = (torch.tensor([[v]], requires_grad=True) for v in (row, column))
        value = bilinear_sample(tensor, r, c)
        value.sum().backward()
        assert value.item() == pytest.approx(bilinear_at(image, row, column), abs=1e-12)
        assert bilinear_slope(image, row, column) == pytest.approx((r.grad.item(), c.grad.item()), abs=1e-12)


def test_a_new_layer_is_an_ordinary_one_and_learns_its_offsets():
    torch.manual_seed(0)
    layer = DeformableConv2d(2, 3, 3, padding=1)
    x = torch.randn(2, 2, 6, 6)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1))
    layer(x).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.offset_net.parameters())


def test_negative_padding_computes_the_middle_only_and_may_read_beyond_it():
    x, _, weight, bias = draw((1, 1, 9, 9), 1, 3, 1, 0, 1)
    offset = torch.zeros(1, 18, 3, 3, dtype=torch.float64)
    full = F.conv2d(x, weight, bias)
    torch.testing.assert_close(deform_conv2d(x, offset, weight, bias, padding=-2), full[:, :, 2:-2, 2:-2])
    rows, columns = sampling_points(offset, 3, 1, -2)
    assert (rows.min(), columns.max()) == (2, 6)
    offset[:, 0::2] = -1
    torch.testing.assert_close(deform_conv2d(x, offset, weight, bias, padding=-2), full[:, :, 1:-3, 2:-2])


def test_offsets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="offset must have shape"):
        deform_conv2d(torch.zeros(1, 1, 5, 5), torch.zeros(1, 18, 5, 5), torch.zeros(1, 1, 3, 3))
