"""All ways of this package to slide one kernel over one picture, ready to be compared and timed."""

import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.check import check_int
from course_utils.scratch.convolution.correlation import correlate2d, flip
from course_utils.scratch.convolution.fft import fft_convolve2d
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution.loops import conv_layer_loops
from course_utils.scratch.convolution.separable import convolve_separable
from course_utils.scratch.convolution.toeplitz import doubly_block_toeplitz

SLOW = ("loops", "matrix")  # only for small pictures: minutes, or gigabytes


def ways(size: int, kernel_size: int, seed: int = 0, slow: bool = False) -> dict[str, Callable[[], np.ndarray]]:
    """Prepare one random picture and one random kernel of rank one, and every way to correlate the two.

    Args:
        size: side of the picture.
        kernel_size: side of the kernel.
        seed: of the draw.
        slow: whether to include the loops and the product with the whole matrix (which is built here, untimed).

    Returns:
        Functions by name; each computes the same (size - kernel_size + 1) square output in float32, the slow ones in
        float64.
    """
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(size, size)).astype(np.float32)
    column, row = draw.normal(size=(2, kernel_size)).astype(np.float32)
    kernel = np.outer(column, row)
    as_tensor, kernel_tensor = torch.tensor(x)[None, None], torch.tensor(kernel)[None, None]
    prepared: dict[str, Callable[[], np.ndarray]] = {}
    if slow:
        side = size - kernel_size + 1
        matrix = doubly_block_toeplitz(flip(kernel), (size, size))
        prepared["loops"] = lambda: conv_layer_loops(x[None], kernel[None, None])[0]
        prepared["matrix"] = lambda: (matrix @ x.ravel()).reshape(side, side)
    prepared["shifted copies"] = lambda: correlate2d(x, kernel)
    prepared["im2col"] = lambda: conv2d_im2col(x[None, None], kernel[None, None])[0, 0]
    prepared["Fourier"] = lambda: fft_convolve2d(x, flip(kernel), "valid")
    prepared["two thin passes"] = lambda: convolve_separable(x, (column[::-1], row[::-1]))
    prepared["PyTorch"] = lambda: F.conv2d(as_tensor, kernel_tensor)[0, 0].numpy()
    return prepared


def best_seconds(run: Callable[[], object], repeats: int = 3, limit: float = 1.0) -> float:
    """Return the fewest seconds of several runs, after one to warm up; what else a machine does only adds time.

    Args:
        run: what to time.
        repeats: runs to time, at least 1.
        limit: stop early once so many seconds are spent.
    """
    check_int("repeats", repeats, minimum=1)
    run()
    begun, best = time.perf_counter(), float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - begun > limit:
            break
    return best


def crossover(sizes: list[int], slow_starter: list[float], rival: list[float]) -> int | None:
    """Return the smallest size from which on ``slow_starter`` always is the faster one; None if there is none."""
    wins = [a < b for a, b in zip(slow_starter, rival)]
    for place, size in enumerate(sizes):
        if all(wins[place:]):
            return size
    return None
