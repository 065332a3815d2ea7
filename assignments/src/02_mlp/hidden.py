"""Hidden tests of assignment 2. They stay with the instructor and run in the grader's own process.

Inputs are random, other ones for each student; what is right comes from sums written out unit by unit, from trying every
pattern, and from properties. `says` sentences reach the student, nothing else in this file does.
"""

import itertools
import math

import numpy as np

from course_utils.grading.answers import Wrong, compare, read_array, read_number, read_tuple
from course_utils.grading.hidden import hidden, says

WITHHELD = ("course_utils.scratch", "torch", "scipy")  # libraries that have the layers


def draw(rng, *shape):
    """Numbers away from zero."""
    return rng.uniform(0.4, 1.6, size=shape) * rng.choice([-1, 1], size=shape)


# ---- exercise 1 ----


def by_hand(x, w1, b1, w2, b2, f=math.tanh, late=0.0):
    """The network unit by unit; `late` is how much of b1 is added after the activation."""
    out = []
    for one in x:
        z = [f(sum(w * v for w, v in zip(row, one)) + (1 - late) * b) + late * b for row, b in zip(w1, b1)]
        out.append([sum(w * v for w, v in zip(row, z)) + b for row, b in zip(w2, b2)])
    return np.array(out)


@hidden("two_layers", points=2)
def test_network(student, rng):
    for n, d, h, k in ((4, 2, 3, 2), (1, 3, 5, 1), (6, 1, 2, 4)):
        x, *weights = draw(rng, n, d), draw(rng, h, d), draw(rng, h), draw(rng, k, h), draw(rng, k)
        w1, b1, w2, b2 = weights
        want = by_hand(x, *weights)
        got = read_array(student.two_layers(x, *weights), (n, k), "two_layers(x, w1, b1, w2, b2)")
        mistakes = [
            (by_hand(x, *weights, f=float), "two_layers is computed without the tanh"),
            (np.tanh(want), "two_layers has a tanh at the end as well"),
            (by_hand(x, *weights, late=1.0), "two_layers adds b1 too late: the bias comes before the tanh"),
            (by_hand(x, w1, 0 * b1, w2, b2), "two_layers forgets b1"),
            (want - b2, "two_layers forgets b2"),
            (by_hand(x, *weights, f=lambda a: 1 / (1 + math.exp(-a))), "two_layers uses the sigmoid in place of tanh"),
        ]
        compare(got, want, mistakes, "two_layers is not right")


@hidden("two_layers", points=2)
def test_collapse(student, rng):
    for d, h, k in ((3, 4, 2), (2, 5, 3), (4, 2, 1)):
        w1, b1, w2, b2 = draw(rng, h, d), draw(rng, h), draw(rng, k, h), draw(rng, k)
        pair = read_tuple(student.collapse(w1, b1, w2, b2), 2, "collapse(w1, b1, w2, b2)")
        x = draw(rng, 5, d)
        w = read_array(pair[0], (k, d), "the weights of collapse")
        b = read_array(pair[1], (k,), "the bias of collapse")
        linear = by_hand(x, w1, b1, w2, b2, f=float)
        compare(
            x @ w.T, linear - by_hand(0 * x, w1, b1, w2, b2, f=float), otherwise="the weights of collapse are not right"
        )
        mistakes = [
            (np.resize(b1, k) + b2, "the bias of collapse adds b1 as it is: it goes through the second layer"),
            (b2, "the bias of collapse loses b1: it goes through the second layer"),
            (w2 @ b1, "the bias of collapse loses b2"),
        ]
        compare(b, by_hand(np.zeros((1, d)), w1, b1, w2, b2, f=float)[0], mistakes, "the bias of collapse is not right")


# ---- exercise 2 ----


def firing(student, listed):
    """For every pattern of signs, whether the student's network fires."""
    m, d = listed.shape
    found = read_tuple(student.pattern_network(listed), 4, "pattern_network(patterns)")
    w, b = read_array(found[0], (m, d), "w"), read_array(found[1], (m,), "b")
    v, c = read_array(found[2], (m,), "v"), read_number(found[3], "c")
    cube = np.array(list(itertools.product((-1, 1), repeat=d)))
    z = np.where(cube @ w.T + b >= 0, 1.0, -1.0)
    on_list = np.array([any((row == other).all() for other in listed) for row in cube])
    return z @ v + c >= 0, on_list


SILENT = "pattern_network is silent for a pattern on the list"


def judge(student, listed):
    fires, on_list = firing(student, listed)
    if len(listed) == 2 and not fires[on_list].any() and not fires.all():
        alone, listed_alone = firing(student, listed[:1])
        if alone[listed_alone].all():
            raise Wrong("the output unit of pattern_network asks every hidden unit to fire: one has to be enough")
    assert fires[on_list].all(), says(SILENT)
    assert not fires[~on_list].any(), says("pattern_network fires for a pattern that is not on the list")


