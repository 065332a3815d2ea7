"""Oriented units in the manner of Hubel and Wiesel: stripes under a bell, and bars to show them.

Sources: Hubel and Wiesel, "Receptive Fields, Binocular Interaction and Functional Architecture in the Cat's Visual
Cortex", 1962; Daugman, "Uncertainty Relation for Resolution in Space, Spatial Frequency, and Orientation", 1985, for
the Gabor function as their model in two dimensions.
"""

import numpy as np

from course_utils.check import check_int, check_number


def gabor(size: int, orientation: float, wavelength: float = 8.0, sigma: float = 3.0, phase: float = 0.0) -> np.ndarray:
    """Return stripes along an orientation under a round bell, with mean 0 and length 1.

    Args:
        size: side of the square in pixels, at least 3.
        orientation: of the stripes in degrees; 0 lies, 90 stands, counted against the clock.
        wavelength: distance of two stripes in pixels, above 0.
        sigma: standard deviation of the bell in pixels, above 0.
        phase: 0 puts a bright stripe in the middle, 90 (degrees) an edge.

    Returns:
        (size, size) weights.
    """
    check_int("size", size, minimum=3)
    check_number("wavelength", wavelength, above=0)
    check_number("sigma", sigma, above=0)
    across, along = _turned(size, orientation)
    wave = np.cos(2 * np.pi * across / wavelength + np.radians(phase))
    bell = np.exp(-(across**2 + along**2) / (2 * sigma**2))
    unit = bell * wave
    unit -= bell * (unit.sum() / bell.sum())  # a grey wall must leave the unit silent
    return unit / np.linalg.norm(unit)


def bar(
    size: int, orientation: float, center: tuple[float, float] | None = None, width: float = 4.0, length: float = 16.0
) -> np.ndarray:
    """Draw one bright bar on black.

    Args:
        size: side of the picture in pixels.
        orientation: in degrees, as in :func:`gabor`.
        center: (row, column) of its middle; the middle of the picture by default.
        width: in pixels.
        length: in pixels.

    Returns:
        (size, size) in 0..1, with edges that fade over one pixel.
    """
    across, along = _turned(size, orientation, center)
    inside = np.minimum(width / 2 - np.abs(across), length / 2 - np.abs(along)) + 0.5
    return np.clip(inside, 0, 1)


def _turned(size: int, orientation: float, center: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return for every pixel its distance across and along a line through the centre with that orientation."""
    row, column = center if center is not None else ((size - 1) / 2, (size - 1) / 2)
    rows, columns = np.mgrid[:size, :size]
    up, right = row - rows, columns - column
    angle = np.radians(orientation)
    return up * np.cos(angle) - right * np.sin(angle), up * np.sin(angle) + right * np.cos(angle)
