"""The checks of assignment 1: small cases worked out by hand, and what a wrong result says about the idea behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

import numpy as np

from course_utils.grading.answers import Wrong, ask, close, compare, read_array, read_number, read_numbers, read_tuple

from . import pictures as pictures

POINTS = np.array([[-2.0, 0.0, 1.0], [-2.0, 2.0, 1.0], [-2.0, -1.0, 1.0], [0.0, 1.0, 1.0]])
LABELS = np.array([-1, 1, -1, -1])


def _passed(number: int, sentence: str) -> None:
    print(f"Exercise {number}: all checks passed. {sentence}")


def threshold_unit(unit, gate) -> None:
    """Exercise 1."""
    x = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]])
    w, b = np.array([1.0, -1.0, 2.0]), -1.0  # sums with the bias: 3, -4, 1, 2; without it: 4, -3, 2, 3
    name = "threshold_unit(x, w, b)"
    got = read_array(ask(unit, x, w, b), (4,), name)
    otherwise = "threshold_unit is wrong on inputs away from zero: it must be 1 where w.x + b > 0 and 0 elsewhere"
    mistakes = [
        ([1, -1, 1, 1], "threshold_unit returns -1 where it should return 0: this unit is silent (0), not negative"),
        ([0, 1, 0, 0], "threshold_unit fires exactly where it should be silent: the comparison is the wrong way round"),
        ([3, -4, 1, 2], "threshold_unit returns the sum itself: compare it with zero"),
        ([3, 0, 1, 2], "threshold_unit returns the size of the sum: a unit says only 0 or 1"),
    ]
    compare(got, [1, 0, 1, 1], mistakes, otherwise)

    line, one = np.array([[1.0], [2.0], [4.0]]), np.ones(1)
    got = read_array(ask(unit, line, one, -3.0), (3,), name)
    mistakes = [
        ([1, 1, 1], "threshold_unit ignores the bias: with b = -3 an input of 1 or 2 must not fire"),
    ]
    compare(got, [0, 0, 1], mistakes, otherwise)
    got = read_array(ask(unit, line, one, 3.0), (3,), name)
    mistakes = [
        ([0, 0, 1], "threshold_unit subtracts the bias: it is added, w.x + b. The threshold is minus the bias"),
    ]
    compare(got, [1, 1, 1], mistakes, otherwise)
    got = read_array(ask(unit, line, one, -2.0), (3,), name)
    mistakes = [
        ([0, 1, 1], "threshold_unit fires at exactly zero: here the sum must be above zero, so use > and not >="),
    ]
    compare(got, [0, 0, 1], mistakes, otherwise)
    got = read_array(ask(unit, np.zeros((1, 2)), np.ones(2), 0.5), (1,), name)
    compare(got, [1], otherwise="threshold_unit is silent on an input of zeros although the bias alone is above zero")

    for gate_name, truth in (("AND", "0001"), ("OR", "0111"), ("NAND", "1110"), ("NOT", "10")):
        inputs = 2 if len(truth) == 4 else 1
        pair = read_tuple(ask(gate, gate_name), 2, f'gate("{gate_name}")')
        weights = read_array(pair[0], (inputs,), f'the weights of gate("{gate_name}")')
        bias = read_number(pair[1], f'the bias of gate("{gate_name}")')
        rows = [tuple(int(c) for c in f"{n:0{inputs}b}") for n in range(2**inputs)]
        for row, want in zip(rows, truth):
            total = float(np.dot(weights, row)) + bias
            if (total > 0) != (want == "1"):
                edge = ". A sum of exactly zero does not fire: move the bias off the edge" if total == 0 else ""
                start = ". Weights alone cannot decide this input: only the bias can" if not any(row) else ""
                raise Wrong(
                    f'gate("{gate_name}") does not compute {gate_name}: for the input {row} its sum is {total:g}, '
                    f"so it gives {int(total > 0)} instead of {want}{edge}{start}"
                )
    _passed(1, "One unit, four gates. No choice of numbers gives XOR; exercise 6 comes back to it.")


def perceptron_rule(step, train) -> None:
    """Exercise 2."""
    name = "perceptron_step(w, x, y, eta)"
    w, x = np.array([1.0, 2.0]), np.array([3.0, -1.0])  # score 1
    got = read_array(ask(step, w, x, -1, 0.5), (2,), name)
    mistakes = [
        ([2.5, 1.5], "perceptron_step moves the wrong way: it forgets the label, or adds where it should subtract. "
         "On a mistake add eta * y * x"),
        ([-2.0, 3.0], "perceptron_step ignores eta: the step is eta * y * x"),
        ([1.0, 2.0], "perceptron_step leaves w alone although the example is wrong: y (w.x) = -1 is a mistake"),
        ([0.5, 1.5], "perceptron_step adds eta * y without the input: each weight moves by its own input"),
        ([-1.5, 0.5], "perceptron_step replaces the weights by the step: add the step to w"),
    ]
    otherwise = "perceptron_step is wrong on a misclassified example: the new weights are w + eta * y * x"
    compare(got, [-0.5, 2.5], mistakes, otherwise)
    got = read_array(ask(step, w, x, 1, 0.5), (2,), name)
    otherwise = "perceptron_step changes w although the example is right: y (w.x) = 1 is above zero, so keep w"
    compare(got, w, otherwise=otherwise)
    got = read_array(ask(step, np.zeros(2), x, 1, 1.0), (2,), name)
    mistakes = [
        ([0.0, 0.0], "Your rule never updates at w = 0: every score is zero there, and with < in the condition zero is "
         "no mistake. Training would stay at zero for ever. A mistake is y (w.x) <= 0"),
    ]
    compare(got, x, mistakes, "perceptron_step is wrong at w = 0: a score of zero is a mistake, so add eta * y * x")

    name = "the weights of train_perceptron(x, y, eta, epochs)"
    # worked out by hand: mistakes 3, 1, 3, 0; w = (0, 1, -1) after the first pass and (0, 2, -3) at the end
    pair = read_tuple(ask(train, POINTS, LABELS, 1.0, 20), 2, "train_perceptron")
    weights, made = read_array(pair[0], (3,), name), read_numbers(pair[1], "the list of mistakes")
    one = read_tuple(ask(train, POINTS, LABELS, 1.0, 1), 2, "train_perceptron")
    after_one = read_array(one[0], (3,), name)
    mistakes = [
        ([0, 0, 0], "train_perceptron ends where it began, at w = 0: use what perceptron_step returns, and check that "
         "its condition is <= 0"),
        ([2, 2, -2], "train_perceptron adds every example in the first pass: update only on mistakes, and let the next "
         "example see the new weights"),
        ([-4, 0, 3], "train_perceptron forgets the label: on a mistake add eta * y * x"),
    ]
    compare(after_one, [0, 1, -1], mistakes, "train_perceptron is wrong after one pass over four examples: start at "
            "w = 0, take the examples in their order, one perceptron_step each")
    if len(read_numbers(one[1], "the list of mistakes")) != 1:
        raise Wrong("train_perceptron with epochs=1 must make one pass and return a list with one number")
    adding = "the list of mistakes keeps adding up: start the count at zero in every pass"
    mistakes = [
        ([3, 4, 7, 7], adding),
        ([3, 4] + [7] * 18, adding),
        ([3, 1, 3], "the list of mistakes lacks the last pass: the clean pass is a pass too, with 0 mistakes"),
        ([3, 1, 3] + [0] * 17, "train_perceptron goes on after a pass without a mistake: nothing can change any more, stop"),
        ([7], "the list of mistakes holds only the total: one number for each pass"),
        ([4, 4, 4, 4], "train_perceptron counts every example, right or wrong: count only the mistakes"),
        ([4] * 20, "train_perceptron counts every example, right or wrong: count only the mistakes"),
    ]
    compare(made, [3, 1, 3, 0], mistakes, "the list of mistakes is not right: one number for each pass, the examples "
            f"with y (w.x) <= 0 when their turn came. By hand: [3, 1, 3, 0], yours: {[int(n) for n in made[:8]]}")
    compare(weights, [0, 2, -3], otherwise="train_perceptron does not end with the right weights: keep them from one "
            "pass to the next")
    half = read_tuple(ask(train, POINTS, LABELS, 0.5, 20), 2, "train_perceptron")
    compare(read_array(half[0], (3,), name), [0, 1, -1.5], [([0, 2, -3], "train_perceptron ignores eta: hand it on to "
            "perceptron_step")], "train_perceptron is wrong with eta = 0.5: from w = 0 all weights are halved")
    xor = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    pair = read_tuple(ask(train, xor, np.array([-1, 1, 1, -1]), 1.0, 7), 2, "train_perceptron")
    if len(read_numbers(pair[1], "the list of mistakes")) != 7:
        raise Wrong("train_perceptron must stop after `epochs` passes on data that no line separates, such as XOR")
    _passed(2, "The prediction: with < nothing would ever happen. At w = 0 every score is zero.")


def mistake_bound(radius_and_margin, bound) -> None:
    """Exercise 3."""
    w = np.array([3.0, 4.0])  # length 5
    x = np.array([[1.0, 2.0], [2.0, 2.0], [-4.0, 0.0]])  # lengths sqrt 5, sqrt 8, 4; scores 11, 14, -12
    y = np.array([1, 1, -1])
    pair = read_tuple(ask(radius_and_margin, w, x, y), 2, "radius_and_margin(w, x, y)")
    radius, margin = read_number(pair[0], "the radius"), read_number(pair[1], "the margin")
    mistakes = [
        (16.0, "the radius is a length, not its square: take the square root"),
        (2.0, "the radius is not the largest coordinate: it is the length of the longest input"),
        (np.sqrt(5), "the radius belongs to the longest input, yours to the shortest: max, not min"),
        (np.mean(np.sqrt([5, 8, 16])), "the radius is the largest length, not the mean length"),
        (np.sqrt(29), "the radius is the length of one input: take the norm along axis=1, not of the whole table"),
    ]
    compare(radius, 4.0, mistakes, f"the radius is not right: for these inputs it is 4, yours is {radius:g}")
    mistakes = [
        (11.0, "the margin is a distance: divide by the length of w. Otherwise 10 w would have ten times the margin of w, "
         "and it is the same line"),
        (-12 / 5, "the margin forgets the labels: multiply each score by its y before taking the smallest"),
        (11 / 25, "the margin divides by the squared length of w: divide by its length"),
        (14 / 5, "the margin belongs to the nearest example, yours to the farthest: min, not max"),
        (37 / 15, "the margin belongs to the nearest example, not to the average one: min, not mean"),
        (11 / 7, "the margin divides by the sum of the weights: divide by the length of w, the root of the sum of squares"),
    ]
    compare(margin, 11 / 5, mistakes, f"the margin is not right: for these examples it is 2.2, yours is {margin:g}")
    flipped = np.array([1, -1, -1])
    pair = read_tuple(ask(radius_and_margin, w, x, flipped), 2, "radius_and_margin(w, x, y)")
    margin = read_number(pair[1], "the margin")
    mistakes = [
        (11 / 5, "the margin hides a mistake: an example on the wrong side has a negative distance, so no absolute values"),
        (0.0, "the margin hides a mistake: with an example on the wrong side it is negative, not zero"),
    ]
    compare(margin, -14 / 5, mistakes, f"the margin is not right when an example is on the wrong side: -2.8 here, yours is "
            f"{margin:g}")

    got = read_number(ask(bound, w, x, y), "mistake_bound(w, x, y)", finite=False)
    right = (4 / 2.2) ** 2
    mistakes = [
        (4 / 2.2**2, "the bound is (R / margin) squared. R / margin ** 2 squares only the margin: measure all lengths in "
         "another unit and it changes, though the perceptron makes the same mistakes"),
        (4 / 2.2, "the bound is (R / margin) squared: the square is missing"),
        (16 / 2.2, "the bound squares both: R squared over margin squared"),
        ((2.2 / 4) ** 2, "the bound is upside down: a larger margin means fewer mistakes"),
        (16 / 121, "the bound uses a margin that is not divided by the length of w"),
        (np.inf, "mistake_bound says inf although w separates these examples"),
        (np.floor(right), "the bound is the number itself: do not round it"),
    ]
    compare(got, right, mistakes, f"the bound is not right: (4 / 2.2) squared is {right:.4g}, yours is {got:.4g}")
    got = read_number(ask(bound, w, x, flipped), "mistake_bound(w, x, y)", finite=False)
    if got != np.inf:
        raise Wrong(
            f"mistake_bound promises at most {got:.4g} mistakes from a w that does not separate the examples: "
            "squaring hides the sign of the margin. Return np.inf when the margin is not above zero"
        )
    _passed(3, "Count the examples all you like: the bound knows two lengths only.")


def surrogate_losses(surrogate, loss_gradient) -> None:
    """Exercise 4."""
    m = np.array([-2.0, -0.5, 0.5, 3.0])
    e = np.exp(-m)
    right = {
        "perceptron": ([2.0, 0.5, 0.0, 0.0], [-1.0, -1.0, 0.0, 0.0]),
        "hinge": ([3.0, 1.5, 0.5, 0.0], [-1.0, -1.0, -1.0, 0.0]),
        "logistic": ([2.1269280110, 0.9740769841, 0.4740769841, 0.0485873516],
                     [-0.8807970780, -0.6224593312, -0.3775406688, -0.0474258732]),
    }
    wrong_losses = {
        "perceptron": [
            ([0.0, 0.0, 0.5, 3.0], "the perceptron loss punishes right answers: it is max(0, -m), with a minus"),
            (right["hinge"][0], "the perceptron loss is the hinge loss here: it asks for m > 0, not for m > 1"),
            ([1.0, 1.0, 0.0, 0.0], "the perceptron loss counts mistakes instead of measuring them: it grows with -m"),
            ([-2.0, -0.5, 0.0, 0.0], "the perceptron loss is negative for a mistake: it is max(0, -m), with a minus"),
        ],
        "hinge": [
            (right["perceptron"][0], "the hinge loss is the perceptron loss here: the 1 in max(0, 1 - m) is missing"),
            ([0.0, 0.5, 1.5, 4.0], "the hinge loss punishes right answers: it is max(0, 1 - m), with a minus"),
            ([9.0, 2.25, 0.25, 0.0], "the hinge loss is squared here: it is max(0, 1 - m)"),
            ([3.0, 1.5, 0.5, -2.0], "the hinge loss goes below zero: cut it off with max(0, ...)"),
        ],
        "logistic": [
            (np.log2(1 + e), "the logistic loss uses the logarithm to base 2: take the natural one"),
            (np.log(1 + 1 / e), "the logistic loss grows with m: the exponent is -m, with a minus"),
            (1 / (1 + e), "the logistic loss is the sigmoid here: the loss is ln(1 + exp(-m))"),
        ],
    }
    for kind, (losses, slopes) in right.items():
        pair = read_tuple(ask(surrogate, kind, m), 2, f'surrogate("{kind}", m)')
        got = read_array(pair[0], (4,), f"the {kind} loss")
        compare(got, losses, wrong_losses[kind], f"the {kind} loss is not right at m = -2, -0.5, 0.5, 3", 1e-7)
        got = read_array(pair[1], (4,), f"the slope of the {kind} loss")
        mistakes = [
            (-np.array(slopes), f"the slope of the {kind} loss has the wrong sign: a larger m never costs more, so the "
             "slope is never positive"),
            (np.array(slopes) * [1, 1, 0, 0], f"the slope of the {kind} loss stops at m = 0: right answers with a small m "
             "still cost something"),
            ([-1, -1, -1, -1], f"the slope of the {kind} loss is -1 everywhere: where the loss is flat it is 0"),
            (-1 / (1 + e), f"the slope of the {kind} loss is -1 / (1 + exp(m)), with +m: it is steep for mistakes"),
            (-e, f"the slope of the {kind} loss lacks the inner logarithm's denominator: divide by 1 + exp(-m)"),
        ]
        compare(got, slopes, mistakes, f"the slope of the {kind} loss is not right at m = -2, -0.5, 0.5, 3", 1e-7)
    corner = read_tuple(ask(surrogate, "perceptron", np.zeros(1)), 2, "surrogate")
    if not close(read_array(corner[1], (1,), "the slope of the perceptron loss"), [-1.0]):
        raise Wrong("the slope of the perceptron loss at m = 0 must be -1 here: with 0 a perceptron that starts at w = 0 "
                    "would never move")
    with np.errstate(all="ignore"):
        far = read_tuple(ask(surrogate, "logistic", np.array([-1000.0, 1000.0])), 2, "surrogate")
    where = "at m = -1000 and 1000. exp(1000) is too large for the computer: np.logaddexp(0, -m) is not"
    for value, want, what in ((far[0], [1000.0, 0.0], "loss"), (far[1], [-1.0, 0.0], "slope")):
        try:
            got = read_array(value, (2,), f"the logistic {what}")
        except Wrong as problem:
            raise Wrong(f"{problem} ({where})") from None
        compare(got, want, otherwise=f"the logistic {what} is not right {where}")

    w = np.array([1.0, -1.0])
    x = np.array([[1.0, 0.0], [2.0, 2.0], [0.0, 3.0]])  # scores 1, 0, -3
    y = np.array([-1, 1, 1])  # m = -1, 0, -3: all wrong
    got = read_array(ask(loss_gradient, "perceptron", w, x, y), (2,), "loss_gradient(kind, w, x, y)")
    want = np.array([1.0 - 2.0, -2.0 - 3.0]) / 3
    mistakes = [
        (want * 3, "loss_gradient is the gradient of the sum: divide by the number of examples"),
        (-want, "loss_gradient points downhill: the gradient is uphill, the sum of slope * y * x over N"),
        (np.array([-3.0, -5.0]) / 3, "loss_gradient forgets the labels: dm/dw is y x, not x"),
        (want * 3 / 2, "loss_gradient divides by the number of weights: divide by the number of examples"),
    ]
    compare(got, want, mistakes, "loss_gradient is not right: it is the mean of slope * y * x over the examples")
    for kind in right:
        got = read_array(ask(loss_gradient, kind, 0.3 * w, x, y), (2,), "loss_gradient(kind, w, x, y)")
        numeric = []
        for direction in np.eye(2) * 1e-5:
            ends = [read_array(read_tuple(ask(surrogate, kind, y * (x @ (0.3 * w + s * direction))), 2, "surrogate")[0],
                               (3,), "the loss").mean() for s in (1, -1)]
            numeric.append((ends[0] - ends[1]) / 2e-5)
        if kind == "perceptron":
            continue  # one example sits on the corner
        if not close(got, numeric, 1e-5):
            raise Wrong(f'loss_gradient("{kind}", ...) is not the slope of your own mean loss: moving w a little changes '
                        "the loss differently")
    _passed(4, "Along minus the perceptron's gradient you meet the rule of exercise 2 again.")


def multiclass(predict, step) -> None:
    """Exercise 5."""
    w = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    x = np.array([[2.0, 1.0], [1.0, 3.0], [-1.0, -2.0], [1.0, 1.0]])
    name = "predict_class(w, x)"
    got = read_array(ask(predict, w, x), (4,), name)
    mistakes = [
        ([2, 2, 0, 2], "predict_class takes the smallest score: the largest wins"),
        ([2, 3, 3, 1], "predict_class returns the score: it should return which class has it (argmax)"),
        ([1, 2, 3, 1], "predict_class counts classes from 1: the first class is 0"),
        ([0, 1, 2, 1], "predict_class takes the last of equal scores: take the first, as np.argmax does"),
        ([0, 1, 1, 0], "predict_class compares sizes without signs: a score of -3 is weaker than one of 1"),
    ]
    compare(got, [0, 1, 2, 0], mistakes, "predict_class is not right: scores are x @ w.T, the largest in each row wins")

    name = "multiclass_step(w, x, y)"
    one = np.array([1.0, 3.0])  # scores 1, 3, -4
    got = read_array(ask(step, w, one, 0), (3, 2), name)
    want = np.array([[2.0, 3.0], [-1.0, -2.0], [-1.0, -1.0]])
    mistakes = [
        (w, "multiclass_step leaves w alone although class 1 beats class 0, the true one"),
        ([[2, 3], [0, 1], [-1, -1]], "multiclass_step only pulls the true class up: the rival has to be pushed down as well"),
        ([[1, 0], [-1, -2], [-1, -1]], "multiclass_step only pushes the rival down: the true class has to be pulled up as well"),
        ([[2, 3], [-1, -2], [-2, -4]], "multiclass_step pushes all other classes down: only the strongest rival changes"),
        ([[0, -3], [1, 4], [-1, -1]], "multiclass_step has the signs the wrong way round: add to the true class"),
        ([[2, 3], [0, 1], [-2, -4]], "multiclass_step pushes the weakest class down: the rival is the strongest of the others"),
    ]
    compare(got, want, mistakes, "multiclass_step is not right on a mistake: add x to the true class's row, subtract it "
            "from the strongest rival's")
    got = read_array(ask(step, w, one, 1), (3, 2), name)
    mistakes = [
        ([[0, -3], [1, 4], [-1, -1]], "multiclass_step updates although the true class wins: then nothing is to be learned"),
    ]
    compare(got, w, mistakes, "multiclass_step changes w although the true class beats all others")
    got = read_array(ask(step, np.zeros((3, 2)), one, 0), (3, 2), name)
    mistakes = [
        (np.zeros((3, 2)), "multiclass_step does nothing at w = 0 for class 0: all scores are equal, and a tie is a mistake. "
         "Compare with the strongest of the *other* classes, with <="),
        ([[0, 0], [0, 0], [0, 0]], "multiclass_step adds and subtracts x in the same row at a tie: the rival is never the "
         "true class"),
        ([[1, 3], [0, 0], [-1, -3]], "multiclass_step takes the last of equal rivals: take the first"),
    ]
    compare(got, [[1, 3], [-1, -3], [0, 0]], mistakes, "multiclass_step is not right at a tie of all classes")

    corners = np.array([[2.0, 2.0, 1.0], [-2.0, 2.0, 1.0], [-2.0, -2.0, 1.0], [2.0, -2.0, 1.0]])
    weights = np.zeros((4, 3))
    for _ in range(50):
        for label, corner in enumerate(corners):
            weights = read_array(ask(step, weights, corner, label), (4, 3), name)
    if list(read_array(ask(predict, weights, corners), (4,), "predict_class(w, x)")) != [0, 1, 2, 3]:
        raise Wrong("fifty passes with your multiclass_step do not separate four corners of a square")
    _passed(5, "Four classes, no line drawn twice.")


def kernel(polynomial_kernel, train) -> None:
    """Exercise 6."""
    a, b = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[1.0, 1.0], [2.0, 0.0], [-1.0, 3.0]])
    name = "polynomial_kernel(a, b, degree)"
    got = read_array(ask(polynomial_kernel, a, b, 2), (2, 3), name)  # products 3 2 5, -1 0 -3
    mistakes = [
        ([[9, 4, 25], [1, 0, 9]], "polynomial_kernel lacks the 1: without it there is no bias and no lower power"),
        ([[10, 5, 26], [2, 1, 10]], "polynomial_kernel takes the power too early: (1 + a.b) ** degree, the 1 inside"),
        ([[8, 6, 12], [0, 2, -4]], "polynomial_kernel multiplies by the degree: raise to its power"),
        ([[4, 3, 6], [0, 1, -2]], "polynomial_kernel ignores the degree"),
        ([[4, 9, 36], [0, 1, 4]], "polynomial_kernel pairs the wrong rows"),
    ]
    compare(got, [[16, 9, 36], [0, 1, 4]], mistakes, "polynomial_kernel is not right: (1 + a_i . b_j) ** degree for all pairs")

    # the same four examples as in exercise 2: the kernel of plain products must repeat it to the letter
    pair = read_tuple(ask(train, POINTS @ POINTS.T, LABELS, 20), 2, "train_kernel_perceptron(k, y, epochs)")
    alpha, made = read_array(pair[0], (4,), "alpha"), read_numbers(pair[1], "the list of mistakes")
    mistakes = [
        ([-1, 2, -1, -3], "alpha holds labels: it counts mistakes, so nothing in it is negative. The label stands beside it "
         "in the score"),
        ([0, 0, 0, 0], "train_kernel_perceptron never updates: at the start every score is zero, and zero is a mistake (<= 0)"),
        ([20, 20, 20, 20], "train_kernel_perceptron adds to alpha at every example: only at mistakes, and the score needs the "
         "labels, alpha * y"),
        ([1, 1, 1, 1], "alpha only notes whether there was a mistake: count them, the same example can be wrong many times"),
    ]
    otherwise = ("alpha is not right: with plain products as kernel, the mistakes must be those of exercise 2. The score "
                 "of example i sums alpha_j y_j k_ji over all j, and the next example must see the new alpha")
    compare(alpha, [1, 2, 1, 3], mistakes, otherwise)
    mistakes = [
        ([3, 1, 3], "the list of mistakes lacks the last pass: the clean pass is a pass too, with 0 mistakes"),
        ([3, 4, 7, 7], "the list of mistakes keeps adding up: start the count at zero in every pass"),
        ([3, 1, 3] + [0] * 17, "train_kernel_perceptron goes on after a pass without a mistake: stop there"),
    ]
    compare(made, [3, 1, 3, 0], mistakes, "the list of mistakes is not right: one number for each pass")

    xor, signs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1, 1, 1, -1])
    square = read_array(ask(polynomial_kernel, xor, xor, 2), (4, 4), name)
    pair = read_tuple(ask(train, square, signs, 100), 2, "train_kernel_perceptron(k, y, epochs)")
    alpha = read_array(pair[0], (4,), "alpha")
    if not (signs * (square @ (alpha * signs)) > 0).all():
        raise Wrong("train_kernel_perceptron does not solve XOR with degree 2 in 100 passes")
    _passed(6, "XOR, solved by the rule that could not.")
