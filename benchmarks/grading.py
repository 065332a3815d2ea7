"""The course's grader against stock nbgrader, on the same submissions of assignment 1, in one run.

Stock nbgrader grades a handful of them, by its command line (one process a submission) and by its API in one process.
``course grade run`` grades all of them with two workers, each submission in a sandbox. Then the same few are graded
with 1, 2 and 8 workers: every mark must be the same. No submission hangs: one that does costs its time limit in both.
Run it on a quiet machine:

    python -m benchmarks.grading                          200 submissions, a few minutes
    python -m benchmarks.grading --class-size 10000       that many as well, about an hour
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import stock_nbgrader
from benchmarks.made_submissions import NAME, submissions
from benchmarks.process_tree import PeakMemory, busy_seconds
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.runtime import save_record
from course_utils.runtime.records import processor_name
from tools.assignments import ROOT

COURSE = [sys.executable, "-m", "course_utils.cli", "grade"]
MIB = 2**20


def make_class(folder: Path, count: int) -> float:
    """Make a class of `count` students and collect their work, as an instructor does; returns collecting's seconds."""
    call("init", str(folder), "--assignment", NAME, "--title", "Benchmark")
    handed_in = folder.with_name(f"{folder.name}-handed-in")
    students = []
    for student, notebook in submissions(count):
        place = handed_in / student / f"{NAME}.ipynb"
        place.parent.mkdir(parents=True)
        place.write_bytes(notebook)
        students.append(Student(student))
    write_roster(folder / "roster.csv", students)
    start = time.perf_counter()
    call("collect", str(folder), NAME, str(handed_in))
    seconds = time.perf_counter() - start
    shutil.rmtree(handed_in)
    return seconds


def call(*words: str) -> None:
    """Run a ``course grade`` command.

    Raises:
        RuntimeError: if it does not end with 0.
    """
    done = subprocess.run([*COURSE, *words], cwd=ROOT, capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"course grade {words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")


def grade(folder: Path, workers: int, watch_memory: bool = True) -> dict[str, float]:
    """Grade a class with ``course grade run``.

    Returns:
        ``seconds`` (from the command's start to its end), ``first_seconds`` (until the first result lay in the
        ledger), ``core_seconds`` (processor time of the whole machine meanwhile), ``peak_bytes`` of all processes and
        ``coordinator_bytes``.
    """
    results = folder / "ledger" / "results" / NAME
    first = FirstFile(results)
    start = time.perf_counter()
    busy = busy_seconds()
    command = [*COURSE, "run", str(folder), NAME, "--workers", str(workers)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment())
    with first, PeakMemory(process.pid, period=0.25 if watch_memory else 5.0) as memory:
        printed = process.communicate()[0].decode()
    seconds = time.perf_counter() - start
    busy = busy_seconds() - busy
    if process.returncode:
        raise RuntimeError(f"course grade run ended with {process.returncode}: {printed}")
    return {
        "seconds": seconds,
        "first_seconds": first.when - start,
        "core_seconds": busy,
        "peak_bytes": memory.peak,
        "coordinator_bytes": memory.peak_root,
    }


class FirstFile:
    """Notes when the first file appears below a folder, while a ``with`` block runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.when = folder, float("nan")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> FirstFile:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            if next(self.folder.glob("??/*.json"), None):
                self.when = time.perf_counter()
                return


def marks(folder: Path) -> dict[str, Any]:
    """Every student's result without what may differ between runs (the environment)."""
    found = {}
    for entry in Ledger(ClassFolder(folder)).entries(NAME):
        found[entry.student] = {key: value for key, value in entry.grade.items() if key != "environment"}
    return found


def same_marks_with(folder: Path, counts: Iterator[int] | tuple[int, ...], students: int) -> dict[str, Any]:
    """Grade the same class with different numbers of workers.

    Raises:
        AssertionError: if one of them gives one student another result.
    """
    make_class(folder, students)
    found = {}
    for workers in counts:
        shutil.rmtree(folder / "ledger", ignore_errors=True)
        grade(folder, workers)
        found[workers] = marks(folder)
        assert len(found[workers]) == students
    first, *others = found.values()
    assert all(other == first for other in others), "marks depend on the number of workers"
    points = sorted(result["points"] for result in first.values())
    return {"workers": list(found), "students": students, "identical": True, "lowest": points[0], "highest": points[-1]}


def opening_seconds(repeats: int = 20) -> float:
    """Median seconds that it takes to open a sandbox and to end it, one after the other, once the first is open."""
    from course_utils.grading.sandbox.choose import open_runner

    seconds = []
    with open_runner() as runner:
        runner.open().close()
        for _ in range(repeats):
            start = time.perf_counter()
            runner.open().close()
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure_stock(folder: Path, chosen: list[tuple[str, bytes]]) -> dict[str, Any]:
    """nbgrader on some submissions, both ways."""
    students = stock_nbgrader.make_course(folder, chosen)
    with PeakMemory(os.getpid(), without_root=True) as memory:
        by_command = stock_nbgrader.by_command_line(folder, students)
    by_api = stock_nbgrader.by_api(folder, students)
    graded = stock_nbgrader.scores(folder)
    assert set(graded) == set(students), "stock nbgrader did not grade all of them"
    assert any(graded.values()), "stock nbgrader gave no points at all"
    api = by_api["seconds"]
    assert isinstance(api, list)
    return {
        "version": version("nbgrader"),
        "submissions": len(students),
        "command_line_seconds": statistics.median(by_command),
        "command_line_all": by_command,
        "api_seconds": statistics.median(api),
        "api_all": api,
        "peak_bytes": memory.peak,
    }


