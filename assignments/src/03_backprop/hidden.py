"""Hidden tests of assignment 3. They stay with the instructor and run in the grader's own process.

Inputs are random, other ones for each student. Gradients are compared with differences of slow forward passes written here,
taken in a way that leaves no rounding to speak of, or with sums written out number by number. `says` sentences reach the
student, nothing else in this file does.
"""

import math

import numpy as np

from course_utils.grading.answers import Wrong, compare, read_array, read_number, read_tuple
from course_utils.grading.hidden import hidden, says

WITHHELD = ("course_utils.scratch", "torch", "scipy")  # libraries that have the gradients


def slope(function, x, h=2e-3):
    """Derivative by differences at four places: the error shrinks with the fourth power of h."""
    near, far = function(x + h) - function(x - h), function(x + 2 * h) - function(x - 2 * h)
    return (8 * near - far) / (12 * h)


def slopes(function, x):
    """Derivative along every entry of an array."""
    found = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):

        def along(value, index=index):
            moved = x.copy()
            moved[index] = value
            return function(moved)

        found[index] = slope(along, x[index])
    return found


# ---- exercise 1 ----


def ask_unit(student, x, w, b, y):
    values = read_tuple(student.unit(x, w, b, y), 4, "unit(x, w, b, y)")
    return [read_number(v, name) for v, name in zip(values, ("the loss", "dw", "the gradient of b", "dx"))]


def points(rng):
    """Numbers of a unit that is neither saturated nor right."""
    found = []
    while len(found) < 6:
        x, w, b, y = (float(v) for v in rng.uniform(-2, 2, size=4))
        if 0.2 < abs(w * x + b) < 1.2 and abs(math.tanh(w * x + b) - y) > 0.3 and min(abs(x), abs(w), abs(x - w)) > 0.3:
            found.append((x, w, b, y))
    return found


def unit_loss(x, w, b, y):
    return (math.tanh(w * x + b) - y) ** 2 / 2


@hidden("unit", points=0.5)
def test_loss_of_a_unit(student, rng):
    cases = points(rng)
    got = [ask_unit(student, *case)[0] for case in cases]
    right = np.array([unit_loss(*case) for case in cases])
    mistakes = [(2 * right, "the loss lacks the half"), (np.sqrt(2 * right), "the loss is the error itself")]
    compare(got, right, mistakes, "the loss of the unit is not right")


@hidden("unit", points=1.5, after="test_loss_of_a_unit")
def test_gradient_of_the_weight_of_a_unit(student, rng):
    cases = points(rng)
    got = [ask_unit(student, *case)[1] for case in cases]
    right = np.array([slope(lambda v, c=(x, b, y): unit_loss(c[0], v, c[1], c[2]), w) for x, w, b, y in cases])
    x, w, b, y = np.array(cases).T
    z = np.tanh(w * x + b)
    mistakes = [
        ((z - y) * x, "dw lacks the slope of tanh"),
        ((z - y) * x * z * (1 - z), "dw has the slope z (1 - z), which is that of the sigmoid"),
        ((z - y) * x * (1 - np.tanh(z) ** 2), "dw takes the slope of tanh at z instead of a"),
        (-right, "dw has the sign the wrong way round"),
        (right / x * w, "dw and dx are exchanged"),
        (2 * right, "dw is twice as large as it should be"),
    ]
    compare(got, right, mistakes, "dw is not right")


@hidden("unit", points=1, after=("test_loss_of_a_unit", "test_gradient_of_the_weight_of_a_unit"))
def test_other_gradients_of_a_unit(student, rng):
    cases = points(rng)
    got = np.array([ask_unit(student, *case)[2:] for case in cases])
    right = [slope(lambda v, c=(x, w, y): unit_loss(c[0], c[1], v, c[2]), b) for x, w, b, y in cases]
    compare(got[:, 0], right, [(np.ones(6), "the gradient of b is not 1")], "the gradient of b is not right")
    right = [slope(lambda v, c=(w, b, y): unit_loss(v, *c), x) for x, w, b, y in cases]
    compare(got[:, 1], right, otherwise="dx is not right")


