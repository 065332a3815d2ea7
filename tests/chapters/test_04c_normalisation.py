"""Chapter 04c: every system works, every claim is checked, every numbered equation is what the code does."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.initialisation.signal import (
    batch_norm_relu_growth,
    deep_weights,
    trace,
)
from course_utils.scratch.normalisation.batch_norm import (
    BatchNorm,
    batch_norm_backward,
    batch_norm_forward,
    normalise_each_position,
)
from course_utils.scratch.normalisation.local_contrast import local_contrast_norm, normalise_patches
from course_utils.scratch.normalisation.local_response import local_response_norm
from course_utils.scratch.normalisation.weight_norm import WeightNormLinear, weight_norm, weight_norm_backward
from tests.chapters.deep_runs import accuracy, descend, drawn


@pytest.fixture(scope="module")
def digits():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    mean, deviation = train.images.float().mean(), train.images.float().std()
    rows = [((part.images - mean) / deviation).flatten(1) for part in (train, test)]
    return rows[0], train.labels, rows[1], test.labels


# ---- normalisation: systems -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "library"),
    [((16, 5), nn.BatchNorm1d), ((8, 5, 4, 3), nn.BatchNorm2d)],
    ids=["s095_units", "s096_maps"],
)
def test_s095_s096_batch_norm_is_the_librarys_forward_backward_and_running(shape, library):
    ours, theirs = BatchNorm(5).double(), library(5).double()
    for seed in range(3):
        x, dy = 2 * drawn(*shape, seed=seed) + 1, drawn(*shape, seed=50 + seed)
        leaves = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [layer(leaf) for layer, leaf in zip((ours, theirs), leaves)]
        torch.testing.assert_close(*outputs)
        torch.testing.assert_close(*(torch.autograd.grad(y, leaf, dy)[0] for y, leaf in zip(outputs, leaves)))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_s096_per_position_statistics_differ():
    x = drawn(16, 3, 4, 4) + torch.arange(16.0).reshape(4, 4)
    shared, _ = batch_norm_forward(x, torch.ones(3).double(), torch.zeros(3).double())
    torch.testing.assert_close(shared, F.batch_norm(x, None, None, training=True))
    assert (normalise_each_position(x) - shared).abs().max() > 1


def test_s097_gamma_and_beta_can_undo_it():
    x = 3 * drawn(32, 4) + 5
    gamma, beta = torch.sqrt(x.var(dim=0, correction=0) + 1e-5), x.mean(dim=0)
    torch.testing.assert_close(batch_norm_forward(x, gamma, beta)[0], x)
    other = drawn(32, 4, seed=7)
    assert (batch_norm_forward(other, gamma, beta)[0] - other).abs().max() > 1


def test_s098_scaled_weights_give_the_same_output_and_a_divided_gradient():
    x, dy = drawn(32, 10), drawn(32, 6, seed=101)
    weights = [scale * drawn(6, 10, seed=3) for scale in (1.0, 5.0)]
    outputs, gradients = [], []
    for w in weights:
        y, cache = batch_norm_forward(x @ w.T, torch.ones(6).double(), torch.zeros(6).double(), epsilon=1e-12)
        outputs.append(y)
        gradients.append(batch_norm_backward(dy, cache)[0].T @ x)
    torch.testing.assert_close(*outputs, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(gradients[0], 5 * gradients[1], rtol=1e-7, atol=1e-9)
    assert (gradients[0] * weights[0]).sum(dim=1).abs().max() < 1e-7  # perpendicular to the weights


def test_s099_a_sample_depends_on_its_batch_in_training_only():
    torch.manual_seed(0)
    layer, x = BatchNorm(4).double(), drawn(1, 4)
    batches = [torch.cat([x, drawn(7, 4, seed=s)]) for s in range(5)]
    trained = torch.stack([layer(b)[0] for b in batches])
    layer.eval()
    fixed = torch.stack([layer(b)[0] for b in batches])
    assert trained.std(dim=0).min() > 0.05
    assert torch.equal(fixed, fixed[:1].expand_as(fixed))


def test_s100_every_tip_has_an_effect_with_twenty_seeds():
    metrics = load_record("04c_normalisation.tips")["metrics"]
    tips = [key.removeprefix("only ") for key in metrics if key.startswith("only ")]
    assert len(tips) == 6
    assert all(len(metrics[f"{kind} {tip}"]) == 20 for kind in ("only", "all but") for tip in tips)
    assert band("04c_normalisation.tips", "after").minimum > band("04c_normalisation.tips", "before").maximum
    for strong in ("higher rate", "no dropout"):
        assert min(metrics[f"only {strong}"] + metrics[f"all but {strong}"]) > 0
    assert max(metrics["only faster decay"]) < 0
    assert abs(np.median(metrics["only no LRN"])) < 0.01


def test_s101_weight_norm_is_the_librarys_perpendicular_and_needs_no_batch(digits):
    v, g, dw = drawn(6, 10), drawn(6, seed=101), drawn(6, 10, seed=102)
    torch.testing.assert_close(weight_norm(v, g), torch._weight_norm(v, g[:, None], 0))
    assert (weight_norm_backward(dw, v, g)[0] * v).sum(dim=1).abs().max() < 1e-12
    x, y, new_x, new_y = digits
    torch.manual_seed(0)
    model = nn.Sequential(WeightNormLinear(64, 64), nn.ReLU(), WeightNormLinear(64, 10))
    descend(model, x, y, steps=800, lr=0.02, batch=1)
    assert accuracy(model, new_x, new_y) > 0.85
    assert band("04c_normalisation.weight_norm", "accuracy").minimum > 0.85


def test_s102_the_lectures_lrn_is_the_librarys_with_alpha_times_n():
    x = 40 * drawn(2, 9, 3, 3)
    ours = local_response_norm(x, n=5, k=2, alpha=1e-4, beta=0.75)
    torch.testing.assert_close(ours, F.local_response_norm(x, 5, alpha=5 * 1e-4, beta=0.75, k=2))
    assert (ours - F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2)).abs().max() > 0.1


def test_s103_patches_are_standard_gain_and_offset_cancel_and_flat_is_no_nan():
    photo = data.photo("astronaut", size=48).double()[None] / 255
    patches = F.unfold(photo, 7).transpose(1, 2)[0]
    lively = patches[patches.var(dim=1, correction=0) > 1e-2]
    y = normalise_patches(lively, epsilon=1e-9)
    assert len(lively) > 500
    assert y.mean(dim=1).abs().max() < 1e-12
    torch.testing.assert_close(y.std(dim=1, correction=0), torch.ones(len(y), dtype=torch.float64), rtol=0, atol=1e-6)
    change = local_contrast_norm(3 * photo + 7, 7, epsilon=1e-12) - local_contrast_norm(photo, 7, epsilon=1e-12)
    assert change.abs().max() < 1e-3
    flat = torch.full((1, 3, 9, 9), 0.4).double()
    assert torch.equal(local_contrast_norm(flat), torch.zeros_like(flat))
    assert local_contrast_norm(flat, epsilon=0.0).isnan().any()


# ---- claims ---------------------------------------------------------------------------------------


def test_claim_c084_identity_needs_epsilon_and_that_batch():
    test_s097_gamma_and_beta_can_undo_it()
    x = 1e-2 * drawn(32, 4)
    forgotten = batch_norm_forward(x, x.std(dim=0, correction=0), x.mean(dim=0))[0]
    assert (forgotten - x).abs().max() > 1e-4


def test_claim_c085_the_running_variance_is_unbiased():
    layer = BatchNorm(1, momentum=1.0).double()
    x = drawn(4, 1)
    y = layer(x)
    torch.testing.assert_close(layer.running_var, x.var(dim=0, correction=1))
    torch.testing.assert_close(y, (x - x.mean()) / torch.sqrt(x.var(correction=0) + 1e-5))


def test_claim_c086_the_shape_stays():
    x = torch.empty(20_000, 1, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(0))
    y, _ = batch_norm_forward(x, torch.ones(1).double(), torch.zeros(1).double())
    assert (y**2).mean().item() == pytest.approx(1, abs=1e-3)
    assert (y**3).mean() > 1.5  # 0 for a Gaussian
    assert (y**4).mean() > 6  # 3 for a Gaussian


@pytest.mark.parametrize(("depth", "low", "high"), [(10, 2, 20), (30, 50, 1000), (50, 2000, 50_000)])
def test_claim_c087_gradients_grow_through_plain_batch_norm_nets(depth, low, high):
    t = trace(deep_weights(depth, 256, "he fan_in"), drawn(256, 256), "relu", batch_norm=True)
    assert low < t.gradient[1] / t.gradient[-1] < high


def test_claim_c088_batch_norm_forgives_starts_and_rates():
    median = {k: band("04c_normalisation.rates", k).median for k in load_record("04c_normalisation.rates")["metrics"]}
    assert sum(value > 0.6 for key, value in median.items() if key.startswith("plain")) == 2
    assert sum(value > 0.6 for key, value in median.items() if key.startswith("bn")) >= 7
    assert median["bn_1_1"] > 0.9 > 0.15 > median["plain_1_1"]


def test_claim_c089_direction_and_magnitude():
    test_s098_scaled_weights_give_the_same_output_and_a_divided_gradient()


def test_claim_c090_weight_norm_splits_but_does_not_standardise(digits):
    x = digits[0].double()
    direction, g = drawn(100, 64), torch.ones(100, dtype=torch.float64)
    torch.testing.assert_close(weight_norm(5 * direction, g), weight_norm(direction, g))  # the split
    out = x @ weight_norm(direction, g).T
    assert out.mean(dim=0).abs().max() > 1
    assert out.std(dim=0).max() > 1.5 * out.std(dim=0).min()
    torch.testing.assert_close(out[:1], x[:1] @ weight_norm(direction, g).T)  # no noise from the batch


def test_claim_c091_both_orders_train():
    found = [band("04c_normalisation.order", place) for place in ("before", "after")]
    assert min(b.minimum for b in found) > 0.9
    assert abs(found[0].median - found[1].median) < 0.02


def test_claim_c092_a_disturbed_distribution_trains_as_well():
    def get(key):
        return band("04c_normalisation.shift", key)

    assert get("disturbed_movement").minimum > 2 * get("bn_movement").maximum
    assert get("disturbed_accuracy_100").minimum > get("plain_accuracy_100").maximum
    assert abs(get("disturbed_accuracy_400").median - get("bn_accuracy_400").median) < 0.02


def test_claim_c093_faster_higher_steadier():
    def get(key):
        return band("04c_normalisation.shift", key)

    assert get("bn_accuracy_100").minimum > get("plain_accuracy_100").maximum
    assert get("bn_accuracy_400").median > get("plain_accuracy_400").median
    assert get("bn_movement").maximum < get("plain_movement").minimum
    assert len(load_record("04c_normalisation.sigmoids")["seeds"]) >= 5
    on_mnist = {key: np.array(values) for key, values in load_record("04c_normalisation.sigmoids")["metrics"].items()}
    assert (on_mnist["bn_0.1_500"] > on_mnist["plain_0.1_500"] + 0.1).all()
    assert np.median(on_mnist["bn_0.5_500"]) > np.median(on_mnist["plain_0.5_500"])  # a little, not on every seed
    assert (on_mnist["bn_0.5_2000"] < on_mnist["plain_0.5_2000"]).all()  # higher is not a law


def test_claim_c094_random_in_training_fixed_in_eval():
    test_s099_a_sample_depends_on_its_batch_in_training_only()


def test_claim_c095_the_scale_of_the_start_does_not_reach_the_output():
    x, w = drawn(64, 50), drawn(8, 50, seed=101)
    one, zero = torch.ones(8).double(), torch.zeros(8).double()
    by_deviation, by_variance = (batch_norm_forward(x @ (sd * w).T, one, zero, 1e-12)[0] for sd in (0.01, 0.1))
    torch.testing.assert_close(by_deviation, by_variance, rtol=1e-6, atol=1e-7)


def test_claim_c096_maps_share_statistics_per_channel():
    test_s096_per_position_statistics_differ()


def test_claim_c097_a_bias_before_it_is_cancelled():
    x, dy = drawn(16, 3), drawn(16, 3, seed=101)
    one, zero = torch.ones(3).double(), torch.zeros(3).double()
    y, cache = batch_norm_forward(x, one, zero)
    torch.testing.assert_close(batch_norm_forward(x + 7, one, zero)[0], y)
    assert batch_norm_backward(dy, cache)[0].sum(dim=0).abs().max() < 1e-12  # the bias' gradient


def test_claim_c098_skips_and_not_batch_norm_alone_carry_fifty_layers():
    weights, x = deep_weights(50, 256, "he fan_in"), drawn(256, 256)
    alone, skipped = (trace(weights, x, "relu", batch_norm=True, skip=s) for s in (False, True))
    assert alone.gradient[1] / alone.gradient[-1] > 2000
    assert skipped.gradient[1] / skipped.gradient[-1] < 30
    assert band("04c_normalisation.depth", "bn_50").minimum > band("04c_normalisation.depth", "skip_50").median
    assert band("04c_normalisation.depth", "bn_30").maximum < band("04b_signals.depth", "relu_30").median


def test_claim_c099_lrn_formula():
    test_s102_the_lectures_lrn_is_the_librarys_with_alpha_times_n()
    x = drawn(1, 7, 1, 1)
    bracket = 2 + 1e-4 * (x[0, 1:6, 0, 0] ** 2).sum()  # map 3 and two on each side, itself included
    assert local_response_norm(x)[0, 3, 0, 0].item() == pytest.approx((x[0, 3, 0, 0] * bracket**-0.75).item())


def test_claim_c100_with_the_lectures_constants_lrn_is_a_factor():
    x = drawn(4, 16, 6, 6)
    torch.testing.assert_close(local_response_norm(x), x * 2**-0.75, rtol=5e-3, atol=0)
    metrics = {key: np.array(values) for key, values in load_record("04c_normalisation.lrn")["metrics"].items()}
    effect = {lr: np.median(metrics[f"lecture_{lr}"] - metrics[f"none_{lr}"]) for lr in (0.02, 0.1)}
    assert effect[0.02] < -0.01 < 0.01 < effect[0.1]  # harms at one rate, helps at the other
    for lr in (0.02, 0.1):
        assert np.abs(metrics[f"lecture_{lr}"] - metrics[f"gain_{lr}"]).max() < 0.02


def test_claim_c104_the_number_of_examples_decides_about_dropout():
    metrics = {key: np.array(values) for key, values in load_record("04c_normalisation.dropout")["metrics"].items()}
    for kind in ("plain", "bn"):
        assert np.median(metrics[f"{kind}_100_gain"]) > 0 > np.median(metrics[f"{kind}_1297_gain"])
        assert len(metrics[f"{kind}_100_gain"]) == 20


# ---- equations ------------------------------------------------------------------------------------


def test_equation_4_48_batch_norm():
    x, gamma, beta = drawn(9, 1), 1.7, -0.3
    values = x[:, 0].tolist()
    mean = sum(values) / 9
    variance = sum((v - mean) ** 2 for v in values) / 9
    expected = [gamma * (v - mean) / math.sqrt(variance + 1e-5) + beta for v in values]
    y, _ = batch_norm_forward(x, torch.tensor([gamma]).double(), torch.tensor([beta]).double())
    assert y[:, 0].tolist() == pytest.approx(expected)


def test_equation_4_49_its_gradient():
    x, dy = drawn(9, 1), drawn(9, 1, seed=101)
    gamma, beta = torch.tensor([1.7]).double(), torch.tensor([0.2]).double()
    s = torch.sqrt(x.var(correction=0) + 1e-5)
    x_hat = (x - x.mean()) / s
    expected = gamma / s * (dy - dy.mean() - x_hat * (dy * x_hat).mean())
    dx, dgamma, dbeta = batch_norm_backward(dy, batch_norm_forward(x, gamma, beta)[1])
    torch.testing.assert_close(dx, expected)
    torch.testing.assert_close(dgamma, (dy * x_hat).sum(dim=0))
    torch.testing.assert_close(dbeta, dy.sum(dim=0))
    leaf = x.clone().requires_grad_()
    y = F.batch_norm(leaf, None, None, gamma, beta, training=True)
    torch.testing.assert_close(dx, torch.autograd.grad(y, leaf, dy)[0])


def test_equation_4_50_running_statistics():
    layer, x = BatchNorm(2, momentum=0.3).double(), drawn(5, 2) + 4
    layer(x)
    torch.testing.assert_close(layer.running_mean, 0.3 * x.mean(dim=0))
    torch.testing.assert_close(layer.running_var, 0.7 + 0.3 * 5 / 4 * x.var(dim=0, correction=0))


def test_equation_4_51_scale_invariance():
    test_s098_scaled_weights_give_the_same_output_and_a_divided_gradient()


def test_equation_4_52_growth_of_the_gradient():
    assert batch_norm_relu_growth() == pytest.approx(math.sqrt(0.5 / (0.5 - 1 / (2 * math.pi))))
    t = trace(deep_weights(30, 384, "gaussian 0.1"), drawn(192, 384), "relu", batch_norm=True)  # whatever the weights
    assert (t.gradient[1] / t.gradient[-1]).item() ** (1 / 29) == pytest.approx(batch_norm_relu_growth(), rel=0.02)


def test_equation_4_53_weight_norm():
    v, g = drawn(3, 4), torch.tensor([2.0, -1.0, 0.5]).double()
    for j in range(3):
        torch.testing.assert_close(weight_norm(v, g)[j], g[j] / v[j].norm() * v[j])


def test_equation_4_54_its_gradient():
    v, g, dw = drawn(3, 4), drawn(3, seed=101), drawn(3, 4, seed=102)
    dv, dg = weight_norm_backward(dw, v, g)
    for j in range(3):
        u = v[j] / v[j].norm()
        assert dg[j].item() == pytest.approx((u @ dw[j]).item())
        torch.testing.assert_close(dv[j], g[j] / v[j].norm() * (dw[j] - (u @ dw[j]) * u))


def test_equation_4_55_local_response():
    test_claim_c099_lrn_formula()


def test_equation_4_56_local_contrast():
    x = drawn(1, 2, 7, 7)
    patch = x[0, :, 1:6, 2:7]
    expected = (x[0, 1, 3, 4] - patch.mean()) / torch.sqrt(patch.var(correction=0) + 1e-3)
    assert local_contrast_norm(x, 5, epsilon=1e-3)[0, 1, 3, 4].item() == pytest.approx(expected.item())
