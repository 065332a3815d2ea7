"""Local response normalisation: a map is held down by the maps beside it (chapter 04c)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number


def local_response_norm_loop(x: Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
    """Compute the same as :func:`local_response_norm` with nothing but loops: the slow twin."""
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    samples, channels, positions = flat.shape
    y = torch.empty_like(flat)
    for i in range(samples):
        for p in range(positions):
            for c in range(channels):
                first, last = max(0, c - n // 2), min(channels, c + (n - 1) // 2 + 1)
                total = sum(flat[i, j, p].item() ** 2 for j in range(first, last))
                y[i, c, p] = flat[i, c, p].item() * (k + alpha * total) ** -beta
    return y.reshape(x.shape)


def local_response_norm(x: Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
    """Divide each value by ``(k + alpha * sum of squares over n neighbouring maps) ** beta`` at the same place.

    Args:
        x: shape ``(N, C, ...)``.
        n: maps in the window, the map itself included, at least 1; at the edge the window is cut off.
        k: constant in the bracket.
        alpha: weight of the SUM of squares. ``torch.nn.functional.local_response_norm`` takes the mean of
            ``n`` squares instead, so it needs ``alpha * n`` for the same result.
        beta: exponent.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton (2012), section 3.3.
    """
    return x * _bracket(x, n, k, alpha, beta) ** -beta


def local_response_norm_backward(
    dy: Tensor, x: Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Tensor:
    """Return dL/dx from dL/dy.

    A value acts twice: on its own output, and through the brackets of all maps whose windows hold it.

    Args:
        dy: of the shape of ``x``.
        x: input of the forward pass; the rest as in :func:`local_response_norm`.
    """
    bracket = _bracket(x, n, k, alpha, beta)
    through = dy * x * bracket ** (-beta - 1)
    # Map j lies in the window of c where j - (n-1)//2 <= c <= j + n//2: the window turned round.
    return dy * bracket**-beta - 2 * alpha * beta * x * _window_sum(through, (n - 1) // 2, n // 2)


def _bracket(x: Tensor, n: int, k: float, alpha: float, beta: float) -> Tensor:
    if x.dim() < 2:
        raise ValueError(f"x must have shape (N, C, ...), got {tuple(x.shape)}")
    check_int("n", n, minimum=1)
    for name, value in (("k", k), ("alpha", alpha), ("beta", beta)):
        check_number(name, value, minimum=0)
    return k + alpha * _window_sum(x**2, n // 2, (n - 1) // 2)


def _window_sum(values: Tensor, before: int, after: int) -> Tensor:
    """Sum over the maps ``c - before .. c + after``, cut off at the edge."""
    flat = values.reshape(values.shape[0], values.shape[1], -1).transpose(1, 2)  # (N, positions, C)
    padded = F.pad(flat, (before, after))
    return padded.unfold(2, before + after + 1, 1).sum(dim=3).transpose(1, 2).reshape(values.shape)
