"""Hidden tests of assignment 1. They stay with the instructor and run in the grader's own process.

Inputs are random, other ones for each student; what is right comes from properties and from the small reference loops
below, written differently from the model solution. Equal work must earn equal points with everybody's inputs, so inputs
are drawn until they tell the usual mistakes from the right answer. `says` sentences reach the student, nothing else in
this file does.
"""

import itertools

import numpy as np

from course_utils.grading.answers import Wrong, close, compare, read_array, read_number, read_numbers, read_tuple
from course_utils.grading.hidden import hidden, says

WITHHELD = ("course_utils.scratch",)  # the course's own perceptron


# ---- exercise 1 ----


@hidden("threshold_unit", points=1)
def test_unit_away_from_the_edge(student, rng):
    unit = float(rng.uniform(0.5, 2))
    x = unit * np.array([[-1.0], [1.0], [2.0], [4.0]])
    got = read_array(student.threshold_unit(x, np.ones(1), -3 * unit), (4,), "threshold_unit(x, w, b)")
    mistakes = [
        ([0, 1, 1, 1], "threshold_unit ignores the bias"),
        ([1, 1, 1, 1], "threshold_unit subtracts the bias: it is added"),
        ([1, 1, 1, 0], "threshold_unit fires exactly where it should be silent"),
        ([-1, -1, -1, 1], "threshold_unit returns -1 where it should return 0"),
    ]
    compare(got, [0, 0, 0, 1], mistakes, "threshold_unit is wrong on inputs away from the edge")
    for n, d in ((6, 3), (1, 1), (40, 8)):
        x, w, b = rng.normal(size=(n, d)), rng.normal(size=d), float(rng.normal())
        fires = [sum(w[j] * x[i, j] for j in range(d)) + b > 0 for i in range(n)]
        got = read_array(student.threshold_unit(x, w, b), (n,), "threshold_unit(x, w, b)")
        compare(got, fires, otherwise="threshold_unit is wrong on inputs away from the edge")
    got = read_array(student.threshold_unit(np.zeros((2, 3)), w[:3], unit), (2,), "threshold_unit(x, w, b)")
    compare(got, [1, 1], otherwise="threshold_unit is silent on zeros although the bias alone is above zero")


@hidden("threshold_unit", points=0.5, after="test_unit_away_from_the_edge")
def test_unit_at_the_edge(student, rng):
    whole = rng.integers(-3, 4, size=(30, 4)).astype(float)
    w = np.array([1.0, -1.0, 2.0, 1.0])
    sums = whole @ w
    whole[0] = 0.0
    sums[0] = 0.0
    assert (sums == 0).any()
    got = read_array(student.threshold_unit(whole, w, 0.0), (30,), "threshold_unit(x, w, b)")
    assert close(got, sums > 0), says("threshold_unit fires at exactly zero: the sum must be above zero, > and not >=")


@hidden("threshold_unit", points=1.5)
def test_gates(student, rng):
    truth = {"AND": all, "OR": any, "NAND": lambda bits: not all(bits), "NOT": lambda bits: not bits[0]}
    for name in truth:
        inputs = 1 if name == "NOT" else 2
        pair = read_tuple(student.gate(name), 2, f"gate({name})")
        w, b = (
            read_array(pair[0], (inputs,), f"the weights of gate({name})"),
            read_number(pair[1], f"gate({name}), bias"),
        )
        for bits in itertools.product((0, 1), repeat=inputs):
            fires = float(np.dot(w, bits)) + b > 0
            assert fires == bool(truth[name](bits)), says(f"gate does not compute {name} for all inputs")


# ---- exercise 2 ----

STEP = (
    "test_step_on_a_clear_mistake_and_on_a_clear_hit",
    "test_step_at_a_score_of_zero",
    "test_step_leaves_its_arguments_alone",
)


def reference_training(x, y, eta, epochs):
    """The perceptron by its dual."""
    hits, counts = reference_dual(x @ x.T, y, epochs)
    return eta * (hits * y) @ x, counts, hits


def reference_dual(gram, y, epochs):
    """Score every example from the list of mistakes so far."""
    hits, counts = np.zeros(len(y), dtype=int), []
    for _ in range(epochs):
        before = hits.sum()
        for i, label in enumerate(y):
            if label * sum(hits[j] * y[j] * gram[i, j] for j in range(len(y)) if hits[j]) <= 0:
                hits[i] += 1
        counts.append(int(hits.sum() - before))
        if counts[-1] == 0:
            break
    return hits, counts


