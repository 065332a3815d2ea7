"""Convolution as an element-wise product of Fourier transforms, with the zeros that keep it from wrapping around.

Source: Mathieu, Henaff and LeCun, "Fast Training of Convolutional Networks through FFTs", 2014, for the layer.
"""

import numpy as np

from course_utils.check import check_same_length, check_shape
from course_utils.scratch.convolution.im2col import output_shape
from course_utils.scratch.convolution.loops import cut


def circular_convolve2d(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Multiply the transforms without added zeros: what leaves the picture on one side comes back on the other.

    Args:
        x: (H, W) picture.
        h: (K, L) kernel, not larger than the picture.

    Returns:
        (H, W): ``y[m,n] = sum over i,j of x[(m-i) mod H, (n-j) mod W] h[i,j]``.
    """
    x = np.asarray(x, dtype=float)
    check_shape("x", x, (None, None))
    return np.fft.irfft2(np.fft.rfft2(x) * np.fft.rfft2(h, s=x.shape), s=x.shape)


def fft_convolve2d(x: np.ndarray, h: np.ndarray, mode: str = "full") -> np.ndarray:
    """Convolve by transforms: pad both with zeros to the size of the full output, multiply number by number, go back.

    Args:
        x: (H, W) picture.
        h: (K, L) kernel.
        mode: ``full``, ``same`` or ``valid``.

    Returns:
        The convolution, up to rounding.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    x, h = np.asarray(x), np.asarray(h)
    check_shape("x", x, (None, None))
    check_shape("h", h, (None, None))
    full = [a + b - 1 for a, b in zip(x.shape, h.shape)]
    size = [next_fast_len(n, real=True) for n in full]  # a few more zeros cost less than a large prime factor
    y = irfft2(rfft2(x, s=size) * rfft2(h, s=size), s=size)
    return y[cut(mode, x.shape[0], h.shape[0]), cut(mode, x.shape[1], h.shape[1])]


def conv2d_fft(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Apply a convolution layer without padding by transforms: every map is transformed once, whatever uses it.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C, K, L); as in every layer the kernel is not flipped, so its transform is conjugated.

    Returns:
        (N, O, H - K + 1, W - L + 1).

    Raises:
        ValueError: if channels differ or the kernel does not fit.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    x, weight = np.asarray(x), np.asarray(weight)
    check_shape("x", x, (None, None, None, None))
    check_shape("weight", weight, (None, None, None, None))
    check_same_length("the channels of x", x[0], "the channels of weight", weight[0])
    out_height, out_width = output_shape(x.shape[2], x.shape[3], (weight.shape[2], weight.shape[3]))
    size = [next_fast_len(n, real=True) for n in x.shape[2:]]  # only valid positions are kept, and none of them wraps
    products = np.einsum("nchw,ochw->nohw", rfft2(x, s=size), rfft2(weight, s=size).conj(), optimize=True)
    return irfft2(products, s=size)[:, :, :out_height, :out_width]
