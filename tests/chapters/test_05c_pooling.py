"""Chapter 05c: every system works, every claim is checked, every numbered equation is what the code does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.equivariance.shifts import (
    expected_unchanged,
    nearest_roll_gap,
    relative_change,
    roll,
    unchanged_fraction,
)
from course_utils.scratch.pooling.adaptive_pool import adaptive_average_pool, bins
from course_utils.scratch.pooling.average_pool import average_pool, averaging_kernel, subsample, sum_pool
from course_utils.scratch.pooling.blur_pool import binomial_kernel, max_blur_pool, weighted_pool
from course_utils.scratch.pooling.boureau import (
    POOLINGS,
    best_threshold_error,
    measured_separability,
    separability,
    simulate_pooled,
)
from course_utils.scratch.pooling.global_pool import global_average_pool, global_max_pool
from course_utils.scratch.pooling.halving import KINDS, halving_net
from course_utils.scratch.pooling.lp_pool import lp_pool, lp_pool_backward
from course_utils.scratch.pooling.max_by_relu import max_by_relu, max_pool_by_convolutions
from course_utils.scratch.pooling.max_pool import max_pool, max_pool_backward

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(2, 3, 12, 12, generator=DRAW, dtype=torch.float64)
KERNEL = torch.randn(1, 1, 3, 3, generator=DRAW, dtype=torch.float64)
NOISE = torch.rand(1, 1, 200, 200, generator=DRAW, dtype=torch.float64)


def photo(name="camera", side=64):
    return data.photo(name, side, gray=True)[None].double() / 255


def circular(v, stride=1):
    return F.conv2d(F.pad(v, (1, 1, 1, 1), mode="circular"), KERNEL, stride=stride)


# ---- systems ------------------------------------------------------------------------------------


def test_s139_max_pooling_forward_routing_and_identity():
    x = X.clone().requires_grad_()
    pooled = max_pool(X.numpy(), 2)
    out = F.max_pool2d(x, 2)
    np.testing.assert_array_equal(pooled.values, out.detach().numpy())
    pull = torch.randn(out.shape, generator=DRAW, dtype=torch.float64)
    out.backward(pull)
    np.testing.assert_allclose(max_pool_backward(pull.numpy(), pooled.winners, 12, 12), x.grad.numpy(), atol=1e-14)
    a, b = torch.randn(2, 1000, generator=DRAW, dtype=torch.float64)
    assert torch.allclose(max_by_relu(a, b), torch.maximum(a, b), rtol=0, atol=1e-14)


def test_s140_average_pooling_is_a_fixed_depthwise_strided_convolution():
    fixed = averaging_kernel(3, 2)
    assert (fixed == 0.25).all()
    np.testing.assert_allclose(
        average_pool(X.numpy(), 2), conv2d_im2col(X.numpy(), fixed, stride=2, groups=3), atol=1e-12
    )


@pytest.mark.parametrize(("k", "s"), [(2, 2), (3, 2), (3, 1)])
def test_s141_sum_pooling_is_average_times_area(k, s):
    np.testing.assert_allclose(sum_pool(X.numpy(), k, s), k * k * F.avg_pool2d(X, k, s).numpy(), atol=1e-12)


def test_s142_l2_pooling_and_its_gradient():
    x = X.clone().requires_grad_()
    out = F.lp_pool2d(x, 2.0, 3, 2)
    pull = torch.randn(out.shape, generator=DRAW, dtype=torch.float64)
    out.backward(pull)
    np.testing.assert_allclose(lp_pool(X.numpy(), 3, 2), out.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(lp_pool_backward(pull.numpy(), X.numpy(), 3, 2), x.grad.numpy(), atol=1e-12)


def test_s143_blur_pooling_is_a_fixed_convolution_and_calmer_than_the_maximum():
    bell = binomial_kernel(3)
    np.testing.assert_allclose(bell, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16)
    fixed = np.broadcast_to(bell, (3, 1, 3, 3)).copy()
    np.testing.assert_allclose(
        weighted_pool(X.numpy(), bell, 2), conv2d_im2col(X.numpy(), fixed, stride=2, groups=3), atol=1e-12
    )
    for name in ("camera", "coffee", "brick", "rocket"):
        edges = F.relu(circular(photo(name)))
        moved = roll(edges, (0, 1))
        sharp = relative_change(F.max_pool2d(edges, 2), F.max_pool2d(moved, 2))
        soft = relative_change(torch.tensor(max_blur_pool(edges.numpy())), torch.tensor(max_blur_pool(moved.numpy())))
        assert soft < sharp


def test_s143_the_trained_network_with_blur_keeps_more_answers():
    metrics = load_record("05c_pooling.race")["metrics"]
    for kind in ("max", "stride"):
        pairs = zip(metrics["max, then blur: same_answer"], metrics[f"{kind}: same_answer"])
        assert sum(soft > sharp for soft, sharp in pairs) > 0.75 * len(metrics[f"{kind}: same_answer"])


def test_s143_after_a_longer_training_blur_is_still_the_steadiest_and_the_average_has_caught_up():
    longer, short = (load_record(f"05c_pooling.{name}")["metrics"] for name in ("longer", "race"))
    soft = longer["max, then blur: same_answer"]
    for kind in KINDS[:-1]:
        assert all(a > b for a, b in zip(soft, longer[f"{kind}: same_answer"]))
    gap = {
        name: np.median(record["max: accuracy"]) - np.median(record["average: accuracy"])
        for name, record in (("longer", longer), ("short", short))
    }
    assert gap["longer"] < gap["short"] / 3


def test_s143_on_larger_digits_blur_is_steadier_in_the_median_and_not_with_every_seed():
    metrics = load_record("05c_pooling.mnist")["metrics"]
    soft = metrics["max, then blur: same_answer"]
    assert np.median(soft) > np.median(metrics["max: same_answer"])
    assert sum(a > b for a, b in zip(soft, metrics["max: same_answer"])) == 3  # of five: the page says so
    assert all(a > b for a, b in zip(soft, metrics["stride: same_answer"]))


def test_s144_global_pooling_ignores_every_roll_and_takes_every_size():
    maps = X.numpy()
    for shift in ((1, 0), (0, 5), (7, 11)):
        rolled = np.roll(maps, shift, axis=(2, 3))
        np.testing.assert_array_equal(global_max_pool(rolled).values, global_max_pool(maps).values)
        np.testing.assert_allclose(global_average_pool(rolled), global_average_pool(maps), atol=1e-14)
    for height, width in ((1, 1), (3, 12), (12, 5)):
        assert global_average_pool(maps[:, :, :height, :width]).shape == (2, 3)


def test_s145_adaptive_pooling_has_the_bins_of_the_library():
    for side in (13, 20, 41):
        x = torch.randn(1, 2, side, side, generator=DRAW, dtype=torch.float64)
        ours = adaptive_average_pool(x.numpy(), (6, 6))
        assert ours.shape == (1, 2, 6, 6)
        np.testing.assert_allclose(ours, F.adaptive_avg_pool2d(x, 6).numpy(), atol=1e-12)


def test_s146_overlapping_windows_sizes_values_and_accuracy():
    for side in (55, 27, 13):
        noise = torch.rand(1, 1, side, side, generator=DRAW)
        beside, over = F.max_pool2d(noise, 2), F.max_pool2d(noise, 3, 2)
        assert beside.shape == over.shape
        assert (over >= beside).all()
    race = load_record("05c_pooling.race")
    assert len(race["seeds"]) >= 20
    better = [a > b for a, b in zip(race["metrics"]["max overlapping: accuracy"], race["metrics"]["max: accuracy"])]
    assert sum(better) > len(better) / 2
    assert len({sum(p.numel() for p in halving_net(kind).parameters()) for kind in KINDS}) == 1


def test_s148_max_beats_average_where_features_are_sparse():
    def ahead(alpha_1, alpha_2, places):
        samples = {
            pooling: [simulate_pooled(a, places, 20_000, seed, pooling) for seed, a in enumerate((alpha_1, alpha_2))]
            for pooling in POOLINGS
        }
        return measured_separability(*samples["max"]) / measured_separability(*samples["average"])

    assert ahead(0.02, 0.001, 64) > 1.03
    assert ahead(0.1, 0.005, 64) < 0.9
    assert ahead(0.4, 0.2, 8) < 0.9


def test_s156_the_detector_is_not_negative_and_sparse():
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    maps = F.conv2d(photo(side=96), torch.stack([sobel, sobel.T])[:, None] / 4)
    detected = F.relu(maps - 0.1)
    assert (maps < 0).any()
    assert (detected >= 0).all()
    assert 0.7 < (detected == 0).double().mean() < 1
    assert (F.relu(maps) == 0).double().mean() > 0.3


# ---- claims -------------------------------------------------------------------------------------


def test_c123_strided_convolution_is_not_invariant():
    picture = photo("cat")
    size = circular(picture, 2).abs().max()
    for shift in ((0, 1), (1, 0), (1, 1)):
        assert nearest_roll_gap(lambda v: circular(v, 2), picture, shift)[0] > 0.05 * size
    assert nearest_roll_gap(lambda v: circular(v, 2), picture, (2, 4))[0] < 1e-12
    assert band("05c_pooling.race", "stride: same_answer").maximum < band("05c_pooling.race", "max: same_answer").median


def test_c124_average_pooling_is_depthwise_and_no_full_convolution():
    fixed = torch.tensor(averaging_kernel(3, 3))
    assert torch.allclose(F.conv2d(X, fixed, stride=3, groups=3), F.avg_pool2d(X, 3), atol=1e-12)
    assert not torch.allclose(F.conv2d(X, fixed.expand(3, 3, 3, 3), stride=3), F.avg_pool2d(X, 3))


def test_c125_the_maximum_is_not_additive():
    a, b = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 2))
    a[..., 0, 0], b[..., 0, 1] = 1, 1
    assert max_pool(a + b, 2).values.item() != max_pool(a, 2).values.item() + max_pool(b, 2).values.item()
    assert average_pool(a + b, 2).item() == average_pool(a, 2).item() + average_pool(b, 2).item()


def test_c126_two_levels_with_relu_are_max_pooling():
    assert torch.allclose(max_pool_by_convolutions(X), F.max_pool2d(X, 2), rtol=0, atol=1e-14)


def test_c127_pooling_has_no_parameters_but_subsampling_has():
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.AdaptiveMaxPool2d(3)):
        assert not list(layer.parameters())
    for channels, parameters in ((6, 12), (16, 32)):
        scale, bias = np.ones(channels), np.ones(channels)
        ones = np.ones((1, channels, 4, 4))
        np.testing.assert_array_equal(subsample(ones, 3 * scale, bias), np.full((1, channels, 2, 2), 4 * 3 + 1))
        assert scale.size + bias.size == parameters
        with pytest.raises(ValueError, match="scale must have shape"):
            subsample(np.zeros((1, channels, 4, 4)), scale[:-1], bias)


@pytest.mark.parametrize(("k", "s", "recalled"), [(2, 2, 0.31), (3, 1, 0.50)])
def test_c128_a_third_or_a_half_of_the_maxima_survive(k, s, recalled):
    before, after = F.max_pool2d(NOISE, k, s), F.max_pool2d(roll(NOISE, (0, 1)), k, s)
    assert unchanged_fraction(before, after) == pytest.approx(recalled, abs=0.05)
    assert unchanged_fraction(before, after) < 0.55


def test_c130_a_quarter_of_the_four():
    by_formula = (X[..., ::2, ::2] + X[..., 1::2, ::2] + X[..., ::2, 1::2] + X[..., 1::2, 1::2]) / 4
    assert torch.allclose(by_formula, F.avg_pool2d(X, 2), atol=1e-14)
    np.testing.assert_allclose(average_pool(X.numpy(), 2), by_formula.numpy(), atol=1e-14)


def test_c131_three_sizes_one_output():
    assert {adaptive_average_pool(np.zeros((1, 1, n, n)), (6, 6)).shape for n in (13, 20, 41)} == {(1, 1, 6, 6)}


def test_c146_the_filter_alone_is_linear_and_the_nonlinearity_decides():
    # The stage that the cited book calls the detector is the one that is not additive.
    a, b = X, torch.flip(X, (0,))
    weight = torch.randn(4, 3, 3, 3, generator=DRAW, dtype=torch.float64)
    assert torch.allclose(F.conv2d(a + b, weight), F.conv2d(a, weight) + F.conv2d(b, weight), atol=1e-12)
    assert not torch.allclose(F.relu(a + b), F.relu(a) + F.relu(b))


# ---- equations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "s"), [(2, 2), (3, 2), (3, 1)])
def test_equations_61_63_64_place_by_place(k, s):
    v = X.numpy()
    z_max, z_mean, z_norm = max_pool(v, k, s).values, average_pool(v, k, s), lp_pool(v, k, s, p=3)
    for c, i, j in np.ndindex(*z_max.shape[1:]):
        window = [v[0, c, s * i + u, s * j + w] for u in range(k) for w in range(k)]
        assert z_max[0, c, i, j] == max(window)
        assert z_mean[0, c, i, j] == pytest.approx(sum(window) / k**2)
        assert z_norm[0, c, i, j] == pytest.approx(sum(abs(x) ** 3 for x in window) ** (1 / 3))


def test_equation_62_each_gradient_goes_to_its_winner():
    v, g = X.numpy(), np.random.default_rng(0).normal(size=(2, 3, 10, 10))
    pooled = max_pool(v, 3, 1)
    routed = np.zeros_like(v)
    for n, c, i, j in np.ndindex(*g.shape):
        r, q = divmod(int(pooled.winners[n, c, i, j]), 12)
        assert v[n, c, r, q] == v[n, c, i : i + 3, j : j + 3].max()
        routed[n, c, r, q] += g[n, c, i, j]
    np.testing.assert_allclose(max_pool_backward(g, pooled.winners, 12, 12), routed, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_equation_64_slope(p):
    v = X[:1, :1, :2, :2].numpy()
    slope = lp_pool_backward(np.ones((1, 1, 1, 1)), v, 2, p=p)
    np.testing.assert_allclose(slope, np.sign(v) * (np.abs(v) / lp_pool(v, 2, p=p)) ** (p - 1), atol=1e-12)


def test_equation_65_max_by_relu():
    a, b = torch.randn(2, 1000, generator=DRAW, dtype=torch.float64)
    relu = lambda x: np.maximum(x.numpy(), 0)
    np.testing.assert_allclose(relu(b) - relu(-b) + relu(a - b), np.maximum(a.numpy(), b.numpy()), atol=1e-14)
    np.testing.assert_allclose(max_by_relu(a, b).numpy(), relu(b) - relu(-b) + relu(a - b), atol=1e-14)


@pytest.mark.parametrize(("k", "d"), [(2, 1), (3, 1), (3, 2), (4, 1), (5, 3)])
def test_equation_66_share_of_surviving_maxima(k, d):
    counted = unchanged_fraction(F.max_pool2d(NOISE, k, 1), F.max_pool2d(roll(NOISE, (0, d)), k, 1))
    assert expected_unchanged(k, d) == pytest.approx((k - d) / (k + d))
    assert counted == pytest.approx((k - d) / (k + d), abs=0.02)


def test_equation_69_bins():
    for n in range(1, 25):
        for m in range(1, 25):
            assert bins(n, m) == [(int(np.floor(i * n / m)), int(np.ceil((i + 1) * n / m - 1e-12))) for i in range(m)]


@pytest.mark.parametrize(("a1", "a2", "p"), [(0.02, 0.001, 64), (0.4, 0.2, 5), (0.3, 0.1, 1)])
def test_equation_70_separability(a1, a2, p):
    average = np.sqrt(p) * abs(a1 - a2) / (np.sqrt(a1 * (1 - a1)) + np.sqrt(a2 * (1 - a2)))
    q1, q2 = 1 - (1 - a1) ** p, 1 - (1 - a2) ** p
    largest = abs(q1 - q2) / (np.sqrt(q1 * (1 - q1)) + np.sqrt(q2 * (1 - q2)))
    assert separability(a1, a2, p, "average") == pytest.approx(average)
    assert separability(a1, a2, p, "max") == pytest.approx(largest)
    assert best_threshold_error(a1, a2, p, "average") <= best_threshold_error(a1, a2, p, "max")
