"""Chapter 04b: every system works, every claim is checked, every numbered equation is what the code does."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.initialisation.schemes import SCHEMES, draw, fans, initialise, standard_deviation
from course_utils.scratch.initialisation.signal import (
    batch_norm_relu_growth,
    clip_by_norm,
    deep_weights,
    trace,
    variance_factor,
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


def drawn(*shape, seed=100):
    """Seeds from 100 on: the weights use the small ones, and equal seeds give equal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def digits():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    mean, deviation = train.images.float().mean(), train.images.float().std()
    rows = [((part.images - mean) / deviation).flatten(1) for part in (train, test)]
    return rows[0], train.labels, rows[1], test.labels


def descend(model, x, y, steps, lr, clip=None, batch=64, seed=0):
    """Gradient descent with our own clipping; returns the losses up to the first that is no number."""
    order, losses = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=order)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            return losses
        parameters = list(model.parameters())
        gradients = list(torch.autograd.grad(loss, parameters))
        if clip:
            gradients, _ = clip_by_norm(gradients, clip)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter -= lr * gradient
    return losses


def mlp(depth, width, norm=None):
    layers, inputs = [], 64
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), *([norm(width)] if norm else []), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def seeded(model, scheme="he fan_in", scale=1.0):
    return initialise(model, scheme, scale=scale, generator=torch.Generator().manual_seed(0))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def scale_after(scheme, activation, depth=30, width=256, seed=0):
    """RMS of the activations after ``depth`` layers, and of the gradient that arrives at the input; 1 at the start."""
    t = trace(deep_weights(depth, width, scheme, seed=seed), drawn(128, width), activation)
    return (t.activation[-1] / t.activation[0]).item(), (t.gradient[0] / t.gradient[-1]).item()


# ---- initialisation: systems ----------------------------------------------------------------------


def test_s087_zero_weights_have_no_gradient_and_never_leave_chance(digits):
    x, y, new_x, new_y = digits
    model = initialise(mlp(2, 32), "zero")
    F.cross_entropy(model(x), y).backward()
    largest = {name: p.grad.abs().max().item() for name, p in model.named_parameters()}
    assert [name for name, size in largest.items() if size > 0] == ["4.bias"]
    descend(model, x, y, steps=200, lr=0.5)
    assert accuracy(model, new_x, new_y) < 0.12
    trained = seeded(mlp(2, 32))  # the same steps from another start
    descend(trained, x, y, steps=200, lr=0.5)
    assert accuracy(trained, new_x, new_y) > 0.9


def test_s088_two_fixed_deviations_collapse_and_grow():
    small, small_back = scale_after("gaussian 0.01", "relu")
    large, large_back = scale_after("gaussian 0.1", "relu")
    assert max(small, small_back) < 1e-25
    assert 5 < min(large, large_back) < max(large, large_back) < 500


def test_s089_too_large_weights_grow_geometrically_or_saturate():
    t = trace(deep_weights(30, 256, "gaussian 1"), drawn(128, 256), "relu")
    factors = t.activation[1:] / t.activation[:-1]
    assert factors.min() > 8  # sqrt(256 / 2) = 11.3 in every layer
    assert factors.max() < 16
    saturated = trace(deep_weights(30, 256, "gaussian 1"), drawn(128, 256), "tanh").outputs[10]
    assert (saturated.abs() > 0.99).double().mean() > 0.8


def test_s090_xavier_holds_linear_and_nearly_tanh_but_not_relu():
    assert all(0.5 < size < 2 for size in scale_after("xavier", "linear"))
    forward, back = scale_after("xavier", "tanh")
    assert 0.05 < forward < 1
    assert 0.1 < back < 1.5
    assert max(scale_after("xavier", "relu")) < 1e-3


def test_s091_one_over_root_fan_in_as_deviation_and_as_variance():
    assert all(0.5 < size < 2 for size in scale_after("sd 1/sqrt(fan_in)", "linear"))
    assert scale_after("sd 1/sqrt(fan_in)", "relu")[0] < 1e-3
    assert scale_after("variance 1/sqrt(fan_in)", "linear")[0] > 1e10