def main(
    batch: int = 200, handful: int = 9, workers: int = 2, class_size: int = 0, price: float = 0.05, few: int = 16
) -> dict[str, Any]:
    """Measure, print a table, return the figures.

    Args:
        batch: submissions that the course's grader gets.
        handful: how many of them stock nbgrader gets, evenly spread.
        workers: of the course's grader.
        class_size: a larger class to grade as well; 0 for none.
        price: what a core costs for an hour, in the currency you like.
        few: submissions that are graded with 1, 2 and 8 workers.
    """
    record: dict[str, Any] = {"assignment": NAME, "batch": batch, "workers": workers, "price_per_core_hour": price}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        home = Path(name)
        made = dict(submissions(batch))
        chosen = [student for number, student in enumerate(made) if number % max(1, batch // handful) == 0][:handful]
        record["stock"] = measure_stock(home / "stock", [(student, made[student]) for student in chosen])
        collecting = make_class(home / "class", batch)
        ours = grade(home / "class", workers)
        results = marks(home / "class")
        assert len(results) == batch
        assert all(result["exercises"] for result in results.values()), "not everything was graded"
        record["ours"] = {**ours, "collecting_seconds": collecting, "opening_seconds": opening_seconds()}
        record["same_marks"] = same_marks_with(home / "few", (1, 2, 8), few)
        if class_size:
            collecting = make_class(home / "large", class_size)
            large = grade(home / "large", workers, watch_memory=False)
            assert len(marks(home / "large")) == class_size
            record["large"] = {"students": class_size, "collecting_seconds": collecting, **large}
    _add_rates(record, price)
    print(table(record))
    return record


def _add_rates(record: dict[str, Any], price: float) -> None:
    ours, stock = record["ours"], record["stock"]
    ours["seconds_each"] = ours["seconds"] / record["batch"]
    ours["per_second"] = record["batch"] / ours["seconds"]
    ours["start_up_share"] = ours["first_seconds"] / ours["seconds"]
    record["ratio_command_line"] = stock["command_line_seconds"] / ours["seconds_each"]
    record["ratio_api"] = stock["api_seconds"] / ours["seconds_each"]
    if large := record.get("large"):
        large["per_second"] = large["students"] / large["seconds"]
        large["core_seconds_per_thousand"] = 1000 * large["core_seconds"] / large["students"]
        large["cost_per_thousand"] = large["core_seconds_per_thousand"] / 3600 * price


def table(record: dict[str, Any]) -> str:
    """The figures for people."""
    ours, stock, same = record["ours"], record["stock"], record["same_marks"]
    rows = [
        (
            f"stock nbgrader, one process a submission (median of {stock['submissions']})",
            f"{stock['command_line_seconds']:.2f} s each",
        ),
        ("stock nbgrader, API in one process (median of the same)", f"{stock['api_seconds']:.2f} s each"),
        (
            f"course grade run, {record['batch']} with {record['workers']} workers, in sandboxes",
            f"{ours['seconds_each']:.3f} s each",
        ),
        ("  submissions a second", f"{ours['per_second']:.2f}"),
        ("  faster than nbgrader's command line", f"{record['ratio_command_line']:.1f} times"),
        ("  faster than nbgrader's API", f"{record['ratio_api']:.1f} times"),
        ("  until the first result", f"{ours['first_seconds']:.2f} s, {100 * ours['start_up_share']:.1f} % of the run"),
        ("  opening and ending one sandbox", f"{1000 * ours['opening_seconds']:.0f} ms"),
        ("  peak memory, all processes together", f"{ours['peak_bytes'] / MIB:.0f} MiB"),
        ("  peak memory, coordinator alone", f"{ours['coordinator_bytes'] / MIB:.0f} MiB"),
        ("  processor time", f"{ours['core_seconds'] / record['batch']:.3f} core seconds each"),
        ("  collecting", f"{1000 * ours['collecting_seconds'] / record['batch']:.1f} ms each"),
        (f"marks of {same['students']} with {', '.join(map(str, same['workers']))} workers", "identical"),
    ]
    if large := record.get("large"):
        rows += [
            (
                f"{large['students']:,} submissions",
                f"{large['seconds'] / 60:.0f} min, {large['per_second']:.2f} a second",
            ),
            ("  peak memory, coordinator", f"{large['coordinator_bytes'] / MIB:.0f} MiB"),
            ("  peak memory, all processes together", f"{large['peak_bytes'] / MIB:.0f} MiB"),
            ("  core seconds per thousand", f"{large['core_seconds_per_thousand']:.0f}"),
            (
                f"  cost per thousand at {record['price_per_core_hour']:g} a core hour",
                f"{large['cost_per_thousand']:.4f}",
            ),
        ]
    width = max(len(what) for what, _ in rows)
    head = f"{processor_name()}, {os.cpu_count()} cores, assignment {record['assignment']}"
    return "\n".join([head, *(f"{what:{width}}  {figure}" for what, figure in rows)])


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--stock", type=int, default=9, metavar="N", help="submissions that stock nbgrader gets")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--class-size", type=int, default=0, metavar="N", help="a larger class as well, such as 10000")
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour (default: 0.05)")
    parser.add_argument("--record", action="store_true", help="store the figures in results/grading.json")
    arguments = parser.parse_args()
    figures = main(arguments.batch, arguments.stock, arguments.workers, arguments.class_size, arguments.price)
    if arguments.record:
        words = " ".join(word for word in sys.argv[1:])
        save_record("grading", {"command": f"python -m benchmarks.grading {words}", **figures})
