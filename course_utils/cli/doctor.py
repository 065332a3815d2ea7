"""``course doctor``: the environment report, with the exit code of its worst finding."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``course doctor`` takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the report; 0: chapters will run, 1: with warnings, 2: something is missing."""
    from course_utils.runtime import environment_report

    report = environment_report()
    print(report)
    return report.exit_code