# ---- exercise 2 ----

ACTIONS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "tanh": math.tanh,
    "relu": lambda a: a if a > 0 else 0.0,
}


def run(ops, inputs):
    """Values of a graph."""
    values = [float(v) for v in inputs]
    for name, *where in ops:
        values.append(ACTIONS[name](*[values[i] for i in where]))
    return values


def gradients_by_paths(ops, values):
    """The gradient of the last value as a sum over all paths that lead to it: no order, nothing is added up in place."""
    first = len(values) - len(ops)

    def towards(place):
        total = 1.0 if place == len(values) - 1 else 0.0
        for number, (name, *where) in enumerate(ops):
            for position, used in enumerate(where):
                if used == place:
                    local = 1.0
                    if name == "mul":
                        local = values[where[1 - position]]
                    elif name == "tanh":
                        local = 1 - values[first + number] ** 2
                    elif name == "relu":
                        local = float(values[place] > 0)
                    total += local * towards(first + number)
        return total

    return [towards(place) for place in range(len(values))]


def chain(rng, names=("add", "mul", "tanh")):
    """A graph in which every operation takes the value before it and one other, and none is used twice."""
    inputs = rng.uniform(0.5, 1.5, size=5) * rng.choice([-1, 1], size=5)
    ops, last, fresh = [], 0, [1, 2, 3, 4]
    for _ in range(4):
        name = str(rng.choice(names))
        ops.append([name, last] + ([] if name in ("tanh", "relu") else [fresh.pop()]))
        last = 4 + len(ops)
    return [*ops, ["mul", last, fresh.pop()] if fresh else ["tanh", last]], inputs


def tangle(rng):
    """A graph with values used several times."""
    inputs = rng.uniform(0.5, 1.5, size=3) * rng.choice([-1, 1], size=3)
    ops = [["mul", 0, 1], ["add", 3, 0], ["tanh", 4], ["mul", 5, 4], ["add", 6, 2], ["mul", 7, 3]]
    shuffle = rng.permutation(3)
    return [[name, *[int(shuffle[i]) if i < 3 else i for i in where]] for name, *where in ops], inputs


def ask_values(student, ops, inputs):
    return read_array(student.evaluate(ops, inputs), (len(inputs) + len(ops),), "evaluate(ops, inputs)")


def ask_gradients(student, ops, inputs):
    values = np.array(run(ops, inputs))
    return read_array(student.backward(ops, values), values.shape, "backward(ops, values)"), gradients_by_paths(
        ops, values
    )


@hidden("engine", points=1)
def test_values_of_a_graph(student, rng):
    for make in (chain, tangle):
        ops, inputs = make(rng)
        compare(ask_values(student, ops, inputs), run(ops, inputs), otherwise="evaluate is not right")
    ops, inputs = [["relu", 0], ["relu", 1], ["add", 2, 3], ["relu", 4]], np.array([-1.5, float(rng.uniform(1, 2))])
    compare(ask_values(student, ops, inputs), run(ops, inputs), otherwise="evaluate is not right for a ReLU")


@hidden("engine", points=1.5)
def test_gradients_of_a_chain(student, rng):
    ops, inputs = [["mul", 0, 1], ["add", 3, 2]], rng.uniform(1, 2, size=3) + np.array([0, 2, 4])
    got, want = ask_gradients(student, ops, inputs)
    mistakes = [
        ([inputs[0], inputs[1], 1, 1, 1], "backward: a factor of a product gets the other factor, not itself"),
        ([0, 0, 1, 1, 1], "backward starts at the wrong end: go from the last operation to the first"),
    ]
    compare(got, want, mistakes, "backward is not right for a product and a sum")
    z, w = math.tanh(0.5), float(rng.uniform(2, 3))
    got, want = ask_gradients(student, [["tanh", 0], ["mul", 2, 1]], np.array([0.5, w]))
    above = "backward: the slope of tanh has to be multiplied by the gradient from above"
    mistakes = [([1 - z * z, z, w, 1], above), ([w, z, w, 1], "backward: tanh has the slope 1 - z^2")]
    compare(got, want, mistakes, "backward is not right for tanh")
    for _ in range(4):
        got, want = ask_gradients(student, *chain(rng))
        compare(got, want, otherwise="backward is not right for a chain of operations")


