"""Boxes on pictures: with names and scores, right ones told from wrong ones by colour and by dashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.check import check_int, check_number, check_same_length
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MATCHED, UNMATCHED = COLORS["green"], COLORS["vermillion"]
LIGHT = (COLORS["yellow"], COLORS["sky"], COLORS["orange"])  # text on these is dark


def draw_picture(axes: Axes, picture: Any) -> None:
    """Draw a picture so that a box of whole-numbered corners lies on the edges of pixels.

    Args:
        axes: where to draw.
        picture: (H, W), (1, H, W) or (3, H, W); uint8, or float in 0..1.

    Raises:
        ValueError: for another shape.
    """
    pixels = np.asarray(picture)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)
    elif pixels.ndim != 2:
        raise ValueError(f"picture must have shape (H, W), (1, H, W) or (3, H, W), got {pixels.shape}")
    height, width = pixels.shape[:2]
    top = 255 if pixels.dtype == np.uint8 else 1
    # Left to itself imshow puts the middle of the first pixel at 0, half a pixel away from where boxes count from.
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=top, extent=(0, width, height, 0), interpolation="nearest")
    axes.set_axis_off()


def draw_boxes(
    axes: Axes,
    boxes: Any,
    labels: Sequence[str] | None = None,
    scores: Any | None = None,
    matched: Any | None = None,
    color: str = "blue",
    dashed: bool = False,
    linewidth: float = 1.6,
    fontsize: float = 6.5,
) -> None:
    """Draw boxes, each with its name and score at an upper corner, inside the picture.

    Args:
        axes: where to draw, after `draw_picture`.
        boxes: xyxy, (N, 4), pixels.
        labels: one short text a box.
        scores: (N,), written with two digits.
        matched: bool (N,): True is drawn green and solid, False vermillion and dashed; instead of ``color``.
        color: a name of `COLORS`.
        dashed: draw all boxes dashed, for truth beside predictions.
        linewidth: points.
        fontsize: points.

    Raises:
        ValueError: if a length or shape does not fit, or the colour has no such name.
    """
    from matplotlib.patches import Rectangle

    corners = np.asarray(boxes, dtype=float).reshape(-1, 4) if np.size(boxes) == 0 else np.asarray(boxes, dtype=float)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), got {corners.shape}")
    if color not in COLORS:
        raise ValueError(f"color must be one of {', '.join(COLORS)}, got {color!r}")
    for name, values in (("labels", labels), ("scores", scores), ("matched", matched)):
        if values is not None:
            check_same_length(name, values, "boxes", corners)
    for i, (x1, y1, x2, y2) in enumerate(corners.tolist()):
        right = matched is None or bool(matched[i])
        ink = COLORS[color] if matched is None else MATCHED if right else UNMATCHED
        dashes = (0, (3, 2)) if dashed or not right else "solid"
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ink, linewidth=linewidth, linestyle=dashes)
        )
        words = [labels[i]] if labels is not None else []
        words += [f"{float(scores[i]):.2f}"] if scores is not None else []
        if words:
            # Inside the picture, whatever the box does; cut off at its border, so that a neighbour stays clean.
            low, high = sorted(axes.get_xlim())
            ends_right = x1 > (low + 2 * high) / 3  # a word that began here would run out of the picture
            tag = axes.text(
                min(x2, high) if ends_right else max(x1, low),
                max(y1, min(axes.get_ylim())),
                " ".join(words),
                horizontalalignment="right" if ends_right else "left",
                color=COLORS["ink"] if ink in LIGHT else "white",
                fontsize=fontsize,
                verticalalignment="top",
                clip_on=True,
                bbox={"facecolor": ink, "edgecolor": "none", "pad": 0.8},
            )
            tag.set_in_layout(False)


def box_grid(
    pictures: Any,
    boxes: Sequence[Any],
    truth: Sequence[Any] | None = None,
    titles: Sequence[str] | None = None,
    labels: Sequence[Sequence[str]] | None = None,
    scores: Sequence[Any] | None = None,
    matched: Sequence[Any] | None = None,
    columns: int = 4,
    size: float = 1.7,
) -> Figure:
    """Draw pictures in rows, each with its boxes.

    Args:
        pictures: (N, H, W), (N, 1, H, W) or (N, 3, H, W).
        boxes: for each picture xyxy, (its boxes, 4).
        truth: for each picture the true boxes; drawn thin, white and dashed, below the others.
        titles: one short text a picture.
        labels: for each picture one text a box.
        scores: for each picture one number a box.
        matched: for each picture one bool a box, as for `draw_boxes`.
        columns: pictures a row.
        size: inches of one picture.

    Returns:
        The figure, not yet shown: make it the last expression of a cell.

    Raises:
        ValueError: if there are no pictures, or lengths differ.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.patches import Rectangle

    check_int("columns", columns, minimum=1)
    check_number("size", size, above=0)
    if len(pictures) == 0:
        raise ValueError("pictures must hold at least one picture, got none")
    lists = {"boxes": boxes, "truth": truth, "titles": titles, "labels": labels, "scores": scores, "matched": matched}
    for name, values in lists.items():
        if values is not None:
            check_same_length(name, values, "pictures", pictures)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    room = 0.22 if titles is not None else 0.0
    tight = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(columns * size, rows * (size + room)), dpi=110, layout=tight)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if i >= len(pictures):
            continue
        draw_picture(axes, pictures[i])
        for x1, y1, x2, y2 in np.asarray(truth[i], dtype=float).reshape(-1, 4).tolist() if truth is not None else []:
            # White over a dark line: seen on any ground.
            for ink, width, dashes in ((COLORS["ink"], 1.8, "solid"), ("white", 0.9, (0, (3, 2)))):
                axes.add_patch(
                    Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ink, linewidth=width, linestyle=dashes)
                )
        words, numbers, right = (values[i] if values is not None else None for values in (labels, scores, matched))
        draw_boxes(axes, boxes[i], labels=words, scores=numbers, matched=right)
        if titles is not None:
            axes.set_title(titles[i], fontsize=9, loc="center", pad=2)
    return figure
