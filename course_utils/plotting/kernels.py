"""Pictures of scores, margins and probabilities (chapter 01b)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The two logistic curves share a colour: they differ by a factor only.
LOSS_COLORS = tuple(COLORS[name] for name in ("blue", "vermillion", "green", "green", "orange", "sky"))
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


def loss_curves(axes: Axes, margins: Any, step: Any, curves: Mapping[str, Any]) -> None:
    """Draw losses over the margin, with the step that they stand in for as a pale area with a black edge.

    Args:
        axes: where to draw.
        margins: increasing, shape ``(M,)``.
        step: zero-one loss at the margins, shape ``(M,)``.
        curves: a name and an array of shape ``(M,)`` for each loss.
    """
    import numpy as np

    check_same_length("margins", margins, "step", step)
    axes.fill_between(margins, step, step="mid", color="#D4EAF7", linewidth=0, zorder=0)
    axes.step(margins, step, where="mid", color=COLORS["ink"], linewidth=2.5, label="zero-one")
    # Where two curves coincide the dashed one on top lets the solid one below show through.
    for i, (name, values) in enumerate(curves.items()):
        style = LINE_STYLES[i % len(LINE_STYLES)]
        axes.plot(margins, values, color=LOSS_COLORS[i % len(LOSS_COLORS)], linestyle=style, label=name)
    axes.set_xlim(float(np.min(margins)), float(np.max(margins)))
    axes.set_xlabel("margin  y f(x)     (wrong side  ←  0  →  right side)")
    axes.set_ylabel("loss")


def reliability_diagram(axes: Axes, predicted: Any, observed: Any, low: Any, high: Any, color: str) -> None:
    """Draw observed over predicted frequency, each point with the band it lies in if the prediction is right.

    Args:
        axes: where to draw.
        predicted: mean predicted probability of each bin, shape ``(B,)``.
        observed: share of positives in each bin, shape ``(B,)``.
        low: lower end of each band, shape ``(B,)``.
        high: upper end of each band, shape ``(B,)``.
        color: of the points.
    """
    axes.plot([0, 1], [0, 1], color=COLORS["gray"], linewidth=1, linestyle="--", zorder=1)
    axes.vlines(predicted, low, high, color=COLORS["gray"], alpha=0.45, linewidth=6, zorder=2)
    axes.plot(predicted, observed, "o", color=color, markersize=4, zorder=3)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="predicted probability", ylabel="observed frequency")
    axes.set_aspect("equal")


def score_map(
    axes: Axes,
    score: Callable[[Any], Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    levels: tuple[float, ...] = (-1.0, 0.0, 1.0),
    resolution: int = 120,
) -> None:
    """Tint the plane by the sign of a score and draw its contour lines, the zero line thick.

    Args:
        axes: where to draw.
        score: maps points ``(M, 2)`` to scores ``(M,)``.
        xlim: left and right edge.
        ylim: lower and upper edge.
        levels: scores at which a line is drawn; increasing.
        resolution: grid points along each side, at least 2.
    """
    import numpy as np
    from matplotlib.colors import ListedColormap

    check_int("resolution", resolution, minimum=2)
    u, v = np.meshgrid(np.linspace(*xlim, resolution), np.linspace(*ylim, resolution))
    values = np.asarray(score(np.column_stack([u.ravel(), v.ravel()]))).reshape(u.shape)
    axes.imshow(
        values > 0,
        extent=(*xlim, *ylim),
        origin="lower",
        cmap=ListedColormap(CYCLE[:2]),
        vmin=0,
        vmax=1,
        alpha=0.16,
        aspect="auto",
        zorder=0,
    )
    drawn = [level for level in levels if values.min() < level < values.max()]
    if drawn:
        axes.contour(
            u,
            v,
            values,
            levels=drawn,
            colors=COLORS["ink"],
            linewidths=[2.0 if level == 0 else 1.0 for level in drawn],
            linestyles=["-" if level == 0 else "--" for level in drawn],
        )
    axes.set_xlim(*xlim)
    axes.set_ylim(*ylim)
    axes.grid(visible=False)


def weighted_points(axes: Axes, x: Any, y: Any, weight: Any = None, *, largest: float = 110) -> None:
    """Draw labelled points, +1 as vermillion squares and -1 as blue circles, as large as their weight.

    Args:
        axes: where to draw.
        x: points, shape ``(N, 2)``.
        y: labels -1 or +1, shape ``(N,)``.
        weight: at least 0, shape ``(N,)``; a point with weight 0 stays a small dot, one with little weight is
            clearly larger than that. All equal if not given.
        largest: marker area of the largest weight in square points.
    """
    import numpy as np

    x, y = np.asarray(x), np.asarray(y)
    check_shape("x", x, (None, 2))
    check_same_length("x", x, "y", y)
    share = np.ones(len(y)) if weight is None else np.asarray(weight) / max(float(np.max(weight)), 1e-12)
    area = np.full(len(y), 36.0) if weight is None else np.where(share > 1e-8, 26 + largest * share, 7.0)
    for i, label in enumerate((-1, 1)):
        here = y == label
        axes.scatter(
            x[here, 0],
            x[here, 1],
            s=area[here],
            color=CYCLE[i],
            marker=MARKERS[i],
            edgecolor="white",
            linewidth=0.6,
            zorder=3,
            label=f"{label:+d}",
        )


def lifted_points(axes: Any, x: Any, y: Any, height: Any, level: float) -> None:
    """Draw points of the plane raised to a third coordinate, and the level that cuts the classes apart.

    Args:
        axes: three-dimensional axes.
        x: points, shape ``(N, 2)``.
        y: labels -1 or +1, shape ``(N,)``.
        height: third coordinate, shape ``(N,)``.
        level: height of the horizontal plane.
    """
    import numpy as np

    x, y, height = np.asarray(x), np.asarray(y), np.asarray(height)
    check_same_length("x", x, "height", height)
    reach = float(np.abs(x).max())
    u, v = np.meshgrid([-reach, reach], [-reach, reach])
    for i, label in enumerate((-1, 1)):
        below = (y == label) & (height < level)
        axes.scatter(*x[below].T, height[below], color=CYCLE[i], marker=MARKERS[i], s=22, depthshade=False)
    axes.plot_surface(u, v, np.full(u.shape, level), color=COLORS["gray"], alpha=0.35, linewidth=0)
    for i, label in enumerate((-1, 1)):
        above = (y == label) & (height >= level)
        axes.scatter(*x[above].T, height[above], color=CYCLE[i], marker=MARKERS[i], s=22, depthshade=False)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[], yticks=[])
    axes.tick_params(labelsize=7, pad=-2)
    axes.xaxis.labelpad = axes.yaxis.labelpad = -12
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
