"""The matrices convolve, and they have the structure that gives them their name."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from course_utils.scratch.convolution.toeplitz import doubly_block_toeplitz, is_toeplitz, toeplitz_matrix


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("taps", [1, 2, 3, 7])
def test_the_matrix_convolves_a_signal(mode, taps):
    draw = np.random.default_rng(0)
    x, h = draw.normal(size=7), draw.normal(size=taps)
    matrix = toeplitz_matrix(h, 7, mode)
    np.testing.assert_allclose(matrix @ x, np.convolve(x, h, mode), atol=1e-12)
    assert is_toeplitz(matrix)


def test_the_full_matrix_is_scipys():
    h = np.array([1.0, -2.0, 3.0])
    theirs = scipy.linalg.toeplitz(np.r_[h, np.zeros(4)], np.r_[h[0], np.zeros(4)])
    np.testing.assert_array_equal(toeplitz_matrix(h, 5, "full"), theirs)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4), (4, 1)])
def test_the_matrix_convolves_a_picture(mode, kernel):
    draw = np.random.default_rng(1)
    x, h = draw.normal(size=(4, 5)), draw.normal(size=kernel)
    wanted = scipy.signal.convolve2d(x, h, mode)
    np.testing.assert_allclose(doubly_block_toeplitz(h, (4, 5), mode) @ x.ravel(), wanted.ravel(), atol=1e-12)


def test_blocks_repeat_and_are_toeplitz():
    h = np.arange(1.0, 7).reshape(2, 3)
    blocks = doubly_block_toeplitz(h, (5, 6)).reshape(4, 4, 5, 6).swapaxes(1, 2)  # block (m, i) at [m, i]
    for m in range(3):
        for i in range(4):
            np.testing.assert_array_equal(blocks[m, i], blocks[m + 1, i + 1])
    assert all(is_toeplitz(blocks[m, i]) for m in range(4) for i in range(5))
    assert (doubly_block_toeplitz(h, (5, 6)) != 0).sum(axis=1).tolist() == [6] * 16


def test_a_changed_entry_is_noticed():
    matrix = toeplitz_matrix(np.ones(3), 6)
    matrix[2, 3] = 5
    assert not is_toeplitz(matrix)


def test_a_kernel_longer_than_the_signal_is_refused():
    with pytest.raises(ValueError, match="size must be at least 3, got 2"):
        toeplitz_matrix(np.ones(3), 2)
