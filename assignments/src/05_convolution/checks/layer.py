"""Exercise 2: correlation, convolution, and the layer."""

import numpy as np

from course_utils.grading.answers import ask, compare, passed, read_array


def forward(correlate, convolve, conv2d) -> None:
    """Exercise 2."""
    x = np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 3.0, 1.0, 0.0], [2.0, 1.0, 0.0, 4.0]])
    k = np.array([[1.0, 2.0], [0.0, -1.0]])
    as_written, turned = [[-2, 3, 4], [5, 5, -3]], [[2, 7, 0], [5, -1, 3]]
    got = read_array(ask(correlate, x, k), (2, 3), "correlate(x, k)")
    mistakes = [
        (turned, "correlate turns the kernel: correlation lays it on the picture as it is written"),
        (np.array(as_written) / 4, "correlate takes the mean of the products: take their sum"),
    ]
    compare(got, as_written, mistakes, "correlate is not right: at the top left it is 1*1 + 0*2 + 0*0 + 3*(-1) = -2")

    got = read_array(ask(convolve, x, k), (2, 3), "convolve(x, k)")
    mistakes = [
        (as_written, "convolve does not turn the kernel: this is the correlation again"),
        ([[2, -1, 4], [1, 6, 2]], "convolve turns the kernel left to right only: both its axes are reversed"),
        ([[6, 3, 0], [1, 0, 8]], "convolve turns the kernel top to bottom only: both its axes are reversed"),
        ([[-2, 5, 4], [3, 5, -3]], "convolve transposes the kernel: half a turn reverses both axes instead"),
    ]
    compare(got, turned, mistakes, "convolve is not right: at the top left it is 1*(-1) + 0*0 + 0*2 + 3*1 = 2")
    spot = np.zeros((3, 3))
    spot[1, 1] = 1.0
    got = read_array(ask(convolve, spot, k), (2, 2), "convolve(x, k)")
    compare(got, k, otherwise="convolve is not right: a single 1 in the middle of zeros has to give back the kernel")
    tall = np.array([[1.0], [2.0], [4.0]])
    got = read_array(ask(correlate, x, tall), (1, 4), "correlate(x, k)")
    compare(got, [[9, 10, 4, 17]], otherwise="correlate is not right for a kernel with 3 rows and 1 column")

    x = np.array([[[1, 2, 0], [0, 1, 3], [2, 0, 1]], [[0, 1, 1], [2, 0, 0], [1, 0, 2]]], dtype=float)
    w = np.array([[[[1, 0], [2, -1]], [[0, 3], [1, 0]]], [[[0, 1], [0, 0]], [[-1, 0], [0, 2]]]], dtype=float)
    b = np.array([10.0, -20.0])
    got = read_array(ask(conv2d, x, w, b, 1, 0), (2, 2, 2), "conv2d(x, w, b, 1, 0)")
    mistakes = [
        ([[[21, 12], [15, 16]], [[-20, -17], [-14, -22]]], "conv2d turns the kernels: the layer correlates"),
        ([[[5, 4], [5, 0]], [[2, -1], [-1, 7]]], "conv2d forgets the bias"),
        (
            [[[25, 24], [25, 20]], [[-38, -41], [-41, -33]]],
            "conv2d adds the bias for each channel: once for each kernel",
        ),
        (
            [[[10, 11], [14, 10]], [[-18, -20], [-19, -17]]],
            "conv2d looks at only the first channel: sum over all of them",
        ),
        ([[[12.5, 12], [12.5, 10]], [[-19, -20.5], [-20.5, -16.5]]], "conv2d averages the channels: sum over them"),
    ]
    right = [[[15, 14], [15, 10]], [[-18, -21], [-21, -13]]]
    compare(got, right, mistakes, "conv2d is not right with 2 channels and 2 kernels, stride 1, no padding")

    x = np.array([[[1.0, 2.0, 0.0, 3.0], [4.0, 0.0, 1.0, 2.0], [0.0, 5.0, 2.0, 1.0]]])
    w, b = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([1.0])
    got = read_array(ask(conv2d, x, w, b, 2, 1), (1, 2, 3), "conv2d(x, w, b, 2, 1), a picture of 3 rows and 4 columns,")
    mistakes = [
        ([[[18, 18, 1], [11, 5, 1]]], "conv2d puts all zeros below and to the right: they go on all four sides"),
        ([[[11, 9, 31], [13, 26, 14]]], "conv2d repeats the border: the padding is done with zeros"),
        (
            [[[5, 12, 7], [19, 18, 7]]],
            "conv2d moves one pixel at a time: with stride 2 the window starts at row 0, 2, ...",
        ),
    ]
    compare(got, [[[5, 7, 10], [9, 26, 6]]], mistakes, "conv2d is not right with stride 2 and padding 1")
    passed(2, "This is the layer. All that follows is the same numbers, faster or backwards.")