def separable(rng, n, d, gap=0.3):
    """Whole-number examples with a constant 1, split by a random direction with some room: sums are exact."""
    while True:
        x = np.hstack([rng.integers(-4, 5, size=(4 * n, d)), np.ones((4 * n, 1))]).astype(float)
        w = rng.normal(size=d + 1)
        score = x @ w / np.linalg.norm(w)
        keep = np.flatnonzero(np.abs(score) > gap)[:n]
        if len(keep) == n and 0 < (score[keep] > 0).sum() < n:
            return x[keep], np.where(score[keep] > 0, 1, -1), w / np.linalg.norm(w)


def wrong_training(x, y, rule):
    """What training gives for someone who forgets the label, updates every time, or replaces w by the step."""
    w, counts = np.zeros(x.shape[1]), []
    for _ in range(12):
        counts.append(0)
        for one, label in zip(x, y):
            wrong = label * np.dot(w, one) <= 0
            counts[-1] += int(wrong)
            step = {"label": one, "always": label * one, "replace": label * one - w}[rule]
            w = w + step * (wrong or rule == "always")
        if counts[-1] == 0:
            break
    return w, counts


def training_set(rng, n, d):
    """Separable examples that take some learning, and on which other rules give other results; with the right ones."""
    while True:
        x, y, _ = separable(rng, n, d)
        w, counts, hits = reference_training(x, y, 1.0, 40)
        learns = counts[-1] == 0 and len(counts) > 3 and hits.max() > 1 and all(hits[y == k].any() for k in (-1, 1))
        others = [wrong_training(x, y, rule) for rule in ("label", "always", "replace")] if learns else []
        if learns and not any(close(w, other) or counts == made for other, made in others):
            return x, y, w, counts, hits


@hidden("perceptron_rule", points=1)
def test_step_on_a_clear_mistake_and_on_a_clear_hit(student, rng):
    for _ in range(6):
        w, x, eta = rng.normal(size=5), rng.normal(size=5), float(rng.uniform(0.2, 3))
        x *= np.sign(w @ x)  # a score above zero, so -x has one below
        y = np.array([[-1], [1]])
        both = np.array([x, -x])  # two mistakes, one for each label
        got = np.array(
            [
                read_array(student.perceptron_step(w, one, int(label), eta), (5,), "perceptron_step(w, x, y, eta)")
                for one, label in zip(both, y[:, 0])
            ]
        )
        mistakes = [
            (w + 0 * both, "perceptron_step leaves w alone although the example is wrong"),
            (w - eta * y * both, "perceptron_step moves the wrong way on a mistake: add eta * y * x"),
            (w + eta * both, "perceptron_step forgets the label: add eta * y * x"),
            (w + y * both, "perceptron_step ignores eta"),
            (eta * y * both, "perceptron_step replaces the weights by the step: add the step to w"),
        ]
        compare(got, w + eta * y * both, mistakes, "perceptron_step is wrong on a misclassified example")
        for one, label in zip(both, y[:, 0]):
            got = read_array(student.perceptron_step(w, one, int(-label), eta), (5,), "perceptron_step(w, x, y, eta)")
            assert close(got, w), says("perceptron_step changes w although the example is right")


@hidden("perceptron_rule", points=1, after="test_step_on_a_clear_mistake_and_on_a_clear_hit")
def test_step_at_a_score_of_zero(student, rng):
    stuck = "Your rule never updates at w = 0: a score of zero is a mistake, so the condition is y (w.x) <= 0"
    for label in (-1, 1):
        x = rng.normal(size=4)
        got = read_array(student.perceptron_step(np.zeros(4), x, label, 1.0), (4,), "perceptron_step(w, x, y, eta)")
        assert close(got, label * x), says(stuck)
    w, x = np.array([2.0, -1.0, 0.0]), np.array([1.0, 2.0, 5.0])
    got = read_array(student.perceptron_step(w, x, -1, 1.0), (3,), "perceptron_step(w, x, y, eta)")
    assert close(got, w - x), says(stuck)


