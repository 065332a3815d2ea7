"""Records of measured runs in ``results/``, and the seed bands that chapters compare with.

A record is a JSON file: what was measured (``metrics``: one value a seed), and the provenance without
which a number is worth nothing (seeds, hardware, versions, command, commit, date).
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from course_utils.check import check_number
from course_utils.runtime.paths import repo_root, results_dir


@dataclass(frozen=True)
class Band:
    """Minimum, median and maximum of one metric over ``count`` seeds."""

    minimum: float
    median: float
    maximum: float
    count: int

    def contains(self, value: float, slack: float = 0.0) -> bool:
        """Tell whether ``value`` lies in the band, widened by ``slack`` on both sides.

        Another processor rounds differently and so draws a slightly different run; ``slack`` (in the
        metric's own unit) is the room given to that.
        """
        check_number("slack", slack, minimum=0)
        return self.minimum - slack <= value <= self.maximum + slack

    def __str__(self) -> str:
        return f"{self.minimum:.3f} to {self.maximum:.3f}, median {self.median:.3f} ({self.count} seeds)"


def load_record(name: str) -> dict[str, Any]:
    """Read ``results/<name>.json``.

    Raises:
        FileNotFoundError: if there is no such record; the message lists the nearest names.
    """
    path = _path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in results_dir().glob("*.json"))) or "none"
        raise FileNotFoundError(f"there is no record {name!r} in {results_dir()}; recorded: {known}")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def save_record(name: str, record: dict[str, Any]) -> Path:
    """Write ``results/<name>.json`` with the provenance added, and return its path.

    Args:
        name: letters, digits, ``.``, ``_`` and ``-``.
        record: ``metrics`` (name to a list with one value a seed), ``seeds``, ``command`` and whatever else
            a reader needs; values that JSON can hold.
    """
    path = _path(name)
    full = {"name": name, **record, "provenance": provenance()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(full, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)
    return path


def band(name: str, metric: str) -> Band:
    """Return the seed band of one metric of a record.

    Raises:
        FileNotFoundError: if there is no such record.
        KeyError: if the record has no such metric.
    """
    metrics = load_record(name)["metrics"]
    if metric not in metrics:
        raise KeyError(f"record {name!r} has no metric {metric!r}; it has {', '.join(metrics)}")
    values = [float(v) for v in metrics[metric]]
    return Band(min(values), median(values), max(values), len(values))


def provenance() -> dict[str, Any]:
    """Describe this machine and this state of the code, for a record."""
    versions = {}
    for package in ("torch", "torchvision", "numpy", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": versions,
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "accelerator": _accelerator(),
    }


def processor_name() -> str:
    """Return the processor's name as its maker writes it, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _path(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"a record's name holds letters, digits, '.', '_' and '-', got {name!r}")
    return results_dir() / f"{name}.json"


def _accelerator() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _commit() -> str | None:
    try:
        run = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=repo_root(),
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() or None
