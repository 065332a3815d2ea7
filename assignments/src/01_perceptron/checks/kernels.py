"""Exercise 6: the kernel perceptron."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_numbers, read_tuple

from .examples import LABELS, POINTS


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
    compare(
        got,
        [[16, 9, 36], [0, 1, 4]],
        mistakes,
        "polynomial_kernel is not right: (1 + a_i . b_j) ** degree for all pairs",
    )

    got = read_array(ask(polynomial_kernel, a, b, 3), (2, 3), name)
    mistakes = [([[16, 9, 36], [0, 1, 4]], "polynomial_kernel always uses degree 2: use the argument")]
    compare(got, [[64, 27, 216], [0, 1, -8]], mistakes, "polynomial_kernel is not right for degree 3")

    # the same four examples as in exercise 2: the kernel of plain products must repeat it to the letter
    pair = read_tuple(ask(train, POINTS @ POINTS.T, LABELS, 20), 2, "train_kernel_perceptron(k, y, epochs)")
    alpha, made = read_array(pair[0], (4,), "alpha"), read_numbers(pair[1], "the list of mistakes")
    mistakes = [
        (
            [-1, 2, -1, -3],
            "alpha holds labels: it counts mistakes, so nothing in it is negative. The label stands beside it "
            "in the score",
        ),
        (
            [0, 0, 0, 0],
            "train_kernel_perceptron never updates: at the start every score is zero, and zero is a mistake (<= 0)",
        ),
        (
            [20, 20, 20, 20],
            "train_kernel_perceptron adds to alpha at every example: only at mistakes, and the score needs the "
            "labels, alpha * y",
        ),
        (
            [1, 1, 1, 1],
            "alpha only notes whether there was a mistake: count them, the same example can be wrong many times",
        ),
    ]
    otherwise = (
        "alpha is not right: with plain products as kernel, the mistakes must be those of exercise 2. The score "
        "of example i sums alpha_j y_j k_ji over all j, and the next example must see the new alpha"
    )
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
    passed(6, "XOR, solved by the rule that could not.")