@hidden("perceptron_rule", points=0.5, after=STEP[:2])
def test_step_leaves_its_arguments_alone(student, rng):
    w, one = rng.normal(size=4), rng.normal(size=4)
    for x, label in itertools.product((one, -one), (-1, 1)):  # mistakes and hits with both labels
        got = read_array(student.perceptron_step(w, x, label, 1.0), (4,), "perceptron_step(w, x, y, eta)")
        assert close(got, w + label * x * (label * (w @ x) <= 0)), says("perceptron_step is wrong for eta = 1")
        assert not student.perceptron_step.changes_its_arguments(w, x, label, 1.0), says(
            "perceptron_step changes the caller's w in place: work on a copy"
        )


@hidden("perceptron_rule", points=2, after=STEP)
def test_training_finds_the_reference_weights(student, rng):
    single = np.array([[2.0, 1.0]])
    for x, y, w, *_ in (training_set(rng, 6, 2), training_set(rng, 15, 3), (single, np.array([1]), single[0])):
        d = len(w) - 1
        pair = read_tuple(student.train_perceptron(x, y, 1.0, 300), 2, "train_perceptron")
        got = read_array(pair[0], (d + 1,), "the weights of train_perceptron")
        mistakes = [(np.zeros(d + 1), "train_perceptron stays at w = 0: a score of zero is a mistake (<= 0)")]
        compare(
            got,
            w,
            mistakes,
            "train_perceptron ends with other weights than the rule gives: start at zero, take the "
            "examples in order, update at once, stop after a clean pass",
        )


@hidden("perceptron_rule", points=1, after=(*STEP, "test_training_finds_the_reference_weights"))
def test_training_counts_mistakes_by_pass(student, rng):
    for n, d in ((8, 2), (12, 3)):
        x, y, _, counts, _ = training_set(rng, n, d)
        pair = read_tuple(student.train_perceptron(x, y, 1.0, 300), 2, "train_perceptron")
        got = read_numbers(pair[1], "the list of mistakes")
        running = np.cumsum(counts)
        mistakes = [
            (counts[:-1], "the list of mistakes lacks the last, clean pass"),
            (counts + [0] * (300 - len(counts)), "train_perceptron goes on after a pass without a mistake"),
            (running, "the list of mistakes keeps adding up: start the count at zero in every pass"),
            (
                np.append(running, [running[-1]] * (300 - len(counts))),
                "the list of mistakes keeps adding up: start the count at zero in every pass",
            ),
            ([running[-1]], "the list of mistakes holds only the total"),
            ([n] * len(got), "train_perceptron counts every example, right or wrong"),
        ]
        compare(got, counts, mistakes, "the list of mistakes is not the number of mistakes in each pass")


@hidden(
    "perceptron_rule",
    points=0.5,
    after=(*STEP, "test_training_finds_the_reference_weights", "test_training_counts_mistakes_by_pass"),
)
def test_training_obeys_eta_and_the_number_of_passes(student, rng):
    x, y, w, _, _ = training_set(rng, 8, 2)
    pair = read_tuple(student.train_perceptron(x, y, 0.25, 300), 2, "train_perceptron")
    got = read_array(pair[0], (3,), "the weights of train_perceptron")
    compare(got, w / 4, [(w, "train_perceptron ignores eta")], "train_perceptron is wrong for eta = 0.25")
    xor = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    labels = np.array([-1, 1, 1, -1])
    passes = int(rng.integers(5, 30))
    pair = read_tuple(student.train_perceptron(xor, labels, 1.0, passes), 2, "train_perceptron")
    made = read_numbers(pair[1], "the list of mistakes")
    assert len(made) == passes, says(
        "train_perceptron does not stop after `epochs` passes when it never gets everything right"
    )
    assert (made > 0).all(), says("train_perceptron reports a pass without mistakes on XOR, which no line separates")


# ---- exercise 3 ----


@hidden("mistake_bound", points=1)
def test_radius(student, rng):
    for n, d in ((9, 3), (1, 2), (30, 5)):
        x, w = rng.normal(size=(n, d)) * 3, rng.normal(size=d)
        lengths = np.array([np.sqrt(sum(v * v for v in row)) for row in x])
        pair = read_tuple(student.radius_and_margin(w, x, np.where(x @ w > 0, 1, -1)), 2, "radius_and_margin(w, x, y)")
        mistakes = [
            (lengths.max() ** 2, "the radius is a length, not its square"),
            (np.abs(x).max(), "the radius is the length of the longest input, not the largest coordinate"),
            (x.max(), "the radius is the length of the longest input, not the largest entry of x"),
            (lengths.min(), "the radius belongs to the longest input, not to the shortest"),
            (lengths.mean(), "the radius is the largest length, not the mean length"),
            (np.linalg.norm(x), "the radius is the norm of one input, not of the whole table"),
        ]
        compare(read_number(pair[0], "the radius"), lengths.max(), mistakes, "the radius is not right")


