"""Chapter 04d: every system works, every claim is checked, every numbered equation is what the code does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.optimisation.adam import Adam
from course_utils.scratch.optimisation.gradient_descent import (
    closed_form,
    hessian,
)
from course_utils.scratch.regularisation.co_adaptation import knockout_damage, mean_absolute_correlation
from course_utils.scratch.regularisation.dropout import (
    all_masks,
    draw_mask,
    dropout,
    dropout_loss,
    fit_dropout_regression,
    geometric_mean,
    mask_probability,
    random_layers,
    scaled_prediction,
    thinned_predictions,
)
from course_utils.scratch.regularisation.label_smoothing import (
    lecture_formula,
    smoothed_cross_entropy,
)
from course_utils.scratch.regularisation.monte_carlo_dropout import (
    auroc,
    disagreement,
    predictive_entropy,
    stochastic_predictions,
)
from course_utils.scratch.regularisation.penalties import (
    fit_softmax,
    penalised_loss,
    proximal_step,
    soft_threshold,
    step_with_decay,
    step_with_penalty,
)
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side


@pytest.fixture(scope="module")
def waves():
    """Sixteen waves at sixteen places of a row of a photograph, and the grey values measured there with noise."""
    row = data.photo("camera", size=96, gray=True)[0, 50].double().numpy()
    row = (row - row.mean()) / row.std()
    draw = np.random.default_rng(0)
    at = draw.choice(96, 16, replace=False)
    phase = np.outer((at + 0.5) / 96, np.arange(16))
    return np.cos(np.pi * phase), row[at] + 0.3 * draw.normal(size=16)


@pytest.fixture(scope="module")
def digits():
    def flat(split):
        found = data.load("digits", split)
        return found.images.reshape(len(found), -1).float() / 255, found.labels

    return *flat("train"), *flat("test")


@pytest.fixture(scope="module")
def stack(digits):
    """Networks that differ in their regulariser only, trained on 200 digits."""
    x, y, _, _ = digits
    few = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:200]
    candidates = {
        "none": Regulariser(),
        "dropout": Regulariser(dropout=0.5),
        "weak": Regulariser(l2=0.001),
        "strong": Regulariser(l2=0.01),
        "smooth": Regulariser(smoothing=0.1),
    }
    return few, train_side_by_side(x[few], y[few], candidates, hidden=(64, 64), steps=250, seed=0)


def ends_of(rule, gradients, start):
    w = start
    for g in gradients:
        w = rule.step(w, g)
    return w


def torch_ends(make, gradients, start):
    w = torch.tensor(start, requires_grad=True)
    optimiser = make([w])
    for g in gradients:
        w.grad = torch.tensor(g)
        optimiser.step()
    return w.detach().numpy()


# ---- systems ------------------------------------------------------------------------------------


def test_s075_decay_and_penalty_coincide_for_sgd_and_differ_for_adam(stack):
    gradients = np.random.default_rng(0).normal(size=(200, 2)) * [0.1, 10.0]
    a = b = np.ones(2)
    for g in gradients:
        a, b = step_with_penalty(a, g, 1e-3, 0.5), step_with_decay(b, g, 1e-3, 0.5)
    np.testing.assert_allclose(a, b, rtol=1e-12)
    coupled = ends_of(Adam(1e-3, weight_decay=0.5), gradients, np.ones(2))
    decoupled = ends_of(Adam(1e-3, weight_decay=0.5, decay="decoupled"), gradients, np.ones(2))
    assert np.abs(coupled - decoupled).max() > 0.01
    none, _, weak, strong, _ = stack[1].norms().tolist()
    assert strong < weak < none


def test_s076_l1_gives_exact_zeros_at_equal_accuracy(digits):
    x, y, test_x, test_y = (part.numpy() for part in digits)
    zeros, right = {}, {}
    for penalty, strength in (("l1", 0.001), ("l2", 0.01), ("l1_subgradient", 0.001)):
        weight, bias, _ = fit_softmax(x[:600].astype(float), y[:600], 10, strength, penalty, lr=1.0, steps=150)
        zeros[penalty] = (weight[:, x[:600].std(axis=0) > 0] == 0).mean()
        right[penalty] = ((test_x @ weight.T + bias).argmax(axis=1) == test_y).mean()
    assert zeros["l1"] > 0.3
    assert zeros["l2"] == 0
    assert zeros["l1_subgradient"] < 0.02
    assert abs(right["l1"] - right["l2"]) < 0.03
    record = load_record("04d_regularisation.sparse")["metrics"]
    assert len(record["l1_zeros"]) == 20
    assert min(record["l1_zeros"]) > 0.3
    assert max(record["l2_zeros"]) == 0
    assert abs(np.median(record["l1_accuracy"]) - np.median(record["l2_accuracy"])) < 0.015


def test_s077_masks_expectation_and_gap(digits, stack):
    mask = draw_mask((2000, 500), 0.3, np.random.default_rng(0))
    assert 1 - mask.mean() == pytest.approx(0.3, abs=0.003)
    h = np.linspace(-1, 3, 500)
    np.testing.assert_allclose(dropout(h, mask, 0.3).mean(axis=0), h, atol=0.25)
    few, nets = stack
    train, _ = nets.scores(digits[0][few], digits[1][few])
    test, _ = nets.scores(digits[2], digits[3])
    gap = test - train
    assert gap[1] < gap[0]
    record = load_record("04d_regularisation.regularisers")["metrics"]
    assert np.mean(np.array(record["half_gap"]) < np.array(record["none_gap"])) >= 0.9


def test_s078_one_layer_exact_two_layers_not():
    rng = np.random.default_rng(0)
    one, two, x = random_layers([5, 10, 4], rng, 2.0), random_layers([5, 5, 5, 4], rng, 2.0), rng.normal(size=5)
    answers, chance = thinned_predictions(x, one)
    assert len(answers) == 2**10
    assert np.abs(geometric_mean(answers, chance)[0] - scaled_prediction(x, one)).max() < 1e-12
    assert np.abs(geometric_mean(*thinned_predictions(x, two))[0] - scaled_prediction(x, two)).max() > 1e-3


def test_s079_sampling_approaches_the_enumeration_at_the_monte_carlo_rate():
    rng = np.random.default_rng(0)
    answers, chance = thinned_predictions(rng.normal(size=5), random_layers([5, 8, 3], rng, 2.0))
    exact, counts, error = chance @ answers, [4, 32, 256, 2048], []
    for count in counts:
        means = answers[rng.choice(len(answers), size=(300, count), p=chance)].mean(axis=1)
        error.append(np.sqrt(((means - exact) ** 2).sum(axis=1).mean()))
    assert np.polyfit(np.log(counts), np.log(error), 1)[0] == pytest.approx(-0.5, abs=0.05)
    drawn = np.exp(np.log(answers[rng.choice(len(answers), size=(50, 4096), p=chance)]).mean(axis=1))
    sampled = drawn / drawn.sum(axis=1, keepdims=True)  # the lecture's option 1
    assert np.abs(sampled - geometric_mean(answers, chance)[0]).max() < 0.05


def test_s080_units_lean_less_on_each_other(digits, stack):
    nets = stack[1]
    seen = {}
    for i, name in enumerate(("none", "dropout")):
        units = nets.hidden(digits[2])[i].detach().double().numpy()
        weight = nets.weights[-1][i].detach().double().numpy().T
        bias = nets.biases[-1][i, 0].detach().double().numpy()
        damage = knockout_damage(units, weight, bias, digits[3].numpy()).max()
        seen[name] = mean_absolute_correlation(units), damage
    assert seen["dropout"][0] < seen["none"][0]
    assert seen["dropout"][1] < seen["none"][1]
    for metric in ("correlation", "damage"):
        rec = "04d_regularisation.regularisers"
        assert band(rec, f"half_{metric}").maximum < band(rec, f"none_{metric}").median


def test_s081_doubt_is_larger_on_strangers(digits):
    x, y, test_x, _ = digits
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    adam = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(250):
        index = torch.randint(len(x), (50,))
        adam.zero_grad()
        F.cross_entropy(net(x[index]), y[index]).backward()
        adam.step()
    own = predictive_entropy(stochastic_predictions(net, test_x, 20))
    noise = predictive_entropy(stochastic_predictions(net, torch.rand(300, 64), 20))
    assert auroc(own, noise) > 0.7
    record = load_record("04d_regularisation.doubt")["metrics"]
    for kind in ("letters", "photographs", "noise"):
        assert min(record[kind]) > 0.7, kind
    assert np.median(record["turned"]) < 0.7  # the one that fools it


def test_s082_smoothing_is_the_librarys_and_lowers_confidence(digits, stack):
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    library = F.cross_entropy(torch.tensor(scores), torch.tensor(y), label_smoothing=0.1).item()
    assert smoothed_cross_entropy(scores, y, 0.1) == pytest.approx(library, rel=1e-12)
    top = stack[1].logits(digits[2]).softmax(dim=-1).amax(dim=-1).mean(dim=1)
    assert top[4] < top[0] - 0.05
    rec = "04d_regularisation.regularisers"
    assert band(rec, "smooth_confidence").maximum < band(rec, "plain_confidence").minimum


# ---- claims -------------------------------------------------------------------------------------


def test_c060_the_sum_has_n_terms():
    errors = np.array([1.0, 2.0, 3.0])
    assert len(range(0, len(errors) + 1)) == len(errors) + 1  # as printed, 0..N
    assert penalised_loss(errors, [0.0], 0.0) == pytest.approx((1 + 4 + 9) / 6)
    with pytest.raises(IndexError):
        [errors[i] for i in range(0, len(errors) + 1)]


def test_c060_a_strength_divided_by_n_fades_with_more_examples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=5000)
    shrunk = []
    for count in (100, 5000):
        free = np.linalg.norm(closed_form(x[:count], y[:count]))
        shrunk.append(np.linalg.norm(closed_form(x[:count], y[:count], 0.5 / count)) / free)
    assert 1 - shrunk[1] < 0.2 * (1 - shrunk[0])


def test_c061_the_printed_formula_is_negative_and_right_for_two_classes_only():
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    assert lecture_formula(scores, y, 0.1) < 0 < smoothed_cross_entropy(scores, y, 0.1)
    two, side = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    assert -lecture_formula(two, side, 0.1) == pytest.approx(smoothed_cross_entropy(two, side, 0.2), rel=1e-12)
    a, b = np.log([[0.9, 0.098, 0.001, 0.001]]), np.log([[0.9, 1 / 30, 1 / 30, 1 / 30]])
    assert lecture_formula(a, [0], 0.1) == pytest.approx(lecture_formula(b, [0], 0.1))
    assert smoothed_cross_entropy(a, [0], 0.1) > smoothed_cross_entropy(b, [0], 0.1) + 0.05


@pytest.mark.parametrize("units", [1, 3, 6])
def test_c062_there_are_two_to_the_h_networks_and_they_share_weights(units):
    layers = random_layers([4, units, 3], np.random.default_rng(0))
    answers, chance = thinned_predictions(np.ones(4), layers)
    assert len({tuple(m) for m in all_masks(units)}) == len(answers) == 2**units
    assert chance.sum() == pytest.approx(1)
    # Training one network trains those that share a unit with it, and no other.
    first, masks = layers[0][0].copy(), all_masks(units)
    first[0] += 0.5
    changed, _ = thinned_predictions(np.ones(4), [(first, layers[0][1]), layers[1]])
    assert (np.abs(changed - answers).max(axis=1)[masks[:, 0] == 0] == 0).all()
    assert (np.abs(changed - answers).max(axis=1)[masks[:, 0] == 1] > 0).all()


def test_c063_halving_is_the_mean_of_the_sum():
    rng = np.random.default_rng(0)
    h, weight = rng.normal(size=6), rng.normal(size=(3, 6))
    masks = all_masks(6)
    mean = mask_probability(masks, 0.5) @ ((masks * h) @ weight.T)
    np.testing.assert_allclose(mean, (weight / 2) @ h, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_c064_one_hidden_layer_geometric_mean_after_renormalising(seed):
    rng = np.random.default_rng(seed)
    layers, x = random_layers([5, 6, 3], rng, 2.0), rng.normal(size=5)
    answers, chance = thinned_predictions(x, layers)
    mean, total = geometric_mean(answers, chance)
    assert np.abs(mean - scaled_prediction(x, layers)).max() < 1e-12
    assert total < 1
    assert np.abs(chance @ answers - mean).max() > 1e-3  # the arithmetic mean is another thing


def test_c065_several_layers_only_approximately():
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        layers, x = random_layers([5, 5, 5, 3], rng, 2.0), rng.normal(size=5)
        errors.append(np.abs(geometric_mean(*thinned_predictions(x, layers))[0] - scaled_prediction(x, layers)).max())
    assert np.mean(np.array(errors) > 1e-6) > 0.9  # dead units can make a layer linear by chance
    assert max(errors) > 0.1


def test_c066_neither_wins_everywhere_and_in_regression_dropout_pulls_to_zero(waves):
    x, y = waves
    lengths = [np.linalg.norm(fit_dropout_regression(x, y, rate)) for rate in (0.0, 0.3, 0.6, 0.9)]
    assert lengths == sorted(lengths, reverse=True)
    runs = {k: np.array(v) for k, v in load_record("04d_regularisation.regularisers")["metrics"].items()}
    difference = runs["dropout_loss"] - runs["l2_loss"]
    assert min((difference < 0).sum(), (difference > 0).sum()) >= 3  # by the loss, each wins some seeds
    assert np.median(runs["both_loss"]) < np.median(runs["dropout_loss"])
    gain = runs["dropout_accuracy"] - runs["l2_accuracy"]
    assert 0 < gain.mean() < 0.015
    assert min((gain < 0).sum(), (gain > 0).sum()) >= 3
    assert min(runs["half_length"]) > max(runs["none_length"])  # in the network dropout does not pull to zero


def test_c067_dropout_helps_the_fully_connected_head_more():
    runs = {k: np.array(v) for k, v in load_record("04d_regularisation.convolution")["metrics"].items()}
    assert len(runs["fc_0.5_gain"]) == 20
    assert np.median(runs["fc_0.5_gain"]) > 0
    assert np.median(runs["fc_0.5_gain"]) > np.median(runs["conv_0.5_gain"])
    assert np.median(runs["fc_0.5_loss"]) < np.median(runs["fc_0_loss"]) - 0.03
    assert np.median(runs["conv_0.5_loss"]) > np.median(runs["conv_0_loss"])
    assert (runs["fc_0.5_loss"] < runs["fc_0_loss"]).sum() >= 17
    assert (runs["conv_0.5_loss"] < runs["conv_0_loss"]).sum() <= 7


# ---- equations ----------------------------------------------------------------------------------


def test_equation_4_14_penalised_loss():
    assert penalised_loss([1.0, -2.0], [3.0, 1.0, 1.0], 0.1) == pytest.approx(5 / 4 + 0.1 * 11 / 4)


def test_equation_4_15_penalty_is_decay():
    w, g = np.array([1.0, -2.0]), np.array([0.3, 0.1])
    np.testing.assert_allclose(step_with_penalty(w, g, 0.1, 0.5), step_with_decay(w, g, 0.1, 0.5), rtol=1e-14)
    np.testing.assert_allclose(step_with_decay(w, g, 0.1, 0.5), 0.95 * w - 0.1 * g)


def test_equation_4_16_soft_threshold():
    np.testing.assert_allclose(proximal_step([1.0, 0.05, -1.0], [0.0, 0.0, 1.0], 0.1, 2.0), [0.8, 0.0, -0.9])
    x = np.eye(3) * 2
    weight, _, _ = fit_softmax(x, [0, 1, 2], 3, strength=10.0, penalty="l1", steps=5)
    assert (weight == 0).all()


def test_equation_4_17_scale_keeps_the_mean():
    h, masks = np.array([2.0, -1.0, 0.5]), all_masks(3)
    for rate in (0.2, 0.5):
        np.testing.assert_allclose(mask_probability(masks, rate) @ dropout(h, masks, rate), h, atol=1e-14)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_equation_4_18_renormalised_geometric_mean(rate):
    rng = np.random.default_rng(2)
    layers, x = random_layers([4, 7, 5], rng), rng.normal(size=4)
    mean, _ = geometric_mean(*thinned_predictions(x, layers, rate))
    assert np.abs(mean - scaled_prediction(x, layers, rate)).max() < 1e-12


def test_equation_4_19_dropout_is_a_weighted_penalty():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(6, 4)) * [1, 2, 3, 4], rng.normal(size=6), rng.normal(size=4)
    masks = all_masks(4)
    chance = mask_probability(masks, 0.3)
    enumerated = np.mean([chance @ (b - dropout(a, masks, 0.3) @ w) ** 2 for a, b in zip(x, y)]) / 2
    assert dropout_loss(w, x, y, 0.3) == pytest.approx(enumerated, rel=1e-12)


def test_equation_4_20_entropy_of_the_average():
    p = np.array([[[0.9, 0.1]], [[0.3, 0.7]]])
    assert predictive_entropy(p)[0] == pytest.approx(-(0.6 * np.log(0.6) + 0.4 * np.log(0.4)))


def test_equation_4_21_smoothed_cross_entropy():
    p = np.array([0.7, 0.2, 0.1])
    by_hand = -0.9 * np.log(0.2) - 0.1 / 3 * np.log(p).sum()
    assert smoothed_cross_entropy(np.log(p)[None], [1], 0.1) == pytest.approx(by_hand)


# ---- at scale -----------------------------------------------------------------------------------


def test_the_mnist_record_holds_what_the_chapter_says():
    record = load_record("04d_regularisation.mnist")
    small, large = record["sizes"]
    for size in (small, large):
        assert len(record["metrics"][f"none_{size}_loss"]) >= 5
        assert (
            band("04d_regularisation.mnist", f"both_{size}_loss").median
            < band("04d_regularisation.mnist", f"none_{size}_loss").median
        )
    small_losses = (
        band("04d_regularisation.mnist", f"{m}_{small}_loss").median for m in ("none", "dropout", "l2", "both")
    )
    more = band("04d_regularisation.mnist", f"none_{large}_loss").median
    assert more < min(small_losses)  # more data beats every regulariser


# ---- what else the chapter says ------------------------------------------------------------------


def test_a_penalty_keeps_steep_directions_and_shrinks_flat_ones(waves):
    x, y = waves
    curvature, axes = np.linalg.eigh(hessian(x))
    free, priced = axes.T @ closed_form(x, y), axes.T @ closed_form(x, y, 0.05)
    np.testing.assert_allclose(priced, curvature / (curvature + 0.05) * free, rtol=1e-6)


@pytest.mark.parametrize("a", [-2.0, -0.3, 0.0, 0.3, 2.0])
def test_one_weight_ends_at_the_soft_threshold_or_at_a_share(a):
    w = np.linspace(-3, 3, 6001)
    assert w[(0.5 * (w - a) ** 2 + 0.5 * np.abs(w)).argmin()] == pytest.approx(soft_threshold([a], 0.5)[0], abs=1e-3)
    assert w[(0.5 * (w - a) ** 2 + 0.25 * w**2).argmin()] == pytest.approx(a / 1.5, abs=1e-3)


def test_noise_on_the_inputs_is_a_penalty_of_its_square(waves):
    x, y = waves
    draw, copies = np.random.default_rng(1), 4000
    noisy = np.repeat(x, copies, axis=0) + 0.3 * draw.normal(size=(16 * copies, 16))
    assert np.abs(closed_form(noisy, np.repeat(y, copies)) - closed_form(x, y, 0.3**2)).max() < 0.04


def test_the_doubted_part_that_comes_from_the_masks():
    agree = np.full((5, 1, 2), 0.5)
    apart = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert disagreement(agree)[0] == pytest.approx(0)
    assert disagreement(apart)[0] == pytest.approx(np.log(2)) == pytest.approx(predictive_entropy(apart)[0])


def test_choosing_on_the_test_digits_flatters():
    runs = {k: np.array(v) for k, v in load_record("04d_regularisation.regularisers")["metrics"].items()}
    assert (runs["peeked_accuracy"] >= runs["honest_accuracy"]).all()
    assert (runs["peeked_accuracy"] - runs["honest_accuracy"]).mean() > 0.002


def test_smoothed_targets_have_a_floor():
    target = np.full(10, 0.01)
    target[3] += 0.9
    floor = -(target * np.log(target)).sum()
    assert smoothed_cross_entropy(np.log(target)[None], [3], 0.1) == pytest.approx(floor)
    for other in np.random.default_rng(0).normal(size=(50, 1, 10)):
        assert smoothed_cross_entropy(other, [3], 0.1) > floor
