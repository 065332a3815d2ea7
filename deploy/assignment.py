#!/usr/bin/env python3
"""What students type in a terminal of their server: list, fetch and hand in assignments.

    assignment list                  what there is, and what you have handed in
    assignment fetch 01_perceptron   your own copy, in the folder 01_perceptron
    assignment hand-in 01_perceptron the notebook in that folder, as it is saved now; the last one counts

Of a data challenge ``predictions.csv`` is handed in beside the notebook.

Standard library only. The packs are mounted read-only; the folder of each assignment below ``hand-in`` is shared with
the instructor and with nobody else.
"""

import argparse
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

PACKS = Path(os.environ.get("COURSE_PACKS", "/srv/packs"))
HOME = Path.home()
HAND_IN = HOME / "hand-in"
PREDICTIONS = "predictions.csv"


def names() -> list[str]:
    """The assignments that are handed out."""
    return sorted(path.stem for path in PACKS.glob("*.zip"))


def wanted(folder: Path) -> list[Path]:
    """What is handed in of a folder, as far as it is there."""
    return [path for path in (folder / f"{folder.name}.ipynb", folder / PREDICTIONS) if path.is_file()]


def show() -> int:
    """List the assignments."""
    for name in names():
        times = [path.stat().st_mtime for path in wanted(HAND_IN / name)]
        when = time.strftime("%d %b %H:%M", time.localtime(max(times))) if times else ""
        print(f"{name:24} {'handed in ' + when if when else 'not handed in'}")
    if not names():
        print("nothing is handed out yet")
    return 0


def fetch(name: str) -> int:
    """Unpack an assignment into the home folder; never over work that is there."""
    target = HOME / name
    if target.exists():
        print(f"{target} is there already; rename it first if you want a fresh copy", file=sys.stderr)
        return 2
    with zipfile.ZipFile(PACKS / f"{name}.zip") as pack:
        pack.extractall(HOME)
    print(f"open {name}/{name}.ipynb in the file list on the left")
    return 0


def hand_in(name: str) -> int:
    """Put copies where the instructor collects them, each whole or not at all."""
    found, folder = wanted(HOME / name), HAND_IN / name
    if not found:
        print(f"there is no {HOME / name / name}.ipynb: save your notebook there, under this name", file=sys.stderr)
        return 2
    if not folder.is_dir():
        print(f"{folder} is missing: stop your server (File, Hub Control Panel) and start it again", file=sys.stderr)
        return 2
    for path in found:
        content = path.read_bytes()
        part = folder / f".{path.name}.part"
        part.write_bytes(content)
        part.replace(folder / path.name)
        print(f"handed in {path.name}, {len(content)} bytes, {hashlib.sha256(content).hexdigest()[:12]}")
    print("saved something since? hand in again: the last one counts")
    return 0


def main(words: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="assignment", description="List, fetch and hand in assignments.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="list|fetch|hand-in")
    commands.add_parser("list", help="what there is, and what you have handed in")
    for command, what in {"fetch": "get your own copy", "hand-in": "hand in the notebook as it is saved now"}.items():
        commands.add_parser(command, help=what).add_argument("name", help="such as 01_perceptron")
    args = parser.parse_args(words)
    if args.command == "list":
        return show()
    if args.name not in names():
        print(f"no assignment {args.name!r}; there are: {', '.join(names()) or 'none yet'}", file=sys.stderr)
        return 2
    return fetch(args.name) if args.command == "fetch" else hand_in(args.name)


if __name__ == "__main__":
    sys.exit(main())
