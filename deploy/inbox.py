"""Take what students hand in out of their reach, with the time at which it came.

    python inbox.py HAND_IN INBOX          look every few seconds, until stopped
    python inbox.py HAND_IN INBOX --once   look once

A student can write into the own folder below HAND_IN at any time, also after the deadline, and can give a file any
modification time. So each new file is copied to INBOX/ASSIGNMENT/STUDENT/, which no student sees, and the copy
carries the time of the file's last change as the system itself recorded it (``st_ctime``: no user can set it).
``course grade collect CLASS ASSIGNMENT INBOX/ASSIGNMENT`` reads it from there. Standard library only.
"""

import argparse
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

MOST_BYTES = 20_000_000
SECONDS = 5.0
PREDICTIONS = "predictions.csv"  # of a data challenge, beside the notebook


def read(path: Path) -> tuple[bytes, float] | None:
    """A file's bytes and when it last changed; None for what is no plain file of a sensible size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or before.st_size > MOST_BYTES:
            return None
        content = stream.read(MOST_BYTES + 1)
        after = os.fstat(descriptor)
    if len(content) > MOST_BYTES or after.st_ctime_ns != before.st_ctime_ns:
        return None  # still being written: the next look takes it
    return content, after.st_ctime


def store(target: Path, content: bytes, changed: float, inbox: Path) -> None:
    """Write a file whole or not at all, with the time at which it came."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=inbox)  # beside the assignments: collecting never sees a part
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    os.chmod(part, 0o644)
    os.utime(part, (changed, changed))
    os.replace(part, target)


def take(hand_in: Path, inbox: Path) -> list[str]:
    """Copy what is new; returns ``ASSIGNMENT/STUDENT/FILE`` of each."""
    taken = []
    for folder in sorted(path for path in hand_in.glob("*/*") if path.is_dir() and not path.is_symlink()):
        assignment, student = folder.parent.name, folder.name
        for name in (f"{assignment}.ipynb", PREDICTIONS):
            target = inbox / assignment / student / name
            found = read(folder / name)
            if found is not None and not (target.is_file() and target.read_bytes() == found[0]):
                store(target, *found, inbox)
                taken.append(f"{assignment}/{student}/{name}")
    return taken


def main(words: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Take what students hand in out of their reach.")
    parser.add_argument("hand_in", type=Path)
    parser.add_argument("inbox", type=Path)
    parser.add_argument("--once", action="store_true", help="look once, then end")
    args = parser.parse_args(words)
    args.inbox.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            for name in take(args.hand_in, args.inbox):
                print(f"taken: {name}", flush=True)
        except OSError as error:  # a full disk now may be free in a minute
            print(f"not taken: {error}", file=sys.stderr, flush=True)
        if args.once:
            return 0
        time.sleep(SECONDS)


if __name__ == "__main__":
    sys.exit(main())