def test_s092_he_holds_relu_and_the_two_forms_take_sides_in_a_funnel():
    assert all(0.3 < size < 3 for size in scale_after("he fan_in", "relu"))
    sizes = (1024, 256, 64)
    for scheme, kept, changed in (("he fan_in", "activation", "gradient"), ("he fan_out", "gradient", "activation")):
        generator = torch.Generator().manual_seed(0)
        funnel = [draw((b, a), scheme, generator=generator, dtype=torch.float64) for a, b in pairwise(sizes)]
        t = trace(funnel, drawn(512, 1024), "relu")
        ratio = {
            "activation": (t.activation[-1] / t.activation[0]).item() ** 2,
            "gradient": (t.gradient[0] / t.gradient[-1]).item() ** 2,
        }
        assert ratio[kept] == pytest.approx(1, rel=0.25)
        assert ratio[changed] == pytest.approx(16 if changed == "activation" else 1 / 16, rel=0.25)


@pytest.mark.parametrize(("activation", "scheme"), [("sigmoid", "he fan_in"), ("relu", "gaussian 0.01")])
def test_s093_gradients_vanish_geometrically(activation, scheme):
    t = trace(deep_weights(30, 256, scheme), drawn(128, 256), activation)
    steps = torch.log(t.gradient[2:] / t.gradient[1:-1])
    assert t.gradient[1] / t.gradient[-1] < 1e-12
    assert steps.std() < 0.2 * steps.mean()  # the same factor in every layer


def test_s094_gradients_explode_and_clipping_rescues_the_run(digits):
    t = trace(deep_weights(30, 256, "he fan_in", scale=1.5), drawn(128, 256), "relu")
    steps = torch.log(t.gradient[2:] / t.gradient[1:-1])
    assert t.gradient[1] / t.gradient[-1] > 1e4
    assert steps.std() < 0.3 * -steps.mean()
    x, y, new_x, new_y = digits
    lost = descend(seeded(mlp(20, 64), scale=1.2), x, y, steps=50, lr=0.1)
    assert not math.isfinite(lost[-1])
    model = seeded(mlp(20, 64), scale=1.2)
    kept = descend(model, x, y, steps=200, lr=0.1, clip=1.0)
    assert len(kept) == 200
    assert accuracy(model, new_x, new_y) > 0.4
    assert band("04b_signals.clipping", "accuracy").minimum > 0.5
    assert band("04b_signals.clipping", "steps_survived").maximum < 10


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
    metrics = load_record("04b_signals.tips")["metrics"]
    tips = [key.removeprefix("only ") for key in metrics if key.startswith("only ")]
    assert len(tips) == 6
    assert all(len(metrics[f"{kind} {tip}"]) == 20 for kind in ("only", "all but") for tip in tips)
    assert band("04b_signals.tips", "after").minimum > band("04b_signals.tips", "before").maximum
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
    assert band("04b_signals.weight_norm", "accuracy").minimum > 0.85


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


def test_claim_c073_small_shrinks_large_blows_up():
    assert scale_after("gaussian 0.01", "relu")[0] < 1e-25
    assert scale_after("gaussian 0.1", "relu")[0] > 5
    single = trace(deep_weights(50, 256, "gaussian 0.01", dtype=torch.float32), drawn(32, 256).float(), "relu")
    assert single.activation[-1] == 0


def test_claim_c074_zero_is_fine_for_biases_only(digits):
    test_s087_zero_weights_have_no_gradient_and_never_leave_chance(digits)


def test_claim_c075_outputs_keep_the_gradient_not_the_activations():
    funnel = [draw((64, 1024), "he fan_out", generator=torch.Generator().manual_seed(0), dtype=torch.float64)]
    t = trace(funnel, drawn(512, 1024), "relu")
    assert (t.gradient[0] / t.gradient[1]).item() ** 2 == pytest.approx(1, rel=0.1)
    assert (t.activation[1] / t.activation[0]).item() ** 2 == pytest.approx(16, rel=0.1)


def test_claim_c076_he_is_two_over_fan_in():
    assert standard_deviation("he fan_in", (30, 50)) ** 2 == pytest.approx(2 / 50)
    assert 0.3 < scale_after("he fan_in", "relu")[0] < 3


def test_claim_c077_xavier_is_two_over_the_sum():
    assert standard_deviation("xavier", (30, 50)) ** 2 == pytest.approx(2 / 80)
    assert scale_after("xavier", "relu")[0] < 1e-3 < 0.5 < scale_after("xavier", "linear")[0]