@hidden("engine", points=1.5, after="test_gradients_of_a_chain")
def test_gradients_of_values_used_by_several_operations(student, rng):
    ops, inputs = [["add", 0, 1], ["mul", 2, 0]], rng.uniform(1, 2, size=2) + np.array([0, 2])
    got, want = ask_gradients(student, ops, inputs)
    assert abs(got[0] - inputs[0]) > 1e-6, says("backward sets a gradient where it should add")
    compare(got, want, otherwise="backward is not right where a value is used by several operations")
    size = float(rng.uniform(1, 2))
    for name in ("relu", "tanh"):
        got, want = ask_gradients(student, [[name, 0], ["mul", 1, 0]], np.array([size]))
        compare(got, want, otherwise="backward sets a gradient where it should add, at a ReLU or a tanh")
    got, want = ask_gradients(student, [["mul", 0, 1], ["add", 0, 1]], inputs)
    compare(got, want, otherwise="backward is not right where a value leads nowhere: its gradient is 0")
    for _ in range(3):
        got, want = ask_gradients(student, *tangle(rng))
        compare(got, want, otherwise="backward is not right where a value is used by several operations")


@hidden(
    "engine", points=0.5, after=("test_gradients_of_a_chain", "test_gradients_of_values_used_by_several_operations")
)
def test_gradients_of_a_value_used_twice_by_one_operation(student, rng):
    for name in ("mul", "add"):
        inputs = rng.uniform(1, 2, size=2)
        for ops in ([[name, 0, 0], ["mul", 2, 1]], [["mul", 0, 1], [name, 2, 2], ["tanh", 3]]):
            got, want = ask_gradients(student, ops, inputs)
            compare(got, want, otherwise="backward misses that a value can be used twice by one operation")


@hidden("engine", points=1.5, after="test_gradients_of_a_chain")
def test_gradients_through_a_relu(student, rng):
    size, factor = rng.uniform(0.5, 2, size=2)
    gate = "backward: a ReLU is open or closed by the sign of its input, not of the gradient"
    for value, factors in ((size, -factor), (size, factor), (-size, factor), (-size, -factor)):
        got, want = ask_gradients(student, [["relu", 0], ["mul", 2, 1]], np.array([value, factors]))
        compare(got, want, otherwise=gate)
    got, want = ask_gradients(student, [["mul", 0, 1], ["relu", 2]], -rng.uniform(0.2, 0.7, size=2))
    compare(got, want, otherwise="backward closes a ReLU whose input is between 0 and 1: it is open above 0")
    got, want = ask_gradients(student, [["relu", 0], ["mul", 2, 1]], np.array([0.0, factor]))
    compare(got, want, otherwise="backward: the ReLU has slope 0 at 0")


# ---- exercise 3 ----


