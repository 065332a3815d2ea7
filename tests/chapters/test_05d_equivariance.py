"""Chapter 05d: every system works, every claim is checked, every numbered equation is what the code does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.equivariance.rotations import (
    enlarge,
    is_turn_symmetric,
    isotropic_kernel,
    move_gap,
    quarter_turn_gap,
)
from course_utils.scratch.equivariance.shifts import (
    nearest_roll_gap,
    roll,
    shift_gap,
    slide,
)
from course_utils.scratch.fully_convolutional.dense_outputs import pixel_cross_entropy, pixel_softmax
from course_utils.scratch.fully_convolutional.fc_as_conv import (
    as_fully_convolutional,
    connection_count,
    linear_as_kernel,
    score_map,
    scores_of_crops,
)
from course_utils.scratch.pooling.channel_pool import channel_max_pool, rotated_bank
from course_utils.scratch.pooling.halving import halving_net

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(2, 3, 12, 12, generator=DRAW, dtype=torch.float64)
KERNEL = torch.randn(1, 1, 3, 3, generator=DRAW, dtype=torch.float64)


def photo(name="camera", side=64):
    return data.photo(name, side, gray=True)[None].double() / 255


def circular(v, stride=1):
    return F.conv2d(F.pad(v, (1, 1, 1, 1), mode="circular"), KERNEL, stride=stride)


def digit_at(row, column, side=32):
    canvas = torch.zeros(1, 1, side, side, dtype=torch.float64)
    canvas[0, 0, row : row + 8, column : column + 8] = data.load("digits", "test").images[0, 0].double() / 255
    return canvas


def tower(strides):
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(5, 5 if i else 1, 3, 3, generator=draw, dtype=torch.float64) for i in range(len(strides))]

    def run(v):
        for w, stride in zip(weights, strides):
            v = F.relu(F.conv2d(v, w, stride=stride, padding=1))
        return v.amax(dim=(2, 3))

    return run


# ---- systems ------------------------------------------------------------------------------------


def test_s147_channel_pooling_is_stable_under_turns_by_construction():
    picture = photo("cat", 32).numpy()
    weight = torch.randn(2, 1, 3, 3, generator=DRAW, dtype=torch.float64).numpy()
    pooled = channel_max_pool(conv2d_im2col(picture, rotated_bank(weight), padding=1), 4).values
    for turns in (1, 2, 3):
        turned = np.rot90(picture, turns, (2, 3))
        again = channel_max_pool(conv2d_im2col(turned, rotated_bank(weight), padding=1), 4).values
        np.testing.assert_allclose(again, np.rot90(pooled, turns, (2, 3)), atol=1e-12)


def test_s147_a_trained_group_learns_the_turns():
    record = "05d_equivariance.turns"
    assert band(record, "maximum of four").count >= 20
    assert band(record, "maximum of four").minimum > band(record, "one filter").maximum + 0.05
    assert band(record, "maximum of four").minimum > band(record, "average of four").maximum + 0.05
    assert band(record, "variation kept").maximum < 0.5


def test_s149_convolution_commutes_with_circular_shifts_and_what_breaks_it():
    picture = photo()
    for shift in ((1, 0), (0, 1), (-7, 13), (31, 40)):
        assert shift_gap(circular, picture, shift).abs().max() < 1e-12
    border = shift_gap(lambda v: F.conv2d(v, KERNEL, padding=1), picture, (3, 5)).abs()
    assert border.max() > 0.1
    assert border[..., 4:-1, 6:-1].max() < 1e-12
    assert nearest_roll_gap(lambda v: circular(v, 2), picture, (0, 1))[0] > 0.1
    assert nearest_roll_gap(lambda v: F.max_pool2d(v, 2), picture, (0, 1))[0] > 0.1


def test_s150_random_kernels_fail_the_turn_and_isotropic_ones_pass():
    picture = photo("cat")
    for kernel, passes in ((KERNEL[0, 0], False), (isotropic_kernel(5), True), (isotropic_kernel(7, torch.cos), True)):
        layer = lambda v, k=kernel: F.conv2d(v, k[None, None], padding=len(k) // 2)
        assert is_turn_symmetric(kernel) == passes
        assert bool(quarter_turn_gap(layer, picture).abs().max() < 1e-12) == passes


def test_s153_fully_connected_weights_as_a_kernel_give_the_same_and_a_map():
    layer = nn.Linear(3 * 12 * 12, 7).double()
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    vector = layer(X.flatten(1)).detach().numpy()
    assert np.abs(score_map(X.numpy(), w, b, 12)[:, :, 0, 0] - vector).max() < 1e-9
    larger = torch.randn(1, 3, 16, 20, generator=DRAW, dtype=torch.float64)
    scores = score_map(larger.numpy(), w, b, 12)
    assert scores.shape == (1, 7, 5, 9)
    crop = layer(larger[:, :, 4:16, 3:15].flatten(1)).detach().numpy()
    assert np.abs(scores[:, :, 4, 3] - crop).max() < 1e-9


def test_s153_a_whole_classifier_as_a_scanner_says_what_it_says_about_each_crop():
    reader = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 6), nn.ReLU(), nn.Linear(6, 2)
    ).double()
    larger = torch.randn(1, 3, 16, 20, generator=DRAW, dtype=torch.float64)
    scores = as_fully_convolutional(reader, (3, 12, 12))(larger)
    assert scores.shape == (1, 2, 3, 5)
    assert torch.allclose(scores, scores_of_crops(reader, larger, side=12, stride=2), atol=1e-12)


def test_s153_the_scanner_reads_strips():
    assert band("05d_equivariance.scan", "accuracy").minimum > 0.9
    assert band("05d_equivariance.scan", "found").median > 0.8


def test_s154_global_pooling_takes_any_size_and_a_fixed_head_does_not():
    pooled, fixed = (
        halving_net("max"),
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 256, 10)),
    )
    for size in ((16, 16), (20, 20), (9, 31), (40, 24)):
        assert pooled(torch.zeros(2, 1, *size)).shape == (2, 10)
    assert fixed(torch.zeros(2, 1, 16, 16)).shape == (2, 10)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fixed(torch.zeros(2, 1, 20, 20))
    assert as_fully_convolutional(fixed, (1, 16, 16))(torch.zeros(2, 1, 20, 20)).shape == (2, 10, 5, 5)


def test_s155_probabilities_at_every_pixel_sum_to_one():
    net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 1)).double()
    logits = net(photo()).detach().numpy()
    p = pixel_softmax(logits)
    assert p.shape == (1, 4, 64, 64)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (p >= 0).all()
    labels = torch.randint(0, 4, (1, 64, 64), generator=DRAW)
    assert pixel_cross_entropy(logits, labels.numpy())[0] == pytest.approx(
        F.cross_entropy(torch.tensor(logits), labels).item()
    )
    assert band("05d_equivariance.pixels", "ink").minimum > 0.8


# ---- claims -------------------------------------------------------------------------------------


def test_c129_global_pooling_is_exact_and_strides_or_borders_break_the_network():
    places = [(8 + r, 8 + q) for r in range(4) for q in range(4)]
    for strides, distinct in (((1,), 1), ((1, 1), 1), ((2,), 4), ((2, 2), 16)):
        outputs = torch.cat([tower(strides)(digit_at(*place)) for place in places])
        assert len(torch.unique(outputs.round(decimals=9), dim=0)) == distinct


def test_c129_a_digit_that_is_cut_by_the_border_gives_another_output():
    inside, cut = tower((1, 1))(digit_at(9, 9)), tower((1, 1))(slide(digit_at(9, 9), (-12, 0)))
    assert (inside - cut).abs().max() > 1e-3


def test_c132_convolution_is_not_invariant_but_moves_along():
    picture = photo()
    assert not torch.allclose(circular(roll(picture, (2, 3))), circular(picture))
    assert torch.allclose(circular(roll(picture, (2, 3))), roll(circular(picture), (2, 3)), atol=1e-12)


def test_c133_equivariance_holds_on_a_circle_and_fails_with_zero_padding():
    assert shift_gap(circular, photo(), (5, -3)).abs().max() < 1e-12
    assert shift_gap(lambda v: F.conv2d(v, KERNEL, padding=1), photo(), (5, -3)).abs().max() > 0.01


def test_c134_turns_and_zooms_break_it():
    picture = photo("cat")
    layer = lambda v: F.conv2d(v, KERNEL, padding=1)
    assert quarter_turn_gap(layer, picture).abs().max() > 0.1
    # Without its mean a kernel measures change, and in an enlarged picture everything changes more slowly.
    edges = lambda v: F.conv2d(v, KERNEL - KERNEL.mean(), padding=1)
    assert move_gap(edges, picture, lambda v: enlarge(v, 1.5), margin=12) > 0.1


def test_c135_weights_do_not_depend_on_the_size_but_a_fixed_head_does():
    conv = nn.Conv2d(1, 8, 3)
    before = sum(p.numel() for p in conv.parameters())
    for size in ((9, 9), (50, 20)):
        conv(torch.zeros(1, 1, *size))
        assert sum(p.numel() for p in conv.parameters()) == before == 80
    with pytest.raises(RuntimeError):
        nn.Sequential(conv, nn.Flatten(), nn.Linear(8 * 49, 2))(torch.zeros(1, 1, 10, 10))


def test_c151_the_number_of_connections():
    assert connection_count(16, 16, 256, 4096) == 268_435_456 == 256 * 2**20
    assert connection_count(2, 3, 5, 7) == nn.Linear(30, 7).weight.numel()


def test_c152_a_full_size_kernel_gives_the_same_to_a_billionth():
    layer = nn.Linear(3 * 144, 7).double()
    kernel = torch.tensor(linear_as_kernel(layer.weight.detach().numpy(), 3, 12, 12))
    assert (F.conv2d(X, kernel, layer.bias)[:, :, 0, 0] - layer(X.flatten(1))).abs().max() < 1e-9


def test_c154_four_turns_are_invariant_and_one_filter_is_not():
    picture = photo("cat", 32).numpy()
    weight = KERNEL.numpy()
    strongest = [
        channel_max_pool(conv2d_im2col(np.rot90(picture, t, (2, 3)), rotated_bank(weight)), 4).values.max()
        for t in range(4)
    ]
    alone = [conv2d_im2col(np.rot90(picture, t, (2, 3)), weight).max() for t in range(4)]
    assert max(strongest) - min(strongest) < 1e-12
    assert max(alone) - min(alone) > 1e-3
    assert (
        band("05d_equivariance.turns", "maximum of four").minimum > band("05d_equivariance.turns", "one filter").maximum
    )


def test_c154_on_larger_digits_what_is_built_in_is_exact_and_what_is_learned_is_not():
    record = "05d_equivariance.mnist"
    assert band(record, "turned filters: same_answer").minimum == 1
    assert 0.5 < band(record, "free, turned in training: same_answer").median < 1
    assert band(record, "free filters: same_answer").maximum < 0.5
    # The price: who cannot notice a half turn mixes up 6 and 9.
    assert band(record, "turned filters: mixed_up").minimum > band(record, "free filters: mixed_up").maximum


# ---- equations ----------------------------------------------------------------------------------


def test_equation_67_move_then_filter_is_filter_then_move():
    for d in ((1, 0), (4, -9)):
        assert torch.allclose(circular(roll(photo(), d)), roll(circular(photo()), d), atol=1e-12)


@pytest.mark.parametrize("s", [2, 4])
def test_equation_68_strides(s):
    for d in ((1, 0), (-2, 3)):
        moved = circular(roll(photo(), (s * d[0], s * d[1])), s)
        assert torch.allclose(moved, roll(circular(photo(), s), d), atol=1e-12)
        shift = (s * d[0], s * d[1])
        assert shift_gap(lambda v: circular(v, s), photo(), shift, stride=s).abs().max() < 1e-12


def test_equation_71_a_row_of_weights_is_a_kernel():
    w = np.random.default_rng(0).normal(size=(4, 3 * 12 * 12))
    kernel, v = linear_as_kernel(w, 3, 12, 12), X[0].numpy()
    for k in range(4):
        assert w[k] @ v.reshape(-1) == pytest.approx((kernel[k] * v).sum())


def test_equation_72_softmax_at_every_pixel():
    z = X.numpy()
    p = pixel_softmax(z)
    for r, q in ((0, 0), (3, 7), (11, 11)):
        powers = np.exp(z[1, :, r, q])
        np.testing.assert_allclose(p[1, :, r, q], powers / powers.sum(), atol=1e-14)
        assert p[1, :, r, q].sum() == pytest.approx(1)