@hidden("mistake_bound", points=1)
def test_margin(student, rng):
    for separated in (True, False, True):
        x, w = rng.normal(size=(12, 3)), rng.normal(size=3) * 2
        y = np.where(x @ w > 0, 1, -1)
        if not separated:
            y[rng.integers(12)] *= -1
        scores = np.array([label * sum(a * b for a, b in zip(w, row)) for label, row in zip(y, x)])
        length = np.sqrt(sum(v * v for v in w))
        pair = read_tuple(student.radius_and_margin(w, x, y), 2, "radius_and_margin(w, x, y)")
        mistakes = [
            (scores.min(), "the margin is a distance: divide by the length of w"),
            ((x @ w).min() / length, "the margin forgets the labels"),
            (np.abs(scores).min() / length, "the margin hides a mistake: on the wrong side it is negative"),
            (0.0, "the margin hides a mistake: on the wrong side it is negative"),
            (scores.max() / length, "the margin belongs to the nearest example, not to the farthest"),
            (scores.mean() / length, "the margin belongs to the nearest example, not to the average one"),
            (scores.min() / length**2, "the margin divides by the squared length of w"),
        ]
        compare(read_number(pair[1], "the margin"), scores.min() / length, mistakes, "the margin is not right")


@hidden("mistake_bound", points=1, after=("test_radius", "test_margin"))
def test_bound_and_its_units(student, rng):
    for _ in range(3):
        x, y, w = separable(rng, 10, 2)
        w = w * float(rng.uniform(0.3, 4))
        radius = max(np.linalg.norm(row) for row in x)
        margin = min(y * (x @ w)) / np.linalg.norm(w)
        mistakes = [
            (radius / margin**2, "the bound squares only the margin: it is (R / margin) squared"),
            (radius / margin, "the square in the bound is missing"),
            (radius**2 / margin, "the bound squares only the radius: it is (R / margin) squared"),
            ((margin / radius) ** 2, "the bound is upside down"),
            ((radius / min(y * (x @ w))) ** 2, "the bound uses a margin that is not divided by the length of w"),
            (np.floor((radius / margin) ** 2), "the bound is the number itself: do not round it"),
            (np.inf, "mistake_bound says inf although w separates the examples"),
        ]
        for unit in (1.0, 100.0):  # metres, centimetres: as many mistakes
            got = read_number(student.mistake_bound(w, unit * x, y), "mistake_bound(w, x, y)", finite=False)
            compare(got, (radius / margin) ** 2, mistakes, "the bound is not (R / margin) squared")
        _, counts, _ = reference_training(x, y, 1.0, 10_000)
        assert sum(counts) <= got * (1 + 1e-9), says("training makes more mistakes than your bound allows")


@hidden("mistake_bound", points=1, after=("test_margin", "test_bound_and_its_units"))
def test_no_promise_without_separation(student, rng):
    x, y, w = separable(rng, 10, 2)
    flipped = y.copy()
    flipped[rng.integers(10)] *= -1
    got = read_number(student.mistake_bound(w, x, y), "mistake_bound(w, x, y)", finite=False)
    assert np.isfinite(got), says("mistake_bound says inf although w separates the examples")
    on_the_line = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]])
    for a, b, c in ((w, x, flipped), (-w, x, y), (np.array([1.0, 1.0, 0.0]), on_the_line, np.array([1, 1]))):
        got = read_number(student.mistake_bound(a, b, c), "mistake_bound(w, x, y)", finite=False)
        assert got == np.inf, says(
            "mistake_bound promises a finite number from a w that does not separate the examples"
        )


# ---- exercise 4 ----

FORMULAS = {
    "perceptron": lambda m: -m if m < 0 else 0.0,
    "hinge": lambda m: 1 - m if m < 1 else 0.0,
    "logistic": lambda m: max(-m, 0.0) + float(np.log1p(np.exp(-abs(m)))),
}