@hidden("gradient_check", points=2)
def test_differences_to_both_sides(student, rng):
    cube = [["mul", 0, 0], ["mul", 2, 0], ["mul", 3, 1]]  # x^3 y

    def value(x):
        return run(cube, x)[-1]

    for h in (0.5, 0.25):
        inputs = (rng.uniform(1, 2, size=2) + np.array([0.0, 1.5])) * np.array([1.0, -1.0 if h == 0.5 else 1.0])
        units = h * np.eye(2)
        right = np.array([(value(inputs + u) - value(inputs - u)) / (2 * h) for u in units])
        got = read_array(student.numerical_gradient(cube, inputs, h), (2,), "numerical_gradient(ops, inputs, h)")
        together = (value(inputs + h) - value(inputs - h)) / (2 * h)
        stays = (value(inputs + h * np.array([-1, 1])) - value(inputs - h)) / (2 * h)
        mistakes = [
            (
                [(value(inputs + u) - value(inputs)) / h for u in units],
                "numerical_gradient moves to one side: to both sides",
            ),
            (2 * right, "numerical_gradient divides by h: the two places are 2 h apart"),
            ([together, together], "numerical_gradient moves all inputs together: one input at a time"),
            ([right[0], stays], "numerical_gradient never moves back what it moved before"),
            ([3 * inputs[0] ** 2 * inputs[1], inputs[0] ** 3], "numerical_gradient ignores h"),
            (-right, "numerical_gradient has the sign the wrong way round"),
            (np.abs(right), "numerical_gradient loses the sign"),
            (2 * h * right, "numerical_gradient does not divide by the distance of the two places, 2 h"),
            (h * h * right, "numerical_gradient multiplies by h"),
        ]
        compare(got, right, mistakes, "numerical_gradient is not right")
    ops, inputs = tangle(rng)
    got = read_array(student.numerical_gradient(ops, inputs, 1e-3), (3,), "numerical_gradient(ops, inputs, h)")
    compare(
        got, gradients_by_paths(ops, run(ops, inputs))[:3], otherwise="numerical_gradient is not right", tolerance=1e-4
    )


def ask_error(student, a, b):
    return student.relative_error(a, b)


@hidden("gradient_check", points=1.25)
def test_relative_error(student, rng):
    for shape in (2, 5, (3, 2)):
        a, b = rng.normal(size=shape), 3 * rng.normal(size=shape)
        lengths = [math.sqrt(sum(v * v for v in numbers.ravel())) for numbers in (a, b, a - b, a + b)]
        got = read_number(ask_error(student, a, b), "relative_error(a, b)")
        by_sum = "relative_error divides by something else than the sum of the lengths"
        mistakes = [
            (lengths[2], "relative_error is absolute: divide by the sum of the lengths"),
            (lengths[2] / lengths[0], by_sum),
            (lengths[2] / lengths[1], by_sum),
            (lengths[2] / lengths[3], by_sum),
        ]
        otherwise = "relative_error is not right for matrices" if a.ndim == 2 else "relative_error is not right"
        compare(got, lengths[2] / (lengths[0] + lengths[1]), mistakes, otherwise)


@hidden("gradient_check", points=0.75, after="test_relative_error")
def test_relative_error_at_its_ends(student, rng):
    a = rng.normal(size=4)
    otherwise = "relative_error of opposite gradients is not 1: divide by the sum of the lengths"
    compare(read_number(ask_error(student, a, -a), "relative_error(a, b)"), 1, otherwise=otherwise)
    compare(
        read_number(ask_error(student, a, a), "relative_error(a, b)"),
        0,
        otherwise="relative_error of equal gradients is not 0",
    )
    for pair in ((a, 0 * a), (0 * a, a)):
        got = read_number(ask_error(student, *pair), "relative_error(a, b)", finite=False)
        compare(got, 1, otherwise="relative_error where one of the two is all zeros is not 1")
    small = a / np.linalg.norm(a) * 1e-6
    got = read_number(ask_error(student, small, 3 * small), "relative_error(a, b)")
    compare(got, 0.5, otherwise="relative_error is not right for small gradients")
    value = ask_error(student, np.zeros(4), np.zeros(4))
    number = value if isinstance(value, float) and math.isnan(value) else None
    if number is None and np.ndim(value) == 0 and getattr(value, "dtype", np.dtype(object)).kind == "f":
        number = float(value)
    sentence = "relative_error of two gradients that are all zeros is not 0"
    if number is not None and math.isnan(number):
        raise Wrong(sentence)
    compare(read_number(value, "relative_error of zeros"), 0, otherwise=sentence)


