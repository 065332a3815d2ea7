"""Where things lie: the course itself, data sets, recorded results."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def repo_root() -> Path:
    """Return the folder of the course: the one that holds ``course_utils``."""
    return Path(__file__).resolve().parents[2]


def results_dir() -> Path:
    """Return the folder of recorded runs, ``results/``."""
    return repo_root() / "results"


def data_dir() -> Path:
    """Return the folder of downloaded data sets; it need not exist yet.

    ``COURSE_DATA`` names it; without that it is the user's cache folder (``~/.cache/course-data`` on
    Linux, ``~/Library/Caches/course-data`` on macOS, ``%LOCALAPPDATA%/course-data`` on Windows).
    """
    named = os.environ.get("COURSE_DATA")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "course-data"