def test_claim_c078_one_over_root_fan_in_is_a_deviation_for_activations():
    assert scale_after("variance 1/sqrt(fan_in)", "linear")[0] > 1e10
    narrow = [draw((64, 1024), "sd 1/sqrt(fan_in)", generator=torch.Generator().manual_seed(0), dtype=torch.float64)]
    t = trace(narrow, drawn(512, 1024), "linear")
    assert (t.activation[1] / t.activation[0]).item() == pytest.approx(1, rel=0.05)
    assert (t.gradient[0] / t.gradient[1]).item() < 0.3  # the gradient is not preserved
    assert standard_deviation("sd 1/sqrt(fan_in)", (64, 1024)) != standard_deviation("xavier", (64, 1024))


def test_claim_c079_convolution_fan_in():
    assert fans((16, 3, 5, 5))[0] == 3 * 5 * 5 == nn.init._calculate_fan_in_and_fan_out(torch.ones(16, 3, 5, 5))[0]


def test_claim_c080_the_two_readings_differ_tenfold_in_each_layer():
    fan_in = [363, 1200, 2304, 1728, 1728, 9216, 4096, 4096]
    product = {sd: math.prod(sd * math.sqrt(n / 2) for n in fan_in) for sd in (0.01, 0.1)}
    assert product[0.1] / product[0.01] == pytest.approx(1e8)
    assert product[0.01] < 1e-3 < 1e3 < product[0.1]


def test_claim_c081_deep_nets_with_small_fixed_variance_vanish():
    t = trace(deep_weights(30, 256, "gaussian 0.01"), drawn(128, 256), "relu")
    assert t.gradient[0] / t.gradient[-1] < 1e-25
    # Length of the weights' own gradients, at a loss of usual size: they underflow in the square.
    assert t.weight_gradient.max() < 1e-20


def test_claim_c082_he_without_batch_norm_trains_at_ten_layers_not_at_fifty():
    losses = {depth: band("04b_signals.depth", f"plain_{depth}") for depth in (10, 30, 50)}
    assert losses[10].maximum < 1
    assert losses[10].maximum < losses[30].minimum
    assert losses[50].minimum > 1.9
    assert 0.3 < scale_after("he fan_in", "relu", depth=50)[0] < 3  # and it is not the scale


def test_claim_c083_products_of_weights_and_slopes():
    for scale, low, high in ((0.8, 0, 1e-2), (1.0, 0.3, 3), (1.3, 1e2, math.inf)):
        t = trace(deep_weights(30, 256, "he fan_in", scale=scale), drawn(128, 256), "relu")
        assert low < t.gradient[0] / t.gradient[-1] < high
    slopes = trace(deep_weights(30, 256, "he fan_in"), drawn(128, 256), "sigmoid")  # right weights, wrong slopes
    assert slopes.gradient[0] / slopes.gradient[-1] < 1e-10


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
    median = {k: band("04b_signals.rates", k).median for k in load_record("04b_signals.rates")["metrics"]}
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
    found = [band("04b_signals.order", place) for place in ("before", "after")]
    assert min(b.minimum for b in found) > 0.9
    assert abs(found[0].median - found[1].median) < 0.02


def test_claim_c092_a_disturbed_distribution_trains_as_well():
    def get(key):
        return band("04b_signals.shift", key)

    assert get("disturbed_movement").minimum > 2 * get("bn_movement").maximum
    assert get("disturbed_accuracy_100").minimum > get("plain_accuracy_100").maximum
    assert abs(get("disturbed_accuracy_400").median - get("bn_accuracy_400").median) < 0.02


def test_claim_c093_faster_higher_steadier():
    def get(key):
        return band("04b_signals.shift", key)

    assert get("bn_accuracy_100").minimum > get("plain_accuracy_100").maximum
    assert get("bn_accuracy_400").median > get("plain_accuracy_400").median
    assert get("bn_movement").maximum < get("plain_movement").minimum
    on_mnist = {key: np.array(values) for key, values in load_record("04b_signals.sigmoids")["metrics"].items()}
    assert (on_mnist["bn_0.1_500"] > on_mnist["plain_0.1_500"] + 0.1).all()
    assert (on_mnist["bn_0.5_500"] > on_mnist["plain_0.5_500"]).all()
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
    assert band("04b_signals.depth", "bn_50").minimum > band("04b_signals.depth", "skip_50").median


