"""Run what the instructors' guide shows: every command of its ``console`` blocks, in an empty folder, page after page.

    python -m tools.guide write     run them and write what they print into the pages
    python -m tools.guide check     do they still print what the pages say?

In a block, a line ``$ command`` is what a person types (it goes on in lines that begin with ``> ``), and the lines
below are what the command printed. A line ``...`` alone stands for lines left out: everything up to the line that
follows it in the output. All pages are one session: what one command wrote, the next one finds.
A comment ``<!-- typed: 4 | well said | q -->`` above a block is what the person answers its last command with.
What differs from run to run (seconds, dates, random numbers) is compared by its shape.
"""

import argparse
import difflib
import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(ROOT / "book" / "grading" / f"{name}.md" for name in ("start", "class", "challenge", "commands"))
HOME = "/home/you"  # what pages show in place of the session's folder
BLOCK = re.compile(r"^(?:<!-- typed: (?P<typed>.+) -->\n)?```console\n(?P<steps>.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "..."
OVERWRITTEN = re.compile(r"[\w ]+: \d+ of \d+ done\b")  # the bar that moves on a terminal
DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?"), "DATE"),
    (re.compile(r"\b\d+(\.\d+)? (s|min|h|seconds?|minutes?)\b( \d+ (s|min)\b)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (a second|ms)\b"), "RATE"),
    (re.compile(r"(?<=seed: )\d+|\b[0-9a-f]{12,64}\b|\b\d{7,}\b|\b[a-z]{8}(?=\. Predict)"), "RANDOM"),
    (re.compile(r"(?<=^--- answer ).*"), "AND WHOSE"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass
class Step:
    """One command of a page.

    Attributes:
        shown: its lines as they stand in the page.
        command: what is run.
        output: the lines below it.
        typed: what is answered to its questions.
    """

    shown: list[str]
    command: str
    output: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)


def steps(block: str, typed: str = "") -> list[Step]:
    """Take a block apart.

    Raises:
        ValueError: if it does not begin with a command.
    """
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Step([line], line[2:]))
        elif not found:
            raise ValueError(f"a console block must begin with '$ command', got {line!r}")
        elif line.startswith("> ") and not found[-1].output:
            found[-1].shown.append(line)
            found[-1].command += "\n" + line[2:]
        else:
            found[-1].output.append(line)
    if typed:
        found[-1].typed = [word.strip() for word in typed.split("|")]
    return found


def listen(command: list[str], place: Path, environment: dict[str, str], _: list[str]) -> str:
    """Run a command that asks nothing; returns what it printed."""
    done = subprocess.run(
        command,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return done.stdout.decode(errors="replace")


def talk(command: list[str], place: Path, environment: dict[str, str], typed: list[str]) -> str:
    """Run a command at a terminal and answer when it waits for an answer; returns what stood on the screen."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=place, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen, quiet = b"", 0.0
    while True:
        ready, _, _ = select.select([ours], [], [], 0.2)
        if ready:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            screen, quiet = screen + part, 0.0
            continue
        quiet += 0.2
        if quiet > 0.5 and typed and screen.endswith(b": "):
            os.write(ours, typed.pop(0).encode() + b"\n")
        elif quiet > 60:
            process.kill()
    process.wait()
    os.close(ours)
    return screen.decode(errors="replace").replace("\r\n", "\n").replace("\r", "")


class Session:
    """A person at a terminal of 80 columns, in an empty folder that goes with the session."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="guide-")
        self.home = Path(self._folder.name).resolve() / "you"
        self.home.mkdir()
        self.place = self.home

    def run(self, command: str, typed: Sequence[str] = ()) -> list[str]:
        """Run a command where the one before it ended; returns the lines it printed, errors among them."""
        at_end = self.home.parent / "place"
        script = f"{command}\nstatus=$?; pwd > {at_end}; exit $status"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        keep = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        own = {"PATH": path, "HOME": str(self.home), "COLUMNS": "80", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
        text = (talk if typed else listen)(["bash", "-c", script], self.place, {**own, **keep}, list(typed))
        if at_end.is_file():
            self.place = Path(at_end.read_text().strip())
        text = text.replace(str(self.home), HOME).replace(str(ROOT), f"{HOME}/course")
        return [line.rstrip() for line in text.rstrip().splitlines() if not OVERWRITTEN.match(line)]

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def shape(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in DIFFERS:
        line = pattern.sub(word, line)
    return line.strip()


def shortened(printed: list[str], wanted: list[str]) -> list[str]:
    """Leave out of an output what the page leaves out: from ``...`` up to the line that the page goes on with."""
    if LEFT_OUT not in wanted:
        return printed
    place = wanted.index(LEFT_OUT)
    head, rest = printed[:place], wanted[place + 1 :]
    if not rest:
        return [*head, LEFT_OUT]
    for number in range(place, len(printed)):
        if shape(printed[number]) == shape(rest[0]):
            return [*head, LEFT_OUT, *shortened(printed[number:], rest)]
    return printed  # the page's next line is not there: show all


def differences(page: str, step: Step, printed: list[str]) -> list[str]:
    """How an output differs from the page's, as lines to read; none if it does not."""
    said, says = [shape(line) for line in step.output], [shape(line) for line in printed]
    if step.command.endswith("--help") and " ".join(said).split() == " ".join(says).split():
        return []  # Python's versions break the lines of a usage at different places
    lines = list(difflib.unified_diff(said, says, "the page", "now", lineterm="", n=1))
    return [f"{page}: $ {step.command}", *lines] if lines else []


def run(write: bool) -> list[str]:
    """Run all pages; returns the differences, or writes the outputs into the pages."""
    session, found = Session(), []
    try:
        for page in PAGES:
            text = page.read_text(encoding="utf-8")

            def anew(block: re.Match[str], name: str = page.name) -> str:
                lines = []
                for step in steps(block["steps"], block["typed"] or ""):
                    printed = shortened(session.run(step.command, step.typed), step.output)
                    found.extend(differences(name, step, printed))
                    lines += [*step.shown, *printed]
                above = [f"<!-- typed: {block['typed']} -->"] if block["typed"] else []
                return "\n".join([*above, "```console", *lines, "```"])

            anew_text = BLOCK.sub(anew, text)
            if write:
                page.write_text(anew_text, encoding="utf-8")
    finally:
        session.close()
    return found


def main(words: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.guide", description="Run what the instructors' guide shows.")
    parser.add_argument("what", choices=["write", "check"])
    args = parser.parse_args(words)
    found = run(write=args.what == "write")
    print("\n".join(found) if found else "every command prints what the guide says")
    return int(bool(found) and args.what == "check")


if __name__ == "__main__":
    sys.exit(main())
