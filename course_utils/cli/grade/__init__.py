"""``course grade COMMAND``: what an instructor does with a class. Each command is a module, imported when called."""

import argparse
import importlib
import sys

COMMANDS = {
    "init": "make a class folder: settings, roster, assignments",
    "collect": "take submissions in: a folder, or a zip that Canvas or Moodle wrote",
    "run": "grade what is not graded yet, in a sandbox",
    "status": "say for every student where their work stands",
    "report": "show the class: distribution, exercises, misconceptions, who needs a human",
    "mark": "mark written answers in the terminal, or through a table",
    "formgrader": "open nbgrader's formgrader on the class",
    "feedback": "write a page for each student",
    "export": "write tables for Canvas and Moodle, and the final marks",
    "replay": "compute recorded marks anew and compare",
    "leaderboard": "write the leaderboard page of a data challenge",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands, and the arguments of the one that is asked for."""
    parser.set_defaults(run=dispatch)  # `run` is a module of this package once it is imported
    commands = parser.add_subparsers(dest="grade_command", metavar="COMMAND", required=True)
    words = parser.get_default("words") or sys.argv[1:]
    asked = next((word for word in words if word in COMMANDS), None)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == asked:
            module = importlib.import_module(f"course_utils.cli.grade.{name}")
            module.add_arguments(command)
            command.set_defaults(run_grade=module.run, parser=command)


def dispatch(args: argparse.Namespace) -> int:
    """Run the command; returns its exit code: 0, or 2 when nothing could be started."""
    from course_utils.grading.classroom.folder import BrokenAssignment, Busy, NotAClass
    from course_utils.grading.classroom.roster import BadRoster

    try:
        return int(args.run_grade(args))
    except (NotAClass, BrokenAssignment, BadRoster, Busy, FileNotFoundError, NotADirectoryError) as error:
        print(error, file=sys.stderr)
        return 2
