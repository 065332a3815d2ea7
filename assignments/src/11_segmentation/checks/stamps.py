"""Exercise 3: upsampling by zero insertion and a fixed kernel."""

import numpy as np

from course_utils.grading.answers import Wrong, compare, passed, read_array

from .asking import asked, first_wrong, numbers, read

X = numbers([[[[1.0, 2.0, -1.0], [3.0, 0.5, 4.0]], [[10.0, 20.0, 30.0], [-5.0, 7.0, 40.0]]]])
TWO = np.concatenate([X, 3 - X[:, ::-1]])
SKEW = numbers([[1, 2], [3, 5]])
WIDE = numbers([[1, 2, 0, 1], [3, 5, -1, 2], [0, 4, 7, 1], [2, 0, 1, 6]])
LINES = {
    1: [1.0],
    2: [0.25, 0.75, 0.75, 0.25],
    3: [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3],
    4: [0.125, 0.375, 0.625, 0.875, 0.875, 0.625, 0.375, 0.125],
}


def upsampling(insert_zeros, bilinear_kernel, upsample) -> None:
    """Exercise 3."""
    _zeros(insert_zeros)
    _kernel(bilinear_kernel)
    _stamps(upsample)
    _uses(upsample)
    passed(3, "The prediction: 1 in the middle; 0.5625 in the corner, where stamps from outside are missing.")


def _zeros(insert_zeros):
    for factor in (2, 3):
        shape = (1, 2, 2 * factor, 3 * factor)
        want = np.zeros(shape)
        want[:, :, ::factor, ::factor] = X
        late = np.zeros(shape)
        late[:, :, factor - 1 :: factor, factor - 1 :: factor] = X
        why = f"with factor {factor} a map of 2 x 3 becomes {2 * factor} x {3 * factor}; the zeros behind the last number belong to it"
        got = read(insert_zeros, shape, X, factor, why=why)
        mistakes = [
            (late, "insert_zeros puts the zeros before each number: (i, j) goes to (factor i, factor j)"),
            (X.repeat(factor, 2).repeat(factor, 3), "insert_zeros repeats the numbers: zeros in between"),
            (
                np.pad(X, ((0, 0), (0, 0), (0, shape[2] - 2), (0, shape[3] - 3))),
                "insert_zeros puts all zeros at the end: between the numbers",
            ),
        ]
        compare(got, want, mistakes, f"insert_zeros(x, {factor}) is not right: {first_wrong(got, want)}")
    compare(read(insert_zeros, X.shape, X, 1), X, otherwise="insert_zeros with factor 1 changes something")
    want = np.zeros((2, 2, 4, 6))
    want[:, :, ::2, ::2] = TWO
    _pictures(insert_zeros, want, TWO, 2)


def _pictures(function, want, *arguments):
    """Two pictures: the second must not be lost."""
    name = getattr(function, "__name__", "the answer")
    alone = f"{name} works on the first picture alone: x has shape (N, C, H, W), all N pictures count"
    value = asked(function, *arguments)
    if getattr(value, "shape", None) == want[:1].shape:
        raise Wrong(alone)
    got = read_array(value, want.shape, f"what {name} returns")
    mistakes = [
        (np.concatenate([want[:1], 0 * want[1:]]), alone),
        (want[[0, 0]], f"{name} gives the first picture's numbers to every picture"),
        (np.broadcast_to(want.sum(axis=0), want.shape), f"{name} mixes the pictures: each by itself"),
    ]
    compare(got, want, mistakes, f"{name} is not right for two pictures: {first_wrong(got, want)}", tolerance=1e-4)


