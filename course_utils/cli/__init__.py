"""The ``course`` command. Each subcommand is a module of this package, imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

COMMANDS = {
    "doctor": "say what this machine has for the course, what it lacks, and the remedy",
    "data": "download a data set: several mirrors, checksums, resume",
    "train": "run a recorded training recipe",
    "grade": "run a class: collect, grade, mark, report, give feedback, export",
    "pack": "write an assignment as a zip for students",
}


def main(argv: list[str] | None = None) -> int:
    """Run ``course COMMAND ...`` and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="course", description="The command line of the course.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == asked:
            module = importlib.import_module(f"course_utils.cli.{name}")
            command.set_defaults(words=arguments, run=getattr(module, "run", None))  # or what add_arguments names
            command.set_defaults(parser=command)
            module.add_arguments(command)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:  # said by the command that was called: its usage helps, that of all commands does not
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads the output has seen enough, as in "course ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing complains at the end either
        return 141
