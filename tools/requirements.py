"""Pin the environment: write ``requirements.txt``, ``-grade.txt`` and ``-dev.txt`` from ``pyproject.toml``.

    python -m tools.requirements        (make requirements)

Maintainers run it, then ``make test``; users install what it wrote. One file serves Python 3.11 to 3.13 on
Linux, macOS and Windows (uv's universal resolution). ``tools/pins.txt`` holds what is fixed on purpose.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = "course-utils"


def resolve(extra: str, *constraints: Path) -> list[str]:
    """Return the pinned lines for one extra of ``pyproject.toml``, the course itself left out."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise SystemExit("uv is not installed; run: pip install uv")
    command = [uv, "pip", "compile", "pyproject.toml", "--extra", extra, "--universal", "--python-version", "3.11"]
    command += ["--fork-strategy", "fewest", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"]
    for path in constraints:
        command += ["--constraint", str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"uv found no set of versions that fits:\n{run.stderr}")
    return [line for line in run.stdout.splitlines() if line and not line.startswith((OWN, "-e", "#", "."))]


def on_top(below: list[str], extra: str, base: str, head: str) -> list[str]:
    """Write the file of an extra that stands on another file; returns the lines that it adds."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    fixed = build / "constraints.txt"
    fixed.write_text("\n".join(below) + "\n")
    known = {line.split("==")[0] for line in below}
    lines = [line for line in resolve(extra, fixed) if line.split("==")[0] not in known]
    text = [f"# {head}; written by python -m tools.requirements.", f"-r {base}", *lines]
    (ROOT / f"requirements-{extra}.txt").write_text("\n".join(text) + "\n")
    return lines


def main() -> int:
    pins = ROOT / "tools" / "pins.txt"
    course = resolve("lab", pins)
    target = ROOT / "requirements.txt"
    head = "# The tested environment; written by python -m tools.requirements, not by hand."
    target.write_text("\n".join([head, *course, "-e ."]) + "\n")
    grade = on_top(course, "grade", "requirements.txt", "What grading a class needs on top")
    dev = on_top([*course, *grade], "dev", "requirements-grade.txt", "What building and testing needs on top")
    print(f"requirements.txt: {len(course)} packages; for grading {len(grade)} more; for development {len(dev)} more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
