"""Chapter 01: every system works, every claim is checked, every numbered equation is what the code does."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.perceptrons.averaged_perceptron import train_averaged
from course_utils.scratch.perceptrons.learning_rate import descend_quadratic, divergence_threshold, quadratic
from course_utils.scratch.perceptrons.margin_bound import (
    count_updates,
    margin,
    maximum_margin,
    radius,
    random_separable_sets,
    update_bound,
)
from course_utils.scratch.perceptrons.mark1 import (
    StraightThroughSign,
    associate,
    response_accuracy,
    train_response,
    wire_randomly,
)
from course_utils.scratch.perceptrons.multiclass_perceptron import kesler_vectors, predict_class, train_multiclass
from course_utils.scratch.perceptrons.neuron import Membrane, lif_rate, simulated_rate
from course_utils.scratch.perceptrons.perceptron import add_bias, count_mistakes, train_perceptron
from course_utils.scratch.perceptrons.perceptron_criterion import (
    criterion,
    criterion_kink_included,
    criterion_over_mistakes,
)
from course_utils.scratch.perceptrons.pocket import train_pocket
from course_utils.scratch.perceptrons.stroke_letters import draw_letters
from course_utils.scratch.perceptrons.threshold_unit import (
    GATES,
    binary_inputs,
    mcculloch_pitts,
    search_gate,
    threshold_unit,
)

XOR_X, XOR_Y = add_bias(binary_inputs(2)), np.array([-1.0, 1.0, 1.0, -1.0])


@pytest.fixture(scope="module")
def sets():
    """Thousands of separable sets with their update counts, radii and largest margins."""
    x, y = random_separable_sets(4000, seed=0)
    radii = np.linalg.norm(x, axis=2).max(axis=1)
    margins = np.array([maximum_margin(a, b)[1] for a, b in zip(x, y)])
    return x, y, count_updates(x, y), radii, margins


@pytest.fixture(scope="module")
def forty():
    """Points of the kind that the chapter learns from, with a run from 0."""
    x, y = random_separable_sets(1, points=40, seed=8)
    return x[0], y[0], train_perceptron(x[0], y[0])


# ---- systems ------------------------------------------------------------------------------------


def test_s016_rate_is_zero_below_threshold_and_rises_after_it():
    cell = Membrane()
    currents = np.linspace(0, 4, 33)
    counted = simulated_rate(currents)
    silent = currents <= cell.rheobase
    assert silent.any()
    assert (counted[silent] == 0).all()
    assert (counted[~silent] > 0).all()
    assert (np.diff(counted[~silent]) >= 0).all()
    assert counted[-1] > 2 * counted[~silent][0]


def test_s017_gates_by_hand_and_none_for_xor():
    pairs = binary_inputs(2)
    assert threshold_unit(pairs, [1, 1], -1.5).tolist() == [0, 0, 0, 1]
    assert threshold_unit(pairs, [1, 1], -0.5).tolist() == [0, 1, 1, 1]
    assert threshold_unit(binary_inputs(1), [-1], 0.5).tolist() == [1, 0]
    grid = np.linspace(-2, 2, 41)
    assert len(search_gate(GATES["AND"], grid)) > 1000
    assert len(search_gate(GATES["XOR"], grid)) == 0


def test_s017_no_unit_at_all_computes_xor():
    # The four inequalities: signs s_i (w.x_i + b) combine to 0 with weights 1, so not all can be positive.
    np.testing.assert_array_equal((XOR_Y[:, None] * XOR_X).sum(axis=0), 0)


def test_s018_zero_training_errors_and_the_updates_are_counted(forty):
    x, y, run = forty
    assert run.converged
    assert count_mistakes(x, y, run.w) == 0
    assert run.updates == len(run.picked) == sum(run.updates_per_epoch) > 0


def test_s019_the_machine_learns_two_letters_and_passes_no_gradient():
    images, index = draw_letters("CE", 400, shift=4.0, seed=0)
    fresh, fresh_index = draw_letters("CE", 1000, shift=4.0, seed=1)
    y, fresh_y = 2.0 * index - 1, 2.0 * fresh_index - 1
    wiring = wire_randomly(512, sensors=400, seed=0)
    run = train_response(images, y, wiring)
    assert run.converged
    assert response_accuracy(fresh, fresh_y, wiring, run.w) > 0.75
    pixels = torch.tensor(images.reshape(400, 400), dtype=torch.float64)
    links = torch.tensor(wiring.links, requires_grad=True)
    out = torch.ones(512, dtype=torch.float64, requires_grad=True)
    criterion(torch.sign(pixels @ links.T - 0.5) @ out, torch.tensor(y)).backward()
    assert torch.equal(links.grad, torch.zeros_like(links))
    assert out.grad.abs().max() > 0


def test_s019_more_units_are_better():
    sizes = load_record("01_perceptron.associators")["sizes"]
    medians = [band("01_perceptron.associators", f"accuracy_{n}").median for n in sizes]
    direct = band("01_perceptron.associators", "accuracy_direct").median
    assert all(a < b for a, b in pairwise(medians))
    assert medians[sizes.index(256)] < direct < medians[sizes.index(512)]


def test_s020_final_dials_are_the_trained_weights():
    from course_utils.widgets import WeightDials

    images, index = draw_letters("TL", 600, seed=0)
    pixels = images.reshape(600, 400).astype(float)
    run = train_perceptron(pixels, 2.0 * index - 1)
    replay = WeightDials(run.history, shape=(20, 20))
    assert run.converged
    assert replay.frames == run.updates + 1
    np.testing.assert_array_equal(replay.weights_at(run.updates), run.w)
    for t in range(run.updates):  # each frame turns the lit dials, and only those
        turned = np.abs(replay.weights_at(t + 1) - replay.weights_at(t)) > 0.5
        np.testing.assert_array_equal(turned, pixels[run.picked[t]] > 0)


def test_s021_both_forms_agree_and_autograd_gives_the_update():
    draw = torch.Generator().manual_seed(0)
    scores = torch.randn(1000, generator=draw, dtype=torch.float64)
    y = torch.where(torch.rand(1000, generator=draw) < 0.5, -1.0, 1.0).double()
    assert criterion_over_mistakes(scores, y).item() == pytest.approx(criterion(scores, y).item(), rel=1e-12)
    for _ in range(50):
        x = torch.randn(6, generator=draw, dtype=torch.float64)
        w = torch.randn(6, generator=draw, dtype=torch.float64, requires_grad=True)
        label = y[_]
        criterion((w @ x)[None], label[None]).backward()
        run = train_perceptron(x[None], label[None], w=w.detach(), epochs=1)
        assert torch.allclose(w.detach() - w.grad, run.w)


def test_s022_optimiser_steps_are_the_manual_updates(forty):
    x, y, run = forty
    tx, ty = torch.tensor(x), torch.tensor(y)

    def walk(loss):
        w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.SGD([w], lr=1.0)
        for _ in range(run.epochs):
            for sample, label in zip(tx, ty):
                optimiser.zero_grad()
                loss((w @ sample)[None], label[None]).backward()
                optimiser.step()
        return w.detach()

    np.testing.assert_allclose(walk(criterion_kink_included).numpy(), run.w, atol=1e-12)
    assert torch.equal(walk(criterion), torch.zeros(3).double())
    assert train_perceptron(x, y, strict=True).updates == 0


def test_s023_slow_good_divergent():
    curvatures, start = [1.0, 10.0], [2.0, 0.6]
    edge = divergence_threshold(curvatures)
    after = {
        eta: float(quadratic(descend_quadratic(curvatures, start, eta, 50)[-1], curvatures))
        for eta in (0.01, 2 / 11, 0.99 * edge, 1.01 * edge)
    }
    begin = float(quadratic(start, curvatures))
    assert edge == pytest.approx(2 / 10)
    assert 0.01 * begin < after[0.01] < begin  # slow
    assert after[2 / 11] < 1e-6 * begin  # good
    assert after[0.99 * edge] < begin < after[1.01 * edge]  # the threshold


def test_s024_never_more_updates_than_the_bound(sets):
    _, _, needed, radii, margins = sets
    assert (needed > 0).all()
    assert (needed <= (radii / margins) ** 2).all()


@pytest.mark.parametrize("dimension", [1, 5])
def test_s024_holds_in_other_dimensions(dimension):
    x, y = random_separable_sets(500, points=12, dimension=dimension, seed=dimension)
    bounds = np.array([update_bound(a, b) for a, b in zip(x, y)])
    assert (count_updates(x, y) <= bounds).all()


def test_s024_the_bound_is_met_by_perpendicular_points():
    for dimension in (2, 10, 100):
        x, y = np.eye(dimension), np.ones(dimension)
        assert train_perceptron(x, y).updates == dimension == pytest.approx(update_bound(x, y))


def test_s025_orders_and_starts_give_different_directions():
    x, y = random_separable_sets(1, points=40, seed=2)
    directions = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        run = train_perceptron(x[0], y[0], w=rng.normal(size=3), order=rng.permutation(40))
        assert run.converged
        assert count_mistakes(x[0], y[0], run.w) == 0
        directions.append(run.w / np.linalg.norm(run.w))
    angles = [np.degrees(np.arccos(directions[i] @ directions[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(angles) > 0.5


def test_s026_xor_updates_for_ever_with_bounded_weights():
    run = train_perceptron(XOR_X, XOR_Y, epochs=500)
    assert not run.converged
    assert run.epochs == 500
    assert min(run.updates_per_epoch) > 0
    assert np.linalg.norm(run.history, axis=1).max() < 2


def test_s026_pocket_and_average_help_where_clouds_overlap():
    def clouds(count, seed):
        rng = np.random.default_rng(seed)
        side = rng.choice([-1.0, 1.0], size=count)
        return add_bias(rng.normal(size=(count, 2)) + side[:, None] * 0.9), side

    x, y = clouds(300, 0)
    new_x, new_y = clouds(5000, 999)
    wrong = {"last": [], "pocket": [], "average": []}
    for seed in range(10):
        average, last = train_averaged(x, y, seed=seed)
        for name, w in (("last", last), ("average", average), ("pocket", train_pocket(x, y, seed=seed).w)):
            wrong[name].append(count_mistakes(new_x, new_y, w))
    assert max(wrong["average"]) < np.mean(wrong["last"])
    assert np.mean(wrong["pocket"]) < np.mean(wrong["last"])


def test_s027_zero_errors_on_four_classes():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 4
    x = add_bias(np.array([[2, 2], [-2, 2], [-2, -2], [2, -2]])[y] + rng.uniform(-1.2, 1.2, size=(60, 2)))
    run = train_multiclass(x, y, 4)
    assert run.converged
    assert (predict_class(x, run.w) == y).all()


def test_s027_digits_are_learned_without_error_and_generalise():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    x = add_bias(train.images.reshape(len(train), -1).numpy() / 255)
    new = add_bias(test.images.reshape(len(test), -1).numpy() / 255)
    run = train_multiclass(x, train.labels.numpy(), 10, epochs=200, order=np.random.default_rng(0))
    assert run.converged
    assert (predict_class(x, run.w) == train.labels.numpy()).all()
    accuracy = (predict_class(new, run.w) == test.labels.numpy()).mean()
    assert band("01_perceptron.digits", "accuracy").contains(accuracy, slack=0.01)


# ---- claims -------------------------------------------------------------------------------------


def chapter_text():
    from course_utils.runtime import repo_root

    return (repo_root() / "notebooks" / "src" / "01_perceptron.py").read_text(encoding="utf-8")


def test_c002_neuron_count_is_cited():
    text = chapter_text()
    assert "86 billion" in text
    assert "references.md#azevedo-2009" in text
    assert 0.5 < 86e9 / 1e11 < 2  # the right order of magnitude


def test_c003_the_unit_of_1943_has_two_answers():
    inputs = binary_inputs(6)
    for split in range(1, 6):
        for threshold in range(0, split + 2):
            out = mcculloch_pitts(inputs[:, :split], inputs[:, split:], threshold)
            assert set(out.tolist()) <= {0, 1}
            assert not out[inputs[:, split:].any(axis=1)].any()  # the veto


def test_c004_two_forms_one_number():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores = torch.tensor(rng.normal(size=1000) * rng.integers(0, 2, size=1000))  # half of them exactly 0
        y = torch.tensor(rng.choice([-1.0, 1.0], size=1000))
        assert criterion_over_mistakes(scores, y).item() == pytest.approx(criterion(scores, y).item(), rel=1e-12)


def test_c005_gradient_is_minus_y_x_on_mistakes():
    rng = np.random.default_rng(0)
    for _ in range(100):
        x, y = torch.tensor(rng.normal(size=4)), torch.tensor(rng.choice([-1.0, 1.0]))
        w = torch.tensor(rng.normal(size=4), requires_grad=True)
        criterion((w @ x)[None], y[None]).backward()
        expected = -y * x if y * (w.detach() @ x) < 0 else torch.zeros(4)
        assert torch.allclose(w.grad, expected.double())


def test_c006_the_strict_rule_never_leaves_zero(sets):
    x, y, *_ = sets
    for samples, labels in zip(x[:50], y[:50]):
        strict = train_perceptron(samples, labels, strict=True)
        assert strict.updates == 0
        assert not strict.w.any()
        assert not strict.converged
        assert train_perceptron(samples, labels).converged


def test_c007_stops_from_any_start(sets):
    x, y, *_ = sets
    rng = np.random.default_rng(1)
    for samples, labels in zip(x[:200], y[:200]):
        start = rng.normal(size=3) * 10 ** rng.uniform(-1, 1.5)
        run = train_perceptron(samples, labels, w=start, epochs=100_000, keep_history=False)
        assert run.converged
        assert run.updates <= update_bound(samples, labels, start=start)


def test_c008_length_does_not_matter_and_the_bias_enlarges_the_radius(sets):
    x, y, *_ = sets
    w, best = maximum_margin(x[0], y[0])
    assert margin(x[0], y[0], 7 * w) == pytest.approx(best)
    assert best > 0
    assert radius(x[0]) ** 2 == pytest.approx(radius(x[0][:, :-1]) ** 2 + 1)


def test_c009_progress_per_update_and_no_effect_of_the_step(forty):
    x, y, run = forty
    ideal, gap = maximum_margin(x, y)
    assert (np.diff(run.history @ ideal) >= gap - 1e-9).all()
    two = [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    assert [train_perceptron(two, [1, -1], eta=eta).updates for eta in (0.01, 1, 50)] == [2, 2, 2]
    assert {train_perceptron(x, y, eta=eta).updates for eta in (0.01, 1, 50)} == {run.updates}


def test_c010_the_squared_length_grows_by_the_squared_radius():
    after = train_perceptron([[3.0, 0.0]], [1]).w
    assert after @ after == 9
    assert not after @ after < 0 + 3  # the lecture's bound, M = 3
    assert after @ after <= 0 + 3**2


def test_c011_chained_over_all_updates(forty):
    x, y, _ = forty
    start = np.array([0.3, -0.4, 0.2])
    run = train_perceptron(x, y, w=start)
    ideal, gap = maximum_margin(x, y)
    t = np.arange(run.updates + 1)
    assert (run.history @ ideal >= start @ ideal + t * gap - 1e-9).all()
    squared = (run.history**2).sum(axis=1)
    assert (squared <= start @ start + t * radius(x) ** 2 + 1e-9).all()
    # With M for the radius, tM is no bound once lengths exceed 1: same data, ten times the unit.
    large = train_perceptron(10 * x, y)
    assert ((large.history**2).sum(axis=1) > np.arange(large.updates + 1) * radius(10 * x)).any()


def test_c012_the_quotient_needs_the_square_and_a_numerator_that_is_not_negative(forty):
    x, y, run = forty
    ideal, gap = maximum_margin(x, y)
    t = np.arange(1, run.updates + 1)
    cosine = (run.history[1:] @ ideal) / np.linalg.norm(run.history[1:], axis=1)
    assert (cosine >= t * gap / np.sqrt(t * radius(x) ** 2) - 1e-12).all()
    single = train_perceptron([[4.0]], [1])  # M = 4, margin 4, t = 1: claimed above 4/sqrt(4) = 2, but a cosine is 1
    assert single.w[0] / abs(single.w[0]) < 1 * 4 / np.sqrt(1 * 4)
    # A negative numerator turns the inequality round even with the square.
    back = train_perceptron([[1.0]], [1], w=[-2.0]).history[1]
    assert back[0] / abs(back[0]) < (-2 + 1) / np.sqrt(4 + 1)


def test_c013_cosine_at_most_one(sets):
    x, y, *_ = sets
    for samples, labels in zip(x[:100], y[:100]):
        run = train_perceptron(samples, labels)
        ideal, _ = maximum_margin(samples, labels)
        cosine = (run.history[1:] @ ideal) / np.linalg.norm(run.history[1:], axis=1)
        assert cosine.max() <= 1 + 1e-12


def test_c014_the_lectures_bound_is_broken_and_depends_on_the_unit(sets):
    single = train_perceptron([[2.0]], [1])
    assert 2 / 2**2 < single.updates <= (2 / 2) ** 2
    _, _, needed, radii, margins = sets
    broken = [(needed > c * radii / (c * margins) ** 2).sum() for c in (0.1, 1, 10)]
    assert broken[0] == 0 < broken[1] < broken[2]
    assert (needed <= (radii / margins) ** 2).all()


def test_c015_larger_margins_are_faster_on_average_but_not_always(sets):
    _, _, needed, _, margins = sets
    low = margins < np.median(margins)
    assert needed[low].mean() > 2 * needed[~low].mean()
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(needed), size=(100_000, 2))
    a, b = pairs[margins[pairs[:, 0]] > margins[pairs[:, 1]]].T
    assert 0.05 < (needed[a] > needed[b]).mean() < 0.4


def test_c016_see_s025():
    test_s025_orders_and_starts_give_different_directions()


def test_c017_xor_cycles_through_four_weight_vectors():
    run = train_perceptron(XOR_X, XOR_Y, epochs=500)
    assert run.updates == 2000
    assert len(np.unique(run.history, axis=0)) == 4
    np.testing.assert_array_equal(run.history[4:], run.history[:-4])


@pytest.mark.parametrize("seed", range(5))
def test_c018_kesler_turns_classes_into_one_two_class_problem(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(48) % 4
    x = add_bias(np.array([[2, 2], [-2, 2], [-2, -2], [2, -2]])[y] + rng.uniform(-1.2, 1.2, size=(48, 2)))
    run = train_multiclass(x, y, 4)
    z = kesler_vectors(x, y, 4)
    assert run.converged
    assert (z @ run.w.ravel() > 0).all()
    assert run.updates <= update_bound(z, np.ones(len(z)))


def test_c026_sign_passes_no_gradient_and_the_estimator_does():
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(50, 8)))
    w = torch.tensor(rng.normal(size=(5, 8)), requires_grad=True)
    torch.sign(x @ w.T).sum().backward()
    assert torch.equal(w.grad, torch.zeros_like(w))
    with torch.no_grad():
        assert torch.equal(torch.sign(x @ (w + 1e-9).T), torch.sign(x @ w.T))
    w.grad = None
    StraightThroughSign.apply(x @ w.T, 1.0).sum().backward()
    assert w.grad.abs().max() > 0


def test_c027_four_hundred_inputs():
    images, _ = draw_letters("TL", 3)
    assert images.shape[1:] == (20, 20)
    wiring = wire_randomly(512)
    assert wiring.links.shape == (512, 20 * 20)
    assert associate(images, wiring).shape == (3, 512)
    assert "references.md#hay-1960" in chapter_text()


def test_c028_dates_are_cited():
    text = chapter_text()
    for key in ("mcculloch-pitts-1943", "rosenblatt-1957", "rosenblatt-1958", "rosenblatt-1962", "novikoff-1962"):
        assert f"references.md#{key}" in text


# ---- equations ----------------------------------------------------------------------------------


def test_eq_1_1_rate():
    cell = Membrane()
    for current in (1.6, 2.0, 3.7):
        drive, gap = cell.resistance * current, cell.threshold - cell.rest
        period = cell.refractory + cell.tau * np.log(drive / (drive - gap))  # milliseconds
        assert lif_rate(current) == pytest.approx(1000 / period)
        assert simulated_rate([current], dt=0.01)[0] == pytest.approx(1000 / period, abs=1.0)


def test_eq_1_2_score():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(20, 3)), rng.normal(size=3), 0.3
    by_hand = [int(w[0] * r[0] + w[1] * r[1] + w[2] * r[2] + b > 0) for r in x]
    assert threshold_unit(x, w, b).tolist() == by_hand
    np.testing.assert_allclose(add_bias(x) @ [*w, b], x @ w + b)


def test_eq_1_3_update():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y, w = rng.normal(size=4), rng.choice([-1.0, 1.0]), rng.normal(size=4)
        run = train_perceptron([x], [y], eta=0.4, w=w, epochs=1)
        expected = w + 0.4 * y * x if y * (w @ x) <= 0 else w
        np.testing.assert_allclose(run.w, expected)
        if run.updates:  # the product rises by eta |x|^2
            assert y * (run.w @ x) - y * (w @ x) == pytest.approx(0.4 * x @ x)


def test_eq_1_4_criterion():
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=30), rng.choice([-1.0, 1.0], size=30)
    left = -sum(t * s for t, s in zip(y, f) if t * s < 0)
    right = sum(max(0.0, -t * s) for t, s in zip(y, f))
    assert left == pytest.approx(right)
    assert criterion(torch.tensor(f), torch.tensor(y)).item() == pytest.approx(left)


def test_eq_1_5_factor():
    for eta, curvature in ((0.01, 10.0), (0.1, 10.0), (0.19, 10.0), (0.21, 10.0)):
        path = descend_quadratic([curvature], [1.0], eta, 12)[:, 0]
        np.testing.assert_allclose(path, (1 - eta * curvature) ** np.arange(13), atol=1e-12)


def test_eq_1_6_and_1_7_two_growths(sets):
    x, y, *_ = sets
    for samples, labels in zip(x[:100], y[:100]):
        run = train_perceptron(samples, labels)
        ideal, gap = maximum_margin(samples, labels)
        t = np.arange(run.updates + 1)
        assert (run.history @ ideal >= t * gap - 1e-9).all()  # 1.6
        assert (np.linalg.norm(run.history, axis=1) <= np.sqrt(t) * radius(samples) + 1e-9).all()  # 1.7


def test_eq_1_8_bound():
    x, y = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([1, 1])
    w = np.array([1.0, 0.0])
    assert update_bound(x, y, w=w) == pytest.approx((5.0 / 1.0) ** 2)
    assert train_perceptron(x, y).updates <= update_bound(x, y)


def test_eq_1_9_paired_update():
    rng = np.random.default_rng(0)
    for _ in range(30):
        x, k = rng.normal(size=3), int(rng.integers(4))
        run = train_multiclass([x], np.array([k]), 4, epochs=1)  # from 0 every class ties: a mistake
        j = 0 if k != 0 else 1
        expected = np.zeros((4, 3))
        expected[k] += x
        expected[j] -= x
        np.testing.assert_array_equal(run.w, expected)


def test_eq_1_10_multiclass_bound():
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = np.arange(24) % 4
        x = add_bias(np.array([[2, 2], [-2, 2], [-2, -2], [2, -2]])[y] + rng.uniform(-1.5, 1.5, size=(24, 2)))
        z = kesler_vectors(x, y, 4)
        gap = maximum_margin(z, np.ones(len(z)))[1]
        assert train_multiclass(x, y, 4).updates <= 2 * (radius(x) / gap) ** 2
        assert radius(z) ** 2 == pytest.approx(2 * radius(x) ** 2)


# ---- at scale -----------------------------------------------------------------------------------


def test_the_mnist_record_says_what_the_chapter_says():
    record = load_record("01_perceptron.mnist")
    assert (
        band("01_perceptron.mnist", "accuracy_average").minimum > band("01_perceptron.mnist", "accuracy_last").maximum
    )
    assert (
        band("01_perceptron.mnist", "odd_even_average").maximum
        < band("01_perceptron.mnist", "accuracy_average").minimum
    )
    assert min(record["last_pass"]) > 1000


@pytest.mark.data
def test_mnist_average_lands_in_its_band():
    if not data.available("mnist"):
        pytest.skip("MNIST is not here: course data mnist")
    digits, test = data.load("mnist", "train"), data.load("mnist", "test")
    x = add_bias(digits.images.reshape(len(digits), -1).numpy() / 255)
    new = add_bias(test.images.reshape(len(test), -1).numpy() / 255)
    run = train_multiclass(x, digits.labels.numpy(), 10, epochs=5, order=np.random.default_rng(0))
    accuracy = (predict_class(new, run.average) == test.labels.numpy()).mean()
    assert band("01_perceptron.mnist", "accuracy_average").contains(accuracy, slack=0.003)


def test_s027_the_eight_alone_cannot_be_cut_off():
    from scipy.optimize import linprog

    train = data.load("digits", "train")
    x = add_bias(train.images.reshape(len(train), -1).numpy() / 255)
    stuck = []
    for digit in range(10):
        y = np.where(train.labels.numpy() == digit, 1.0, -1.0)
        answer = linprog(np.zeros(65), A_ub=-y[:, None] * x, b_ub=-np.ones(len(x)), bounds=(None, None))
        stuck += [digit] * (answer.status == 2)  # 2: proven infeasible
    assert stuck == [8]
