"""``course grade report DIR [ASSIGNMENT]``: the picture of a class, here and as a page."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder and the assignment."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", nargs="?", metavar="ASSIGNMENT", help="one assignment; all of them if left out")


def run(args: argparse.Namespace) -> int:
    """Print the picture and write the page; for all assignments the overview, and every page."""
    from course_utils.grading.classroom.durable import write_whole
    from course_utils.grading.classroom.exam import BadExam
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.overview import class_overview, overview_text
    from course_utils.grading.classroom.overview_page import PAGE, overview_page
    from course_utils.grading.classroom.report import class_picture
    from course_utils.grading.classroom.report_page import report_page
    from course_utils.grading.classroom.report_text import report_text
    from course_utils.grading.classroom.wording import one_line

    classroom = ClassFolder(args.dir)
    if args.assignment is not None:
        picture = class_picture(classroom, args.assignment)
        path = classroom.reports / f"{picture.name}.html"
        write_whole(path, report_page(picture, classroom).encode())
        print(report_text(picture, classroom))
    else:
        try:
            overview = class_overview(classroom)
        except BadExam as error:
            print(one_line(error), file=sys.stderr)
            return 2
        for name, rows in overview.work.items():
            if not isinstance(rows, str):
                page = report_page(class_picture(classroom, name), classroom)
                write_whole(classroom.reports / f"{name}.html", page.encode())
        path = classroom.reports / PAGE
        write_whole(path, overview_page(overview).encode())
        print(overview_text(overview))
    print(f"as a page: {one_line(path, 10_000)}")
    return 0
