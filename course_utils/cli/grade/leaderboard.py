"""``course grade leaderboard DIR NAME``: write the leaderboard page of a data challenge."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder, the challenge, and what to show."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="NAME", help="a data challenge of the class")
    parser.add_argument("--final", action="store_true", help="show private scores, and how they moved the ranks")
    parser.add_argument("--names", action="store_true", help="show names from the roster in place of made-up ones")


def run(args: argparse.Namespace) -> int:
    """Write the page and the list of made-up names; returns 0, or 2 when the assignment is no challenge."""
    from course_utils.grading.challenge.board import leaderboard, write_names
    from course_utils.grading.challenge.board_page import absent_words, board_page
    from course_utils.grading.classroom.durable import write_whole
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.wording import counted, moment, one_line

    classroom = ClassFolder(args.dir)
    try:
        board = leaderboard(classroom, args.assignment, final=args.final, real_names=args.names)
    except TypeError as error:
        print(error, file=sys.stderr)
        return 2
    path = classroom.path / "leaderboards" / f"{board.name}.html"
    write_whole(path, board_page(board, classroom).encode())
    names = write_names(classroom, board.name)
    scores = "private and public scores" if board.final else "public scores"
    print(f"{board.plan.title}: {counted(len(board.rows), 'student')} with {scores}")
    if board.absent:
        print(absent_words(board))
    due = classroom.planned(board.name).due
    if board.final and due is not None and due > datetime.now(UTC):
        print(f"note: work may come in until {moment(due, classroom.config.zone)}; this page tells private scores")
    print(f"for the class:  {one_line(path, 10_000)}")
    print(f"for you alone:  {one_line(names, 10_000)} (whose made-up name is whose)")
    return 0
