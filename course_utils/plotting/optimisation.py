"""Valleys and the paths of optimisers through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from course_utils.check import check_shape
from course_utils.plotting.bands import BandLike, seed_band
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def valley(axes: Axes, matrix: Any, centre: Any, xlim: tuple[float, float], ylim: tuple[float, float]) -> None:
    """Draw the level lines of ``(w - centre)' matrix (w - centre) / 2`` and a cross at its lowest point.

    Args:
        axes: where to draw.
        matrix: second derivatives, shape ``(2, 2)``, symmetric.
        centre: the lowest point, shape ``(2,)``.
        xlim: range of the first weight.
        ylim: range of the second weight.
    """
    import numpy as np

    bend = check_shape("matrix", np.asarray(matrix, dtype=float), (2, 2))
    middle = check_shape("centre", np.asarray(centre, dtype=float), (2,))
    u, v = np.meshgrid(np.linspace(*xlim, 160), np.linspace(*ylim, 160))
    offset = np.stack([u - middle[0], v - middle[1]], axis=-1)
    height = 0.5 * np.einsum("...i,ij,...j", offset, bend, offset)
    levels = height.max() * np.array([0.002, 0.01, 0.04, 0.1, 0.2, 0.35, 0.55, 0.8])
    axes.contour(u, v, height, levels=levels, colors="#BDBDBD", linewidths=0.8)
    axes.plot(*middle, "+", color=COLORS["ink"], markersize=10, markeredgewidth=2, zorder=5)
    axes.set(xlim=xlim, ylim=ylim, aspect="equal", xlabel="$w_1$", ylabel="$w_2$")
    axes.grid(visible=False)


def walk(axes: Axes, path: Any, label: str, number: int = 0, markersize: float = 3.0) -> None:
    """Draw the points that an optimiser visited, joined in order.

    Args:
        axes: where to draw.
        path: shape ``(T, 2)``.
        label: text for the legend.
        number: which colour and marker, counted from 0.
        markersize: size of the points.
    """
    import numpy as np

    points = check_shape("path", np.asarray(path), (None, 2))
    axes.plot(
        points[:, 0],
        points[:, 1],
        marker=MARKERS[number % len(MARKERS)],
        color=CYCLE[number % len(CYCLE)],
        markersize=markersize,
        linewidth=1.1,
        label=label,
    )


def band_rows(axes: Axes, bands: Mapping[str, BandLike], values: Mapping[str, float] | None = None) -> None:
    """Draw several seed bands under each other, the first on top, with the reader's own results on them.

    Args:
        axes: where to draw.
        bands: label to band.
        values: label to own result, for some or all of the rows.
    """
    own = values or {}
    for row, (label, band) in enumerate(reversed(list(bands.items()))):
        seed_band(axes, band, own.get(label), label, y=float(row))
