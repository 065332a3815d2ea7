"""Chapter 04: every system works, every claim is checked, every numbered equation is what the code does."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.optimisation.adam import Adam, uncorrected_factor
from course_utils.scratch.optimisation.batches import batch_means, epoch_batches, expected_noise, measured_noise
from course_utils.scratch.optimisation.gradient_descent import (
    GradientDescent,
    closed_form,
    example_gradients,
    follow,
    hessian,
    least_squares_gradient,
    least_squares_loss,
)
from course_utils.scratch.optimisation.momentum import (
    Momentum,
    best_momentum,
    best_plain,
    momentum_rate,
    terminal_speed,
)
from course_utils.scratch.optimisation.newton import gauss_newton, lbfgs, newton
from course_utils.scratch.optimisation.rmsprop import RMSProp
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
    predictive_entropy,
    stochastic_predictions,
)
from course_utils.scratch.regularisation.penalties import (
    fit_softmax,
    penalised_loss,
    proximal_step,
    step_with_decay,
    step_with_penalty,
)
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side


@pytest.fixture(scope="module")
def ravine():
    """A pixel guessed from the ones to its left and above: inputs, targets, and the ends of the curvature."""
    photo = data.photo("camera", size=96, gray=True)[0].double().numpy() / 255
    photo = (photo - photo.mean()) / photo.std()
    x = np.stack([photo[1:, :-1].ravel(), photo[:-1, 1:].ravel()], axis=1)
    low, high = np.linalg.eigvalsh(hessian(x))
    return x, photo[1:, 1:].ravel(), low, high


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


def test_s068_full_batch_descent_arrives_at_the_closed_form(ravine):
    x, y, low, high = ravine
    path = follow(
        lambda w: least_squares_gradient(w, x, y), [-1.2, 1.4], GradientDescent(best_plain(low, high)[0]), 700
    )
    assert np.abs(path[-1] - closed_form(x, y)).max() < 1e-9
    assert np.abs(path[50] - closed_form(x, y)).max() > 1e-3


def test_s069_batches_average_to_the_full_gradient_and_noise_falls(ravine):
    x, y, _, _ = ravine
    each = example_gradients(np.zeros(2), x, y)
    means = batch_means(each, 95, np.random.default_rng(0))
    assert np.abs(means.mean(axis=0) - each.mean(axis=0)).max() < 1e-12
    draws = np.random.default_rng(1)
    noise = [measured_noise(each, size, 400, draws) for size in (4, 16, 64, 256)]
    slope = np.polyfit(np.log([4, 16, 64, 256]), np.log(noise), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.06)


def test_s070_each_index_once_and_order_matters_when_sorted():
    deck = np.random.default_rng(0)
    for _ in range(3):
        assert sorted(np.concatenate(list(epoch_batches(1297, 32, deck)))) == list(range(1297))
    record = load_record("04_training.shuffle")["metrics"]
    assert len(record["shuffled"]) == 20
    assert max(record["sorted"]) < min(record["shuffled"]) - 0.3
    assert abs(np.median(record["fixed"]) - np.median(record["shuffled"])) < 0.03


@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_s071_momentum_is_torchs_and_beats_plain_descent_in_the_ravine(ravine, alpha):
    x, y, low, high = ravine
    gradients = np.random.default_rng(0).normal(size=(60, 2))
    library = torch_ends(lambda p: torch.optim.SGD(p, lr=0.3, momentum=alpha), gradients, np.ones(2))
    np.testing.assert_allclose(ends_of(Momentum(0.3, alpha), gradients, np.ones(2)), library, rtol=1e-11)

    slope, goal = lambda w: least_squares_gradient(w, x, y), closed_form(x, y)
    lr, best_alpha, _ = best_momentum(low, high)
    ball = follow(slope, [-1.2, 1.4], Momentum(lr, best_alpha), 60)[-1] - goal
    plain = follow(slope, [-1.2, 1.4], GradientDescent(best_plain(low, high)[0]), 60)[-1] - goal
    assert np.linalg.norm(ball) < 1e-3 * np.linalg.norm(plain)

    speeds = -np.diff(follow(lambda w: np.ones(1), [0.0], Momentum(0.01, alpha), 300)[:, 0]) / 0.01
    assert speeds[-1] == pytest.approx(terminal_speed(alpha))


def test_s072_rmsprop_is_torchs():
    gradients = np.random.default_rng(0).normal(size=(100, 4)) * [1e-3, 1.0, 10.0, 1e4]
    library = torch_ends(lambda p: torch.optim.RMSprop(p, lr=0.01), gradients, np.ones(4))
    np.testing.assert_allclose(ends_of(RMSProp(0.01), gradients, np.ones(4)), library, rtol=1e-10)


def test_s073_adam_is_torchs_and_needs_its_correction():
    gradients = np.random.default_rng(0).normal(size=(100, 4)) * [1e-3, 1.0, 10.0, 1e4]
    library = torch_ends(lambda p: torch.optim.Adam(p, lr=0.01), gradients, np.ones(4))
    np.testing.assert_allclose(ends_of(Adam(0.01), gradients, np.ones(4)), library, rtol=1e-10)
    raw = ends_of(Adam(0.01, correct_bias=False), gradients, np.ones(4))
    assert np.abs(raw - library).max() > 0.1


def test_s073_adam_repairs_scales_and_not_correlations():
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    left = []
    for v in (np.eye(2), turn):
        matrix, start = v @ np.diag([0.001, 1.0]) @ v.T, v @ [1.0, 1.0] + [0.0, 0.1]
        path = follow(lambda w, m=matrix: m @ w, start, Adam(0.2), 150)
        left.append(np.linalg.norm(path[-1]) / np.linalg.norm(start))
    assert left[0] < 0.01
    assert left[1] > 0.1


def test_s074_lbfgs_needs_fewer_gradients_than_descent(digits):
    x, y = digits[0].double(), digits[1]
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
    parts = list(net.parameters())

    def value_and_gradient(w):
        nn.utils.vector_to_parameters(torch.as_tensor(w), parts)
        net.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        return loss.item(), nn.utils.parameters_to_vector([p.grad for p in parts]).numpy()

    start = nn.utils.parameters_to_vector(parts).detach().numpy().copy()
    run = lbfgs(value_and_gradient, start, 200, goal=0.05)
    assert run.losses[-1] <= 0.05
    w = start
    for _ in range(2 * run.evaluations[-1]):  # twice the gradients, and not there yet
        value, gradient = value_and_gradient(w)
        w = w - 1.0 * gradient
    assert value > 0.05
    record = load_record("04_training.curvature")["metrics"]
    assert max(record["lbfgs_loss"]) <= 0.05
    assert max(record["lbfgs"]) < min(*record["full_batch"], *record["mini_batch"])


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


def test_s076_l1_gives_exact_zeros_at_equal_accuracy():
    record = load_record("04_training.sparse")["metrics"]
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
    record = load_record("04_training.regularisers")["metrics"]
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
        rec = "04_training.regularisers"
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
    record = load_record("04_training.doubt")["metrics"]
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
    rec = "04_training.regularisers"
    assert band(rec, "smooth_confidence").maximum < band(rec, "plain_confidence").minimum


# ---- claims -------------------------------------------------------------------------------------


def test_c060_the_sum_has_n_terms():
    errors = np.array([1.0, 2.0, 3.0])
    assert len(range(0, len(errors) + 1)) == len(errors) + 1  # as printed, 0..N
    assert penalised_loss(errors, [0.0], 0.0) == pytest.approx((1 + 4 + 9) / 6)
    with pytest.raises(IndexError):
        [errors[i] for i in range(0, len(errors) + 1)]


def test_c060_a_strength_divided_by_n_fades_with_more_examples(ravine):
    x, y, _, _ = ravine
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


def test_c066_neither_wins_everywhere_and_in_regression_dropout_pulls_to_zero(ravine):
    x, y, _, _ = ravine
    lengths = [np.linalg.norm(fit_dropout_regression(x, y, rate)) for rate in (0.0, 0.3, 0.6, 0.9)]
    assert lengths == sorted(lengths, reverse=True)
    runs = {k: np.array(v) for k, v in load_record("04_training.regularisers")["metrics"].items()}
    difference = runs["dropout_loss"] - runs["l2_loss"]
    assert min((difference < 0).sum(), (difference > 0).sum()) >= 3  # by the loss, each wins some seeds
    assert np.median(runs["both_loss"]) < np.median(runs["dropout_loss"])


def test_c067_dropout_helps_the_fully_connected_head_more():
    runs = {k: np.array(v) for k, v in load_record("04_training.convolution")["metrics"].items()}
    assert len(runs["fc_0.5_gain"]) == 20
    assert np.median(runs["fc_0.5_gain"]) > 0
    assert np.median(runs["fc_0.5_gain"]) > np.median(runs["conv_0.5_gain"])
    assert np.median(runs["fc_0.5_loss"]) < np.median(runs["fc_0_loss"]) - 0.03
    assert np.median(runs["conv_0.5_loss"]) > np.median(runs["conv_0_loss"])


def test_c068_batch_means_average_exactly():
    gradients = np.random.default_rng(0).normal(size=(120, 7))
    for size in (1, 10, 40, 120):
        means = batch_means(gradients, size, np.random.default_rng(size))
        np.testing.assert_allclose(means.mean(axis=0), gradients.mean(axis=0), atol=1e-14)


def test_c069_batch_sums_are_too_small_by_b_over_n():
    gradients = np.random.default_rng(0).normal(size=(100, 3)) + 1
    sums = gradients.reshape(10, 10, 3).sum(axis=1)
    np.testing.assert_allclose(sums.mean(axis=0) / gradients.sum(axis=0), 10 / 100)


def test_c070_the_step_is_torchs_sgd(ravine):
    x, y, _, _ = ravine
    w = torch.tensor([-1.2, 1.4], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.75)
    ours = follow(lambda v: least_squares_gradient(v, x, y), [-1.2, 1.4], GradientDescent(0.75), 20)
    for t in range(20):
        optimiser.zero_grad()
        (0.5 * ((torch.tensor(x) @ w - torch.tensor(y)) ** 2).mean()).backward()
        optimiser.step()
        np.testing.assert_allclose(ours[t + 1], w.detach(), rtol=1e-11)


def test_c071_the_lectures_velocity_is_torchs_while_the_rate_stays():
    gradients = np.random.default_rng(1).normal(size=(20, 3))
    v, w = np.zeros(3), np.ones(3)
    for g in gradients:
        v = 0.9 * v + 0.05 * g
        w = w - v
    library = torch_ends(lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), gradients, np.ones(3))
    np.testing.assert_allclose(w, library, rtol=1e-12)
    np.testing.assert_allclose(ends_of(Momentum(0.05, 0.9), gradients, np.ones(3)), w, rtol=1e-12)


def test_c072_terminal_speeds_are_two_and_ten():
    for alpha, factor in ((0.5, 2.0), (0.9, 10.0)):
        speed = -np.diff(follow(lambda w: np.full(1, 1e-3), [0.0], Momentum(0.1, alpha), 400)[:, 0])
        assert speed[-1] / (0.1 * 1e-3) == pytest.approx(factor)
        assert (np.diff(speed) >= -1e-15).all()


# ---- equations ----------------------------------------------------------------------------------


def test_equation_4_1_loss_and_gradient(ravine):
    x, y, _, _ = ravine
    w = np.array([0.3, -0.7])
    slow_loss = sum((w @ a - b) ** 2 for a, b in zip(x[:50], y[:50])) / 100
    slow_gradient = sum((w @ a - b) * a for a, b in zip(x[:50], y[:50])) / 50
    assert least_squares_loss(w, x[:50], y[:50]) == pytest.approx(slow_loss)
    np.testing.assert_allclose(least_squares_gradient(w, x[:50], y[:50]), slow_gradient, rtol=1e-10)


def test_equation_4_2_descent_step():
    np.testing.assert_allclose(GradientDescent(0.3).step(np.array([1.0, 2.0]), np.array([1.0, -1.0])), [0.7, 2.3])


def test_equation_4_3_closed_form(ravine):
    x, y, _, _ = ravine
    np.testing.assert_allclose(closed_form(x, y), np.linalg.inv(x.T @ x) @ x.T @ y, rtol=1e-9)


def test_equation_4_4_best_plain_rate(ravine):
    _, _, low, high = ravine
    eta, rho = best_plain(low, high)
    assert abs(1 - eta * low) == pytest.approx(abs(1 - eta * high)) == pytest.approx(rho)
    assert all(max(abs(1 - e * low), abs(1 - e * high)) >= rho - 1e-12 for e in np.linspace(0.01, 2, 400))


def test_equation_4_5_mean_of_batch_means():
    gradients = np.random.default_rng(0).normal(size=(60, 2))
    np.testing.assert_allclose(batch_means(gradients, 12).mean(axis=0), gradients.mean(axis=0), atol=1e-15)


def test_equation_4_6_noise():
    gradients = np.random.default_rng(0).normal(size=(8, 2))
    full = gradients.mean(axis=0)
    for size in (1, 3, 7):
        every = [gradients[list(c)].mean(axis=0) for c in itertools.combinations(range(8), size)]
        assert expected_noise(gradients, size) == pytest.approx(np.sqrt(((every - full) ** 2).sum(axis=1).mean()))


def test_equation_4_7_momentum():
    rule = Momentum(0.1, 0.5)
    np.testing.assert_allclose(follow(lambda w: 4 * w, [1.0], rule, 3)[:, 0], [1.0, 0.6, 0.16, -0.124])


def test_equation_4_8_terminal_velocity():
    rule = Momentum(0.2, 0.8)
    for _ in range(300):
        rule.step(np.zeros(1), np.full(1, 3.0))
    assert rule.velocity[0] == pytest.approx(0.2 * 3.0 / (1 - 0.8))


def test_equation_4_9_best_momentum(ravine):
    _, _, low, high = ravine
    lr, alpha, rho = best_momentum(low, high)
    root = np.sqrt(high / low)
    assert rho == pytest.approx((root - 1) / (root + 1))
    assert alpha == pytest.approx(rho**2)
    assert lr == pytest.approx(4 / (np.sqrt(high) + np.sqrt(low)) ** 2)
    assert max(momentum_rate(c, lr, alpha) for c in np.linspace(low, high, 9)) == pytest.approx(rho, abs=1e-6)


def test_equation_4_10_rmsprop():
    rule = RMSProp(0.1, beta=0.9, epsilon=1e-3)
    first = rule.step(np.array([1.0]), np.array([2.0]))
    assert first[0] == pytest.approx(1 - 0.1 * 2 / (np.sqrt(0.4) + 1e-3))
    second = rule.step(first, np.array([-1.0]))
    assert second[0] == pytest.approx(first[0] + 0.1 / (np.sqrt(0.9 * 0.4 + 0.1) + 1e-3))


def test_equation_4_11_adam():
    rule, g = Adam(0.1, (0.5, 0.75), epsilon=1e-3), [2.0, -1.0]
    w = rule.step(rule.step(np.zeros(1), np.array(g[:1])), np.array(g[1:]))
    m_hat = (0.5 * 0.5 * g[0] + 0.5 * g[1]) / (1 - 0.5**2)
    s_hat = (0.75 * 0.25 * g[0] ** 2 + 0.25 * g[1] ** 2) / (1 - 0.75**2)
    first = -0.1 * g[0] / (abs(g[0]) + 1e-3)
    assert w[0] == pytest.approx(first - 0.1 * m_hat / (np.sqrt(s_hat) + 1e-3))
    assert uncorrected_factor(1, (0.5, 0.75)) == pytest.approx(0.5 / 0.5)


def test_equation_4_12_newton(ravine):
    x, y, _, _ = ravine
    jumped = newton(lambda w: least_squares_gradient(w, x, y), lambda w: hessian(x), [-1.2, 1.4], 1)[-1]
    np.testing.assert_allclose(jumped, closed_form(x, y), rtol=1e-9)


def test_equation_4_13_gauss_newton():
    t = np.linspace(0, 1, 9)
    residuals = lambda w: np.exp(w[0] * t) - np.exp(0.7 * t)
    jacobian = lambda w: (t * np.exp(w[0] * t))[:, None]
    step = gauss_newton(residuals, jacobian, [0.2], 1)[-1, 0]
    j, r = jacobian([0.2])[:, 0], residuals([0.2])
    assert step == pytest.approx(0.2 - (j @ r) / (j @ j))
    assert gauss_newton(residuals, jacobian, [0.2], 8)[-1, 0] == pytest.approx(0.7)


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
    record = load_record("04_training.mnist")
    small, large = record["sizes"]
    for size in (small, large):
        assert len(record["metrics"][f"none_{size}_loss"]) >= 5
        assert (
            band("04_training.mnist", f"both_{size}_loss").median
            < band("04_training.mnist", f"none_{size}_loss").median
        )
    best_small = min(band("04_training.mnist", f"{m}_{small}_loss").median for m in ("none", "dropout", "l2", "both"))
    assert band("04_training.mnist", f"none_{large}_loss").median < best_small  # more data beats every regulariser
