"""A leaderboard as a page: one file that loads nothing, made to be published to the class."""

from pathlib import Path

from course_utils.grading.challenge.board import Board, Row
from course_utils.grading.challenge.ladder import ladder, score_of
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.safe_html import Html, element, isolated, joined, page, table
from course_utils.grading.classroom.standing import MISSING, WAITING
from course_utils.grading.classroom.wording import listed, moment, one_line
from course_utils.grading.grade import HUMAN, REJECTED
from course_utils.grading.marks import written

ABSENT = {
    MISSING: "with nothing handed in",
    REJECTED: "whose file could not be read",
    HUMAN: "whose work needs a human",
    WAITING: "collected but not graded yet",
}
"""Why somebody has no score, after a number."""
STYLE = Path(__file__).with_name("board.css")


def board_page(board: Board, classroom: ClassFolder) -> str:
    """Write a leaderboard as a page."""
    plan = board.plan
    heading = f"{'Final leaderboard' if board.final else 'Leaderboard'}: {plan.title}"
    return page(
        heading,
        element("h1", heading),
        element("p", isolated(one_line(board.class_title, 200)), _state(board, classroom), class_="soft"),
        _explained(board),
        ladder(board),
        _standings(board),
        element("p", absent_words(board), class_="soft") if board.absent else None,
        _baselines(board),
        more_style=STYLE.read_text(encoding="utf-8"),
    )


def _state(board: Board, classroom: ClassFolder) -> str:
    due = classroom.planned(board.name).due
    times = [f"due {moment(due, classroom.config.zone)}"] if due else []
    if board.newest:
        times.append(f"newest attempt {moment(board.newest, classroom.config.zone)}")
    return f": {', '.join(times)} ({classroom.config.timezone})" if times else ""


def _explained(board: Board) -> Html:
    plan = board.plan
    title, public, private = plan.scoring.title, plan.public_rows, plan.test - plan.public_rows
    until = "ranks this table and decides" if board.final else "nobody sees before the end and which decides"
    return element(
        "div",
        element(
            "p",
            f"Each file of predictions has two scores ({title}, {plan.scoring.says}): a public one on {public} test "
            f"images{'' if board.final else ', shown here'}, and a private one on the other {private}, which {until} "
            "the points. "
            "Whoever tries often enough can fit the public images by luck, but not the private ones.",
        ),
        element(
            "p",
            "The last file that somebody handed in counts, not the best one. Tries are counted for everybody to "
            "see. Names are made up unless the class agreed otherwise; your own page tells you yours.",
        ),
        class_="note",
    )


def _standings(board: Board) -> Html:
    """The table: students, and the baselines in their places."""
    title = board.plan.scoring.title
    if not board.rows:
        return joined(element("h2", "Standings"), element("p", "Nobody has a score yet."))
    heads = ["Rank", "Name", "Private", "Public", "Moved", "Tries"]
    if not board.final:
        heads = ["Rank", "Name", "Public", "Tries"]
    numbers = {column for column, head in enumerate(heads) if head not in ("Name", "Moved")}
    lines: list[tuple[float, int, list[object], str | None]] = [
        (-score_of(row, board.final), 1, _row(row, board.final), None) for row in board.rows
    ]
    for anchor in board.plan.anchors:
        score = f"{anchor.score:.4f}"
        rest = ["", "", ""] if board.final else [""]
        lines.append((-anchor.score, 0, ["", f"baseline: {anchor.name}", score, *rest], "rung"))
    lines.sort(key=lambda line: (line[0], line[1]))  # stable: rows stay in the board's order

    def cell(column: int, content: object) -> Html:
        kind = "n" if column in numbers else None
        if column == 1:
            return element("th", content, scope="row")
        return element("td", content, class_=kind)

    caption = f"Standings by {'private' if board.final else 'public'} {title}; equal scores share a rank"
    whole = element(
        "table",
        element("caption", caption),
        element(
            "thead",
            element(
                "tr",
                *[
                    element("th", head, scope="col", class_="n" if column in numbers else None)
                    for column, head in enumerate(heads)
                ],
            ),
        ),
        element(
            "tbody",
            *[
                element("tr", *[cell(column, content) for column, content in enumerate(cells)], class_=kind)
                for _, _, cells, kind in lines
            ],
        ),
        class_="board",
    )
    return joined(
        element("h2", "Standings"), element("div", whole, class_="wide", role="group", aria_label=caption, tabindex=0)
    )


def _row(row: Row, final: bool) -> list[object]:
    late = element("span", " (late)", class_="soft") if row.late else None
    name = joined(isolated(one_line(row.name, 200)), late)
    if not final:
        return [row.public_rank, name, f"{row.public:.4f}", row.attempts]
    return [row.private_rank, name, f"{row.private:.4f}", f"{row.public:.4f}", moved(row), row.attempts]


def moved(row: Row) -> str:
    """How the private score changed a rank, in words."""
    climbed = row.climbed or 0
    return f"up {climbed}" if climbed > 0 else f"down {-climbed}" if climbed < 0 else "same"


def absent_words(board: Board) -> str:
    """How many are not in the table, and why; nobody is named. Empty if all are."""
    counts = [f"{board.absent[status]} {words}" for status, words in ABSENT.items() if board.absent.get(status)]
    return f"Not in the table: {listed(counts)}." if counts else ""


def _baselines(board: Board) -> Html:
    plan = board.plan
    rows = [[a.name, f"{a.score:.3f}", written(round(plan.points * a.percent / 100, 2))] for a in plan.anchors]
    title = plan.scoring.title
    return joined(
        element("h2", "What a score earns"),
        element(
            "p",
            "Points run in a straight line of the private score between the baselines below; above the last one "
            "nothing more is earned. A baseline's score is the median over several data sets made like this one.",
        ),
        table(
            f"Baselines and points, of {written(plan.points)}",
            ["Baseline", f"Private {title}", "Points"],
            rows,
            (1, 2),
            "small",
        ),
    )
