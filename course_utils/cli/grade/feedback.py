"""``course grade feedback DIR ASSIGNMENT``: a page for each student, and zips for Moodle and Canvas."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder, the assignment and Moodle's worksheet."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="which assignment")
    parser.add_argument(
        "--moodle-worksheet",
        type=Path,
        metavar="FILE",
        help="Moodle's grading worksheet: it knows the numbers of students who handed nothing in through Moodle",
    )
    parser.add_argument(
        "--final",
        action="store_true",
        help="of a data challenge: tell private scores and points too, not the public score alone",
    )


def run(args: argparse.Namespace) -> int:
    """Write the pages and say what was written."""
    from course_utils.grading.classroom.feedback import CANVAS, MOODLE, write_feedback
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.moodle import BadWorksheet
    from course_utils.grading.classroom.wording import counted, one_line

    classroom = ClassFolder(args.dir)
    try:
        with classroom.lock():
            done = write_feedback(classroom, args.assignment, args.moodle_worksheet, final=args.final)
    except BadWorksheet as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{counted(done.pages, 'page')} in {one_line(done.folder, 10_000)}: {done.changed} new or changed")
    if done.removed:
        print(f"removed, not enrolled any more: {', '.join(map(one_line, done.removed))}")
    if done.moodle:
        print(f"{MOODLE}: {counted(done.moodle, 'page')}; in Moodle 'Upload multiple feedback files in a zip'")
        if done.moodle < done.pages:
            print(f"  {done.pages - done.moodle} not in it: Moodle's numbers of these students are in its worksheet")
            print("  (--moodle-worksheet)")
    if done.canvas:
        print(f"{CANVAS}: {counted(done.canvas, 'page')}; in Canvas 'Upload Submissions' of the assignment")
        print("  Canvas shows each under the name of the file that was handed in: tell students")
        print("  to save it with the ending .html and open it in a browser")
    return 0