# ---- exercise 4 ----


def batch(rng, n=5, d=3, h=4):
    """Inputs, weights and an arriving gradient; no sum of inputs is near zero."""
    return 1.0 + rng.normal(size=(n, d)) / 3, rng.normal(size=(h, d)), 1.0 + rng.normal(size=(n, h)) / 3


def ask_linear(student, g, x, w):
    return read_tuple(student.linear_backward(g, x, w), 3, "linear_backward(g, x, w)")


MEAN = "linear_backward averages over the batch: g knows already whether the loss is a mean, so add up"


@hidden("linear", points=1.25)
def test_gradient_of_the_inputs(student, rng):
    for shape in ((5, 3, 4), (1, 4, 2), (3, 2, 1)):
        x, w, g = batch(rng, *shape)
        want = [[sum(g[n, h] * w[h, d] for h in range(len(w))) for d in range(x.shape[1])] for n in range(len(x))]
        got = read_array(ask_linear(student, g, x, w)[0], x.shape, "the gradient with respect to x")
        mistakes = [(g.sum(axis=1, keepdims=True) * x, "the gradient of x contains the inputs: the factor is w")]
        if len(x) > 1:
            mistakes.append((np.array(want) / len(x), MEAN))
        compare(got, want, mistakes, "the gradient of x is not right")


@hidden("linear", points=1.75)
def test_gradient_of_the_weights(student, rng):
    for shape in ((5, 3, 4), (2, 4, 3)):
        x, w, g = batch(rng, *shape)
        want = sum(np.outer(one_g, one_x) for one_g, one_x in zip(g, x))
        value = ask_linear(student, g, x, w)[1]
        got = read_array(value, w.shape, "the gradient with respect to w")
        mistakes = [
            (want / len(x), MEAN),
            (np.outer(g[0], x[0]), "the gradient of w sees only one example: add up over the batch"),
            (np.outer(g[-1], x[-1]), "the gradient of w sees only one example: add up over the batch"),
            (
                np.outer(g.sum(axis=0), x.sum(axis=0)),
                "the gradient of w is a product of sums: it is the sum of products",
            ),
        ]
        compare(got, want, mistakes, "the gradient of w is not right")


@hidden("linear", points=1)
def test_gradient_of_the_biases(student, rng):
    x, w, g = batch(rng)
    got = read_array(ask_linear(student, g, x, w)[2], (len(w),), "the gradient with respect to b")
    want = np.array([sum(g[n, h] for n in range(len(g))) for h in range(len(w))])
    mistakes = [(want / len(x), MEAN), (0 * want, "the gradient of b is zero: b touches every output")]
    compare(got, want, mistakes, "the gradient of b is not right")


# ---- exercise 5 ----


@hidden("ends", points=1.5)
def test_gate(student, rng):
    a, g = rng.uniform(0.5, 2, size=(2, 3, 8)) * rng.choice([-1, 1], size=(2, 3, 8))
    a[0, :4], g[0, :4] = [1.5, 1.5, -1.5, -1.5], [0.7, -0.7, 0.7, -0.7]
    want = [[g[i, j] if a[i, j] > 0 else 0.0 for j in range(8)] for i in range(3)]
    got = read_array(student.relu_backward(g, a), (3, 8), "relu_backward(g, a)")
    mistakes = [
        (np.maximum(g, 0), "relu_backward looks at the gradient: the gate is opened by the sign of its input"),
        (
            np.where((a > 0) & (g > 0), g, 0),
            "relu_backward stops what is below zero: negative gradients pass an open gate",
        ),
        (g * np.maximum(a, 0), "relu_backward multiplies by a: the slope of an open gate is 1"),
        (g, "relu_backward lets everything pass"),
    ]
    compare(got, want, mistakes, "relu_backward is not right")


