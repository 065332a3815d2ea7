"""Exercise 2: the perceptron rule and its loop."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_numbers, read_tuple

from .examples import LABELS, POINTS


def perceptron_rule(step, train) -> None:
    """Exercise 2."""
    name = "perceptron_step(w, x, y, eta)"
    w, x = np.array([1.0, 2.0]), np.array([3.0, -1.0])  # score 1, so -x has score -1
    got = [read_array(ask(step, w, sign * x, -sign, 0.5), (2,), name) for sign in (1, -1)]  # two mistakes
    mistakes = [
        ([[2.5, 1.5]] * 2, "perceptron_step moves the wrong way: on a mistake add eta * y * x"),
        ([[2.5, 1.5], [-0.5, 2.5]], "perceptron_step forgets the label: on a mistake add eta * y * x"),
        ([[-2.0, 3.0]] * 2, "perceptron_step ignores eta: the step is eta * y * x"),
        ([w, w], "perceptron_step leaves w alone although the example is wrong: y (w.x) = -1 is a mistake"),
        (
            [[0.5, 1.5], [1.5, 2.5]],
            "perceptron_step adds eta * y without the input: each weight moves by its own input",
        ),
        ([[-1.5, 0.5]] * 2, "perceptron_step replaces the weights by the step: add the step to w"),
    ]
    otherwise = "perceptron_step is wrong on a misclassified example: the new weights are w + eta * y * x"
    compare(got, [[-0.5, 2.5]] * 2, mistakes, otherwise)
    got = read_array(ask(step, w, x, 1, 0.5), (2,), name)
    otherwise = "perceptron_step changes w although the example is right: y (w.x) = 1 is above zero, so keep w"
    compare(got, w, otherwise=otherwise)
    got = read_array(ask(step, np.zeros(2), x, 1, 1.0), (2,), name)
    mistakes = [
        (
            [0.0, 0.0],
            "Your rule never updates at w = 0: every score is zero there, and with < in the condition zero is "
            "no mistake. Training would stay at zero for ever. A mistake is y (w.x) <= 0",
        ),
    ]
    compare(got, x, mistakes, "perceptron_step is wrong at w = 0: a score of zero is a mistake, so add eta * y * x")

    name = "the weights of train_perceptron(x, y, eta, epochs)"
    # worked out by hand: mistakes 3, 1, 3, 0; w = (0, 1, -1) after the first pass and (0, 2, -3) at the end
    pair = read_tuple(ask(train, POINTS, LABELS, 1.0, 20), 2, "train_perceptron")
    weights, made = read_array(pair[0], (3,), name), read_numbers(pair[1], "the list of mistakes")
    one = read_tuple(ask(train, POINTS, LABELS, 1.0, 1), 2, "train_perceptron")
    after_one = read_array(one[0], (3,), name)
    mistakes = [
        (
            [0, 0, 0],
            "train_perceptron ends where it began, at w = 0: use what perceptron_step returns, and check that "
            "its condition is <= 0",
        ),
        (
            [2, 2, -2],
            "train_perceptron adds every example in the first pass: update only on mistakes, and let the next "
            "example see the new weights",
        ),
        ([-4, 0, 3], "train_perceptron forgets the label: on a mistake add eta * y * x"),
    ]
    compare(
        after_one,
        [0, 1, -1],
        mistakes,
        "train_perceptron is wrong after one pass over four examples: start at "
        "w = 0, take the examples in their order, one perceptron_step each",
    )
    if len(read_numbers(one[1], "the list of mistakes")) != 1:
        raise Wrong("train_perceptron with epochs=1 must make one pass and return a list with one number")
    adding = "the list of mistakes keeps adding up: start the count at zero in every pass"
    mistakes = [
        ([3, 4, 7, 7], adding),
        ([3, 4] + [7] * 18, adding),
        ([3, 1, 3], "the list of mistakes lacks the last pass: the clean pass is a pass too, with 0 mistakes"),
        (
            [3, 1, 3] + [0] * 17,
            "train_perceptron goes on after a pass without a mistake: nothing can change any more, stop",
        ),
        ([7], "the list of mistakes holds only the total: one number for each pass"),
        ([4, 4, 4, 4], "train_perceptron counts every example, right or wrong: count only the mistakes"),
        ([4] * 20, "train_perceptron counts every example, right or wrong: count only the mistakes"),
    ]
    compare(
        made,
        [3, 1, 3, 0],
        mistakes,
        "the list of mistakes is not right: one number for each pass, the examples "
        f"with y (w.x) <= 0 when their turn came. By hand: [3, 1, 3, 0], yours: {[int(n) for n in made[:8]]}",
    )
    compare(
        weights,
        [0, 2, -3],
        otherwise="train_perceptron does not end with the right weights: keep them from one pass to the next",
    )
    half = read_tuple(ask(train, POINTS, LABELS, 0.5, 20), 2, "train_perceptron")
    compare(
        read_array(half[0], (3,), name),
        [0, 1, -1.5],
        [([0, 2, -3], "train_perceptron ignores eta: hand it on to perceptron_step")],
        "train_perceptron is wrong with eta = 0.5: from w = 0 all weights are halved",
    )
    xor = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    pair = read_tuple(ask(train, xor, np.array([-1, 1, 1, -1]), 1.0, 7), 2, "train_perceptron")
    if len(read_numbers(pair[1], "the list of mistakes")) != 7:
        raise Wrong("train_perceptron must stop after `epochs` passes on data that no line separates, such as XOR")
    passed(2, "The prediction: with < nothing would ever happen. At w = 0 every score is zero.")
