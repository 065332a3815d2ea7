"""Blocks of layers as diagrams: boxes from top to bottom, a sum, and a shortcut around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def block_diagram(
    axes: Axes,
    layers: Sequence[str],
    *,
    shortcut: str | None = None,
    after: Sequence[str] = (),
    title: str = "",
    source: str = "x",
) -> None:
    """Draw a block: its input at the top, its layers as boxes below each other, and what leaves it.

    Args:
        axes: where to draw; its axis lines are removed.
        layers: labels of the branch, in the order of computation.
        shortcut: what stands on the link around the branch: ``""`` for nothing (the identity), a label for a layer,
            None for no link and no sum.
        after: labels of what follows the sum.
        title: above.
        source: name of the input.
    """
    step, middle, right = 1.0, 0.0, 1.55
    y = 0.0
    axes.text(middle, y, source, ha="center", va="center", fontsize=10, style="italic")
    fork = y - 0.42

    def arrow(top: float, bottom: float, x: float = middle) -> None:
        style = {"arrowstyle": "-|>", "color": COLORS["ink"], "shrinkA": 0, "shrinkB": 0, "linewidth": 1}
        axes.annotate("", (x, bottom), (x, top), arrowprops=style)

    def box(label: str, y: float, color: str, x: float = middle) -> None:
        frame = {"boxstyle": "round,pad=0.3", "facecolor": color, "edgecolor": COLORS["ink"], "linewidth": 0.8}
        axes.text(x, y, label, ha="center", va="center", fontsize=8, bbox=frame)

    def place(label: str, y: float) -> float:
        weighty = any(character.isdigit() for character in label)
        arrow(y - 0.24, y - step + 0.26)
        box(label, y - step, "#CFE4F5" if weighty else "#EFEFEF")
        return y - step

    for label in layers:
        y = place(label, y)
    if shortcut is not None:
        arrow(y - 0.24, y - step + 0.2)
        y -= step
        axes.plot([middle, right, right, middle + 0.2], [fork, fork, y, y], color=COLORS["vermillion"], linewidth=1.6)
        axes.plot([middle + 0.2], [y], marker="<", color=COLORS["vermillion"], markersize=5)
        if shortcut:
            box(shortcut, (fork + y) / 2, "#FBE3D6", x=right)
        axes.text(middle, y, "+", ha="center", va="center", fontsize=11,
                  bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": COLORS["ink"]})  # fmt: skip
    for label in after:
        y = place(label, y)
    arrow(y - 0.24, y - 0.75)
    axes.set(xlim=(-1.3, 2.4), ylim=(y - 0.9, 0.4))
    axes.set_title(title, fontsize=9)
    axes.axis("off")
