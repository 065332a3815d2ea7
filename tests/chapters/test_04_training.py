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
from course_utils.widgets import OptimiserSurface
from course_utils.widgets.optimiser_surface import RULES


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
    plain = []
    for v in (np.eye(2), turn):
        matrix = v @ np.diag([0.001, 1.0]) @ v.T
        path = follow(lambda w, m=matrix: m @ w, v @ [1.0, 1.2], Momentum(1.0, 0.5), 50)
        plain.append(np.linalg.norm(path[-1]))
    assert plain[0] == pytest.approx(
        plain[1], rel=1e-9
    )  # a rule without rates of its own for each weight does not care


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


# ---- claims -------------------------------------------------------------------------------------


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


# ---- at scale -----------------------------------------------------------------------------------


# ---- the figures to play with, and at scale -----------------------------------------------------


def test_the_walkers_do_what_the_chapter_says_of_them():
    away = lambda rule, **settings: len(OptimiserSurface(**settings).losses(rule, 500)) <= 500
    arrives = lambda rule, **settings: min(OptimiserSurface(**settings).losses(rule, 500)) < 0.01
    assert [away("gradient descent", condition=k) for k in (30.0, 40.0)] == [False, True]
    assert [away("momentum", condition=k) for k in (40.0, 70.0)] == [False, True]
    assert away("Nesterov")
    assert not away("Adam", condition=1000.0)
    assert [rule for rule in RULES if arrives(rule, surface="two basins")] == ["momentum"]
    assert [rule for rule in RULES if not arrives(rule, surface="saddle")] == ["Newton"]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_momentum_diverges_above_twice_one_plus_alpha_over_the_curvature(alpha):
    edge = 2 * (1 + alpha) / 3.0
    assert momentum_rate(3.0, 0.999 * edge, alpha) < 1 < momentum_rate(3.0, 1.001 * edge, alpha)


def test_every_optimiser_has_a_best_rate_of_its_own():
    record = load_record("04_training.rates")
    median = lambda rule, lr: band("04_training.rates", f"{rule}_{lr:g}").median
    best = {rule: max(record["rates"], key=lambda lr, rule=rule: median(rule, lr)) for rule in record["rules"]}
    assert best["descent"] >= 50 * max(best["adam"], best["rmsprop"])
    peaks = [median(rule, lr) for rule, lr in best.items()]
    assert max(peaks) - min(peaks) < 0.01
    assert median("adam", 0.001) > median("descent", 0.001) + 0.5
    assert all(len(values) >= 5 for values in record["metrics"].values())
    good = {rule: [lr for lr in record["rates"] if median(rule, lr) > 0.93] for rule in record["rules"]}
    assert max(good["adam"]) / min(good["adam"]) > 5 * max(good["descent"]) / min(good["descent"])
