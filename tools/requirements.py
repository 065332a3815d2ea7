"""Pin the environment: write ``requirements.txt`` and ``requirements-dev.txt`` from ``pyproject.toml``.

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


def main() -> int:
    pins = ROOT / "tools" / "pins.txt"
    course = resolve("lab", pins)
    target = ROOT / "requirements.txt"
    head = "# The tested environment; written by python -m tools.requirements, not by hand."
    target.write_text("\n".join([head, *course, "-e ."]) + "\n")
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    fixed = build / "constraints.txt"
    fixed.write_text("\n".join(course) + "\n")
    known = {line.split("==")[0] for line in course}
    extra = [line for line in resolve("dev", fixed) if line.split("==")[0] not in known]
    head = "# What building and testing the course needs on top; written by python -m tools.requirements."
    (ROOT / "requirements-dev.txt").write_text("\n".join([head, "-r requirements.txt", *extra]) + "\n")
    print(f"requirements.txt: {len(course)} packages; requirements-dev.txt: {len(extra)} more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
