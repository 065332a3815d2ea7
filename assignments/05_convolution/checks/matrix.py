# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: the layer as one matrix product."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong


def im2col(unroll, conv2d_matrix) -> None:
    """Exercise 3."""
    sheet = np.arange(1.0, 21.0).reshape(4, 5)
    x = np.stack([sheet, 10 * sheet])
    value = ask(unroll, x, 2, 1, 0)
    if getattr(value, "shape", None) == (12, 8):
        raise Wrong("im2col should have the windows as columns, not rows: shape (8, 12) here, yours is (12, 8)")
    got = read_array(value, (8, 12), "im2col(x, 2, 1, 0)")
    corners = np.array([1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14]) + np.array([[0], [1], [5], [6]])
    right = np.vstack([corners, 10 * corners])
    mistakes = [
        (
            right[[0, 4, 1, 5, 2, 6, 3, 7]],
            "im2col mixes the channels within a column: channel after channel, all of the first before the second",
        ),
        (right[[0, 2, 1, 3, 4, 6, 5, 7]], "im2col reads each window column by column: read it row by row"),
        (
            right[:, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
            "im2col: the places are not in reading order: go along the first row, then on",
        ),
        (right[[4, 5, 6, 7, 0, 1, 2, 3]], "im2col begins with the last channel: begin with the first"),
        (
            right.T.reshape(8, 12),
            "im2col lists the windows as rows and reshapes: reshape keeps the reading order, .T turns rows into columns",
        ),
        (
            np.hstack([right[:, [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]], np.zeros((8, 2))]),
            "im2col writes two windows into one column: the window of place (i, j) is column i * (places in a row) + j",
        ),
    ]
    otherwise = (
        f"im2col is not right: {first_wrong(got, right)}. Its first column, for instance, is the first window: "
        "1, 2, 6, 7 and then 10, 20, 60, 70"
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
    if getattr(value, "shape", None) == (2, 4, 3):
        raise Wrong("conv2d_matrix exchanges rows and columns of the map: the picture has 4 rows and 5 columns")
    got = read_array(value, (2, 3, 4), "conv2d_matrix(x, w, b, 1, 0)")
    right = np.array(
        [
            [[1035, 1048, 1061, 1074], [1100, 1113, 1126, 1139], [1165, 1178, 1191, 1204]],
            [[1942, 1933, 1924, 1915], [1897, 1888, 1879, 1870], [1852, 1843, 1834, 1825]],
        ],
        dtype=float,
    )
    mistakes = [
        (right - b[:, None, None], "conv2d_matrix forgets the bias: add b to every column of the product"),
        (
            [
                [[931, 922, 913, 904], [886, 877, 868, 859], [841, 832, 823, 814]],
                [[2020, 2033, 2046, 2059], [2085, 2098, 2111, 2124], [2150, 2163, 2176, 2189]],
            ],
            "conv2d_matrix cuts the kernels apart: row f of the matrix is kernel f, w.reshape(F, -1)",
        ),
        (
            [
                [[1035, 1942, 1048, 1933], [1061, 1924, 1074, 1915], [1100, 1897, 1113, 1888]],
                [[1126, 1879, 1139, 1870], [1165, 1852, 1178, 1843], [1191, 1834, 1204, 1825]],
            ],
            "conv2d_matrix has a row for each place and reshapes it to maps: turn it with .T first, or compute W @ columns",
        ),
        (
            [
                [[1069, 1082, 1095, 1108], [1134, 1147, 1160, 1173], [1199, 1212, 1225, 1238]],
                [[1986, 1977, 1968, 1959], [1941, 1932, 1923, 1914], [1896, 1887, 1878, 1869]],
            ],
            "conv2d_matrix turns the kernels: the layer correlates",
        ),
    ]
    otherwise = (
        f"conv2d_matrix is not right: {first_wrong(got, right)}. Each kernel has to be flattened in the order of "
        "im2col's columns"
    )
    compare(got, right, mistakes, otherwise)
    got = read_array(
        ask(conv2d_matrix, x[:1], w[:, :1], b, 2, 1), (2, 3, 3), "conv2d_matrix(x, w, b, 2, 1), one channel,"
    )
    right = [
        [[1002, 1006, 1010], [1022, 1033, 1039], [1000, 1017, 1019]],
        [[2000, 2000, 2000], [2006, 2008, 2010], [2016, 2018, 2020]],
    ]
    otherwise = f"conv2d_matrix is not right with one channel, stride 2 and padding 1: {first_wrong(got, right)}"
    compare(got, right, otherwise=otherwise)
    passed(3, "One matrix product: this is why graphics cards made these networks possible.")
