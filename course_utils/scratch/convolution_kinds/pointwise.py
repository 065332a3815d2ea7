"""The 1x1 convolution: the same linear map of the channels at every pixel (chapter 05b)."""

from __future__ import annotations

import numpy as np

from course_utils.check import check_int, check_shape


def pointwise_conv2d_loops(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Multiply the channel vector of each pixel by one matrix, pixel by pixel.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C): one row of mixing weights for each output channel.
        bias: (O,), or None.

    Returns:
        (N, O, H, W).
    """
    n, c, height, width = check_shape("x", x, (None, None, None, None)).shape
    check_shape("weight", weight, (None, c))
    z = np.zeros((n, len(weight), height, width), dtype=np.result_type(x, weight))
    for image in range(n):
        for i in range(height):
            for j in range(width):
                z[image, :, i, j] = weight @ x[image, :, i, j]
    return z if bias is None else z + bias[:, None, None]


def pointwise_conv2d(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Multiply all pixels at once: the maps, flattened, are the columns of one matrix."""
    n, c, height, width = check_shape("x", x, (None, None, None, None)).shape
    check_shape("weight", weight, (None, c))
    z = (weight @ x.reshape(n, c, height * width)).reshape(n, len(weight), height, width)
    return z if bias is None else z + bias[:, None, None]


def pointwise_conv2d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias: those of a linear layer, summed over the pixels."""
    to_input = pointwise_conv2d(gradient, weight.T)
    return to_input, np.einsum("nohw,nchw->oc", gradient, x), gradient.sum(axis=(0, 2, 3))


def bottleneck_weights(channels: int, inner: int, kernel_size: int = 3) -> tuple[int, int, int]:
    """Return the weights of the three layers of a bottleneck: 1x1 down, k x k inside, 1x1 up (biases not counted)."""
    for name, value in (("channels", channels), ("inner", inner), ("kernel_size", kernel_size)):
        check_int(name, value, minimum=1)
    return channels * inner, kernel_size**2 * inner**2, inner * channels
