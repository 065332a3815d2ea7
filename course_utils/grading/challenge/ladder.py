"""The drawing on a leaderboard: every student a dot, every baseline a line to get above."""

import math
from collections.abc import Sequence

from course_utils.grading.challenge.board import Board, Row
from course_utils.grading.classroom.safe_html import Html, element

WIDTH, LEFT, TOP, FLOOR, HEIGHT = 420, 34, 12, 246, 268
RADIUS, LABEL_STEP = 4, 15


def ladder(board: Board) -> Html:
    """Draw the scores from the lowest on the left to the highest on the right.

    A final board has two dots a student: hollow for the public score, full for the private one.
    """
    plan, title = board.plan, board.plan.scoring.title
    shown = "private" if board.final else "public"
    rows = sorted(board.rows, key=lambda row: (score_of(row, board.final), row.name))
    highest = max([*(anchor.score for anchor in plan.anchors), *(max(r.public, r.private or 0) for r in rows)])
    end = min(1.0, math.ceil(highest * 10 + 0.5) / 10)

    def y(score: float) -> float:
        return FLOOR - (FLOOR - TOP) * score / end

    parts = [
        element("title", f"{shown.capitalize()} {title} of each student, and the baselines", id="ladder"),
        element("desc", _words(rows, board), id="ladder-words"),
    ]
    for tick in range(0, round(end * 10) + 1, 2):
        height = y(tick / 10)
        parts.append(element("line", class_="grid", x1=LEFT, y1=_n(height), x2=WIDTH, y2=_n(height)))
        parts.append(element("text", f"{tick / 10:.1f}", x=LEFT - 6, y=_n(height + 5), text_anchor="end"))
    parts += [
        element("line", class_="rung", x1=LEFT, y1=_n(y(a.score)), x2=WIDTH, y2=_n(y(a.score))) for a in plan.anchors
    ]
    for number, row in enumerate(rows):
        x = LEFT + 10 + (WIDTH - LEFT - 20) * ((number + 0.5) / len(rows))
        place = y(score_of(row, board.final))
        if row.private is not None:
            before = y(row.public)
            parts.append(element("line", class_="shift", x1=_n(x), y1=_n(before), x2=_n(x), y2=_n(place)))
            parts.append(element("circle", class_="before", cx=_n(x), cy=_n(before), r=RADIUS - 1))
        parts.append(element("circle", class_="dot", cx=_n(x), cy=_n(place), r=RADIUS))
    parts += _labels(board, rows, y_of=[y(anchor.score) for anchor in plan.anchors])
    axis = f"students by {shown} {title}{' (hollow: public)' if board.final else ''}"
    parts.append(element("text", axis, x=_n((LEFT + WIDTH) / 2), y=HEIGHT - 4, text_anchor="middle"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby="ladder ladder-words",
        xmlns="http://www.w3.org/2000/svg",
    )


def score_of(row: Row, final: bool) -> float:
    """The score that ranks a row."""
    return (row.private or 0.0) if final else row.public


def _labels(board: Board, rows: Sequence[Row], y_of: Sequence[float]) -> list[Html]:
    """Names of the lines: above them, on the side where the dots are far away, pushed apart where lines are close."""
    scores = [score_of(row, board.final) for row in rows]
    middle = scores[len(scores) // 2] if scores else 0.0
    lowest = {"start": math.inf, "end": math.inf}
    found = []
    for anchor, line in zip(board.plan.anchors, y_of):
        side = "start" if anchor.score > middle else "end"
        lowest[side] = min(line - 4, lowest[side] - LABEL_STEP)
        x = LEFT + 6 if side == "start" else WIDTH - 4
        found.append(element("text", anchor.name, class_="label", x=x, y=_n(lowest[side]), text_anchor=side))
    return found


def _words(rows: Sequence[Row], board: Board) -> str:
    if not rows:
        return "Nobody has a score yet."
    scores = [score_of(row, board.final) for row in rows]
    above = [f"{sum(s > a.score for s in scores)} above {a.name} ({a.score:.3f})" for a in board.plan.anchors]
    return f"{len(rows)} students from {scores[0]:.4f} to {scores[-1]:.4f}: {'; '.join(above)}."


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
