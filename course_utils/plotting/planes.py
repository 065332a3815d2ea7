"""Lines that separate, weights as pictures, and descents on a bowl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_utils.check import check_shape
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def separating_line(
    axes: Axes, w: Any, *, color: str = COLORS["ink"], label: str | None = None, arrow: bool = True, **line: Any
) -> None:
    """Draw the line ``w1 x + w2 y + b = 0``, with an arrow of length 0.5 towards its positive side.

    Args:
        axes: where to draw, with its limits already set; they are kept.
        w: ``(w1, w2, b)``, the first two not both 0.
        color: colour of line and arrow.
        label: text for the legend.
        arrow: whether to draw the arrow.
        line: further settings of Matplotlib's line, for example ``linestyle``.

    Raises:
        ValueError: if ``w1`` and ``w2`` are both 0: there is no line.
    """
    import numpy as np

    w1, w2, b = (float(v) for v in check_shape("w", np.asarray(w), (3,)))
    length = float(np.hypot(w1, w2))
    if length == 0:
        raise ValueError("w1 and w2 must not both be 0: such a unit has no separating line")
    normal = np.array([w1, w2]) / length
    xlim, ylim = axes.get_xlim(), axes.get_ylim()
    middle = np.array([sum(xlim) / 2, sum(ylim) / 2])
    foot = middle - (normal @ middle + b / length) * normal  # the line's point nearest to the centre
    along = np.array([-normal[1], normal[0]])
    reach = np.hypot(xlim[1] - xlim[0], ylim[1] - ylim[0])
    ends = np.stack([foot - reach * along, foot + reach * along])
    axes.plot(ends[:, 0], ends[:, 1], color=color, label=label, zorder=2, **line)
    if arrow:
        axes.annotate(
            "",
            xy=tuple(foot + 0.5 * normal),
            xytext=tuple(foot),
            arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0, "shrinkB": 0},
            zorder=4,
        )
    axes.set_xlim(*xlim)
    axes.set_ylim(*ylim)


def weight_picture(axes: Axes, w: Any, shape: tuple[int, int], *, limit: float | None = None) -> None:
    """Draw a weight vector as a picture: orange for positive, blue for negative, white for zero.

    Args:
        axes: where to draw.
        w: ``rows * columns`` weights.
        shape: ``(rows, columns)`` of the sensor that the weights look at.
        limit: weight drawn in full colour; the largest absolute weight by default.
    """
    import numpy as np

    picture = np.asarray(w, dtype=float).reshape(shape)
    top = limit if limit is not None else float(np.abs(picture).max()) or 1.0
    axes.imshow(picture, cmap="PuOr_r", vmin=-top, vmax=top)
    axes.set_axis_off()


def descent_on_bowl(axes: Axes, curvatures: Any, path: Any, *, extent: float = 2.2) -> None:
    """Draw the level lines of ``sum(curvature * w**2) / 2`` in the plane and a descent over them.

    Args:
        axes: where to draw.
        curvatures: the two second derivatives, shape ``(2,)``.
        path: points visited, shape ``(T, 2)``.
        extent: half the side of the square shown.
    """
    import numpy as np

    first, second = (float(c) for c in check_shape("curvatures", np.asarray(curvatures), (2,)))
    points = check_shape("path", np.asarray(path), (None, 2))
    u, v = np.meshgrid(np.linspace(-extent, extent, 120), np.linspace(-extent, extent, 120))
    height = 0.5 * (first * u**2 + second * v**2)
    levels = height.max() * np.array([0.01, 0.05, 0.15, 0.35, 0.65])
    axes.contour(u, v, height, levels=levels, colors="#BDBDBD", linewidths=0.8)
    axes.plot(points[:, 0], points[:, 1], "-o", color=COLORS["blue"], markersize=3, linewidth=1.2)
    axes.plot(0, 0, "+", color=COLORS["vermillion"], markersize=9, markeredgewidth=2)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal", xlabel="$w_1$", ylabel="$w_2$")
    axes.grid(visible=False)
