"""``course grade FOLDER``: run a folder of submissions through an assignment's hidden tests."""

import argparse
import sys
import time
from pathlib import Path

WARNING = (
    "NOT SANDBOXED YET: student code runs as you, with your files and your network.\n"
    "Grade only code that you trust, or on a machine that holds nothing of value."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, help="submissions: one sub-folder or one notebook a student")
    parser.add_argument("--assignment", required=True, metavar="NAME", help="such as 01_perceptron")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go; default: FOLDER-graded beside it")
    parser.add_argument("--seed", type=int, default=0, help="of the hidden tests' inputs, one for a class (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="submissions graded at a time (default 2)")


def run(args: argparse.Namespace) -> int:
    """Grade the folder; returns 0 when every submission was looked at, 2 when nothing could be started."""
    from course_utils.check import check_int
    from course_utils.grading.assignment import load_assignment
    from course_utils.grading.batch import GRADED, Grade, grade_folder
    from course_utils.grading.results import as_table, write_results
    from course_utils.grading.runner import PlainRunner

    try:
        check_int("workers", args.workers, minimum=1, maximum=64)
        assignment = load_assignment(args.assignment)
        if not args.folder.is_dir():
            raise FileNotFoundError(f"no folder {args.folder}: give the folder that holds the submissions")
        out = args.out or args.folder.resolve().with_name(args.folder.resolve().name + "-graded")
        if out.resolve().is_relative_to(args.folder.resolve()):
            raise ValueError(f"results must not lie among the submissions: choose another --out than {out}")
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    runner = PlainRunner()
    if not runner.sandboxed:
        print(WARNING, end="\n\n")
    start = time.monotonic()

    def tell(grade: Grade) -> None:
        print(f"{ascii(grade.student)[1:-1]}: {grade.status}", file=sys.stderr)

    grades = grade_folder(assignment, args.folder, runner, seed=args.seed, workers=args.workers, progress=tell)
    write_results(out, assignment, grades, runner, args.seed)
    print(as_table(assignment, grades))
    done = sum(grade.status == GRADED for grade in grades)
    waiting = sum(bool(grade.to_mark) for grade in grades)
    print(
        f"\n{done} of {len(grades)} graded in {time.monotonic() - start:.1f} s, "
        f"{len(grades) - done} without a mark (not a zero), {waiting} with something to mark by hand."
    )
    print(f"Results and feedback: {out}")
    if not runner.sandboxed:
        print(f"\n{WARNING}")
    return 0
