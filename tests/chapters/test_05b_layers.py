"""Chapter 05b: every system works, every claim is checked, every numbered equation is what the code does."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.runtime import band, load_record
from course_utils.scratch.convolution_kinds.deformable import (
    DeformableConv2d,
    bilinear_at,
    bilinear_slope,
    deform_conv2d,
    sampling_points,
)
from course_utils.scratch.convolution_kinds.dials import grid_points, make_dials
from course_utils.scratch.convolution_kinds.dilated import dilate_kernel, dilated_conv2d, paths_to_input
from course_utils.scratch.convolution_kinds.grouped import (
    conv_weights,
    depthwise_separable_conv2d,
    grouped_conv2d,
    separable_weights,
)
from course_utils.scratch.convolution_kinds.one_d import conv1d, conv1d_loops
from course_utils.scratch.convolution_kinds.pointwise import bottleneck_weights, pointwise_conv2d
from course_utils.scratch.convolution_kinds.receptive_field import (
    Field,
    Layer,
    effective_profile,
    effective_variance,
    gradient_support,
    input_gradient,
    receptive_fields,
    spread_of,
)
from course_utils.scratch.convolution_kinds.sizes import (
    effective_kernel_size,
    output_padding_for,
    output_size,
    same_padding,
    transposed_output_size,
)
from course_utils.scratch.convolution_kinds.strided import strided_conv2d, strided_conv2d_backward, subsample
from course_utils.scratch.convolution_kinds.text_windows import letter_counts, make_text_windows
from course_utils.scratch.convolution_kinds.three_d import conv3d, conv3d_loops
from course_utils.scratch.convolution_kinds.transposed import (
    overlap_counts,
    phase_spread,
    strided_matrix,
    transposed_conv2d,
    transposed_conv2d_by_zero_insertion,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def torch_conv(x, weight, **settings):
    return F.conv2d(torch.tensor(x), torch.tensor(weight), **settings).numpy()


def extent(layers):
    """Pixels from the first to the last with a gradient, for a unit far from the border."""
    field = receptive_fields(layers)[-1]
    seen = np.flatnonzero(gradient_support(layers, 3 * field.size, field.size // field.jump))
    return int(seen[-1] - seen[0] + 1)


# ---- systems ------------------------------------------------------------------------------------


def test_s124_pointwise_is_a_linear_map_and_the_bottleneck_saves(rng):
    x, matrix = rng.normal(size=(2, 6, 3, 4)), rng.normal(size=(5, 6))
    linear = nn.Linear(6, 5, bias=False).double()
    linear.weight.data = torch.tensor(matrix)
    per_pixel = linear(torch.tensor(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2).detach().numpy()
    np.testing.assert_allclose(pointwise_conv2d(x, matrix), per_pixel, rtol=1e-12)
    layers = [nn.Conv2d(256, 64, 1), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 256, 1)]
    assert sum(bottleneck_weights(256, 64)) == sum(layer.weight.numel() for layer in layers) == 69632
    assert conv_weights(256, 256, 3) == nn.Conv2d(256, 256, 3).weight.numel() == 589824


def test_s125_strided_output_is_the_subsampled_one_with_the_size_of_the_formula(rng):
    for n, k, s, p in product((7, 10), (1, 2, 3, 5), (1, 2, 3, 4), (0, 1, 2)):
        x, weight = rng.normal(size=(1, 2, n, n)), rng.normal(size=(2, 2, k, k))
        z = strided_conv2d(x, weight, stride=s, padding=p)
        np.testing.assert_allclose(z, subsample(torch_conv(x, weight, padding=p), s), atol=1e-12)
        assert z.shape[-1] == (n + 2 * p - k) // s + 1


def test_s126_valid_padding_shrinks():
    x = torch.zeros(1, 1, 32, 32)
    for _ in range(5):
        side = x.shape[-1]
        x = F.conv2d(x, torch.zeros(1, 1, 3, 3))
        assert x.shape[-1] == output_size(side, 3) == side - 3 + 1
    assert x.shape[-1] == 22


def test_s127_same_padding_is_symmetric_for_odd_kernels_only(rng):
    for k in range(1, 9):
        before, after = same_padding(k)
        x, weight = torch.randn(1, 1, 11), torch.randn(1, 1, k)
        assert F.conv1d(F.pad(x, (before, after)), weight).shape[-1] == 11
        if k % 2:
            assert before == after == (k - 1) / 2
        else:
            assert after == before + 1
            assert all(output_size(11, k, padding=p) != 11 for p in range(k))


def test_s128_the_calculator_agrees_with_real_layers_over_a_grid():
    checked = 0
    for n, k, s, p, r in product((4, 7, 12, 13), (1, 2, 3, 5), (1, 2, 3), (0, 1, 3), (1, 2, 3)):
        if n + 2 * p < r * (k - 1) + 1:
            with pytest.raises(ValueError, match="pad more or use a smaller kernel"):
                output_size(n, k, s, p, r)
            continue
        checked += 1
        layer = nn.Conv2d(1, 1, (k, 1), (s, 1), (p, 0), (r, 1))
        assert layer(torch.zeros(1, 1, n, 1)).shape[2] == output_size(n, k, s, p, r)
    assert checked > 300


def test_s129_zero_filled_kernels_are_dilated_layers_and_grids_have_holes(rng):
    x, weight = rng.normal(size=(1, 2, 15, 14)), rng.normal(size=(3, 2, 3, 3))
    for r in (1, 2, 3, 4):
        wide = dilate_kernel(weight, r)
        assert wide.shape[-1] == effective_kernel_size(3, r) == 2 * r + 1
        z = torch_conv(x, weight, dilation=r)
        np.testing.assert_allclose(strided_conv2d(x, wide), z, atol=1e-12)
        np.testing.assert_allclose(dilated_conv2d(x, weight, dilation=r), z, atol=1e-12)
    assert np.count_nonzero(np.outer(*[paths_to_input(3, [2, 2, 2])] * 2)) == 49
    assert (paths_to_input(3, [1, 2, 4]) > 0).all()


def test_s130_transposed_is_the_gradient_and_the_adjoint_and_output_padding_picks_the_size(rng):
    for s, p, k in product((1, 2, 3), (0, 1), (3, 4)):
        weight = rng.normal(size=(3, 2, k, k))
        n = 4 * s + k - 2 * p + (s - 1)  # a size that the floor cuts
        x = rng.normal(size=(2, 2, n, n))
        forward = strided_conv2d(x, weight, stride=s, padding=p)
        y = rng.normal(size=forward.shape)
        extra = output_padding_for(n, k, s, p)
        assert extra == s - 1
        back = transposed_conv2d(y, weight, stride=s, padding=p, output_padding=extra)
        assert back.shape == x.shape
        gradient, _, _ = strided_conv2d_backward(y, x, weight, s, p)
        np.testing.assert_allclose(back, gradient, atol=1e-12)
        assert (forward * y).sum() == pytest.approx((x * back).sum(), rel=1e-9)
        by_zeros = transposed_conv2d_by_zero_insertion(y, weight, stride=s, padding=p, output_padding=extra)
        np.testing.assert_allclose(by_zeros, back, atol=1e-12)


def test_s130_checkerboards_come_with_odd_overlaps_and_go_with_resizing():
    flat = np.ones((1, 4, 8, 8))
    rng = np.random.default_rng(3)
    odd = transposed_conv2d(flat, rng.uniform(size=(4, 1, 3, 3)), stride=2)[..., 3:13, 3:13]
    even = transposed_conv2d(flat, np.ones((4, 1, 4, 4)), stride=2)[..., 4:14, 4:14]
    large = flat.repeat(2, axis=2).repeat(2, axis=3)
    resized = strided_conv2d(large, rng.uniform(size=(1, 4, 3, 3)))
    assert phase_spread(odd / odd.mean(), 2) > 0.3
    assert phase_spread(even / even.mean(), 2) == 0
    assert phase_spread(resized / resized.mean(), 2) < 1e-12
    equal = transposed_conv2d(flat, np.ones((4, 1, 3, 3)), stride=2)[..., 3:13, 3:13]
    tent = np.array([0.5, 1.0, 0.5])
    undone = transposed_conv2d(flat, np.tile(np.outer(tent, tent), (4, 1, 1, 1)), stride=2)[..., 3:13, 3:13]
    assert phase_spread(equal / equal.mean(), 2) > 0.4  # equal weights do not help
    assert phase_spread(undone / undone.mean(), 2) < 1e-12  # special ones do
    assert set(overlap_counts(9, 3, 2)[2:-2]) == {1, 2}
    assert set(overlap_counts(9, 4, 2)[2:-2]) == {2}


def test_s134_deformable_equals_convolution_and_shifted_sampling():
    x, weight = torch.randn(2, 3, 8, 7).double(), torch.randn(4, 3, 3, 3).double()
    none = torch.zeros(2, 18, 8, 7).double()
    torch.testing.assert_close(deform_conv2d(x, none, weight, padding=1), F.conv2d(x, weight, padding=1))
    whole = none.clone()
    whole[:, 0::2], whole[:, 1::2] = -1, 2
    moved = F.pad(x, (3, 3, 3, 3))[:, :, 2:10, 5:12]
    ours = deform_conv2d(x, whole, weight, padding=1)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(ours, F.conv2d(moved, weight))


def test_s134_a_trained_layer_follows_the_turned_pattern():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 9), nn.ReLU(), nn.Conv2d(16, 32, 11), nn.ReLU(), nn.Conv2d(32, 18, 1))
    nn.init.zeros_(net[-1].weight)
    layer = DeformableConv2d(1, 9, 3, padding=-6, dilation=3, offset_net=net)
    layer.weight.data = torch.eye(9).view(9, 1, 3, 3)
    layer.bias.data.zero_()
    images, brightness, _ = make_dials(2000, seed=0)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(150):
        chosen = torch.randint(2000, (64,))
        optimiser.zero_grad()
        (layer(images[chosen])[:, :, 0, 0] - brightness[chosen]).square().mean().backward()
        optimiser.step()
    fresh, _, angles = make_dials(300, seed=1)
    with torch.no_grad():
        rows, columns = sampling_points(net(fresh), 3, padding=-6, dilation=3)
    reads = torch.stack([rows, columns], dim=-1)[:, :, 0, 0] - 9
    rigid = (grid_points(torch.zeros(1)) - grid_points(angles)).norm(dim=-1).mean()
    assert (reads - grid_points(angles)).norm(dim=-1).mean() < 0.5 * rigid


def test_s134_twenty_seeds_follow():
    follow, rigid = (band("05b_layers.dials", name) for name in ("distance", "distance of a rigid grid"))
    assert follow.count == rigid.count == 20
    assert follow.maximum < 0.5 * rigid.minimum


def test_s135_depthwise_separable_by_groups_and_its_count(rng):
    for ch in (1, 8, 64):
        layers = nn.Conv2d(ch, ch, 3, groups=ch, bias=False), nn.Conv2d(ch, ch, 1, bias=False)
        assert separable_weights(ch, ch) == sum(layer.weight.numel() for layer in layers) == ch * ch + 9 * ch
    x, depthwise, pointwise = rng.normal(size=(2, 5, 6, 6)), rng.normal(size=(5, 1, 3, 3)), rng.normal(size=(5, 5))
    theirs = torch_conv(torch_conv(x, depthwise, padding=1, groups=5), pointwise[:, :, None, None])
    np.testing.assert_allclose(depthwise_separable_conv2d(x, depthwise, pointwise, padding=1), theirs, atol=1e-12)


def test_s136_groups_are_independent_layers_and_alexnet_saves(rng):
    x, weight = rng.normal(size=(2, 6, 7, 7)), rng.normal(size=(9, 2, 3, 3))
    parts = [torch_conv(x[:, 2 * g : 2 * g + 2], weight[3 * g : 3 * g + 3]) for g in range(3)]
    np.testing.assert_allclose(grouped_conv2d(x, weight, groups=3), np.concatenate(parts, axis=1), atol=1e-12)
    alexnet = [(3, 96, 11, 1), (96, 256, 5, 2), (256, 384, 3, 1), (384, 384, 3, 2), (384, 256, 3, 2)]
    for c, o, k, g in alexnet:
        assert conv_weights(c, o, k, g) == nn.Conv2d(c, o, k, groups=g).weight.numel()
    assert sum(conv_weights(*layer) for layer in alexnet) == 2_332_704
    assert sum(conv_weights(c, o, k) for c, o, k, _ in alexnet) == 3_745_824


def test_s137_loops_equal_the_library_and_clips_need_time(rng):
    x, weight = rng.normal(size=(1, 2, 4, 6, 5)), rng.normal(size=(3, 2, 3, 2, 3))
    theirs = F.conv3d(torch.tensor(x), torch.tensor(weight), padding=1).numpy()
    np.testing.assert_allclose(conv3d_loops(x, weight, None, 1, 1), theirs, atol=1e-12)
    np.testing.assert_allclose(conv3d(x, weight, None, 1, 1), theirs, atol=1e-12)
    clip, frame = band("05b_layers.clips", "clip"), band("05b_layers.clips", "middle frame")
    assert clip.count == frame.count == 20
    assert clip.minimum > 3 * frame.maximum
    assert frame.maximum < 0.25  # eight classes: a guess is right one time in eight


def test_s138_one_axis_reads_order_and_a_bag_cannot(rng):
    x, weight = rng.normal(size=(2, 3, 9)), rng.normal(size=(4, 3, 3))
    theirs = F.conv1d(torch.tensor(x), torch.tensor(weight), dilation=2).numpy()
    np.testing.assert_allclose(conv1d_loops(x, weight, None, 1, 0, 2), theirs, atol=1e-12)
    np.testing.assert_allclose(conv1d(x, weight, None, 1, 0, 2), theirs, atol=1e-12)
    network, bag = band("05b_layers.text", "network"), band("05b_layers.text", "bag")
    assert network.count == bag.count == 20
    assert network.minimum > bag.maximum + 0.3
    # Both classes have the same letters on average, so no function of the counts can do better than chance.
    windows, labels = make_text_windows(6000, seed=5)
    difference = letter_counts(windows[labels == 1]).mean(0) - letter_counts(windows[labels == 0]).mean(0)
    assert difference.abs().max() < 0.12


@pytest.mark.parametrize(
    "layers",
    [
        [Layer(3)] * 4,
        [Layer(3, stride=2)] * 3,
        [Layer(3, dilation=2), Layer(5, stride=3), Layer(2)],
        [Layer(7, stride=2, padding=3), Layer(3, stride=2, padding=1), Layer(3, padding=1, dilation=4)],
    ],
)
def test_s152_size_jump_and_centre_are_those_of_the_gradient(layers):
    field = receptive_fields(layers)[-1]
    size = 3 * field.size + 3 * field.jump
    unit = field.size // field.jump + 1
    spans = []
    for index in (unit, unit + 1):
        seen = np.flatnonzero(gradient_support(layers, size, index))
        spans.append((seen[0], seen[-1]))
        assert field.of_unit(index) == spans[-1]
    assert spans[1][0] - spans[0][0] == field.jump


# ---- claims -------------------------------------------------------------------------------------


def test_c116_valid_output():
    for n, k in product(range(5, 20), range(1, 6)):
        assert F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k)).shape[-1] == n - k + 1


def test_c117_even_kernels_miss_the_size():
    x, weight = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 4, 4)
    assert F.conv2d(x, weight, padding=1).shape[-1] == 7
    assert F.conv2d(x, weight, padding=2).shape[-1] == 9
    assert F.conv2d(F.pad(x, (1, 2, 1, 2)), weight).shape[-1] == 8
    for k in (1, 3, 5, 7):
        assert F.conv2d(x, torch.zeros(1, 1, k, k), padding=(k - 1) // 2).shape[-1] == 8
    assert F.conv2d(x, torch.zeros(1, 1, 3, 3), padding=1, stride=2).shape[-1] != 8


def test_c118_the_three_examples():
    cases = {(5, 3, 0, 2): 2, (5, 3, 1, 2): 3, (6, 3, 1, 2): 3}
    for (n, k, p, s), m in cases.items():
        assert F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), padding=p, stride=s).shape[-1] == m
        assert output_size(n, k, s, p) == m


def test_c119_dilated_size_enters_the_formula():
    for k, r, n, s in product((1, 2, 3, 4), (1, 2, 3), (12, 13), (1, 2)):
        wide = k + (k - 1) * (r - 1)
        real = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), dilation=r, stride=s).shape[-1]
        assert real == (n - wide) // s + 1


def test_c120_inverting_the_floor_fails_in_178_of_474_cases():
    cases = wrong = 0
    for n, k, p, s in product(range(1, 11), range(1, 7), range(3), range(1, 4)):
        if n + 2 * p < k:
            continue
        cases += 1
        m = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]
        guess = s * (m - 1) + k - 2 * p
        wrong += guess != n
        if guess > 0:
            assert (
                F.conv_transpose1d(torch.zeros(1, 1, m), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1] == guess
            )
    assert (cases, wrong) == (474, 178)


def test_c121_transposed_is_the_backward_pass():
    weight = torch.randn(3, 2, 3, 3).double()
    x = torch.randn(1, 2, 9, 9, requires_grad=True, dtype=torch.float64)
    z = F.conv2d(x, weight, stride=2, padding=1)
    y = torch.randn(z.shape).double()
    z.backward(y)
    ours = transposed_conv2d(y.numpy(), weight.numpy(), stride=2, padding=1)
    np.testing.assert_allclose(ours, x.grad.numpy(), atol=1e-12)


def test_c122_it_is_no_inverse(rng):
    kernel, x = rng.normal(size=3), rng.normal(size=9)
    matrix = strided_matrix(kernel, 9, stride=2)
    assert np.linalg.matrix_rank(matrix) == 4 < 9  # so no layer at all could undo it
    assert np.abs(matrix.T @ matrix @ x - x).max() > 0.1


def test_c139_one_matrix_at_every_pixel(rng):
    x, matrix = rng.normal(size=(1, 4, 5, 5)), rng.normal(size=(3, 4))
    z = torch_conv(x, matrix[:, :, None, None])
    for i, j in product(range(5), repeat=2):
        np.testing.assert_allclose(z[0, :, i, j], matrix @ x[0, :, i, j], atol=1e-12)


def test_c145_offsets_differ_by_place_and_by_image():
    torch.manual_seed(0)
    layer = DeformableConv2d(1, 2, 3, padding=1)
    nn.init.normal_(layer.offset_net.weight)
    first, second = layer.offset_net(torch.randn(2, 1, 6, 6))
    assert (first[:, 2, 2] - first[:, 4, 3]).abs().max() > 0.1
    assert (first - second).abs().max() > 0.1


def test_c147_each_layer_adds_its_width_less_one():
    assert [extent([Layer(3)] * n) for n in range(1, 5)] == [3, 5, 7, 9]
    for w in (2, 3, 5, 7):
        assert extent([Layer(3), Layer(w)]) - extent([Layer(3)]) == w - 1


def test_c148_strides_make_it_exponential():
    assert [extent([Layer(3, stride=2)] * n) for n in range(1, 6)] == [3, 7, 15, 31, 63]


def test_c149_not_half_the_filter():
    gain = extent([Layer(3)] * 3) - extent([Layer(3)] * 2)
    assert gain == 2 != 3 / 2
    assert extent([Layer(3, stride=2), Layer(3)]) - extent([Layer(3, stride=2)]) == 4


def test_c150_one_layer_sees_its_filter():
    for k, s in product((1, 2, 3, 5, 11), (1, 2, 4)):
        assert extent([Layer(k, stride=s)]) == k


def test_c156_what_lies_outside_of_the_field_changes_nothing():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv1d(8, 8, 5)).double()
    first, last = receptive_fields([Layer(3, stride=2), Layer(5)])[-1].of_unit(4)
    x = torch.randn(1, 1, 40, dtype=torch.float64)
    before = model(x)[0, :, 4]
    outside = x.clone()
    outside[..., :first], outside[..., last + 1 :] = 9.0, -9.0
    assert torch.equal(model(outside)[0, :, 4], before)
    for edge in (first, last):
        inside = x.clone()
        inside[..., edge] += 1
        assert not torch.equal(model(inside)[0, :, 4], before)


def test_c156_a_pattern_wider_than_the_field_cannot_be_told():
    def dots(first, second):
        line = torch.zeros(1, 2, 60, dtype=torch.float64)
        for start, (a, b) in ((15, first), (35, second)):
            line[0, a, start] = line[0, b, start + 10] = 1
        return line

    torch.manual_seed(0)
    for depth in (3, 4, 5):
        for _ in range(5):
            blocks = [nn.Conv1d(12 if i else 2, 12, 3, bias=False) for i in range(depth)]
            for block in blocks:
                nn.init.kaiming_normal_(block.weight)
            net = nn.Sequential(*(m for b in blocks for m in (b, nn.ReLU())), nn.AdaptiveAvgPool1d(1)).double()
            match, mismatch = net(dots((0, 0), (1, 1))), net(dots((0, 1), (1, 0)))
            gap = (match - mismatch).abs().max() / match.abs().max()
            field = receptive_fields([Layer(3)] * depth)[-1].size
            assert gap < 1e-12 if field < 11 else gap > 1e-6


# ---- equations ----------------------------------------------------------------------------------


def test_eq_5_31_output_size():
    for n, k, s, p, r in product((5, 9, 16), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        wide = k + (k - 1) * (r - 1)
        assert wide == effective_kernel_size(k, r)
        assert output_size(n, k, s, p, r) == (n + 2 * p - wide) // s + 1


def test_eq_5_32_stride(rng):
    x, weight = rng.normal(size=(1, 1, 9, 9)), rng.normal(size=(1, 1, 3, 3))
    full, strided = strided_conv2d(x, weight), strided_conv2d(x, weight, stride=3)
    for i, j in product(range(3), repeat=2):
        assert strided[0, 0, i, j] == pytest.approx(full[0, 0, 3 * i, 3 * j])


def test_eq_5_33_dilation(rng):
    x, kernel, r = rng.normal(size=12), rng.normal(size=3), 3
    z = conv1d(x[None, None], kernel[None, None], dilation=r)[0, 0]
    for i in range(len(z)):
        assert z[i] == pytest.approx(sum(kernel[a] * x[i + r * a] for a in range(3)))


def test_eq_5_34_adjoint(rng):
    weight = rng.normal(size=(3, 2, 3, 3))
    x, y = rng.normal(size=(1, 2, 7, 7)), rng.normal(size=(1, 3, 3, 3))
    left = (strided_conv2d(x, weight, stride=2) * y).sum()
    assert left == pytest.approx((x * transposed_conv2d(y, weight, stride=2)).sum(), rel=1e-10)


def test_eq_5_35_transposed_size():
    for n, k, s, p in product(range(4, 12), range(1, 5), range(1, 4), range(2)):
        m, o = output_size(n, k, s, p), (n + 2 * p - k) % s
        assert o == output_padding_for(n, k, s, p)
        assert transposed_output_size(m, k, s, p, o) == s * (m - 1) + k - 2 * p + o == n


def test_eq_5_36_grouped_weights():
    for c, o, k, g in ((8, 4, 3, 2), (6, 6, 5, 6), (4, 8, 1, 4)):
        assert nn.Conv2d(c, o, k, groups=g).weight.numel() == k**2 * c * o / g == conv_weights(c, o, k, g)


def test_eq_5_37_separable_weights():
    for ch in (1, 3, 32):
        assert separable_weights(ch, ch) == 9 * ch + ch**2
        assert separable_weights(ch, ch) / conv_weights(ch, ch, 3) == pytest.approx(1 / ch + 1 / 9)


def test_eq_5_38_deformable_sum(rng):
    x, weight, offset = rng.normal(size=(1, 1, 6, 6)), rng.normal(size=(1, 1, 3, 3)), rng.normal(size=(1, 18, 4, 4))
    z = deform_conv2d(torch.tensor(x), torch.tensor(offset), torch.tensor(weight))[0, 0]
    i, j = 1, 2
    total = 0.0
    for n in range(9):
        a, b = divmod(n, 3)
        at = (i + a + offset[0, 2 * n, i, j], j + b + offset[0, 2 * n + 1, i, j])
        total += weight[0, 0, a, b] * bilinear_at(x[0, 0], *at)
    assert z[i, j].item() == pytest.approx(total)


def test_eq_5_39_bilinear(rng):
    x = rng.normal(size=(4, 5))
    r, c = 1.3, 2.6
    u, v = 0.3, 0.6
    upper, lower = (1 - v) * x[1, 2] + v * x[1, 3], (1 - v) * x[2, 2] + v * x[2, 3]
    assert bilinear_at(x, r, c) == pytest.approx((1 - u) * upper + u * lower)
    assert bilinear_slope(x, r, c)[0] == pytest.approx((1 - v) * (x[2, 2] - x[1, 2]) + v * (x[2, 3] - x[1, 3]))


def test_eq_5_40_and_5_41_fields():
    layers = [Layer(5, 2, 1, 1), Layer(3, 1, 0, 2), Layer(2, 3, 1, 1)]
    size, jump, centre = 1, 1, 0.0
    fields = receptive_fields(layers)
    assert fields[0] == Field(1, 1, 0.0)
    for layer, field in zip(layers, fields[1:]):
        reach = layer.dilation * (layer.kernel_size - 1)
        size, centre, jump = size + reach * jump, centre + (reach / 2 - layer.padding) * jump, jump * layer.stride
        assert field == Field(size, jump, centre)
    seen = np.flatnonzero(gradient_support(layers, 60, 4))
    assert (seen[0] + seen[-1]) / 2 == centre + 4 * jump
    assert seen[-1] - seen[0] + 1 == size


def test_eq_5_42_variance_of_the_effective_field():
    layers = [Layer(3), Layer(3, dilation=2), Layer(5, stride=2), Layer(3)]
    jumps = [1, 1, 1, 2]
    by_hand = sum((a.kernel_size**2 - 1) / 12 * (a.dilation * j) ** 2 for a, j in zip(layers, jumps))
    assert effective_variance(layers) == pytest.approx(by_hand)
    profile = effective_profile(layers, 31, channels=32, networks=80, seed=0)
    assert spread_of(profile) == pytest.approx(by_hand**0.5, rel=0.08)
    assert spread_of(profile) < receptive_fields(layers)[-1].size / 4


# ---- records and the gradient tool --------------------------------------------------------------


def test_the_record_orders_the_layers_by_their_weights():
    record = load_record("05b_layers.mnist")
    weights = record["middle_weights"]
    assert weights["ordinary"] == conv_weights(16, 32, 3) + conv_weights(32, 32, 3)
    assert weights["separable"] == separable_weights(16, 32) + separable_weights(32, 32)
    assert band("05b_layers.mnist", "ordinary").median > band("05b_layers.mnist", "separable").median


def test_the_gradient_of_a_real_model_has_the_extent_of_its_field():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3, dilation=2))
    field = receptive_fields([Layer(5), Layer(2, 2), Layer(3, 1, 0, 2)])[-1]
    hit = input_gradient(model, torch.rand(1, 1, 40, 40) + 1, (3, 3))[0] != 0
    seen = torch.nonzero(hit.any(0)).flatten()
    assert (seen[0].item(), seen[-1].item()) == field.of_unit(3)