@hidden("surrogate_losses", points=1)
def test_losses(student, rng):
    m = np.concatenate([rng.normal(size=20) * 3, [0.0, 1.0, -1.0, 5.0]])
    for kind, formula in FORMULAS.items():
        want = np.array([formula(v) for v in m])
        pair = read_tuple(student.surrogate(kind, m), 2, f"surrogate({kind}, m)")
        got = read_array(pair[0], m.shape, f"the {kind} loss")
        mistakes = [
            (np.array([FORMULAS[other](v) for v in m]), f"the {kind} loss is the {other} loss here")
            for other in FORMULAS
            if other != kind
        ]
        mistakes += [
            (np.array([formula(-v) for v in m]), f"the {kind} loss punishes right answers: a minus is missing"),
            (want / np.log(2), f"the {kind} loss uses the logarithm to base 2"),
            (want**2, f"the {kind} loss is squared here"),
            ((m <= 0), f"the {kind} loss counts mistakes instead of measuring them"),
            (1 - m, f"the {kind} loss goes below zero"),
        ]
        compare(got, want, mistakes, f"the {kind} loss is not right")


@hidden("surrogate_losses", points=1, after="test_losses")
def test_slopes(student, rng):
    m = rng.normal(size=30) * 2
    m = m[(np.abs(m) > 1e-3) & (np.abs(m - 1) > 1e-3)]
    for kind, formula in FORMULAS.items():
        want = np.array([(formula(v + 1e-5) - formula(v - 1e-5)) / 2e-5 for v in m])
        pair = read_tuple(student.surrogate(kind, m), 2, f"surrogate({kind}, m)")
        got = read_array(pair[1], m.shape, f"the slope of the {kind} loss")
        mistakes = [
            (-want, f"the slope of the {kind} loss has the wrong sign: a larger m never costs more"),
            (np.where(m < 0, want, 0), f"the slope of the {kind} loss stops at m = 0"),
            (-np.ones(m.size), f"the slope of the {kind} loss is -1 everywhere"),
        ]
        compare(got, want, mistakes, f"the slope of the {kind} loss is not the derivative of the loss", 1e-4)
    corner = read_tuple(student.surrogate("perceptron", np.zeros(2)), 2, "surrogate")
    assert close(read_array(corner[1], (2,), "the slope of the perceptron loss"), [-1, -1]), says(
        "the slope of the perceptron loss at m = 0 must be -1: with 0 training would never leave w = 0"
    )
    corner = read_tuple(student.surrogate("hinge", np.ones(1)), 2, "surrogate")
    slope = read_array(corner[1], (1,), "the slope of the hinge loss")[0]
    assert -1 <= slope <= 0, says("the slope of the hinge loss at m = 1 must lie between -1 and 0")


@hidden("surrogate_losses", points=0.5, after=("test_losses", "test_slopes"))
def test_logistic_far_out(student, rng):
    m = np.array([-1.0, 1.0]) * float(rng.uniform(900, 5000))
    where = "overflows far from zero: use np.logaddexp(0, -m)"
    pair = read_tuple(student.surrogate("logistic", m), 2, "surrogate(logistic, m)")
    for value, want, what in ((pair[0], [-m[0], 0.0], "loss"), (pair[1], [-1.0, 0.0], "slope")):
        try:
            good = close(read_array(value, (2,), f"the logistic {what}", finite=False), want)
        except Wrong:  # NaN, which is an overflow too
            good = False
        assert good, says(f"the logistic {what} {where}")


@hidden("surrogate_losses", points=1.5, after=("test_losses", "test_slopes"))
def test_gradient_is_the_slope_of_the_mean_loss(student, rng):
    for kind, formula in FORMULAS.items():
        for n, d in ((7, 3), (1, 2), (4, 4)):
            x, y, w = rng.normal(size=(n, d)), rng.choice([-1, 1], n), rng.normal(size=d)
            y[0] = -1 if x[0] @ w > 0 else 1  # one mistake at least
            if n > 1:  # and one right answer inside the hinge's margin
                x[1] *= float(rng.uniform(0.3, 0.7)) / (x[1] @ w)
                y[1] = 1
            want = np.array(
                [
                    (
                        np.mean([formula(v) for v in y * (x @ (w + h))])
                        - np.mean([formula(v) for v in y * (x @ (w - h))])
                    )
                    / 2e-6
                    for h in np.eye(d) * 1e-6
                ]
            )
            got = read_array(student.loss_gradient(kind, w, x, y), (d,), "loss_gradient(kind, w, x, y)")
            slope = np.array([(formula(v + 1e-6) - formula(v - 1e-6)) / 2e-6 for v in y * (x @ w)])
            mistakes = [
                (n * want, "loss_gradient is the gradient of the sum: divide by the number of examples"),
                (-want, "loss_gradient points downhill: the gradient is uphill"),
                (slope @ x / n, "loss_gradient forgets the labels: dm/dw is y x"),
                (n * want / d, "loss_gradient divides by the number of weights"),
            ]
            compare(got, want, mistakes, "loss_gradient is not the slope of the mean loss", 1e-4)


