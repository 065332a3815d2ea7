"""Windows on numbers, links between layers, matrices with structure, and times against kernel sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_shape
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def number_grid(
    axes: Axes,
    numbers: Any,
    *,
    title: str = "",
    window: tuple[int, int, int, int] | None = None,
    color: str = COLORS["vermillion"],
    format: str = "g",
    size: float = 9.0,
    shade: bool = True,
) -> None:
    """Draw a matrix as a grid of cells with a number in each.

    Args:
        axes: where to draw.
        numbers: ``(H, W)``.
        title: text above.
        window: ``(row, column, rows, columns)`` of cells to frame.
        color: colour of the frame.
        format: how a number is written, as in :func:`format`.
        size: height of the digits in points.
        shade: colour positive cells orange and negative cells violet; all white otherwise.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    numbers = np.asarray(numbers)
    check_shape("numbers", numbers, (None, None))
    rows, columns = numbers.shape
    top = (float(np.abs(numbers).max()) or 1.0) * 2.2  # pale enough to read the digits
    axes.imshow(numbers if shade else np.zeros(numbers.shape), cmap="PuOr_r", vmin=-top, vmax=top)
    for (r, c), value in np.ndenumerate(numbers):
        axes.text(c, r, f"{value:{format}}", ha="center", va="center", fontsize=size, color=COLORS["ink"])
    for r in range(rows + 1):
        axes.axhline(r - 0.5, color="#CCCCCC", linewidth=0.7)
    for c in range(columns + 1):
        axes.axvline(c - 0.5, color="#CCCCCC", linewidth=0.7)
    if window is not None:
        r, c, height, width = window
        frame = Rectangle((c - 0.5, r - 0.5), width, height, fill=False, edgecolor=color, linewidth=2.5, clip_on=False)
        axes.add_patch(frame)
    axes.set(xticks=[], yticks=[], xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if title:
        axes.set_title(title, fontsize=10)


def links(axes: Axes, owner: Any, *, title: str = "", colors: Sequence[str] = CYCLE) -> None:
    """Draw inputs in a row below, outputs in a row above, and a line for each weight; equal colours are one weight.

    Args:
        axes: where to draw.
        owner: ``(outputs, inputs)`` of integers: which weight links them; negative for no link.
        title: text above.
        colors: the colour of weight ``w`` is ``colors[w % len(colors)]``.
    """
    import numpy as np

    owner = np.asarray(owner)
    check_shape("owner", owner, (None, None))
    outputs, inputs = owner.shape
    tops, bottoms = np.arange(outputs) - (outputs - 1) / 2, np.arange(inputs) - (inputs - 1) / 2
    for (o, i), weight in np.ndenumerate(owner):
        if weight >= 0:
            axes.plot([bottoms[i], tops[o]], [0, 1], color=colors[int(weight) % len(colors)], linewidth=1.4, zorder=1)
    for places, height in ((bottoms, 0), (tops, 1)):
        axes.plot(places, np.full(len(places), height), "o", color="white", markeredgecolor=COLORS["ink"], markersize=9)
    axes.set(xlim=(bottoms[0] - 0.6, bottoms[-1] + 0.6), ylim=(-0.2, 1.2))
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=9, loc="center")


def structured_matrix(axes: Axes, matrix: Any, *, title: str = "", blocks: tuple[int, int] | None = None) -> None:
    """Draw a matrix as a picture: white for zero, orange for positive, violet for negative.

    Args:
        axes: where to draw.
        matrix: ``(rows, columns)``.
        title: text above.
        blocks: ``(rows, columns)`` of a block, to draw the borders between blocks.
    """
    import numpy as np

    matrix = np.asarray(matrix, dtype=float)
    check_shape("matrix", matrix, (None, None))
    top = float(np.abs(matrix).max()) or 1.0
    axes.imshow(matrix, cmap="PuOr_r", vmin=-top, vmax=top, interpolation="nearest")
    if blocks is not None:
        for r in range(blocks[0], matrix.shape[0], blocks[0]):
            axes.axhline(r - 0.5, color=COLORS["gray"], linewidth=0.6)
        for c in range(blocks[1], matrix.shape[1], blocks[1]):
            axes.axvline(c - 0.5, color=COLORS["gray"], linewidth=0.6)
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)


def times_by_size(axes: Axes, sizes: Sequence[int], seconds: Mapping[str, Sequence[float]]) -> None:
    """Draw milliseconds against kernel size, one line a method, both axes logarithmic.

    Args:
        axes: where to draw.
        sizes: sides of the kernels.
        seconds: for each method one time a size.
    """
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

    for number, (name, values) in enumerate(seconds.items()):
        axes.plot(
            sizes,
            [1000 * value for value in values],
            color=CYCLE[number % len(CYCLE)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            linewidth=1.5,
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel="side of the kernel (pixels)", ylabel="milliseconds")
    axes.xaxis.set_major_locator(FixedLocator(list(sizes)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