def some(rng, m, d):
    cube = np.array(list(itertools.product((-1, 1), repeat=d)))
    return cube[rng.permutation(len(cube))[:m]]


@hidden("patterns", points=1.5)
def test_lists_of_one_and_two(student, rng):
    for m, d in ((1, 3), (2, 3), (1, 5), (2, 4)):
        judge(student, some(rng, m, d))


@hidden("patterns", points=2.5, after="test_lists_of_one_and_two")
def test_longer_lists(student, rng):
    for m, d in ((3, 2), (4, 2), (6, 4), (12, 5), (31, 5), (3, 8)):
        judge(student, some(rng, m, d))


# ---- exercise 3 ----


def step(a):
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


def steps(x, place, steepness):
    return np.array([step(steepness * (v - place)) for v in x])


@hidden("bumps", points=1.75)
def test_bump(student, rng):
    for k in (1.0, 4.0):
        left, width, height = float(rng.uniform(-2, -1)), float(rng.uniform(1, 2)), float(rng.uniform(2, 3))
        right, x = left + width, np.linspace(-3, 3, 9)
        up, down = steps(x, left, k), steps(x, right, k)
        outside = np.array([step(k * v - left) - step(k * v - right) for v in x])
        got = read_array(student.bump(x, left, right, height, k), (9,), "bump(x, left, right, height, steepness)")
        mistakes = [
            (height * (up + down), "bump goes up twice: at the right edge it needs a step down"),
            (height * up, "bump never comes back: at the right edge it needs a step down"),
            (height * (down - up), "bump is upside down: the step up is at the left edge"),
            (2 * height * (up - down), "bump is twice as high as it should be"),
            (up - down, "bump forgets the height"),
        ]
        if k != 1:
            mistakes.append(
                (height * outside, "bump lets the steepness multiply x alone: it multiplies the whole distance")
            )
        compare(got, height * (up - down), mistakes, "bump is not right")


@hidden("bumps", points=0.5, after="test_bump")
def test_steep_bump(student, rng):
    height = float(rng.uniform(1, 3))
    x = np.array([-5.0, 0.0, 5.0])
    try:
        got = read_array(student.bump(x, -1.0, 1.0, height, 1000.0), (3,), "bump")
    except Wrong:
        raise Wrong("bump fails where steepness times distance is large") from None
    compare(got, [0, height, 0], otherwise="bump is not right where steepness times distance is large")


@hidden("bumps", points=1.75, after=("test_bump", "test_steep_bump"))
def test_curve(student, rng):
    for n, k in ((3, 3.0), (6, 40.0)):
        edges = np.cumsum(rng.uniform(0.5, 1.5, size=n + 1)) - 3
        heights = draw(rng, n) + np.arange(n) * 1e-3
        x = np.linspace(edges[0] - 1, edges[-1] + 1, 40)
        single = np.array([h * (steps(x, l, k) - steps(x, r, k)) for l, r, h in zip(edges, edges[1:], heights)])
        got = read_array(student.draw_curve(x, edges, heights, k), (40,), "draw_curve(x, edges, heights, steepness)")
        mistakes = [
            (single.max(axis=0), "draw_curve takes the largest bump: the curve is the sum of the bumps"),
            (single[:-1].sum(axis=0), "draw_curve leaves out the last bump"),
            (single[1:].sum(axis=0), "draw_curve leaves out the first bump"),
        ]
        compare(got, single.sum(axis=0), mistakes, "draw_curve is not the sum of the bumps")


# ---- exercise 4 ----


def ask_activation(student, kind, a):
    pair = read_tuple(student.activation(kind, a), 2, f"activation({kind!r}, a)")
    return read_array(pair[0], a.shape, f"the value of {kind}"), read_array(pair[1], a.shape, f"the slope of {kind}")


def value_of(kind, a):
    return {
        "sigmoid": step,
        "tanh": math.tanh,
        "relu": lambda v: v if v > 0 else 0.0,
        "leaky_relu": lambda v: v if v > 0 else 0.01 * v,
    }[kind](a)


def check_activation(student, rng, kind, of_value, of_slope):
    a = draw(rng, 3, 4) * 2
    value, slope = ask_activation(student, kind, a)
    right = np.array([[value_of(kind, v) for v in row] for row in a])
    h = 1e-3
    by_differences = np.array([[(value_of(kind, v + h) - value_of(kind, v - h)) / (2 * h) for v in row] for row in a])
    compare(value, right, of_value(a, right), f"{kind}: its value is not right")
    compare(slope, by_differences, of_slope(a, right), f"{kind}: its slope is not right")