# ---- exercise 5 ----


@hidden("multiclass", points=1.5)
def test_predicted_classes(student, rng):
    for n, k, d in ((8, 3, 4), (5, 6, 2), (1, 2, 3)):
        w, x = rng.normal(size=(k, d)), rng.normal(size=(n, d))
        scores = [[sum(a * b for a, b in zip(row, one)) for row in w] for one in x]
        got = read_array(student.predict_class(w, x), (n,), "predict_class(w, x)")
        mistakes = [
            (np.argmin(scores, axis=1), "predict_class takes the smallest score"),
            (np.max(scores, axis=1), "predict_class returns the score, not its class"),
            (np.argmax(scores, axis=1) + 1, "predict_class counts classes from 1"),
            (np.argmax(np.abs(scores), axis=1), "predict_class compares sizes without signs"),
        ]
        compare(
            got,
            [row.index(max(row)) for row in scores],
            mistakes,
            "predict_class is not the class of the largest score",
        )
    got = read_array(student.predict_class(np.zeros((3, 2)), np.ones((2, 2))), (2,), "predict_class(w, x)")
    assert close(got, [0, 0]), says("predict_class does not take the first of equal scores")


@hidden("multiclass", points=1.5)
def test_step_on_a_mistake(student, rng):
    for k, d in ((4, 3), (2, 2), (5, 3), (6, 2)):
        w, x = rng.normal(size=(k, d)), rng.normal(size=d)
        order = np.argsort(w @ x)
        best, true = order[-1], order[int(rng.integers(k - 1))]
        want = [row + x if j == true else row - x if j == best else row for j, row in enumerate(w)]
        only_up, only_down, all_down, weakest, swapped = (w.copy() for _ in range(5))
        only_up[true] += x
        only_down[best] -= x
        all_down += np.where(np.arange(k) == true, 1, -1)[:, None] * x
        weakest[true] += x
        weakest[next(j for j in order if j != true)] -= x
        swapped[true] -= x
        swapped[best] += x
        got = read_array(student.multiclass_step(w, x, int(true)), (k, d), "multiclass_step(w, x, y)")
        mistakes = [
            (w, "multiclass_step leaves w alone although another class wins"),
            (only_up, "multiclass_step only pulls the true class up"),
            (only_down, "multiclass_step only pushes the rival down"),
            (all_down, "multiclass_step pushes all other classes down: only the strongest rival changes"),
            (weakest, "multiclass_step pushes the weakest class down"),
            (swapped, "multiclass_step has the signs the wrong way round"),
        ]
        compare(got, want, mistakes, "multiclass_step is not right on a mistake")


@hidden("multiclass", points=1, after="test_step_on_a_mistake")
def test_step_on_a_hit_and_at_ties(student, rng):
    w, x = rng.normal(size=(4, 3)), rng.normal(size=3)
    winner = int(np.argmax(w @ x))
    got = read_array(student.multiclass_step(w, x, winner), (4, 3), "multiclass_step(w, x, y)")
    assert close(got, w), says("multiclass_step updates although the true class wins")
    for true, rival in ((0, 1), (1, 0), (2, 0)):
        x = rng.normal(size=3)
        want = np.zeros((3, 3))
        want[true], want[rival] = x, -x
        got = read_array(student.multiclass_step(np.zeros((3, 3)), x, true), (3, 3), "multiclass_step(w, x, y)")
        assert not close(got, np.zeros((3, 3))), says("multiclass_step does nothing at a tie: a tie is a mistake")
        assert close(got, want), says(
            "multiclass_step is not right at a tie: the first of the strongest others is the rival"
        )


