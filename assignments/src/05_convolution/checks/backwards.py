"""Exercise 4: the backward pass."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_tuple

from .entries import first_wrong


def backward(conv2d_backward) -> None:
    """Exercise 4."""
    x = np.array([[[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [4.0, 0.0, 5.0]]])
    w = np.array([[[[1.0, 2.0], [3.0, -4.0]]]])
    g = np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    gx, gw, gb = read_tuple(ask(conv2d_backward, g, x, w, 1, 0), 3, "conv2d_backward(g, x, w, 1, 0)")
    mistakes = [
        (
            [[[1, 10, 20], [100, 1000, 2000], [300, 3000, -4000]]],
            "conv2d_backward overwrites the gradient of x: a pixel gets the sum of all windows that cover it",
        ),
        (
            [[[-4, -37, 30], [-398, -3679, 3010], [200, 2100, 1000]]],
            "conv2d_backward spreads a turned kernel: the weight that lay on a pixel is its factor, so add g times w as it is",
        ),
    ]
    if getattr(gx, "size", None) == 0:
        raise Wrong(
            "the gradient with respect to x has no numbers: with p = 0 the slice [p:-p] is empty. Cut with [p : p + H]"
        )
    gx = read_array(gx, (1, 3, 3), "the gradient with respect to x")
    right = [[[1, 12, 20], [103, 1226, 1960], [300, 2600, -4000]]]
    otherwise = (
        f"conv2d_backward: the gradient with respect to x is not right: {first_wrong(gx, right)}. The top left pixel, for "
        "instance, is under one window only, with weight 1, so it gets 1 * g[0, 0, 0] = 1"
    )
    compare(gx, right, mistakes, otherwise)
    mistakes = [
        ([[[[755.25, 325.5], [107.5, 1253.25]]]], "the gradient of w averages over the places: add them up"),
        ([[[[3000, 1000], [0, 5000]]]], "conv2d_backward overwrites the gradient of w: add up over all places"),
        ([[[[5013, 430], [1302, 3021]]]], "the gradient of w is turned by half a turn: keep the order of the window"),
        (np.zeros((1, 1, 2, 2)), "the gradient of w is zero: each weight touched every output"),
    ]
    gw = read_array(gw, (1, 1, 2, 2), "the gradient with respect to w")
    right = [[[[3021, 1302], [430, 5013]]]]
    otherwise = (
        f"conv2d_backward: the gradient with respect to w is not right: {first_wrong(gw, right)}. The first weight, for "
        "instance, lay on 1, 2, 0 and 3, so it gets 1*1 + 2*10 + 0*100 + 3*1000 = 3021"
    )
    compare(gw, right, mistakes, otherwise)
    mistakes = [
        ([0], "the gradient of the bias is zero: the bias touches every output, with factor 1"),
        ([277.75], "the gradient of the bias averages over the map: add up"),
    ]
    otherwise = "conv2d_backward: the gradient with respect to b is not right: the sum of g over each map, 1111 here"
    compare(read_array(gb, (1,), "the gradient with respect to b"), [1111], mistakes, otherwise)

    x = np.arange(1.0, 19.0).reshape(1, 3, 6)
    g = np.array([[[1.0, 10.0, 100.0], [1000.0, 10000.0, 100000.0]]])
    gx, gw, gb = read_tuple(ask(conv2d_backward, g, x, w, 3, 1), 3, "conv2d_backward(g, x, w, 3, 1)")
    gx = read_array(gx, (1, 3, 6), "the gradient with respect to x (padding 1, cut away at the end)")
    stride = "conv2d_backward forgets the stride: output (i, j) lay on the window that starts at row s i, column s j"
    cut = "conv2d_backward cuts the padding away at one end only: row 0 of x is row p of the padded picture"
    mistakes = [
        ([[[12026, 120260, 199600, 0, 0, 0], [26000, 260000, -400000, 0, 0, 0], [0, 0, 0, 0, 0, 0]]], stride),
        ([[[1, 2, 0, 10, 20, 0], [3, -4, 0, 30, -40, 0], [0, 0, 0, 0, 0, 0]]], cut),
        ([[[0, 0, 0, 0, 0, 0], [0, 10000, 20000, 0, 100000, 200000], [0, 30000, -40000, 0, 300000, -400000]]], cut),
    ]
    right = [[[-4, 0, 30, -40, 0, 300], [0, 0, 0, 0, 0, 0], [2000, 0, 10000, 20000, 0, 100000]]]
    otherwise = "conv2d_backward: the gradient with respect to x is not right with stride 3, padding 1: "
    compare(gx, right, mistakes, otherwise + first_wrong(gx, right))
    gw = read_array(gw, (1, 1, 2, 2), "the gradient with respect to w")
    mistakes = [([[[[210000, 321000], [870210, 987321]]]], stride)]
    right = [[[[1950000, 173000], [630, 41]]]]
    otherwise = "conv2d_backward: the gradient with respect to w is not right with stride 3, padding 1: "
    compare(gw, right, mistakes, otherwise + first_wrong(gw, right))

    pair = np.stack([np.ones((2, 2)), 2 * np.ones((2, 2))])
    w = np.array([[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]], [[[5.0]], [[6.0]]]])  # three kernels of 1 x 1, two channels
    g = np.stack([np.full((2, 2), value) for value in (1.0, 10.0, 100.0)])
    gx, gw, gb = read_tuple(ask(conv2d_backward, g, pair, w, 1, 0), 3, "conv2d_backward with 3 kernels and 2 channels")
    gx = read_array(gx, (2, 2, 2), "the gradient with respect to x")
    compare(
        gx,
        [np.full((2, 2), 531.0), np.full((2, 2), 642.0)],
        otherwise="conv2d_backward: with several kernels a channel of x gets the sum over all kernels of g times w",
    )
    gw = read_array(gw, (3, 2, 1, 1), "the gradient with respect to w")
    right = np.array([[4.0, 8.0], [40.0, 80.0], [400.0, 800.0]]).reshape(3, 2, 1, 1)
    compare(gw, right, otherwise="conv2d_backward: the gradient with respect to w mixes up kernels and channels")
    gb = read_array(gb, (3,), "the gradient with respect to b")
    compare(gb, [4, 40, 400], otherwise="conv2d_backward: the gradient with respect to b has one sum for each kernel")
    passed(4, "The prediction: the corner, which one window alone covers. The layer can learn now.")