def test_claim_c099_lrn_formula():
    test_s102_the_lectures_lrn_is_the_librarys_with_alpha_times_n()
    x = drawn(1, 7, 1, 1)
    bracket = 2 + 1e-4 * (x[0, 1:6, 0, 0] ** 2).sum()  # map 3 and two on each side, itself included
    assert local_response_norm(x)[0, 3, 0, 0].item() == pytest.approx((x[0, 3, 0, 0] * bracket**-0.75).item())


def test_claim_c100_with_the_lectures_constants_lrn_is_a_factor():
    x = drawn(4, 16, 6, 6)
    torch.testing.assert_close(local_response_norm(x), x * 2**-0.75, rtol=5e-3, atol=0)
    metrics = {key: np.array(values) for key, values in load_record("04b_signals.lrn")["metrics"].items()}
    effect = {lr: np.median(metrics[f"lecture_{lr}"] - metrics[f"none_{lr}"]) for lr in (0.02, 0.1)}
    assert effect[0.02] < -0.01 < 0.01 < effect[0.1]  # harms at one rate, helps at the other
    for lr in (0.02, 0.1):
        assert np.abs(metrics[f"lecture_{lr}"] - metrics[f"gain_{lr}"]).max() < 0.02


def test_claim_c104_the_number_of_examples_decides_about_dropout():
    metrics = {key: np.array(values) for key, values in load_record("04b_signals.dropout")["metrics"].items()}
    for kind in ("plain", "bn"):
        assert np.median(metrics[f"{kind}_100_gain"]) > 0 > np.median(metrics[f"{kind}_1297_gain"])
        assert len(metrics[f"{kind}_100_gain"]) == 20


# ---- equations ------------------------------------------------------------------------------------


def test_equation_4_41_variance_of_a_sum():
    x = drawn(1, 40).abs() + 1  # far from mean 0: the mean square counts, not the variance
    w = 0.3 * drawn(200_000, 40, seed=101)
    a = w @ x[0]
    assert a.var().item() == pytest.approx(variance_factor(40, 0.09) * (x**2).mean().item(), rel=0.02)
    assert a.mean().abs() < 0.02 * a.std()


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "coin"])
def test_equation_4_42_relu_keeps_half(kind):
    rng = np.random.default_rng(0)
    a = {
        "gaussian": rng.normal(size=400_000),
        "uniform": rng.uniform(-2, 2, 400_000),
        "coin": rng.choice([-3.0, 3.0], 400_000),
    }[kind]
    assert (np.maximum(a, 0) ** 2).mean() == pytest.approx(0.5 * a.var(), rel=0.02)


def test_equation_4_43_he():
    variance = standard_deviation("he fan_in", (10, 70)) ** 2
    assert variance_factor(70, variance, halved=True) == pytest.approx(1)


def test_equation_4_44_variance_on_the_way_back():
    g = drawn(1, 30) + 2
    w = 0.2 * drawn(30, 200_000, seed=101)
    delta = g[0] @ w
    assert delta.var().item() == pytest.approx(variance_factor(30, 0.04) * (g**2).mean().item(), rel=0.02)


def test_equation_4_45_xavier():
    fan_in, fan_out = 48, 20
    variance = SCHEMES["xavier"](fan_in, fan_out) ** 2
    assert variance_factor(fan_in, variance) + variance_factor(fan_out, variance) == pytest.approx(2)


def test_equation_4_46_the_gradient_is_a_product_of_matrices():
    weights, x, delta = deep_weights(4, 7, "he fan_in", seed=1), drawn(1, 7), drawn(1, 7, seed=101)
    t = trace(weights, x, "relu", delta=delta)
    product = torch.eye(7, dtype=torch.float64)
    for weight, inputs in zip(weights, t.outputs):
        slopes = torch.diag((inputs[0] @ weight.T > 0).double())
        product = product @ weight.T @ slopes
    assert (product @ delta[0]).square().mean().sqrt().item() == pytest.approx(t.gradient[0].item())


def test_equation_4_47_clipping():
    g = drawn(10)
    (long,), norm = clip_by_norm([g], 0.5)
    assert norm == pytest.approx(g.norm().item())
    torch.testing.assert_close(long, g * 0.5 / g.norm())
    torch.testing.assert_close(clip_by_norm([g], 100.0)[0][0], g)


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