def _kernel(bilinear_kernel):
    for factor in (2, 3, 4, 1):
        line = np.array(LINES[factor])
        want, k = np.outer(line, line), len(line)
        got = read(
            bilinear_kernel,
            (k, k),
            factor,
            why=f"factor {factor} is {'odd: k = 2 factor - 1' if factor % 2 else 'even: k = 2 factor'}",
        )
        away = np.abs(np.arange(k) - (k - 1) / 2)
        off = [1 - np.abs(np.arange(k) - c) / factor for c in (factor, factor - 1, k // 2)]
        mistakes = [
            (
                want / want.sum(),
                "bilinear_kernel is scaled to sum 1: with zeros in between only one of f x f numbers is there, so it sums to f x f",
            ),
            (np.minimum.outer(line, line), "bilinear_kernel takes the smaller of the two factors: their product"),
            (np.add.outer(line, line) - 1, "bilinear_kernel adds the two factors: their product"),
            (np.add.outer(line, line) / 2, "bilinear_kernel takes the mean of the two factors: their product"),
            (np.ones((k, k)), "bilinear_kernel is flat: a tent falls off from its middle"),
            (np.outer(1 - 2 * away / k, 1 - 2 * away / k), "bilinear_kernel divides by half its size: by the factor"),
            *(
                (
                    np.outer(o, o),
                    "bilinear_kernel has its middle in another place: c = (k - 1) / 2, also between two numbers",
                )
                for o in off
            ),
        ]
        compare(got, want, mistakes, f"bilinear_kernel({factor}) is not right: {first_wrong(got, want)}")


def laid(x, kernel, factor, corner=None, largest=False, turned=False):
    """Stamps laid down one by one."""
    kernel = kernel[::-1, ::-1] if turned else kernel
    k, (n, c, h, w) = len(kernel), x.shape
    p = (k - factor) // 2 if corner is None else corner
    wide = np.zeros((n, c, factor * h + 2 * k, factor * w + 2 * k))
    for i in range(h):
        for j in range(w):
            top, left = factor * i - p + k, factor * j - p + k
            place = wide[:, :, top : top + k, left : left + k]
            stamp = x[:, :, i, j][:, :, None, None] * kernel
            place[...] = np.maximum(place, stamp) if largest else place + stamp
    return wide[:, :, k : k + factor * h, k : k + factor * w]


def _stamps(upsample):
    for kernel, factor in (
        (SKEW, 2),
        (WIDE, 2),
        (WIDE[:3, :3], 1),
        (WIDE[:3, :3], 3),
        (np.outer(LINES[3], LINES[3]), 3),
    ):
        kernel = numbers(kernel)
        k = len(kernel)
        shape = (1, 2, 2 * factor, 3 * factor)
        want = laid(X, kernel, factor)
        why = f"with factor {factor} a map of 2 x 3 becomes {2 * factor} x {3 * factor}: what sticks out is cut off, p = (k - factor) / 2 on each side"
        got = read(upsample, shape, X, kernel, factor, why=why)
        mixed = np.broadcast_to(want.sum(axis=1, keepdims=True), shape)
        mistakes = [
            (
                laid(X, kernel, factor, turned=True),
                "upsample lays its stamps turned round: F.conv2d does not flip the kernel, so flip it before",
            ),
            (mixed, "upsample mixes the channels: each channel by itself, groups=C"),
            (mixed / 2, "upsample mixes the channels: each channel by itself, groups=C"),
            (np.broadcast_to(want[:, :1], shape), "upsample gives all channels the first one's numbers"),
            (
                laid(X, kernel, factor, corner=0),
                "upsample does not move its stamps back by p: the corner lies at (f i - p, f j - p)",
            ),
            (laid(X, kernel, factor, corner=k - factor), "upsample moves its stamps too far: by p = (k - f) / 2"),
            (want / kernel.sum(), "upsample divides by the sum of the kernel: a stamp is the kernel times the number"),
            (want / kernel.sum() * factor**2, "upsample scales the kernel: a stamp is the kernel times the number"),
            (laid(X, kernel, factor, largest=True), "upsample keeps the largest where stamps overlap: they add up"),
            (laid(X, kernel.T, factor), "upsample exchanges rows and columns of the kernel"),
            (X.repeat(factor, 2).repeat(factor, 3), "upsample repeats the numbers, whatever the kernel"),
        ]
        otherwise = f"upsample is not right for a kernel of {k} x {k} and factor {factor}: {first_wrong(got, want)}"
        compare(got, want, mistakes, otherwise, tolerance=1e-4)


def _uses(upsample):
    ones = numbers(np.ones((3, 3)))
    _pictures(upsample, laid(TWO, WIDE, 2), TWO, WIDE, 2)
    got = read(upsample, (1, 2, 6, 9), X, ones, 3)
    compare(
        got, X.repeat(3, 2).repeat(3, 3), otherwise="upsample with 3 x 3 ones and factor 3 does not repeat each number"
    )
