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
    clip_by_norm,
    deep_weights,
    trace,
    variance_factor,
)
from tests.chapters.deep_runs import accuracy, descend, drawn, mlp, scale_after, seeded


@pytest.fixture(scope="module")
def digits():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    mean, deviation = train.images.float().mean(), train.images.float().std()
    rows = [((part.images - mean) / deviation).flatten(1) for part in (train, test)]
    return rows[0], train.labels, rows[1], test.labels


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


def test_claim_c082_he_alone_trains_at_ten_layers_not_at_fifty_and_not_for_want_of_scale():
    loss = {(k, d): band("04b_signals.depth", f"{k}_{d}") for k in ("relu", "tanh") for d in (10, 20, 30, 50)}
    assert all(found.count == 20 for found in loss.values())
    assert loss["relu", 10].maximum < 1 < loss["relu", 20].median < 1.5
    assert loss["relu", 20].maximum < loss["relu", 30].minimum
    assert loss["relu", 50].minimum > 1.9
    assert 0.3 < scale_after("he fan_in", "relu", depth=50)[0] < 3  # it is not the scale
    assert scale_after("xavier", "tanh", depth=50)[0] < 0.5  # tanh has a worse one, and trains
    assert loss["tanh", 30].maximum < 1
    assert loss["tanh", 50].median < 1.5
    cosine = {}
    for kind, rule in (("relu", "he fan_in"), ("tanh", "xavier")):
        last = trace(deep_weights(50, 256, rule), drawn(100, 256) + 1, kind).outputs[-1]
        rows = F.normalize(last - (0 if kind == "relu" else last.mean()), dim=1)
        cosine[kind] = ((rows @ rows.T).sum() - 100).item() / 9900
    assert cosine["relu"] > 0.95 > 0.8 > cosine["tanh"]
    record = load_record("04b_signals.mnist_depth")["metrics"]
    assert min(record["he fan_in_20"]) > max(record["he fan_in_50"])
    assert max(record["xavier_30"]) < 0.3 < 0.8 < min(record["he fan_in_30"])


def test_claim_c083_products_of_weights_and_slopes():
    for scale, low, high in ((0.8, 0, 1e-2), (1.0, 0.3, 3), (1.3, 1e2, math.inf)):
        t = trace(deep_weights(30, 256, "he fan_in", scale=scale), drawn(128, 256), "relu")
        assert low < t.gradient[0] / t.gradient[-1] < high
    slopes = trace(deep_weights(30, 256, "he fan_in"), drawn(128, 256), "sigmoid")  # right weights, wrong slopes
    assert slopes.gradient[0] / slopes.gradient[-1] < 1e-10


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
