"""A reader's own result beside the results of twenty seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class BandLike(Protocol):
    """Minimum, median and maximum of a metric over ``count`` seeds (:class:`course_utils.runtime.Band`)."""

    @property
    def minimum(self) -> float: ...
    @property
    def median(self) -> float: ...
    @property
    def maximum(self) -> float: ...
    @property
    def count(self) -> int: ...


def seed_band(
    axes: Axes, band: BandLike, value: float | None = None, label: str = "", y: float = 0.0, color: str = COLORS["blue"]
) -> None:
    """Draw a horizontal band from minimum to maximum with its median, and ``value`` as a diamond on it.

    Args:
        axes: where to draw; several bands stack at different ``y``.
        band: minimum, median, maximum and count.
        value: the reader's own result, in the metric's unit; left out if ``None``.
        label: text at the left end of the row.
        y: height of the row in data coordinates.
        color: colour of the band.
    """
    axes.plot([band.minimum, band.maximum], [y, y], color=color, alpha=0.35, linewidth=12, solid_capstyle="butt")
    axes.plot([band.median, band.median], [y - 0.22, y + 0.22], color=color, linewidth=2.5)
    if value is not None:
        axes.plot([value], [y], marker="D", color=COLORS["vermillion"], markersize=8, markeredgecolor="white", zorder=3)
    ticks = [*axes.get_yticks(), y] if getattr(axes, "_band_rows", None) else [y]
    names = [*getattr(axes, "_band_rows", []), label or f"{band.count} seeds"]
    axes._band_rows = names  # type: ignore[attr-defined]
    axes.set_yticks(ticks, names)
    axes.set_ylim(min(ticks) - 0.6, max(ticks) + 0.6)
    axes.grid(visible=False, axis="y")
