"""Hidden tests of assignment 5. They stay with the instructor and run in the grader's own process.

Inputs are random, other ones for each student; what is right comes from slow sums written out number by number, from
the linearity of the layer, and from properties. Pictures hold no two equal numbers unless a test is about ties, so that
usual mistakes give other answers than the right one. `says` sentences reach the student, nothing else in this file does.
"""

import numpy as np

from course_utils.grading.answers import Wrong, close, compare, read_array, read_number, read_tuple
from course_utils.grading.hidden import hidden, says

WITHHELD = ("course_utils.scratch", "torch", "scipy")  # libraries that have the layer


# ---- exercise 1 ----


def places(n, k, s, p, r):
    """Count the places of a window one by one."""
    return sum(1 for start in range(-p, n + p, s) if start + r * (k - 1) < n + p)


def ask_sizes(student, cases):
    return [read_number(student.output_size(*map(int, case)), "output_size(n, k, s, p, r)") for case in cases]


@hidden("sizes", points=1)
def test_sizes_without_dilation(student, rng):
    cases = [(14, 4, 3, 0, 1), (7, 3, 1, 1, 1), (20, 5, 4, 2, 1)]
    cases += [
        (int(rng.integers(8, 40)), k, s, p, 1) for k, s, p in ((1, 1, 0), (3, 2, 1), (4, 3, 2), (5, 2, 0), (7, 4, 3))
    ]
    right = [places(*case) for case in cases]
    mistakes = [
        (
            [(n + 2 * p - k) // s for n, k, s, p, _ in cases],
            "output_size is one too small: plus one for the first place",
        ),
        ([-((k - n - 2 * p) // s) + 1 for n, k, s, p, _ in cases], "output_size rounds up: round down"),
        ([(n + 2 * p - k) / s + 1 for n, k, s, p, _ in cases], "output_size returns a fraction: round down"),
        ([n + 2 * p - k + 1 for n, k, s, p, _ in cases], "output_size ignores the stride"),
        ([(n + p - k) // s + 1 for n, k, s, p, _ in cases], "output_size pads one end: the zeros are put at both ends"),
        ([(n - k) // s + 1 for n, k, s, p, _ in cases], "output_size ignores the padding"),
        (
            [max(0, (n + 2 * p) // s - k + 1) for n, k, s, p, _ in cases],
            "output_size divides too early: take the window from the row first",
        ),
    ]
    compare(ask_sizes(student, cases), right, mistakes, "output_size is not right without dilation")


@hidden("sizes", points=0.75, after="test_sizes_without_dilation")
def test_sizes_with_dilation(student, rng):
    cases = [(9, 3, 1, 0, 3), (30, 3, 2, 1, 4)] + [
        (int(rng.integers(20, 40)), k, s, p, r) for k, s, p, r in ((3, 1, 2, 2), (4, 3, 0, 3), (5, 2, 1, 2))
    ]
    mistakes = [
        (
            [(n + 2 * p - r * k) // s + 1 for n, k, s, p, r in cases],
            "output_size takes the wrong width for a dilated window: it covers r (k - 1) + 1",
        ),
        ([places(n, k, s, p, 1) for n, k, s, p, r in cases], "output_size ignores the dilation"),
    ]
    right = [places(*case) for case in cases]
    compare(ask_sizes(student, cases), right, mistakes, "output_size is not right with dilation")


@hidden("sizes", points=0.5, after=("test_sizes_without_dilation", "test_sizes_with_dilation"))
def test_sizes_where_a_window_just_fits_or_does_not(student, rng):
    cases = [(k + more, k, s, 0, 1) for k in (4, int(rng.integers(5, 9))) for s in (1, 2) for more in (-3, -1, 0)]
    wide = int(rng.integers(5, 9))
    cases += [(wide - 2, wide, 2, 1, 1), (2, 8, 1, 3, 1)]  # fit thanks to the padding
    cases += [(2, 10, 1, 3, 1), (wide, 2, 1, 0, wide + 3)]  # do not, in spite of padding, and because of dilation
    got = ask_sizes(student, cases)
    sentence = "output_size is not 0 where the window does not fit"
    assert all(value == 0 for value, case in zip(got, cases) if places(*case) == 0), says(sentence)
    compare(got, [places(*case) for case in cases], otherwise="output_size is not 1 where the window just fits")


@hidden("sizes", points=0.75)
def test_same_padding(student, rng):
    cases = [(3, 1), (5, 1), (5, 3), (7, int(rng.integers(2, 5))), (9, 2)]
    got = [read_number(student.same_padding(k, r), "same_padding(k, r)") for k, r in cases]
    mistakes = [
        ([r * (k + 1) // 2 for k, r in cases], "same_padding takes half the window rounded up"),
        ([(k - 1) // 2 for k, r in cases], "same_padding forgets the dilation"),
        ([r * (k - 1) for k, r in cases], "same_padding gives all the zeros at once: half of them go at each end"),
    ]
    right = [next(p for p in range(99) if places(200, k, 1, p, r) == 200) for k, r in cases]
    compare(got, right, mistakes, "same_padding does not keep the size")


# ---- exercise 2 ----


def slide(x, k):
    """Correlation by sums over all four indices."""
    h, w = k.shape
    rows, columns = x.shape[0] - h + 1, x.shape[1] - w + 1
    z = np.zeros((rows, columns))
    for i, j, m, n in np.ndindex(rows, columns, h, w):
        z[i, j] += x[i + m, j + n] * k[m, n]
    return z


def pixel(x, c, row, column):
    """A pixel, or the zero outside."""
    inside = 0 <= row < x.shape[1] and 0 <= column < x.shape[2]
    return x[c, row, column] if inside else 0.0


def layer(x, w, b, s, p):
    """The layer by its formula, no padded picture."""
    f, c, k, _ = w.shape
    rows, columns = (places(n, k, s, p, 1) for n in x.shape[1:])
    z = np.zeros((f, rows, columns))
    for o, i, j in np.ndindex(z.shape):
        z[o, i, j] = b[o]
        for q, m, n in np.ndindex(c, k, k):
            z[o, i, j] += pixel(x, q, s * i + m - p, s * j + n - p) * w[o, q, m, n]
    return z


def draw(rng, *shape):
    """Numbers away from zero, no two of them equal."""
    values = rng.uniform(0.5, 2.0, size=shape) * rng.choice([-1, 1], size=shape)
    return np.round(values, 3) + np.arange(values.size).reshape(shape) * 1e-5


@hidden("forward", points=1)
def test_correlation(student, rng):
    for size, kernel in (((5, 7), (3, 3)), ((6, 4), (2, 3)), ((3, 3), (3, 3)), ((4, 5), (1, 1))):
        x, k = draw(rng, *size), draw(rng, *kernel)
        want = slide(x, k)
        got = read_array(student.correlate(x, k), want.shape, "correlate(x, k)")
        mistakes = [(slide(x, k[::-1, ::-1]), "correlate turns the kernel: correlation takes it as it is written")]
        compare(got, want, mistakes, "correlate is not the sum of products at every place")


@hidden("forward", points=1, after="test_correlation")
def test_convolution(student, rng):
    for size, kernel in (((5, 7), (3, 3)), ((6, 5), (2, 2)), ((4, 4), (3, 2))):
        x, k = draw(rng, *size), draw(rng, *kernel)
        want = slide(x, k[::-1, ::-1])
        got = read_array(student.convolve(x, k), want.shape, "convolve(x, k)")
        mistakes = [
            (slide(x, k), "convolve does not turn the kernel"),
            (slide(x, k[:, ::-1]), "convolve turns the kernel left to right only: both its axes are reversed"),
            (slide(x, k[::-1]), "convolve turns the kernel top to bottom only: both its axes are reversed"),
        ]
        if kernel[0] == kernel[1]:
            mistakes.append((slide(x, k.T), "convolve transposes the kernel: half a turn reverses both axes"))
        compare(got, want, mistakes, "convolve is not correlation with the kernel turned by half a turn")


@hidden("forward", points=1.5)
def test_layer_without_padding(student, rng):
    for c, f, k, size in ((2, 2, 2, (4, 5)), (3, 4, 3, (5, 4)), (1, 3, 1, (2, 3))):
        x, w, b = draw(rng, c, *size), draw(rng, f, c, k, k), 3.0 + draw(rng, f)
        want = layer(x, w, b, 1, 0)
        got = read_array(student.conv2d(x, w, b, 1, 0), want.shape, "conv2d(x, w, b, 1, 0)")
        bias = b[:, None, None]
        mistakes = [
            (layer(x, w[:, :, ::-1, ::-1], b, 1, 0), "conv2d turns the kernels: the layer correlates"),
            (want - bias, "conv2d forgets the bias"),
            (want + (c - 1) * bias, "conv2d adds the bias for each channel: once for each kernel"),
            (layer(x[:1], w[:, :1], b, 1, 0), "conv2d looks at only the first channel"),
            ((want - bias) / c + bias, "conv2d averages the channels: sum over them"),
        ]
        compare(got, want, mistakes, "conv2d is not right at stride 1 without padding")


@hidden("forward", points=1.25, after="test_layer_without_padding")
def test_layer_with_padding(student, rng):
    for k, p in ((3, 1), (2, 1), (3, 2)):
        x, w, b = draw(rng, 2, 4, 5), draw(rng, 2, 2, k, k), draw(rng, 2)
        want = layer(x, w, b, 1, p)
        got = read_array(student.conv2d(x, w, b, 1, p), want.shape, "conv2d(x, w, b, 1, p)")
        edge = np.pad(x, ((0, 0), (p, p), (p, p)), mode="edge")
        late = np.pad(x, ((0, 0), (0, 2 * p), (0, 2 * p)))
        mistakes = [
            (layer(late, w, b, 1, 0), "conv2d puts all zeros below and to the right: they go on all four sides"),
            (layer(edge, w, b, 1, 0), "conv2d repeats the border: the padding is done with zeros"),
        ]
        compare(got, want, mistakes, "conv2d is not right with padding")


@hidden("forward", points=1.25, after=("test_layer_without_padding", "test_layer_with_padding"))
def test_layer_with_stride(student, rng):
    for k, s, p, size in ((3, 2, 1, (7, 6)), (2, 3, 0, (8, 9)), (1, 2, 0, (5, 5)), (3, 2, 0, (3, 4))):
        x, w, b = draw(rng, 2, *size), draw(rng, 3, 2, k, k), draw(rng, 3)
        want = layer(x, w, b, s, p)
        got = read_array(student.conv2d(x, w, b, s, p), want.shape, "conv2d(x, w, b, s, p)")
        slow = layer(x, w, b, 1, p)[:, : want.shape[1], : want.shape[2]]
        mistakes = [(slow, "conv2d moves one pixel at a time: with stride s the windows start s apart")]
        compare(got, want, mistakes, "conv2d is not right with a stride")


# ---- exercise 3 ----


def columns_of(x, k, s, p):
    """The matrix of windows, filled number by number."""
    rows, columns = (places(n, k, s, p, 1) for n in x.shape[1:])
    matrix = np.zeros((len(x) * k * k, rows * columns))
    for c, m, n, i, j in np.ndindex(len(x), k, k, rows, columns):
        matrix[c * k * k + m * k + n, i * columns + j] = pixel(x, c, s * i + m - p, s * j + n - p)
    return matrix


@hidden("im2col", points=1.25)
def test_windows_as_columns(student, rng):
    for c, k, size in ((2, 2, (3, 4)), (3, 3, (5, 4)), (2, 1, (2, 3))):
        x = draw(rng, c, *size)
        want = columns_of(x, k, 1, 0)
        value = student.im2col(x, k, 1, 0)
        if want.shape[0] != want.shape[1] and getattr(value, "shape", None) == want.shape[::-1]:
            raise Wrong("im2col should have the windows as columns, not rows")
        got = read_array(value, want.shape, "im2col(x, k, 1, 0)")
        rows, columns = (n - k + 1 for n in size)
        blocks = want.reshape(c, k, k, rows, columns)
        mistakes = [
            (blocks.transpose(1, 2, 0, 3, 4).reshape(want.shape), "im2col mixes the channels: channel after channel"),
            (
                blocks.swapaxes(1, 2).reshape(want.shape),
                "im2col reads each window column by column: read it row by row",
            ),
            (blocks.swapaxes(3, 4).reshape(want.shape), "im2col: the places are not in reading order"),
        ]
        compare(got, want, mistakes, "im2col is not the matrix of windows")


@hidden("im2col", points=0.75, after="test_windows_as_columns")
def test_windows_with_stride_and_padding(student, rng):
    for k, s, p in ((2, 2, 1), (3, 2, 2), (2, 3, 0)):
        x = draw(rng, 2, 5, 7)
        want = columns_of(x, k, s, p)
        got = read_array(student.im2col(x, k, s, p), want.shape, "im2col(x, k, s, p)")
        compare(got, want, otherwise="im2col is not right with a stride or with padding")


@hidden("im2col", points=2, after=("test_windows_as_columns", "test_windows_with_stride_and_padding"))
def test_layer_as_a_product(student, rng):
    for c, f, k, s, p, size in ((2, 3, 2, 1, 0, (3, 5)), (3, 2, 3, 2, 1, (7, 4)), (3, 4, 2, 1, 0, (5, 4))):
        x, w, b = draw(rng, c, *size), draw(rng, f, c, k, k), 3.0 + draw(rng, f)
        want = layer(x, w, b, s, p)
        value = student.conv2d_matrix(x, w, b, s, p)
        if getattr(value, "shape", None) == (f, want.shape[2], want.shape[1]):
            raise Wrong("conv2d_matrix exchanges rows and columns of the map")
        got = read_array(value, want.shape, "conv2d_matrix(x, w, b, s, p)")
        torn = w.reshape(-1, f).T.reshape(w.shape)
        mistakes = [
            (want - b[:, None, None], "conv2d_matrix forgets the bias"),
            (layer(x, torn, b, s, p), "conv2d_matrix cuts the kernels apart: row f of the matrix is kernel f"),
        ]
        compare(got, want, mistakes, "conv2d_matrix is not the layer of exercise 2")


# ---- exercise 4 ----

BACKWARD = (
    (2, 3, 2, 1, 0, (3, 4)),
    (2, 2, 3, 2, 1, (5, 4)),
    (1, 2, 2, 2, 0, (4, 5)),
    (3, 1, 2, 1, 1, (2, 3)),
    (2, 2, 3, 1, 2, (2, 3)),
)


def setting(rng, c, f, k, s, p, size):
    """A picture, kernels and an arriving gradient."""
    x, w = draw(rng, c, *size), draw(rng, f, c, k, k)
    g = draw(rng, f, *(places(n, k, s, p, 1) for n in size))
    return g, x, w


def gradient_by_linearity(g, shape, apply):
    """Of a linear map: each unit vector through the map, times the arriving gradient."""
    gradient = np.zeros(shape)
    for index in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[index] = 1.0
        gradient[index] = np.sum(g * apply(unit))
    return gradient


def ask_backward(student, g, x, w, s, p):
    return read_tuple(student.conv2d_backward(g, x, w, s, p), 3, "conv2d_backward(g, x, w, s, p)")


@hidden("backward", points=2.5)
def test_gradient_of_the_picture(student, rng):
    for case in BACKWARD:
        c, f, k, s, p, size = case
        g, x, w = setting(rng, *case)
        want = gradient_by_linearity(g, x.shape, lambda unit: layer(unit, w, np.zeros(f), s, p))
        turned = gradient_by_linearity(g, x.shape, lambda unit: layer(unit, w[:, :, ::-1, ::-1], np.zeros(f), s, p))
        got = read_array(ask_backward(student, g, x, w, s, p)[0], x.shape, "the gradient with respect to x")
        last, slow = np.zeros((c, size[0] + 2 * p, size[1] + 2 * p)), np.zeros((c, size[0] + 2 * p, size[1] + 2 * p))
        for o, i, j in np.ndindex(g.shape):
            last[:, s * i : s * i + k, s * j : s * j + k] = g[o, i, j] * w[o]
            slow[:, i : i + k, j : j + k] += g[o, i, j] * w[o]
        inside = (slice(None), slice(p, p + size[0]), slice(p, p + size[1]))
        mistakes = [
            (last[inside], "the gradient of x is overwritten: a pixel gets the sum of all windows that cover it"),
            (turned, "conv2d_backward spreads a turned kernel: the weight that lay on a pixel is its factor"),
            (slow[inside], "conv2d_backward forgets the stride"),
        ]
        otherwise = "conv2d_backward: the gradient with respect to x is not right"
        compare(got, want, mistakes, otherwise)


@hidden("backward", points=2.25, after="test_gradient_of_the_picture")
def test_gradient_of_the_kernels(student, rng):
    for case in BACKWARD:
        _, f, k, s, p, _ = case
        g, x, w = setting(rng, *case)
        want = gradient_by_linearity(g, w.shape, lambda unit: layer(x, unit, np.zeros(f), s, p))
        got = read_array(ask_backward(student, g, x, w, s, p)[1], w.shape, "the gradient with respect to w")
        last, padded = np.zeros(w.shape), np.pad(x, ((0, 0), (p, p), (p, p)))
        for o, i, j in np.ndindex(g.shape):
            last[o] = g[o, i, j] * padded[:, s * i : s * i + k, s * j : s * j + k]
        mistakes = [
            (want / g[0].size, "the gradient of w averages over the places: add them up"),
            (last, "conv2d_backward overwrites the gradient of w: add up over all places"),
            (want[:, :, ::-1, ::-1], "the gradient of w is turned by half a turn"),
            (0 * want, "the gradient of w is zero"),
        ]
        compare(got, want, mistakes, "conv2d_backward: the gradient with respect to w is not right")


@hidden("backward", points=1.25, after=("test_gradient_of_the_picture", "test_gradient_of_the_kernels"))
def test_gradient_of_the_bias(student, rng):
    for case in BACKWARD:
        g, x, w = setting(rng, *case)
        got = read_array(ask_backward(student, g, x, w, *case[3:5])[2], (len(w),), "the gradient with respect to b")
        want = [sum(g[o, i, j] for i, j in np.ndindex(g.shape[1:])) for o in range(len(w))]
        mistakes = [
            (np.zeros(len(w)), "the gradient of the bias is zero: the bias touches every output"),
            (g.mean(axis=(1, 2)), "the gradient of the bias averages over the map: add up"),
        ]
        compare(got, want, mistakes, "conv2d_backward: the gradient with respect to b is not right")


# ---- exercise 5 ----


def pooled(x, size, s):
    """Every window sorted; its last number."""
    rows, columns = (places(n, size, s, 0, 1) for n in x.shape[1:])
    z = np.zeros((len(x), rows, columns))
    for c, i, j in np.ndindex(z.shape):
        z[c, i, j] = sorted(x[c, s * i + m, s * j + n] for m in range(size) for n in range(size))[-1]
    return z


def routed(g, x, size, s, pick):
    """The gradient goes to one place of each window: `pick` takes it from the list of the largest."""
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        spots = [(s * i + m, s * j + n) for m in range(size) for n in range(size)]
        top = max(x[c, row, column] for row, column in spots)
        for row, column in pick([spot for spot in spots if x[(c, *spot)] == top]):
            gx[c, row, column] += g[c, i, j]
    return gx


@hidden("pooling", points=1.5)
def test_max_pooling(student, rng):
    for c, size, s, shape in ((1, 2, 2, (4, 6)), (2, 3, 2, (7, 5)), (3, 2, 1, (4, 4)), (2, 2, 2, (5, 5))):
        x = draw(rng, c, *shape)
        x[0, :size, :size] = -np.abs(x[0, :size, :size])  # one window of negative numbers
        want = pooled(x, size, s)
        got = read_array(student.max_pool(x, size, s), want.shape, "max_pool(x, size, stride)")
        cut = [x[:, s * i : s * i + size, s * j : s * j + size] for i, j in np.ndindex(want.shape[1:])]
        means = np.stack([window.mean(axis=(1, 2)) for window in cut], axis=1).reshape(want.shape)
        sizes = np.stack([np.abs(window).max(axis=(1, 2)) for window in cut], axis=1).reshape(want.shape)
        mistakes = [
            (means, "max_pool takes the average of each window: take the largest"),
            (np.maximum(want, 0), "max_pool says 0 for a window whose numbers are all below zero"),
            (-pooled(-x, size, s), "max_pool takes the smallest number: take the largest"),
            (sizes, "max_pool compares sizes without signs"),
            (np.repeat(want.max(axis=0)[None], c, axis=0), "max_pool mixes the channels: pool channel by channel"),
        ]
        compare(got, want, mistakes, "max_pool is not the largest number of each window")


@hidden("pooling", points=1.5)
def test_gradient_of_max_pooling(student, rng):
    for c, size, s, shape in ((1, 2, 1, (4, 4)), (2, 3, 2, (7, 5)), (2, 2, 2, (5, 4))):
        x = draw(rng, c, *shape)
        x[:, 1, 1] = 9.0  # the largest of several windows where they overlap
        g = 3.0 + draw(rng, c, *(places(n, size, s, 0, 1) for n in shape))
        want = routed(g, x, size, s, lambda best: best)
        got = read_array(student.max_pool_backward(g, x, size, s), x.shape, "max_pool_backward(g, x, size, stride)")
        spread, last = np.zeros(x.shape), np.zeros(x.shape)
        for q, i, j in np.ndindex(g.shape):
            spread[q, s * i : s * i + size, s * j : s * j + size] += g[q, i, j] / size**2
            single = np.zeros(g.shape)
            single[q, i, j] = g[q, i, j]
            place = routed(single, x, size, s, list)
            last = np.where(place != 0, place, last)
        mistakes = [
            (spread, "max_pool_backward spreads the gradient over the window: only the largest touched the output"),
            (last, "max_pool_backward overwrites: gradients of overlapping windows add up"),
            (routed(np.ones(g.shape), x, size, s, list), "max_pool_backward ignores g"),
        ]
        compare(got, want, mistakes, "max_pool_backward does not give each gradient to the largest of its window")


@hidden("pooling", points=1, after="test_gradient_of_max_pooling")
def test_gradient_where_several_are_largest(student, rng):
    for size, s in ((2, 1), (2, 2), (3, 2)):
        x = rng.integers(0, 2, size=(2, 5, 5)).astype(float)
        x[:, :2, :2] = [[1.0, 0.0], [1.0, 1.0]]
        g = 3.0 + draw(rng, 2, *(places(n, size, s, 0, 1) for n in (5, 5)))
        got = read_array(student.max_pool_backward(g, x, size, s), x.shape, "max_pool_backward(g, x, size, stride)")
        mistakes = [
            (
                routed(g, x, size, s, lambda best: best),
                "max_pool_backward gives the gradient to each one where several are equally large: the first gets it",
            ),
            (
                routed(g, x, size, s, lambda best: best[-1:]),
                "max_pool_backward takes the last of several largest: take the first in reading order",
            ),
        ]
        want = routed(g, x, size, s, lambda best: best[:1])
        compare(got, want, mistakes, "max_pool_backward is not right where several numbers are equally large")


# ---- exercise 6 ----

STACKS = ([(3, 2, 1), (5, 3, 0), (3, 1, 2)], [(7, 2, 3), (3, 2, 1), (3, 1, 1), (2, 2, 0)], [(3, 1, 1)] * 4)


def seen(layers):
    """Which pixels the units 0 and 1 of the last layer reach, followed down one layer at a time."""
    reach = []
    for unit in (0, 1):
        places_seen = {unit}
        for k, s, p in reversed(layers):
            places_seen = {s * i - p + m for i in places_seen for m in range(k)}
        reach.append((min(places_seen), max(places_seen)))
    (first, last), (following, _) = reach
    return last - first + 1, following - first, (first + last) / 2


def stacks(rng):
    """Fixed stacks that tell the usual mistakes apart, and random ones."""
    drawn = [
        [(int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 3))) for _ in range(4)]
        for _ in range(3)
    ]
    return [*STACKS, *drawn]


def ask_field(student, layers, which):
    value = student.receptive_field(layers)
    triple = tuple(value) if getattr(value, "shape", None) == (3,) else value
    return read_number(
        read_tuple(triple, 3, "receptive_field(layers)")[which], ("the size", "the jump", "the centre")[which]
    )


def by_rule(layers, grow=lambda k, s, p: k - 1, before=False, jump_of=lambda jump, s: jump * s, shift=True):
    """Size, jump and centre by a rule, right or wrong."""
    size, jump, centre = 1, 1, 0.0
    for k, s, p in layers:
        if before:
            jump = jump_of(jump, s)
        size += grow(k, s, p) * jump
        centre += ((k - 1) / 2 - p * shift) * jump
        if not before:
            jump = jump_of(jump, s)
    return size, jump, centre


@hidden("receptive_field", points=1.5)
def test_size_of_the_field(student, rng):
    cases = stacks(rng)
    got = [ask_field(student, layers, 0) for layers in cases]
    wrong = {
        "receptive_field adds half a window: a layer adds k - 1 jumps, not half of its k": {
            "grow": lambda k, s, p: k / 2
        },
        "receptive_field adds k for a layer: it adds k - 1": {"grow": lambda k, s, p: k},
        "receptive_field uses a layer's own stride for its own window: J changes last": {"before": True},
        "receptive_field adds strides to the jump: they multiply": {"jump_of": lambda jump, s: jump + s - 1},
        "receptive_field counts padding: padding does not change the size": {"grow": lambda k, s, p: k - 1 + 2 * p},
        "receptive_field ignores strides in the size": {"jump_of": lambda jump, s: jump},
    }
    mistakes = [([by_rule(layers, **rule)[0] for layers in cases], sentence) for sentence, rule in wrong.items()]
    mistakes.append(
        ([by_rule(layers[::-1])[0] for layers in cases], "receptive_field begins at the other end of the list")
    )
    compare(got, [seen(layers)[0] for layers in cases], mistakes, "receptive_field: the size is not right")


@hidden("receptive_field", points=0.75, after="test_size_of_the_field")
def test_jump(student, rng):
    cases = stacks(rng)
    got = [ask_field(student, layers, 1) for layers in cases]
    mistakes = [
        ([1 + sum(s - 1 for _, s, _ in layers) for layers in cases], "receptive_field adds strides: they multiply")
    ]
    compare(got, [seen(layers)[1] for layers in cases], mistakes, "receptive_field: the jump is not right")


@hidden("receptive_field", points=0.75, after=("test_size_of_the_field", "test_jump"))
def test_centre(student, rng):
    cases = stacks(rng)
    got = [ask_field(student, layers, 2) for layers in cases]
    mistakes = [([by_rule(layers, shift=False)[2] for layers in cases], "the centre forgets the padding")]
    compare(got, [seen(layers)[2] for layers in cases], mistakes, "receptive_field: the centre is not right")
    empty = [ask_field(student, [], which) for which in range(3)]
    assert close(empty, [1, 1, 0]), says("receptive_field of no layer at all is not one pixel")
