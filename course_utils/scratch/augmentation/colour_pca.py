"""Colour shifts along the directions in which the colours of the training pixels vary (chapter 04e)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Array = NDArray[np.float64]


class ColourAxes(NamedTuple):
    """Mean colour ``(3,)``, variances ``(3,)`` in falling order, and the axes as columns ``(3, 3)``."""

    mean: Array
    variances: Array
    axes: Array


def colour_axes(pixels: ArrayLike) -> ColourAxes:
    """Return the principal axes of colours.

    Args:
        pixels: colours ``(N, 3)``, values in [0, 1], at least two.

    Returns:
        `ColourAxes`; each axis has length 1 and points to the side where its components sum to more than 0.
    """
    colours = check_shape("pixels", np.asarray(pixels, dtype=float), (None, 3))
    check_int("number of pixels", len(colours), minimum=2)
    mean = colours.mean(axis=0)
    variances, axes = np.linalg.eigh((colours - mean).T @ (colours - mean) / len(colours))
    order = np.argsort(-variances)
    axes = axes[:, order]
    return ColourAxes(mean, variances[order], axes * np.where(axes.sum(axis=0) < 0, -1, 1))


def covariance_loops(pixels: ArrayLike) -> Array:
    """Return the covariance ``(3, 3)`` of colours, one product at a time."""
    colours = np.asarray(pixels, dtype=float).tolist()
    mean = [sum(c[k] for c in colours) / len(colours) for k in range(3)]
    out = np.zeros((3, 3))
    for colour in colours:
        for a in range(3):
            for b in range(3):
                out[a, b] += (colour[a] - mean[a]) * (colour[b] - mean[b]) / len(colours)
    return out


def draw_shifts(palette: ColourAxes, count: int, strength: float, rng: np.random.Generator) -> Array:
    """Draw colour shifts ``P (alpha * lambda)`` with ``alpha`` normal, of standard deviation ``strength``.

    Args:
        palette: from `colour_axes`.
        count: number of shifts N.
        strength: standard deviation of alpha, at least 0; AlexNet used 0.1, in an unstated unit of pixels.
        rng: source of alpha.

    Returns:
        Shape ``(N, 3)``, to be added to every pixel of a picture each.

    Source: A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet classification with deep convolutional neural networks,
    2012, section 4.1. They multiply by the eigenvalue itself, a variance, not by its root.
    """
    alpha = rng.normal(0, check_number("strength", strength, minimum=0), size=(check_int("count", count, minimum=0), 3))
    return (alpha * palette.variances) @ palette.axes.T


def shift_colours(images: ArrayLike, shifts: ArrayLike) -> Array:
    """Add one colour to all pixels of each picture and clip to [0, 1].

    Args:
        images: shape ``(N, 3, H, W)``, values in [0, 1].
        shifts: shape ``(N, 3)``.
    """
    images = check_shape("images", np.asarray(images, dtype=float), (None, 3, None, None))
    shifts = check_shape("shifts", np.asarray(shifts, dtype=float), (len(images), 3))
    return np.clip(images + shifts[:, :, None, None], 0, 1)