@hidden("activations", points=1.25)
def test_sigmoid(student, rng):
    of_value = lambda a, s: [(1 - s, "sigmoid: there is a minus in the exponent")]
    of_slope = lambda a, s: [
        (a * (1 - a), "sigmoid: its slope contains the value, not the input"),
        (1 - s**2, "sigmoid: its slope is that of tanh here"),
    ]
    check_activation(student, rng, "sigmoid", of_value, of_slope)


@hidden("activations", points=1)
def test_tanh(student, rng):
    of_slope = lambda a, t: [
        (1 - t, "tanh: its slope is 1 minus the square of tanh: the square is missing"),
        (t * (1 - t), "tanh: its slope is that of the sigmoid here"),
    ]
    check_activation(student, rng, "tanh", lambda a, t: [], of_slope)


@hidden("activations", points=1)
def test_relu(student, rng):
    check_activation(student, rng, "relu", lambda a, z: [], lambda a, z: [(z, "relu: its slope is its value here")])


@hidden("activations", points=1)
def test_leaky_relu(student, rng):
    of_value = lambda a, z: [
        (np.maximum(a, 0), "leaky_relu lets a little through below 0, yours nothing"),
        (np.maximum(a, 0) + 0.01 * np.maximum(-a, 0), "leaky_relu turns the sign below 0"),
    ]
    check_activation(student, rng, "leaky_relu", of_value, lambda a, z: [])


@hidden("activations", points=0.75, after=("test_sigmoid", "test_tanh", "test_relu", "test_leaky_relu"))
def test_corners_and_far_out(student, rng):
    zero = np.zeros((2, 2))
    for kind, want in (("relu", 0.0), ("leaky_relu", 0.01)):
        _, slope = ask_activation(student, kind, zero)
        compare(slope, zero + want, otherwise="the slope of relu or leaky_relu at 0 is not that of the left side")
    far = np.array([-1000.0, 1000.0, float(rng.uniform(900, 2000))])
    for kind in ("sigmoid", "tanh"):
        try:
            value, slope = ask_activation(student, kind, far)
        except Wrong:
            raise Wrong("an activation fails at -1000 or 1000: an exponential overflows") from None
        compare(value, [value_of(kind, v) for v in far], otherwise="an activation is not right at -1000 or 1000")
        compare(slope, [0, 0, 0], otherwise="the slope of an activation is not right at -1000 or 1000")


# ---- exercise 5 ----


def shares(row):
    e = [math.exp(v - max(row)) for v in row]
    return [v / sum(e) for v in e]


@hidden("losses", points=1.25)
def test_softmax(student, rng):
    for n, c in ((4, 3), (2, 5), (3, 2)):
        s = 2 * rng.normal(size=(n, c))
        e = np.exp(s)
        got = read_array(student.softmax(s), (n, c), "softmax(s)")
        mistakes = [
            (e / e.sum(axis=0), "softmax divides by the sums of the columns: each row sums to 1"),
            (e / e.sum(), "softmax divides by the sum of the whole table: each row sums to 1"),
            (e, "softmax does not divide: each row sums to 1"),
            (s / s.sum(axis=1, keepdims=True), "softmax divides the scores themselves: take their exponentials first"),
        ]
        compare(got, [shares(row) for row in s], mistakes, "softmax is not right")


@hidden("losses", points=0.5, after="test_softmax")
def test_softmax_of_large_scores(student, rng):
    s = rng.integers(-8, 9, size=(3, 3)) / 4 + np.array([[1000.0], [-1000.0], [3000.0]])
    s[2, 0] -= 6000.0  # the mean of the row is not its largest score
    try:
        got = read_array(student.softmax(s), (3, 3), "softmax(s)")
    except Wrong:
        raise Wrong("softmax fails for large scores: subtract the largest score of each row first") from None
    compare(got, [shares(row) for row in s], otherwise="softmax is not right for large scores")


def surprise(s, y):
    return sum(math.log(sum(math.exp(v - max(row)) for v in row)) + max(row) - row[k] for row, k in zip(s, y)) / len(y)


@hidden("losses", points=1.25)
def test_cross_entropy(student, rng):
    for n, c in ((5, 3), (2, 6)):
        s, y = rng.normal(size=(n, c)), rng.integers(0, c, size=n)
        got = read_number(student.cross_entropy(s, y), "cross_entropy(s, y)")
        want = surprise(s, y)
        p = np.array([shares(row)[k] for row, k in zip(s, y)])
        mistakes = [
            (n * want, "cross_entropy is the sum: take the mean over the examples"),
            (-want, "cross_entropy has the wrong sign: it is minus the logarithm of a probability"),
            ((1 - p).mean(), "cross_entropy takes 1 - p: take minus the logarithm of p"),
            (p.mean(), "cross_entropy takes the probability itself: take minus its logarithm"),
            (want / math.log(2), "cross_entropy uses the logarithm to base 2: take the natural one"),
        ]
        compare(got, want, mistakes, "cross_entropy is not right")


