# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: max pooling."""

import numpy as np

from .answers import ask, compare, passed, read_array
from .entries import first_wrong


def pooling(max_pool, max_pool_backward) -> None:
    """Exercise 5."""
    x = np.array([[[1.0, 5, 2, 0], [3, 4, 1, 6], [-2, -1, 0, -7], [-4, -3, -5, -6]]])
    got = read_array(ask(max_pool, x, 2, 2), (1, 2, 2), "max_pool(x, 2, 2)")
    mistakes = [
        ([[[3.25, 2.25], [-2.5, -4.5]]], "max_pool takes the average of each window: take the largest"),
        ([[[5, 6], [0, 0]]], "max_pool says 0 for a window whose numbers are all below zero: start with one of them"),
        ([[[1, 0], [-4, -7]]], "max_pool takes the smallest number: take the largest"),
        ([[[5, 6], [4, 7]]], "max_pool compares sizes without signs: the largest of -2, -1, -4, -3 is -1"),
        ([[[5, 5], [4, 4]]], "max_pool moves one pixel at a time: with stride 2 the windows start at row 0, 2, ..."),
        ([[[5, -1], [6, 0]]], "max_pool exchanges rows and columns"),
        ([[[1, 3], [1, 0]]], "max_pool says where the largest number stands: take the number itself"),
    ]
    right = [[[5, 6], [-1, 0]]]
    otherwise = f"max_pool is not right for windows of 2 x 2 with stride 2: {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)
    got = read_array(ask(max_pool, x, 2, 1), (1, 3, 3), "max_pool(x, 2, 1), windows that overlap,")
    right = [[[5, 5, 6], [4, 4, 6], [-1, 0, 0]]]
    compare(got, right, otherwise="max_pool is not right for windows of 2 x 2 with stride 1, which overlap")
    two = np.array([[[1.0, 2, 4], [3, 0, 6]], [[5, -1, 0], [0, 2, 3]]])
    got = read_array(ask(max_pool, two, 2, 1), (2, 1, 2), "max_pool of two channels with 2 rows and 3 columns")
    mistakes = [([[[5, 6]], [[5, 6]]], "max_pool mixes the channels: pool channel by channel")]
    right = [[[3, 6]], [[5, 3]]]
    compare(got, right, mistakes, f"max_pool is not right for two channels: {first_wrong(got, right)}")
    got = read_array(ask(max_pool, x, 3, 2), (1, 1, 1), "max_pool(x, 3, 2), where a second window does not fit,")
    compare(got, [[[5]]], otherwise="max_pool is not right where a last window does not fit: it is left out")
    wide = np.array(
        [
            [
                [2.0, -12, 3, 13, 10, -9, 16],
                [-4, 6, -8, -1, 15, 1, -2],
                [-14, -13, 5, -6, 11, -7, -5],
                [18, 14, 19, 7, 8, 9, 4],
                [20, 12, -10, -3, 0, -11, 17],
            ]
        ]
    )
    got = read_array(ask(max_pool, wide, 3, 2), (1, 2, 3), "max_pool(x, 3, 2), a picture of 5 rows and 7 columns,")
    right = [[[6, 15, 16], [20, 19, 17]]]
    compare(
        got, right, otherwise=f"max_pool is not right for windows of 3 x 3 with stride 2: {first_wrong(got, right)}"
    )

    name = "max_pool_backward(g, x, size, stride)"
    x = np.array([[[1.0, 2.0, 0.0], [3.0, 9.0, 4.0], [5.0, 1.0, 6.0]]])
    g = np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    got = read_array(ask(max_pool_backward, g, x, 2, 1), (1, 3, 3), name)
    here = np.array([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]])
    mistakes = [
        (
            [[[0.25, 2.75, 2.5], [25.25, 277.75, 252.5], [25, 275, 250]]],
            "max_pool_backward spreads the gradient over the window: only the largest touched the output",
        ),
        (1000 * here, "max_pool_backward overwrites: the 9 is the largest of four windows, and their gradients add up"),
        (4 * here, "max_pool_backward ignores g: the largest gets the gradient that arrived, not 1"),
    ]
    otherwise = (
        f"max_pool_backward is not right: {first_wrong(got, 1111 * here)}. The 9 is the largest of all four windows, so it "
        "gets all of g, 1111"
    )
    compare(got, 1111 * here, mistakes, otherwise)
    x = np.array([[[2.0, 1.0, 3.0], [2.0, 2.0, 3.0], [0.0, 3.0, 1.0]]])
    got = read_array(ask(max_pool_backward, g, x, 2, 1), (1, 3, 3), name)
    mistakes = [
        (
            [[[1, 0, 10], [1, 1, 1010], [0, 1100, 0]]],
            "max_pool_backward gives the gradient to each of several largest: if several are equally large, the first gets it",
        ),
        (
            [[[0, 0, 0], [0, 1, 10], [0, 1100, 0]]],
            "max_pool_backward takes the last of several largest: take the first in reading order",
        ),
    ]
    right = [[[1, 0, 10], [0, 0, 1000], [0, 100, 0]]]
    otherwise = "max_pool_backward is not right where several numbers of a window are equally large: "
    compare(got, right, mistakes, otherwise + first_wrong(got, right))

    x = np.array(
        [
            [[1.0, 5, 2, 0], [3, 4, 1, 6], [-2, -1, 0, -7], [-4, -3, -5, -6]],
            [[2, 0, 1, 4], [1, 3, -8, 2], [-3, -2, 7, 5], [-9, -5, 1, 2]],
        ]
    )
    g = np.array([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]])
    got = read_array(ask(max_pool_backward, g, x, 2, 2), (2, 4, 4), name)
    first = [[0, 1, 0, 0], [0, 0, 0, 2], [0, 3, 4, 0], [0, 0, 0, 0]]
    second = [[0, 0, 0, 20], [0, 10, 0, 0], [0, 30, 40, 0], [0, 0, 0, 0]]
    mistakes = [
        (
            [
                [[0, 1, 0, 0], [0, 7, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
                [[0, 0, 20, 0], [0, 80, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
            ],
            "max_pool_backward forgets the stride: the window of output (i, j) starts at row s i, column s j",
        ),
        (
            [
                [[0, 1, 0, 0], [0, 0, 0, 2], [0, 0, 0, 4], [3, 0, 0, 0]],
                [[0, 0, 0, 0], [0, 10, 20, 0], [0, 0, 40, 0], [30, 0, 0, 0]],
            ],
            "max_pool_backward compares sizes without signs: the largest of -2, -1, -4, -3 is -1",
        ),
        (
            [first, [[0, 0, 0, 2], [0, 1, 0, 0], [0, 3, 4, 0], [0, 0, 0, 0]]],
            "max_pool_backward gives the gradient of channel 0 to every channel",
        ),
    ]
    otherwise = "max_pool_backward is not right for two channels and windows of 2 x 2 with stride 2: "
    compare(got, [first, second], mistakes, otherwise + first_wrong(got, [first, second]))
    g = np.array([[[1.0, 10, 100], [1000, 10000, 100000]]])
    got = read_array(ask(max_pool_backward, g, wide, 3, 2), (1, 5, 7), name)
    right = np.zeros((1, 5, 7))
    right[0, [1, 1, 0, 4, 3, 4], [1, 4, 6, 0, 2, 6]] = g.ravel()  # where 6, 15, 16, 20, 19 and 17 stand
    otherwise = "max_pool_backward is not right for windows of 3 x 3 with stride 2: "
    compare(got, right, otherwise=otherwise + first_wrong(got, right))
    passed(5, "No weights, and still a backward pass.")
