"""``course train NAME``: run a recorded recipe and print its record."""

from __future__ import annotations

import argparse
import json
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the recipe, its seed and its device."""
    from course_utils.recipes import RECIPES

    parser.add_argument("recipe", choices=sorted(RECIPES), help="which recipe")
    parser.add_argument("--seed", type=int, default=None, help="one seed; the recipe's own seeds if left out")
    parser.add_argument("--device", default=None, help="cuda, mps or cpu; the fastest present if left out")


def run(args: argparse.Namespace) -> int:
    """Train; 0: done, 1: data missing or device absent (the message says the remedy)."""
    from course_utils.recipes import RECIPES
    from course_utils.runtime import get_device

    options = {} if args.seed is None else {"seed": args.seed}
    try:
        record = RECIPES[args.recipe](device=get_device(args.device), **options)
    except (FileNotFoundError, ValueError) as err:
        print(err, file=sys.stderr)
        return 1
    print(json.dumps(record, indent=1))
    return 0
