"""Run the tests in stages, as users and CI do.

    python -m tools.test check     lint, types, unit tests (under two minutes)
    python -m tools.test all       check, and chapters, assignments, the site and widgets in Chromium

Every stage runs even if an earlier one failed; the summary tells which. With ``COURSE_FORBID_SKIPS=1`` (CI)
a skipped test counts as a failure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from course_utils.runtime.environment import find_chromium
from tools import chapters

ROOT = Path(__file__).resolve().parents[1]
# Whole files to each worker, in the order that tests/conftest.py gives them: the long ones first.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
UNIT = "not browser and not site and not notebook and not slow"
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "300", "-p", "no:randomly"]
NBVAL += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "--override-ini", "addopts=-ra --strict-markers"]

CHECK = {
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "lint": [sys.executable, "-m", "ruff", "check", "."],
    "types": [sys.executable, "-m", "mypy"],
    "unit tests": [*PYTEST, "-m", UNIT, "tests"],
}
ALL = {
    **{name: command for name, command in CHECK.items() if name != "unit tests"},
    "sources match notebooks": [sys.executable, "-m", "tools.chapters", "check"],
    "tests": [*PYTEST, "tests"],
    "chapters run": [*PYTEST, *NBVAL, *(f"notebooks/{name}.ipynb" for name in chapters.names())],
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.test", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["check", "all"])
    args = parser.parse_args(argv)
    stages = CHECK if args.what == "check" else ALL
    results: list[tuple[str, int, float]] = []
    for name, command in stages.items():
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        env = chapters.environment() if name == "chapters run" else dict(os.environ)
        # Two processes with a thread a core each fight for the cores: chapters took 516 s so, and take 184 s like this.
        env |= {"COURSE_PROGRESS": "0", "OMP_NUM_THREADS": "1"}
        code = subprocess.run(command, cwd=ROOT, env=env).returncode
        results.append((name, code, time.monotonic() - start))
    print("\n== summary")
    for name, code, seconds in results:
        print(f"{'passed' if code == 0 else 'FAILED':7} {name:24} {seconds:6.0f} s")
    if args.what == "all" and find_chromium() is None:
        print("The browser tests were skipped: there is no Chromium. Install it with your system's packages")
        print("(apt install chromium) or with .venv/bin/playwright install chromium, then run make test again.")
    failed = sum(code != 0 for _, code, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
