# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 2: correlation, convolution, and the layer."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong


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
    otherwise = (
        f"correlate is not right: {first_wrong(got, as_written)}. The number at the top left, for instance, is "
        "1*1 + 0*2 + 0*0 + 3*(-1) = -2"
    )
    compare(got, as_written, mistakes, otherwise)

    got = read_array(ask(convolve, x, k), (2, 3), "convolve(x, k)")
    mistakes = [
        (as_written, "convolve does not turn the kernel: this is the correlation again"),
        ([[2, -1, 4], [1, 6, 2]], "convolve turns the kernel left to right only: both its axes are reversed"),
        ([[6, 3, 0], [1, 0, 8]], "convolve turns the kernel top to bottom only: both its axes are reversed"),
        ([[-2, 5, 4], [3, 5, -3]], "convolve transposes the kernel: half a turn reverses both axes instead"),
    ]
    otherwise = (
        f"convolve is not right: {first_wrong(got, turned)}. The number at the top left, for instance, is "
        "1*(-1) + 0*0 + 0*2 + 3*1 = 2"
    )
    compare(got, turned, mistakes, otherwise)
    spot = np.zeros((3, 3))
    spot[1, 1] = 1.0
    got = read_array(ask(convolve, spot, k), (2, 2), "convolve(x, k)")
    compare(got, k, otherwise="convolve is not right: a single 1 in the middle of zeros has to give back the kernel")
    tall = np.array([[1.0], [2.0], [4.0]])
    got = read_array(ask(correlate, x, tall), (1, 4), "correlate(x, k)")
    compare(got, [[9, 10, 4, 17]], otherwise="correlate is not right for a kernel with 3 rows and 1 column")

    x = np.array(
        [
            [[1, 2, 0, 1, 3], [0, 1, 3, 0, 1], [2, 0, 1, 2, 0], [1, 3, 0, 1, 2]],
            [[0, 1, 1, 0, 2], [2, 0, 0, 3, 1], [1, 0, 2, 0, 1], [0, 2, 1, 1, 0]],
        ],
        dtype=float,
    )
    w = np.array([[[[1, 0], [2, -1]], [[0, 3], [1, 0]]], [[[0, 1], [0, 0]], [[-1, 0], [0, 2]]]], dtype=float)
    b = np.array([10.0, -20.0])
    got = read_array(ask(conv2d, x, w, b, 1, 0), (2, 3, 4), "conv2d(x, w, b, 1, 0)")
    right = np.array(
        [
            [[15, 14, 16, 19], [15, 10, 24, 17], [11, 24, 11, 16]],
            [[-18, -21, -14, -15], [-21, -13, -20, -20], [-17, -17, -18, -20]],
        ],
        dtype=float,
    )
    bias = b[:, None, None]
    mistakes = [
        (
            [
                [[21, 12, 12, 27], [15, 16, 18, 13], [11, 20, 17, 14]],
                [[-20, -17, -18, -21], [-14, -22, -19, -13], [-19, -18, -17, -19]],
            ],
            "conv2d turns the kernels: the layer correlates",
        ),
        (right - bias, "conv2d forgets the bias"),
        (right + bias, "conv2d adds the bias for each channel: once for each kernel"),
        (right + 7 * bias, "conv2d adds the bias to each product: once for each kernel, after the sum"),
        (right - bias + 10, "conv2d adds the bias of kernel 0 to every map: map f gets b[f]"),
        (
            [
                [[10, 11, 16, 10], [14, 10, 13, 14], [11, 16, 10, 12]],
                [[-18, -20, -19, -17], [-19, -17, -20, -19], [-20, -19, -18, -20]],
            ],
            "conv2d looks at only the first channel: sum over all of them",
        ),
        ((right - bias) / 2 + bias, "conv2d averages the channels: sum over them"),
    ]
    otherwise = f"conv2d is not right with 2 channels and 2 kernels, stride 1, no padding: {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)

    x = np.array(
        [
            [[1, 2, 0, 3, 1, 0], [4, 0, 1, 2, 0, 3], [0, 5, 2, 1, 1, 0], [2, 0, 3, 0, 4, 1]],
            [[0, 1, 0, 0, 2, 0], [0, 0, 0, 2, 0, 1], [3, 0, 0, 0, 0, 0], [0, 2, 0, 1, 0, 0]],
        ],
        dtype=float,
    )
    w, b = np.array([[np.arange(1.0, 10.0).reshape(3, 3), np.diag([10.0, 20.0, 30.0])]]), np.array([1.0])
    channels = "conv2d pads the channels too: np.pad(x, p) does; give it a pair for each axis, ((0, 0), (p, p), (p, p))"
    try:
        value = ask(conv2d, x, w, b, 2, 1)
    except Wrong as wrong:
        raise Wrong(channels) if "shapes (4,3,3) (2,3,3)" in str(wrong) else wrong from None
    got = read_array(value, (1, 2, 3), "conv2d(x, w, b, 2, 1), a picture of 4 rows and 6 columns, a kernel of 3 x 3,")
    right = [[[50, 113, 129], [175, 99, 82]]]
    mistakes = [
        ([[[21, 61, 111], [1, 41, 71]]], channels),
        ([[[86, 95, 64], [113, 64, 23]]], "conv2d puts all zeros below and to the right: they go on all four sides"),
        ([[[91, 134, 134], [193, 99, 82]]], "conv2d repeats the border: the padding is done with zeros"),
        ([[[66, 121, 160], [195, 99, 82]]], "conv2d mirrors the picture at its border: the padding is done with zeros"),
        (
            [[[50, 72, 113], [74, 86, 99]]],
            "conv2d moves one pixel at a time: with stride 2 the window starts at row 0, 2, ...",
        ),
    ]
    compare(got, right, mistakes, f"conv2d is not right with stride 2 and padding 1: {first_wrong(got, right)}")
    passed(2, "The prediction, a single 1: convolution shows the kernel as it is written, correlation shows it turned.")
