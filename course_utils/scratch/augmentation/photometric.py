"""Changes of light: brightness, contrast, gamma, noise; places stay, values change (chapter 04e)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_number

Array = NDArray[np.float64]


def brightness(x: ArrayLike, amount: float) -> Array:
    """Add the same amount to every value, then clip to [0, 1].

    Args:
        x: pictures with values in [0, 1], any shape.
        amount: from -1 to 1.
    """
    return np.clip(np.asarray(x, dtype=float) + check_number("amount", amount, minimum=-1, maximum=1), 0, 1)


def contrast(x: ArrayLike, factor: float, clip: bool = True) -> Array:
    """Move every value away from its picture's mean, or towards it: ``mean + factor (x - mean)``.

    Args:
        x: pictures ``(..., H, W)`` with values in [0, 1]; the mean is taken over the last two axes.
        factor: at least 0; 0 leaves a grey field, 1 the picture.
        clip: cut to [0, 1] afterwards. Without it the mean is exactly kept; cutting can move it.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim < 2:
        raise ValueError(f"x must have shape (..., H, W), got {x.shape}")
    mean = x.mean(axis=(-2, -1), keepdims=True)
    out = mean + check_number("factor", factor, minimum=0) * (x - mean)
    return np.clip(out, 0, 1) if clip else out


def contrast_loops(x: ArrayLike, factor: float) -> Array:
    """Change one picture ``(H, W)`` as `contrast` does without clipping, value by value."""
    x = np.asarray(x, dtype=float)
    total = 0.0
    for row in x:
        for value in row:
            total += value
    mean = total / x.size
    out = np.empty_like(x)
    for i, row in enumerate(x):
        for j, value in enumerate(row):
            out[i, j] = mean + factor * (value - mean)
    return out


def gamma(x: ArrayLike, power: float) -> Array:
    """Raise values in [0, 1] to a power: above 1 darkens the middle greys, below 1 lightens them; 0 and 1 stay.

    Args:
        x: values in [0, 1].
        power: above 0.
    """
    return np.asarray(x, dtype=float) ** check_number("power", power, above=0)


def noise(x: ArrayLike, strength: float, rng: np.random.Generator) -> Array:
    """Add independent normal noise to every value, then clip to [0, 1].

    Args:
        x: values in [0, 1].
        strength: standard deviation, at least 0.
        rng: source of the noise.
    """
    x = np.asarray(x, dtype=float)
    return np.clip(x + check_number("strength", strength, minimum=0) * rng.normal(size=x.shape), 0, 1)
