# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: the layer as one matrix product."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong


def im2col(unroll, conv2d_matrix) -> None:
    """Exercise 3."""
    sheet = np.arange(1.0, 13.0).reshape(3, 4)
    x = np.stack([sheet, 10 * sheet])
    value = ask(unroll, x, 2, 1, 0)
    if getattr(value, "shape", None) == (6, 8):
        raise Wrong("im2col should have the windows as columns, not rows: shape (8, 6) here, yours is (6, 8)")
    got = read_array(value, (8, 6), "im2col(x, 2, 1, 0)")
    corners = np.array([[1, 2, 3, 5, 6, 7], [2, 3, 4, 6, 7, 8], [5, 6, 7, 9, 10, 11], [6, 7, 8, 10, 11, 12]])
    right = np.vstack([corners, 10 * corners])
    mistakes = [
        (
            right[[0, 4, 1, 5, 2, 6, 3, 7]],
            "im2col mixes the channels within a column: channel after channel, all of the first before the second",
        ),
        (right[[0, 2, 1, 3, 4, 6, 5, 7]], "im2col reads each window column by column: read it row by row"),
        (right[:, [0, 3, 1, 4, 2, 5]], "im2col: the places are not in reading order: go along the first row, then on"),
        (right[[4, 5, 6, 7, 0, 1, 2, 3]], "im2col begins with the last channel: begin with the first"),
        (
            right.T.reshape(8, 6),
            "im2col lists the windows as rows and reshapes: reshape keeps the reading order, .T turns rows into columns",
        ),
        (
            np.hstack([right[:, [0, 1, 3, 4, 5]], np.zeros((8, 1))]),
            "im2col writes two windows into one column: the window of place (i, j) is column i * (places in a row) + j",
        ),
    ]
    otherwise = (
        f"im2col is not right: {first_wrong(got, right)}. Its first column, for instance, is the first window: "
        "1, 2, 5, 6 and then 10, 20, 50, 60"
    )
    compare(got, right, mistakes, otherwise)
    value = ask(unroll, np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]), 2, 2, 1)
    channels = "im2col pads the channels too: np.pad(x, p) does; give it a pair for each axis, ((0, 0), (p, p), (p, p))"
    if getattr(value, "shape", None) == (16, 4):
        raise Wrong(channels)
    got = read_array(value, (8, 4), "im2col(x, 2, 2, 1)")
    one = np.array([[0, 0, 0, 4], [0, 0, 3, 0], [0, 2, 0, 0], [1, 0, 0, 0]])
    slow = np.array([[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 0, 3], [1, 2, 3, 4]])
    right = np.vstack([one, one + 4 * (one > 0)])
    mistakes = [
        (np.vstack([0 * one, one]), channels),
        (
            np.vstack([slow, slow + 4 * (slow > 0)]),
            "im2col moves one pixel at a time: with stride 2 the window starts at row 0, 2, ...",
        ),
    ]
    otherwise = (
        f"im2col is not right with stride 2 and padding 1, where each window sees one pixel: {first_wrong(got, right)}"
    )
    compare(got, right, mistakes, otherwise)

    w = np.array([[[[1, 0], [0, 2]], [[0, 1], [0, 0]]], [[[0, 1], [0, 0]], [[0, 0], [-1, 0]]]], dtype=float)
    b = np.array([1000.0, 2000.0])
    value = ask(conv2d_matrix, x, w, b, 1, 0)
    if getattr(value, "shape", None) == (2, 3, 2):
        raise Wrong("conv2d_matrix exchanges rows and columns of the map: the picture has 3 rows and 4 columns")
    got = read_array(value, (2, 2, 3), "conv2d_matrix(x, w, b, 1, 0)")
    right = np.array([[[1033, 1046, 1059], [1085, 1098, 1111]], [[1952, 1943, 1934], [1916, 1907, 1898]]], dtype=float)
    mistakes = [
        (right - b[:, None, None], "conv2d_matrix forgets the bias: add b to every column of the product"),
        (
            [[[941, 932, 923], [905, 896, 887]], [[2019, 2032, 2045], [2071, 2084, 2097]]],
            "conv2d_matrix cuts the kernels apart: row f of the matrix is kernel f, w.reshape(F, -1)",
        ),
        (
            [[[1033, 1952, 1046], [1943, 1059, 1934]], [[1085, 1916, 1098], [1907, 1111, 1898]]],
            "conv2d_matrix has a row for each place and reshapes it to maps: turn it with .T first, or compute W @ columns",
        ),
        (
            [[[1058, 1071, 1084], [1110, 1123, 1136]], [[1985, 1976, 1967], [1949, 1940, 1931]]],
            "conv2d_matrix turns the kernels: the layer correlates",
        ),
    ]
    otherwise = (
        f"conv2d_matrix is not right: {first_wrong(got, right)}. Each kernel has to be flattened in the order of "
        "im2col's columns"
    )
    compare(got, right, mistakes, otherwise)
    passed(3, "One matrix product: this is why graphics cards made these networks possible.")