@hidden("ends", points=0.5, after="test_gate")
def test_gate_at_zero(student, rng):
    g = rng.uniform(0.5, 2, size=5)
    got = read_array(student.relu_backward(g, np.array([0.0, 1.0, 0.0, -1.0, 2.0])), (5,), "relu_backward(g, a)")
    compare(got, [0, g[1], 0, 0, g[4]], otherwise="relu_backward is open at zero: where a is 0, nothing passes")


def mean_surprise(logits, y):
    """Mean cross-entropy, example by example."""
    total = 0.0
    for s, right in zip(logits, y):
        top = max(s)
        total += math.log(sum(math.exp(v - top) for v in s)) + top - s[right]
    return total / len(y)


def ask_loss(student, logits, y):
    return read_tuple(student.cross_entropy(logits, y), 2, "cross_entropy(logits, y)")


@hidden("ends", points=1.25)
def test_loss(student, rng):
    for n, c in ((4, 3), (1, 5), (6, 2)):
        logits, y = 2 * rng.normal(size=(n, c)), rng.integers(0, c, size=n)
        want = mean_surprise(logits, y)
        got = read_number(ask_loss(student, logits, y)[0], "the loss")
        mistakes = [
            (n * want, "the loss is the sum over the examples: take the mean"),
            (want / math.log(2), "the loss uses the logarithm to base 2: take the natural one"),
            (-want, "the loss has the wrong sign"),
        ]
        compare(got, want, mistakes, "the loss is not the mean cross-entropy")


@hidden("ends", points=1.25, after="test_loss")
def test_gradient_of_the_loss(student, rng):
    for n, c in ((4, 3), (2, 5)):
        logits, y = rng.normal(size=(n, c)), rng.integers(0, c, size=n)
        want = slopes(lambda s: mean_surprise(s, y), logits)
        got = read_array(ask_loss(student, logits, y)[1], (n, c), "the gradient of cross_entropy")
        right = np.eye(c)[y]
        mistakes = [
            (n * want, "the gradient is that of the sum: it has to be divided by the number of examples"),
            (-want, "the gradient has the sign the wrong way round"),
            (want * right, "the gradient is zero for the other classes: all classes are in the softmax"),
            (want + right / n, "the gradient lacks the minus 1 of the right class"),
        ]
        compare(got, want, mistakes, "the gradient of the loss is not right")


@hidden("ends", points=0.5, after=("test_loss", "test_gradient_of_the_loss"))
def test_loss_of_large_logits(student, rng):
    logits, y = (
        np.array([[3000.0, 0.0, 2999.0], [-2000.0, -1000.0, -2000.0]]) + rng.normal(size=(2, 3)),
        np.array([1, 1]),
    )
    loss, gradient = ask_loss(student, logits, y)
    infinite = False
    try:
        gradient = read_array(gradient, (2, 3), "the gradient")
        infinite = read_number(loss, "the loss", finite=False) == math.inf
        loss = read_number(loss, "the loss")
    except Wrong:
        assert not infinite, says("cross_entropy takes the logarithm of a probability that has become 0")
        raise Wrong("cross_entropy fails for large logits: subtract the largest logit of each row first") from None
    compare(loss, mean_surprise(logits, y), otherwise="cross_entropy is not right for large logits")
    assert abs(gradient.sum()) < 1e-5, says("the gradient of cross_entropy is not right for large logits")


# ---- exercise 6 ----


def network_loss(x, y, w1, b1, w2, b2):
    """The network, example by example."""
    logits = []
    for one in x:
        z = [max(0.0, sum(w * v for w, v in zip(row, one)) + b) for row, b in zip(w1, b1)]
        logits.append([sum(w * v for w, v in zip(row, z)) + b for row, b in zip(w2, b2)])
    return mean_surprise(logits, y)


