# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 4: three losses, their slopes, and the gradient."""

import numpy as np

from .answers import Wrong, ask, close, compare, passed, read_array, read_tuple

STEP = 1e-2  # of the numeric slope: long enough for losses in numbers of 32 bits


def surrogate_losses(surrogate, loss_gradient) -> None:
    """Exercise 4."""
    m = np.array([-2.0, -0.5, 0.5, 3.0])
    e = np.exp(-m)
    right = {
        "perceptron": ([2.0, 0.5, 0.0, 0.0], [-1.0, -1.0, 0.0, 0.0]),
        "hinge": ([3.0, 1.5, 0.5, 0.0], [-1.0, -1.0, -1.0, 0.0]),
        "logistic": (
            [2.1269280110, 0.9740769841, 0.4740769841, 0.0485873516],
            [-0.8807970780, -0.6224593312, -0.3775406688, -0.0474258732],
        ),
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
            (
                -np.array(slopes),
                f"the slope of the {kind} loss has the wrong sign: a larger m never costs more, so the "
                "slope is never positive",
            ),
            (
                np.array(slopes) * [1, 1, 0, 0],
                f"the slope of the {kind} loss stops at m = 0: right answers with a small m still cost something",
            ),
            ([-1, -1, -1, -1], f"the slope of the {kind} loss is -1 everywhere: where the loss is flat it is 0"),
            (-1 / (1 + e), f"the slope of the {kind} loss is -1 / (1 + exp(m)), with +m: it is steep for mistakes"),
            (-e, f"the slope of the {kind} loss lacks the inner logarithm's denominator: divide by 1 + exp(-m)"),
        ]
        compare(got, slopes, mistakes, f"the slope of the {kind} loss is not right at m = -2, -0.5, 0.5, 3", 1e-7)
    corner = read_tuple(ask(surrogate, "perceptron", np.zeros(1)), 2, "surrogate")
    if not close(read_array(corner[1], (1,), "the slope of the perceptron loss"), [-1.0]):
        raise Wrong(
            "the slope of the perceptron loss at m = 0 must be -1 here: with 0 a perceptron that starts at w = 0 "
            "would never move"
        )
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
    for kind in ("hinge", "logistic"):  # in this set the perceptron has an example on its corner
        got = read_array(ask(loss_gradient, kind, 0.3 * w, x, y), (2,), "loss_gradient(kind, w, x, y)")
        numeric = []
        for direction in np.eye(2) * STEP:
            ends = [
                read_array(
                    read_tuple(ask(surrogate, kind, y * (x @ (0.3 * w + s * direction))), 2, "surrogate")[0],
                    (3,),
                    "the loss",
                ).mean()
                for s in (1, -1)
            ]
            numeric.append((ends[0] - ends[1]) / (2 * STEP))
        if not close(got, numeric, 1e-3):
            raise Wrong(
                f'loss_gradient("{kind}", ...) is not the slope of your own mean loss: moving w a little changes '
                "the loss differently"
            )
    passed(4, "Along minus the perceptron's gradient you meet the rule of exercise 2 again.")