@hidden("multiclass", points=1, after=("test_step_on_a_mistake", "test_step_on_a_hit_and_at_ties"))
def test_step_keeps_its_arguments_and_learns(student, rng):
    w, x = rng.normal(size=(3, 2)), rng.normal(size=2)
    loser = int(np.argmin(w @ x))
    assert not student.multiclass_step.changes_its_arguments(w, x, loser), says(
        "multiclass_step changes the caller's w in place: work on a copy"
    )
    centres = np.array([[6, 6], [-6, 6], [-6, -6], [6, -6]], dtype=float)
    labels = rng.permutation(np.repeat(np.arange(4), 3))
    x = np.hstack([centres[labels] + rng.integers(-2, 3, size=(12, 2)), np.ones((12, 1))])
    weights = np.zeros((4, 3))
    for _ in range(40):
        before = weights
        for one, label in zip(x, labels):
            weights = read_array(student.multiclass_step(weights, one, int(label)), (4, 3), "multiclass_step(w, x, y)")
        if close(before, weights):
            break
    assert close(np.argmax(x @ weights.T, axis=1), labels), says(
        "multiclass_step does not separate four separable classes"
    )


# ---- exercise 6 ----


@hidden("kernel", points=1)
def test_polynomial_kernel(student, rng):
    for n, m, d, degree in ((3, 5, 2, 2), (4, 4, 3, 3), (2, 1, 4, 1)):
        a, b = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        product = np.array([[sum(p * q for p, q in zip(one, other)) for other in b] for one in a])
        got = read_array(student.polynomial_kernel(a, b, degree), (n, m), "polynomial_kernel(a, b, degree)")
        mistakes = [
            (product**degree, "polynomial_kernel lacks the 1"),
            (1 + product**degree, "polynomial_kernel takes the power too early: the 1 belongs inside"),
            ((1 + product) * degree, "polynomial_kernel multiplies by the degree"),
            (1 + product, "polynomial_kernel ignores the degree"),
            ((1 + product) ** 2, "polynomial_kernel always uses degree 2"),
        ]
        compare(got, (1 + product) ** degree, mistakes, "polynomial_kernel is not (1 + a.b) ** degree for all pairs")


@hidden("kernel", points=2)
def test_kernel_training_repeats_the_perceptron(student, rng):
    for n in (6, 14):
        x, y, _, counts, hits = training_set(rng, n, 2)
        pair = read_tuple(student.train_kernel_perceptron(x @ x.T, y, 300), 2, "train_kernel_perceptron(k, y, epochs)")
        got = read_array(pair[0], (n,), "alpha")
        mistakes = [
            (
                np.zeros(n),
                "train_kernel_perceptron never updates: at the start every score is zero, and zero is a mistake",
            ),
            (hits * y, "alpha holds labels: it counts mistakes, so nothing in it is negative"),
            (hits > 0, "alpha only notes whether there was a mistake: count them"),
        ]
        compare(got, hits, mistakes, "alpha is not right: with plain products the mistakes must be those of exercise 2")
        made = read_numbers(pair[1], "the list of mistakes")
        mistakes = [
            (counts[:-1], "the list of mistakes lacks the last, clean pass"),
            (counts + [0] * (300 - len(counts)), "train_kernel_perceptron goes on after a pass without a mistake"),
            (np.cumsum(counts), "the list of mistakes keeps adding up: start the count at zero in every pass"),
        ]
        compare(made, counts, mistakes, "the list of mistakes of train_kernel_perceptron is not right")


@hidden("kernel", points=1, after="test_kernel_training_repeats_the_perceptron")
def test_kernel_training_solves_xor_in_any_order(student, rng):
    order = rng.permutation(4)
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])[order], np.array([-1, 1, 1, -1])[order]
    k = (1 + x @ x.T) ** 2
    pair = read_tuple(student.train_kernel_perceptron(k, y, 200), 2, "train_kernel_perceptron(k, y, epochs)")
    alpha = read_array(pair[0], (4,), "alpha")
    assert (y * (k @ (alpha * y)) > 0).all(), says("train_kernel_perceptron does not solve XOR with degree 2")
    assert close(alpha, reference_dual(k, y, 200)[0]), says(
        "alpha on XOR is not the number of mistakes on each example"
    )
    passes = int(rng.integers(3, 12))
    pair = read_tuple(
        student.train_kernel_perceptron(1 + x @ x.T, y, passes), 2, "train_kernel_perceptron(k, y, epochs)"
    )
    assert len(read_numbers(pair[1], "the list of mistakes")) == passes, says(
        "train_kernel_perceptron does not stop after `epochs` passes when it never gets everything right"
    )
