"""Chapter 01b: what it promises of its systems, the lecture's claims, and every numbered equation."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from course_utils.runtime import band
from course_utils.scratch.kernel_methods import kernels, point_sets, rbf_network, surrogate_losses
from course_utils.scratch.kernel_methods.calibration import reliability
from course_utils.scratch.kernel_methods.feature_maps import feature_count, polynomial_features, quadratic_features
from course_utils.scratch.kernel_methods.fisher_kernel import FisherWhitening, point_scores, set_scores
from course_utils.scratch.kernel_methods.gaussian_mixture import GaussianMixture, fit_mixture
from course_utils.scratch.kernel_methods.kernel_pca import KernelPCA, center_kernel
from course_utils.scratch.kernel_methods.kernel_perceptron import kernel_perceptron
from course_utils.scratch.kernel_methods.kernel_ridge import kernel_ridge
from course_utils.scratch.kernel_methods.kernels import (
    linear_kernel,
    polynomial_kernel,
    rbf_kernel,
    smallest_eigenvalue,
)
from course_utils.scratch.kernel_methods.logistic import (
    fit_gradient_descent,
    fit_newton,
    logistic_gradient,
    logistic_hessian,
    logistic_loss,
    sigmoid,
)
from course_utils.scratch.kernel_methods.representer import span_coefficients, split_by_span
from course_utils.scratch.kernel_methods.smo import solve_dual
from course_utils.scratch.kernel_methods.svm import LinearRule, fit_subgradient, hinge_objective, hinge_subgradient
from course_utils.scratch.perceptrons.margin_bound import maximum_margin
from course_utils.scratch.perceptrons.perceptron import add_bias, train_perceptron


def random_problem(n=30, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), np.where(rng.random(n) < 0.5, 1.0, -1.0), rng.normal(size=d)


def draw_logistic(n, seed, w=(1.2, -0.8, 0.4)):
    rng = np.random.default_rng(seed)
    x = add_bias(rng.normal(size=(n, 2)))
    return x, np.where(rng.random(n) < sigmoid(x @ np.array(w)), 1.0, -1.0)


# ---- systems ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_surrogates_bound_the_zero_one_loss_or_not(seed):
    margins = np.random.default_rng(seed).normal(size=100_000)
    below = {name: surrogate_losses.share_below_zero_one(name, margins) for name in surrogate_losses.SURROGATES}
    assert 0.33 < below["perceptron"] < 0.35
    assert 0.20 < below["logistic"] < 0.22
    assert all(below[name] == 0 for name in ("hinge", "logistic, base 2", "exponential", "squared"))


def test_logistic_regression_reaches_newton_and_is_calibrated():
    x, y = draw_logistic(2000, seed=0)
    newton = fit_newton(x, y)[-1]
    np.testing.assert_allclose(fit_gradient_descent(x, y, lr=1.0, steps=2000)[-1], newton, atol=1e-6)
    honest, tripled = [], []
    for seed in range(1, 11):
        new, truth = draw_logistic(4000, seed=seed)
        honest.append(reliability(sigmoid(new @ newton), truth > 0, bins=12).inside)
        tripled.append(reliability(sigmoid(3 * (new @ newton)), truth > 0, bins=12).inside)
    assert np.mean(honest) > 0.9
    assert np.mean(tripled) < 0.4


def test_gradient_descent_on_separable_data_runs_away_towards_the_widest_margin():
    x, y = point_sets.separable_clouds(40, seed=5)
    x = add_bias(x)
    widest, _ = maximum_margin(x, y)
    path = fit_gradient_descent(x, y, lr=2.0, steps=20_000)[[20, 200, 2000, 20_000]]
    length = np.linalg.norm(path, axis=1)
    assert (np.diff(length) > 0).all()
    assert np.ptp(np.diff(length)) < 0.7 * np.diff(length).mean(), "about the same growth in each tenfold of steps"
    assert (np.diff(path @ widest / length) > 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_subgradient_svm_comes_within_a_few_percent_of_the_largest_margin(seed):
    x, y = point_sets.separable_clouds(40, seed=seed)
    dual = solve_dual(linear_kernel(x, x), y, np.inf)
    exact = LinearRule((dual.alpha * y) @ x, dual.bias).margin(x, y)
    rule = fit_subgradient(x, y)
    assert 0.97 * exact < rule.margin(x, y) <= exact * (1 + 1e-5)
    margins = y * rule.score(x)
    assert (surrogate_losses.hinge(margins) >= surrogate_losses.zero_one(margins)).all()


def test_only_support_vectors_matter_and_c_trades_width_for_trespass():
    x, y = point_sets.separable_clouds(40, seed=5)
    dual = solve_dual(linear_kernel(x, x), y, np.inf)
    kept = dual.support
    alone = solve_dual(linear_kernel(x[kept], x[kept]), y[kept], np.inf)
    np.testing.assert_allclose((alone.alpha * y[kept]) @ x[kept], (dual.alpha * y) @ x, rtol=1e-4)
    x, y = point_sets.two_clouds(60, distance=2.4, seed=0)
    solved = [solve_dual(linear_kernel(x, x), y, c) for c in (0.01, 0.1, 100.0)]
    lengths = [np.linalg.norm((one.alpha * y) @ x) for one in solved]
    assert lengths == sorted(lengths)
    assert len(solved[0].support) > len(solved[1].support) > len(solved[2].support)


@pytest.mark.parametrize("draw", [point_sets.xor_clouds, point_sets.rings])
@pytest.mark.parametrize("seed", range(3))
def test_quadratic_features_separate_what_no_line_does(draw, seed):
    x, y = draw(80, seed=seed)
    lifted = train_perceptron(quadratic_features(x), y, epochs=3000)
    assert lifted.converged
    assert not train_perceptron(add_bias(x), y, epochs=300).converged


@pytest.mark.parametrize(("inputs", "degree"), [(2, 2), (5, 2), (3, 4), (2, 7), (6, 5)])
def test_kernel_equals_features_and_dual_equals_primal(inputs, degree):
    rng = np.random.default_rng(degree)
    x, y = rng.uniform(-1, 1, size=(30, inputs)) / np.sqrt(inputs), rng.choice([-1.0, 1.0], size=30)
    new = rng.uniform(-1, 1, size=(50, inputs)) / np.sqrt(inputs)
    phi = polynomial_features(x, degree)
    np.testing.assert_allclose(phi @ phi.T, polynomial_kernel(x, x, degree), atol=1e-9)
    primal = train_perceptron(phi, y, epochs=15)
    counts = kernel_perceptron(polynomial_kernel(x, x, degree), y, epochs=15)
    assert counts.sum() == primal.updates
    dual_scores = polynomial_kernel(new, x, degree) @ (counts * y)
    np.testing.assert_allclose(dual_scores, polynomial_features(new, degree) @ primal.w, atol=1e-7)


def test_regularised_fits_lie_in_the_span_and_others_keep_their_start():
    rng = np.random.default_rng(99)  # other numbers than those of the samples
    x, y, _ = random_problem(5, 20)
    start = rng.normal(size=20)
    off = np.linalg.norm(split_by_span(start, x)[1])
    assert off > 1
    penalised = fit_gradient_descent(x, y, 0.5, 400, penalty=0.1, start=start)
    sizes = [np.linalg.norm(split_by_span(w, x)[1]) for w in penalised]
    np.testing.assert_allclose(sizes, off * 0.95 ** np.arange(401), atol=1e-9)
    rule = LinearRule(start, 0.0)
    for _ in range(400):
        rule = LinearRule(rule.w - 0.5 * hinge_subgradient(rule, x, y, 0.1)[0], 0.0)
    assert np.linalg.norm(split_by_span(rule.w, x)[1]) < 1e-7
    for w in (fit_gradient_descent(x, y, 0.5, 400, start=start)[-1], train_perceptron(x, y, w=start).w):
        np.testing.assert_allclose(split_by_span(w, x)[1], split_by_span(start, x)[1], atol=1e-10)
    for w in (fit_gradient_descent(x, y, 0.5, 400)[-1], train_perceptron(x, y).w):
        np.testing.assert_allclose(split_by_span(w, x)[1], 0.0, atol=1e-12)


def test_rbf_machine_solves_rings_and_coefficients_grow_with_the_data():
    counts = []
    for n in (25, 100, 400):
        x, y = point_sets.rings(n, seed=0)
        kernel = rbf_kernel(x, x, 1.0)
        svm = solve_dual(kernel, y, 10.0)
        new, truth = point_sets.rings(500, seed=1)
        assert (np.sign(svm.score(kernel)) == y).all()
        assert np.mean(np.sign(svm.score(rbf_kernel(new, x, 1.0))) == truth) > 0.95
        alpha = kernel_ridge(kernel, y, 0.1)
        assert (np.sign(kernel @ alpha) == y).all()
        assert (np.abs(alpha) > 1e-8).sum() == n
        counts.append(len(svm.support))
    assert counts[-1] < 0.2 * 400


def test_width_too_small_memorises_and_too_large_blurs():
    x, y = point_sets.moons(100, spread=0.3, seed=0)
    new, truth = point_sets.moons(2000, spread=0.3, seed=1)
    error = {}
    for gamma in (0.01, 0.5, 1000.0):
        svm = solve_dual(rbf_kernel(x, x, gamma), y, 10.0, tolerance=1e-4)
        error[gamma] = [np.mean(np.sign(svm.score(rbf_kernel(z, x, gamma))) != t) for z, t in ((x, y), (new, truth))]
    assert error[1000.0][0] == 0
    assert error[1000.0][1] > 3 * error[0.5][1]
    assert error[0.01][1] > 1.3 * error[0.5][1]


def test_kernel_pca_embedding_carries_the_kernel_machine():
    x, y = point_sets.rings(80, seed=0)
    new, _ = point_sets.rings(500, seed=1)
    kernel, kernel_new = rbf_kernel(x, x, 1.0), rbf_kernel(new, x, 1.0)
    pca = KernelPCA(kernel)
    np.testing.assert_allclose(pca.embedding @ pca.embedding.T, center_kernel(kernel), atol=1e-9)
    machine = solve_dual(kernel, y, 10.0)
    linear = solve_dual(linear_kernel(pca.embedding, pca.embedding), y, 10.0)
    scores = pca.transform(kernel_new) @ ((linear.alpha * y) @ pca.embedding) + linear.bias
    np.testing.assert_allclose(scores, machine.score(kernel_new), atol=1e-4)
    cut = KernelPCA(kernel, 5)
    assert np.abs(cut.embedding @ cut.embedding.T - center_kernel(kernel)).max() > 0.01


def test_fisher_kernel_tells_bags_with_equal_mean_and_covariance_apart():
    cross = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    plus = cross @ np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    np.testing.assert_allclose(cross.mean(axis=0), plus.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(np.cov(cross.T), np.cov(plus.T), atol=1e-12)
    result = {name: band("01b_kernels.fisher", name) for name in ("mean", "mean_and_covariance", "fisher")}
    assert result["fisher"].count == 20
    assert result["fisher"].minimum > 0.85
    assert 0.4 < result["mean"].minimum <= result["mean"].maximum < 0.6
    assert 0.4 < result["mean_and_covariance"].minimum <= result["mean_and_covariance"].maximum < 0.6
    bags = [np.random.default_rng(n).normal(size=(5 + n, 2)) for n in range(30)]
    pool = np.concatenate(bags)
    mixture, _ = fit_mixture(pool, 4, steps=20)
    white = FisherWhitening(mixture, pool)(set_scores(mixture, bags))
    assert smallest_eigenvalue(white @ white.T) > -1e-12


def test_learned_bumps_beat_frozen_ones_of_the_same_number():
    names = ("frozen", "frozen_best_width", "learned_centres", "learned_centres_and_widths")
    result = {name: band("01b_kernels.rbf_network", name) for name in names}
    assert result["learned_centres"].count == 20
    for learned in names[2:]:
        for frozen in names[:2]:
            assert result[learned].maximum < result[frozen].minimum
    rng = np.random.default_rng(100)
    x = np.sort(rng.uniform(-3, 3, 120))
    y = np.sin(np.exp(0.55 * (x + 2.2))) + 0.1 * rng.standard_normal(120)
    even = rbf_network.even_network(10, -3, 3)
    net, _ = rbf_network.learn_bumps(even, x, y, learn_widths=False, steps=400)
    assert len(net.centers) == len(even.centers)
    frozen = rbf_network.solve_weights(even, x, y)
    assert np.mean((net(x) - y) ** 2) < 0.6 * np.mean((frozen(x) - y) ** 2)


# ---- claims -------------------------------------------------------------------------------------------------


def test_claim_c019_sign_is_no_probability():
    x, y = draw_logistic(4000, seed=3)
    answers = np.sign(x @ np.array([1.2, -0.8, 0.4]))
    assert set(answers) == {-1.0, 1.0}
    assert reliability((answers > 0).astype(float), y > 0, bins=2).error > 0.15


def test_claim_c020_perceptron_loss_is_no_bound():
    margins = np.random.default_rng(7).normal(size=50_000)
    below = surrogate_losses.perceptron(margins) < surrogate_losses.zero_one(margins)
    assert below.any()
    np.testing.assert_array_equal(below, (margins > -1) & (margins <= 0))
    assert (surrogate_losses.hinge(margins) >= surrogate_losses.zero_one(margins)).all()
    np.testing.assert_allclose(surrogate_losses.hinge(margins), surrogate_losses.perceptron(margins - 1))


def test_claim_c021_perceptron_loss_is_zero_for_any_separator_and_at_zero():
    x, y = point_sets.separable_clouds(40, seed=5)
    hinge = []
    for w in ((0.8, 0.6, -0.56), (0.72, 0.69, -0.48), (0.86, 0.5, -0.68)):
        margins = y * (add_bias(x) @ np.array(w))
        assert margins.min() > 0
        assert surrogate_losses.perceptron(margins).sum() == 0
        hinge.append(surrogate_losses.hinge(margins).sum())
    assert np.ptp(hinge) > 0.5, "the hinge tells separators apart"
    assert surrogate_losses.perceptron(np.zeros(40)).sum() == 0
    assert surrogate_losses.zero_one(np.zeros(40)).sum() == 40


def test_claim_c022_representer_theorem_needs_a_condition():
    rng = np.random.default_rng(0)
    x, y, _ = random_problem(5, 20, seed=1)
    fit = fit_newton(x, y, penalty=0.1)[-1]
    np.testing.assert_allclose(span_coefficients(fit, x) @ x, fit, atol=1e-9)
    best = logistic_loss(fit, x, y, 0.1)
    aside = split_by_span(rng.normal(size=20), x)[1]
    assert logistic_loss(fit + aside, x, y, 0.1) == pytest.approx(best + 0.05 * aside @ aside)
    assert logistic_loss(fit + aside, x, y) == pytest.approx(logistic_loss(fit, x, y))


def test_claim_c023_kernel_is_an_inner_product():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(20, 3)), rng.normal(size=(15, 3))
    np.testing.assert_allclose(quadratic_features(x) @ quadratic_features(z).T, (1 + x @ z.T) ** 2, atol=1e-9)
    assert quadratic_features(x).shape[1] == 10


@pytest.mark.parametrize("n", [25, 50, 100])
def test_claim_c024_one_coefficient_a_sample(n):
    x, y = point_sets.rings(n, seed=2)
    kernel = rbf_kernel(x, x, 1.0)
    ridge, svm = kernel_ridge(kernel, y, 0.1), solve_dual(kernel, y, 10.0)
    assert ridge.shape == svm.alpha.shape == (n,)
    assert (np.abs(ridge) > 1e-8).sum() == n
    assert len(svm.support) < n


def test_claim_c025_embedding_reproduces_the_centred_kernel_only():
    x = point_sets.moons(60, seed=4)[0]
    kernel = rbf_kernel(x, x, 1.0)
    gram = KernelPCA(kernel).embedding @ KernelPCA(kernel).embedding.T
    np.testing.assert_allclose(gram, center_kernel(kernel), atol=1e-9)
    assert np.abs(gram - kernel).max() > 0.1


# ---- equations ----------------------------------------------------------------------------------------------


def test_equation_1_31_margin_and_zero_one_loss():
    y, f = np.array([1.0, 1, -1, -1, 1]), np.array([2.0, -1, -3, 0.5, 0])
    np.testing.assert_array_equal(surrogate_losses.zero_one(y * f), [0, 1, 0, 1, 1])


def test_equation_1_32_perceptron_and_hinge():
    for m in np.linspace(-3, 3, 61):
        assert surrogate_losses.perceptron(m) == max(0, -m)
        assert surrogate_losses.hinge(m) == max(0, 1 - m)


def test_equation_1_33_conditional_risk():
    for name, one in surrogate_losses.SURROGATES.items():
        for p, f in [(0.2, 0.7), (0.9, -1.3)]:
            expected = p * one.value(f) + (1 - p) * one.value(-f)
            assert surrogate_losses.conditional_risk(name, f, p) == pytest.approx(float(expected))
            best = surrogate_losses.best_score(name, p)
            grid = surrogate_losses.conditional_risk(name, np.linspace(-5, 5, 2001), p)
            assert surrogate_losses.conditional_risk(name, best, p) <= grid.min() + 1e-6


def test_equation_1_34_logistic_model():
    score = np.linspace(-5, 5, 21)
    p = 1 / (1 + np.exp(-score))
    np.testing.assert_allclose(sigmoid(score), p, atol=1e-14)
    np.testing.assert_allclose(np.log(p / (1 - p)), score, atol=1e-10)
    np.testing.assert_allclose(sigmoid(-score), 1 - p, atol=1e-14)


def test_equation_1_35_loss_is_the_negative_log_likelihood():
    x, y, w = random_problem()
    likelihood = np.prod(1 / (1 + np.exp(-y * (x @ w))))
    assert logistic_loss(w, x, y) == pytest.approx(-np.log(likelihood) / len(x))
    assert logistic_loss(w, x, y) == pytest.approx(surrogate_losses.logistic(y * (x @ w)).mean())


def test_equation_1_36_gradient():
    x, y, w = random_problem()
    expected = -sum(y[i] * x[i] / (1 + np.exp(y[i] * x[i] @ w)) for i in range(30)) / 30
    np.testing.assert_allclose(logistic_gradient(w, x, y), expected, atol=1e-13)
    steps = 1e-6 * np.eye(4)
    slopes = [(logistic_loss(w + s, x, y) - logistic_loss(w - s, x, y)) / 2e-6 for s in steps]
    np.testing.assert_allclose(logistic_gradient(w, x, y), slopes, atol=1e-8)


def test_equation_1_37_hessian():
    x, y, w = random_problem()
    p = 1 / (1 + np.exp(-(x @ w)))
    expected = sum(p[i] * (1 - p[i]) * np.outer(x[i], x[i]) for i in range(30)) / 30
    np.testing.assert_allclose(logistic_hessian(w, x), expected, atol=1e-13)
    slopes = [(logistic_gradient(w + s, x, y) - logistic_gradient(w - s, x, y)) / 2e-6 for s in 1e-6 * np.eye(4)]
    np.testing.assert_allclose(logistic_hessian(w, x), slopes, atol=1e-8)


def test_equation_1_38_geometric_margin():
    x, y, w = random_problem(d=2)
    expected = min(y[i] * (x[i] @ w + 0.2) / np.hypot(*w) for i in range(30))
    assert LinearRule(w, 0.2).margin(x, y) == pytest.approx(expected)
    assert LinearRule(5 * w, 1.0).margin(x, y) == pytest.approx(expected)
    easy, labels = point_sets.separable_clouds(40, seed=5)
    dual = solve_dual(linear_kernel(easy, easy), labels, np.inf)
    widest = (dual.alpha * labels) @ easy
    assert LinearRule(widest, dual.bias).margin(easy, labels) == pytest.approx(1 / np.linalg.norm(widest), rel=1e-5)


def test_equation_1_39_svm_objective():
    x, y, w = random_problem()
    expected = 0.05 * w @ w + np.mean([max(0, 1 - y[i] * (x[i] @ w - 0.3)) for i in range(30)])
    assert hinge_objective(LinearRule(w, -0.3), x, y, 0.1) == pytest.approx(expected)


def test_equation_1_40_dual_has_the_value_of_the_primal():
    x, y = point_sets.two_clouds(40, distance=1.5, seed=1)
    lam, kernel = 0.05, linear_kernel(x, x)
    dual = solve_dual(kernel, y, 1 / (lam * 40), tolerance=1e-9)
    w, signed = (dual.alpha * y) @ x, dual.alpha * y
    primal = hinge_objective(LinearRule(w, dual.bias), x, y, lam) / lam
    assert dual.alpha.sum() - 0.5 * signed @ kernel @ signed == pytest.approx(primal, rel=1e-6)
    assert signed.sum() == pytest.approx(0, abs=1e-9)


def test_equation_1_41_quadratic_features():
    x = np.array([[2.0, 3.0, 5.0]])
    r = np.sqrt(2)
    expected = [1, 2 * r, 3 * r, 5 * r, 4, 9, 25, 6 * r, 10 * r, 15 * r]
    np.testing.assert_allclose(quadratic_features(x)[0], expected)
    assert feature_count(3, 2) == 10


def test_equation_1_42_square_expanded():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=4), rng.normal(size=4)
    pairs = sum(x[i] * x[j] * z[i] * z[j] for i, j in combinations(range(4), 2))
    expanded = 1 + 2 * (x * z).sum() + (x**2 * z**2).sum() + 2 * pairs
    assert polynomial_kernel(x[None], z[None]).item() == pytest.approx(expanded)
    assert (quadratic_features(x[None]) @ quadratic_features(z[None]).T).item() == pytest.approx(expanded)


def test_equation_1_43_counts_rebuild_the_weights():
    x, y = point_sets.rings(60, seed=0)
    phi, run = quadratic_features(x), train_perceptron(quadratic_features(x), y)
    counts = kernel_perceptron(polynomial_kernel(x, x), y)
    np.testing.assert_allclose((counts * y) @ phi, run.w, atol=1e-9)


def test_equation_1_44_rbf_kernel():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=3), rng.normal(size=3)
    assert rbf_kernel(x[None], z[None], 0.7).item() == pytest.approx(np.exp(-0.7 * np.linalg.norm(x - z) ** 2))
    assert kernels.gram_loop(lambda a, b: np.exp(-0.7 * ((a - b) ** 2).sum()), [x], [z]).item() == pytest.approx(
        rbf_kernel([x], [z], 0.7).item()
    )


def test_equation_1_45_optimum_is_a_sum_of_samples():
    x, y, _ = random_problem(6, 15)
    optimum = fit_newton(x, y, penalty=0.2)[-1]
    alpha = sigmoid(-y * (x @ optimum)) * y / (0.2 * len(y))  # the gradient at the optimum, solved for w
    np.testing.assert_allclose(alpha @ x, optimum, atol=1e-9)
    np.testing.assert_allclose(span_coefficients(optimum, x), alpha, atol=1e-9)


def test_equation_1_46_score_is_a_weighted_vote():
    x, y = point_sets.moons(40, seed=0)
    machine = solve_dual(rbf_kernel(x, x, 1.0), y, 1.0)
    place = np.array([0.3, -0.2])
    vote = sum(machine.alpha[i] * y[i] * np.exp(-((x[i] - place) ** 2).sum()) for i in range(40)) + machine.bias
    assert machine.score(rbf_kernel(place[None], x, 1.0)).item() == pytest.approx(vote)


def test_equation_1_47_centred_kernel():
    x = point_sets.moons(30, seed=0)[0]
    phi = quadratic_features(x) - quadratic_features(x).mean(axis=0)
    kernel = polynomial_kernel(x, x)
    expected = kernel - kernel.sum(axis=0) / 30 - kernel.sum(axis=1)[:, None] / 30 + kernel.sum() / 900
    np.testing.assert_allclose(center_kernel(kernel), expected, atol=1e-12)
    np.testing.assert_allclose(center_kernel(kernel), phi @ phi.T, atol=1e-9)


def test_equation_1_48_fisher_kernel():
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(300, 2))
    mixture, _ = fit_mixture(pool, 3, steps=10)
    bags = [pool[:7], pool[7:30]]
    whiten = FisherWhitening(mixture, pool)
    white = whiten(set_scores(mixture, bags))
    means = np.array([point_scores(mixture, bag).mean(axis=0) for bag in bags])
    information = sum(np.outer(s, s) for s in point_scores(mixture, pool)) / len(pool)
    expected = means @ np.linalg.pinv(information, rcond=1e-6, hermitian=True) @ means.T
    np.testing.assert_allclose(white @ white.T, expected, rtol=1e-6)


def test_equation_1_49_scores_of_a_mixture():
    mixture = GaussianMixture(np.log([0.3, 0.7]), np.array([[0.0], [1.0]]), np.array([[0.5], [1.2]]))
    x, gamma = 0.4, mixture.responsibilities([[0.4]])[0]
    weight, mean, scale = np.exp(mixture.log_weights), mixture.means[:, 0], mixture.scales[:, 0]
    expected = [gamma - weight, gamma * (x - mean) / scale**2, gamma / scale * ((x - mean) ** 2 / scale**2 - 1)]
    np.testing.assert_allclose(point_scores(mixture, [[x]])[0], np.concatenate(expected), atol=1e-12)
    step = 1e-6
    for part, offset in (("means", 2), ("scales", 4)):
        for k in range(2):
            ends = []
            for sign in (1, -1):
                moved = getattr(mixture, part).copy()
                moved[k, 0] += sign * step
                ends.append(replace(mixture, **{part: moved}).log_likelihood([[x]]).item())
            slope = (ends[0] - ends[1]) / (2 * step)
            assert point_scores(mixture, [[x]])[0, offset + k] == pytest.approx(slope, abs=1e-7)


def test_equation_1_50_rbf_network():
    net = rbf_network.RBFNetwork(np.array([-1.0, 2.0]), np.log([0.5, 1.5]), np.array([0.7, -1.1]), 0.3)
    x = 0.6
    expected = 0.3 + 0.7 * np.exp(-((x + 1) ** 2) / (2 * 0.25)) - 1.1 * np.exp(-((x - 2) ** 2) / (2 * 2.25))
    assert net([x]).item() == pytest.approx(expected)
