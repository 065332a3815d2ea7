"""``course grade report DIR [ASSIGNMENT]``: the picture of a class, here and as a page."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder and the assignment."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", nargs="?", metavar="ASSIGNMENT", help="one assignment; all of them if left out")


def run(args: argparse.Namespace) -> int:
    """Print the picture and write the page."""
    from course_utils.grading.classroom.durable import write_whole
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.wording import one_line

    classroom = ClassFolder(args.dir)
    if args.assignment is None:
        from course_utils.grading.classroom.overview import PAGE, class_overview, overview_page, overview_text

        overview = class_overview(classroom)
        text, page, path = overview_text(overview), overview_page(overview), classroom.reports / PAGE
    else:
        from course_utils.grading.classroom.report import class_picture
        from course_utils.grading.classroom.report_page import report_page
        from course_utils.grading.classroom.report_text import report_text

        picture = class_picture(classroom, args.assignment)
        path = classroom.reports / f"{picture.name}.html"
        text, page = report_text(picture, classroom), report_page(picture, classroom)
    write_whole(path, page.encode())
    print(text)
    print(f"as a page: {one_line(path, 10_000)}")
    return 0
