"""``course grade export DIR [ASSIGNMENT]``: tables for Canvas, Moodle and people, and the final marks."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder, the assignment, the format and Moodle's worksheet."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument(
        "assignment", nargs="?", metavar="ASSIGNMENT", help="one assignment; all, and the final marks, if left out"
    )
    parser.add_argument(
        "--format",
        choices=("canvas", "moodle", "csv", "all"),
        default="all",
        help="for Canvas' gradebook, for Moodle, for people, or all of them (the default)",
    )
    parser.add_argument(
        "--moodle-worksheet",
        type=Path,
        metavar="FILE",
        help="fill in the grading worksheet that Moodle wrote for ASSIGNMENT",
    )


def run(args: argparse.Namespace) -> int:
    """Write the tables and say what was written."""
    from course_utils.grading.classroom.exam import BadExam
    from course_utils.grading.classroom.export import CSV, MOODLE, export
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.moodle import BadWorksheet
    from course_utils.grading.classroom.report_text import folded
    from course_utils.grading.classroom.wording import one_line

    if args.moodle_worksheet and args.assignment is None:
        print("--moodle-worksheet belongs to one ASSIGNMENT: name it", file=sys.stderr)
        return 2
    if args.moodle_worksheet and args.format == CSV:
        print(f"--moodle-worksheet needs --format {MOODLE} or all", file=sys.stderr)
        return 2
    classroom = ClassFolder(args.dir)
    try:
        with classroom.lock():
            done = export(classroom, args.format, args.assignment, args.moodle_worksheet)
    except (BadExam, BadWorksheet) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    for path in done.files:
        print(one_line(path, 10_000))
    for remark in done.remarks:
        print(folded(one_line(remark), "    ", "  "))
    return 0
