"""``course pack NAME``: write an assignment's student pack."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("assignment", metavar="NAME", help="such as 01_perceptron")
    parser.add_argument("--out", type=Path, metavar="FILE.zip", help="default: NAME.zip in the current folder")


def run(args: argparse.Namespace) -> int:
    """Write the zip; returns 0, or 2 when there is no such assignment or it would give something away."""
    from course_utils.grading.assignment import load_assignment
    from course_utils.grading.pack import Leak, pack

    try:
        content = pack(load_assignment(args.assignment))
    except (FileNotFoundError, ValueError, Leak) as error:
        print(error, file=sys.stderr)
        return 2
    out = args.out or Path(f"{args.assignment}.zip")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(content)
    print(f"{out}: {len(content)} bytes; no solution, hidden test, mutant or rubric in it")
    return 0
