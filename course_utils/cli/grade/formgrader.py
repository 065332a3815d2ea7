"""``course grade formgrader DIR``: open nbgrader's formgrader on the class, to mark and comment in the browser."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("--port", type=int, default=8899, help="where to listen on this machine (default: 8899)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument(
        "--prune", action="store_true", help="take students out of the gradebook who are not on the roster any more"
    )


def run(args: argparse.Namespace) -> int:
    """Bring the gradebook up to date and serve until Ctrl-C."""
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.formgrader import serve
    from course_utils.grading.classroom.gradebook import sync
    from course_utils.grading.classroom.gradebook_database import Unusable

    classroom = ClassFolder(args.folder)
    try:
        with classroom.lock():
            for name in classroom.config.assignments:
                try:
                    sync(classroom, name, prune=args.prune)
                except FileNotFoundError as missing:
                    print(f"{name} is not shown: {missing}", file=sys.stderr)
    except (Unusable, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    serve(classroom, port=args.port, open_browser=not args.no_browser)
    return 0
