"""Points in the plane and the regions in which a classifier gives each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.plotting.style import CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def scatter_classes(axes: Axes, x: Any, y: Any, *, names: dict[int, str] | None = None, size: float = 36) -> None:
    """Draw points ``x`` with one colour and one marker a class, so that colour alone carries nothing.

    Args:
        axes: where to draw.
        x: points ``(N, 2)``.
        y: labels ``(N,)``; sorted, the first class is blue circles, the second vermillion squares, and so on.
        names: a name a label, for the legend.
        size: marker area in square points.
    """
    import numpy as np

    x, y = np.asarray(x), np.asarray(y)
    check_shape("x", x, (None, 2))
    check_same_length("x", x, "y", y)
    for i, label in enumerate(np.unique(y)):
        here = y == label
        name = names.get(label.item(), str(label)) if names else None
        axes.scatter(
            x[here, 0],
            x[here, 1],
            s=size,
            color=CYCLE[i % len(CYCLE)],
            marker=MARKERS[i % len(MARKERS)],
            edgecolor="white",
            linewidth=0.6,
            label=name,
            zorder=3,
        )


def decision_regions(
    axes: Axes,
    predict: Callable[[Any], Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    labels: Any = None,
    resolution: int = 200,
) -> None:
    """Tint the plane by the class that ``predict`` answers.

    Args:
        axes: where to draw.
        predict: maps points ``(M, 2)`` to labels ``(M,)``; colours follow the sorted labels, as in
            :func:`scatter_classes`.
        xlim: left and right edge.
        ylim: lower and upper edge.
        labels: all labels there are; those that ``predict`` answers if left out. Give them where a class may
            have no region, so that colours stay those of the points.
        resolution: grid points along each side, at least 2.
    """
    import numpy as np
    from matplotlib.colors import ListedColormap

    check_int("resolution", resolution, minimum=2)
    u, v = np.meshgrid(np.linspace(*xlim, resolution), np.linspace(*ylim, resolution))
    answers = np.asarray(predict(np.column_stack([u.ravel(), v.ravel()]))).reshape(u.shape)
    labels = np.unique(answers if labels is None else labels)
    index = np.searchsorted(labels, answers)
    axes.imshow(
        index,
        extent=(*xlim, *ylim),
        origin="lower",
        cmap=ListedColormap(CYCLE[: max(len(labels), 1)]),
        vmin=-0.5,
        vmax=max(len(labels), 1) - 0.5,
        alpha=0.16,
        aspect="auto",
        zorder=0,
    )
    axes.set_xlim(*xlim)
    axes.set_ylim(*ylim)
    axes.grid(visible=False)