@hidden("losses", points=0.5, after="test_cross_entropy")
def test_cross_entropy_of_large_scores(student, rng):
    s, y = rng.integers(-8, 9, size=(2, 3)) / 4 + np.array([[3000.0, 0.0, 0.0], [0.0, -3000.0, 0.0]]), np.array([1, 1])
    try:
        got = read_number(student.cross_entropy(s, y), "cross_entropy(s, y)")
    except Wrong:
        raise Wrong("cross_entropy fails for large scores: the logarithm of a probability that rounds to 0") from None
    compare(got, surprise(s, y), otherwise="cross_entropy fails for large scores")


def ask_squares(student, prediction, target):
    return read_tuple(student.squared_error(prediction, target), 2, "squared_error(prediction, target)")


@hidden("losses", points=0.75)
def test_squared_error(student, rng):
    for n in (3, 8):
        prediction, target = rng.normal(size=n), rng.normal(size=n)
        total = sum((a - b) ** 2 for a, b in zip(prediction, target))
        got = read_number(ask_squares(student, prediction, target)[0], "the loss of squared_error")
        mistakes = [
            (total / (n + 1), "squared_error divides by N + 1: there are N terms"),
            (total, "squared_error is the sum: divide by N"),
            (total / n / 2, "squared_error has a half in it"),
        ]
        compare(got, total / n, mistakes, "squared_error is not right")


@hidden("losses", points=0.75, after="test_squared_error")
def test_slope_of_squared_error(student, rng):
    for n in (3, 8):
        prediction, target = rng.normal(size=n), rng.normal(size=n)
        want = np.array([2 * (a - b) / n for a, b in zip(prediction, target)])
        got = read_array(ask_squares(student, prediction, target)[1], (n,), "the slope of squared_error")
        mistakes = [
            (want / 2, "the slope lacks the 2 from the square"),
            (n * want, "the slope has to be divided by N, as the loss is"),
            (-want, "the slope has the sign the wrong way round"),
        ]
        compare(got, want, mistakes, "the slope of squared_error is not right")


# ---- exercise 6 ----


@hidden("maxout", points=2)
def test_maxout(student, rng):
    for n, d, h, k in ((5, 2, 3, 2), (3, 3, 2, 4), (4, 1, 5, 3)):
        x, w, b = draw(rng, n, d), draw(rng, k, h, d), 1.5 * draw(rng, k, h)
        x[0] = 0.0  # here the biases decide
        b[:, 0] = -np.abs(b[:, 0])
        pieces = np.array([[[sum(w[j, u] * one) + b[j, u] for u in range(h)] for one in x] for j in range(k)])
        bare = pieces - b[:, None]
        got = read_array(student.maxout(x, w, b), (n, h), "maxout(x, w, b)")
        mistakes = [
            (pieces.sum(axis=0), "maxout adds the pieces: the largest of them is the answer"),
            (bare.max(axis=0), "maxout forgets the biases: each piece has one"),
            (bare.max(axis=0) + b[0], "maxout gives one bias to all pieces: each piece has a bias of its own"),
            (np.maximum(pieces.max(axis=0), 0), "maxout is wrong where all pieces are below zero"),
        ]
        compare(got, pieces.max(axis=0), mistakes, "maxout is not the largest of the pieces")


@hidden("maxout", points=2)
def test_relu_as_maxout(student, rng):
    for d, h in ((2, 3), (4, 2)):
        w, b = draw(rng, h, d), draw(rng, h)
        b[0] = 1.0
        pair = read_tuple(student.relu_as_maxout(w, b), 2, "relu_as_maxout(w, b)")
        w2 = read_array(pair[0], (2, h, d), "the weights of relu_as_maxout")
        b2 = read_array(pair[1], (2, h), "the biases of relu_as_maxout")
        x = 3 * draw(rng, 20, d)
        sums = x @ w.T + b
        got = np.array([[max(w2[j, u] @ one + b2[j, u] for j in (0, 1)) for u in range(h)] for one in x])
        mistakes = [
            (sums, "relu_as_maxout is linear: two equal pieces are one"),
            (np.abs(sums), "relu_as_maxout is the absolute value: its second piece has to be zero"),
            (
                np.maximum(sums, b),
                "relu_as_maxout keeps the bias of the second piece: it has to be zero, weights and bias",
            ),
        ]
        compare(got, np.maximum(sums, 0), mistakes, "relu_as_maxout is not the ReLU layer")
