"""``course pack NAME``: write an assignment's student pack."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("assignment", metavar="NAME", help="such as 01_perceptron")
    parser.add_argument(
        "--class",
        dest="classroom",
        type=Path,
        metavar="DIR",
        help="take the assignment from a class folder; a data challenge needs it, its data is made for one class",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.zip",
        help="default: NAME.zip in the current folder; with --class DIR-NAME.zip, so that no two classes share one",
    )


def run(args: argparse.Namespace) -> int:
    """Write the zip; returns 0, or 2 when there is no such assignment or it would give something away."""
    from course_utils.grading.classroom.folder import Busy
    from course_utils.grading.pack import Leak

    try:
        content, without = _pack(args.assignment, args.classroom)
    except (OSError, ValueError, Busy, Leak) as error:
        print(error, file=sys.stderr)
        return 2
    out = args.out or Path(f"{_prefix(args.classroom)}{args.assignment}.zip")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(content)
    print(f"{out}: {len(content)} bytes; no {without} in it")
    return 0


def _prefix(folder: Path | None) -> str:
    """What names the class in the name of its pack: two classes must not write one file."""
    return f"{folder.resolve().name}-" if folder is not None else ""


def _pack(name: str, folder: Path | None) -> tuple[bytes, str]:
    """The zip, and what was looked for in it."""
    from course_utils.grading.assignment import load_assignment
    from course_utils.grading.challenge.kind import Challenge
    from course_utils.grading.challenge.pack import pack_challenge
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.pack import pack

    classroom = ClassFolder(folder) if folder is not None else None
    assignment = classroom.assignment(name) if classroom is not None else load_assignment(name)
    if classroom is not None and isinstance(assignment, Challenge):
        with classroom.lock():
            return pack_challenge(classroom, name), "label of the test set"
    return pack(assignment), "solution, hidden test, mutant or rubric"