def setting(rng, n, d, h, c):
    """A network and a batch in which every unit is on for some examples and off for others, none near its edge."""
    while True:
        x, y = rng.normal(size=(n, d)), rng.integers(0, c, size=n)
        weights = [rng.normal(size=(h, d)), rng.normal(size=h), rng.normal(size=(c, h)), rng.normal(size=c)]
        a = x @ weights[0].T + weights[1]
        if np.abs(a).min() > 0.05 and ((a > 0).any(axis=0) & (a < 0).any(axis=0)).all():
            return x, y, weights


NAMES = ("gw1", "gb1", "gw2", "gb2")


def ask_network(student, x, y, weights):
    return read_tuple(student.network_gradients(x, y, *weights), 5, "network_gradients(x, y, w1, b1, w2, b2)")


@hidden("network", points=0.75)
def test_forward(student, rng):
    for shape in ((6, 2, 3, 2), (5, 3, 4, 3)):
        x, y, weights = setting(rng, *shape)
        loss = read_number(ask_network(student, x, y, weights)[0], "the loss")
        compare(
            loss,
            network_loss(x, y, *weights),
            otherwise="the loss of the network is not right: look at the forward pass",
        )


def check_gradients(student, rng, places, mistakes_of, otherwise):
    for shape in ((6, 2, 3, 2), (5, 3, 4, 3)):
        x, y, weights = setting(rng, *shape)
        found = ask_network(student, x, y, weights)
        mistakes = mistakes_of(x, y, *weights)
        for place in places:

            def loss(values, place=place, x=x, y=y, weights=weights):
                return network_loss(x, y, *weights[:place], values, *weights[place + 1 :])

            want = slopes(loss, weights[place])
            got = read_array(found[1 + place], weights[place].shape, NAMES[place])
            compare(got, want, [(wrong[place], sentence) for wrong, sentence in mistakes], otherwise)


def pieces(x, y, w1, b1, w2, b2):
    """What right and wrong backward passes are made of: pre-activations, outputs of the hidden layer, signals."""
    a = x @ w1.T + b1
    z = np.where(a > 0, a, 0)
    logits = z @ w2.T + b2
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    g = (p / p.sum(axis=1, keepdims=True) - np.eye(len(b2))[y]) / len(y)
    return (
        a,
        z,
        g,
        np.array([[sum(g[n, c] * w2[c, h] for c in range(len(w2))) for h in range(len(b1))] for n in range(len(x))]),
    )


@hidden("network", points=1.25, after="test_forward")
def test_gradients_of_the_second_layer(student, rng):
    def mistakes(x, y, *weights):
        a, _, g, _ = pieces(x, y, *weights)
        sentence = "gw2 uses the wrong values: what the second layer saw is z, after the ReLU, not a"
        return [((None, None, g.T @ a, g.sum(axis=0)), sentence)]

    check_gradients(student, rng, (2, 3), mistakes, "the gradients of the second layer are not right")


@hidden("network", points=2, after=("test_forward", "test_gradients_of_the_second_layer"))
def test_gradients_of_the_first_layer(student, rng):
    def mistakes(x, y, *weights):
        a, _, g, gz = pieces(x, y, *weights)
        clipped = np.maximum(gz, 0)
        spread = np.where(a > 0, np.abs(g).sum(axis=1, keepdims=True), 0)
        wrong = {
            "the backward pass forgets the ReLU: where a unit is off, nothing passes it": gz,
            "the backward pass clips the gradient: the gate is opened by the sign of its input": clipped,
            "the first layer learns nothing: gz goes back through the ReLU to it": 0 * gz,
            "the gradient does not go back through the weights of the second layer": spread,
        }
        return [((signal.T @ x, signal.sum(axis=0)), sentence) for sentence, signal in wrong.items()]

    check_gradients(student, rng, (0, 1), mistakes, "the gradients of the first layer are not right")
