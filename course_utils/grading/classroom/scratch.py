"""Temporary folders of workers: gone in the end with all that lives in them, even if their owner was killed."""

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


class Scratch:
    """A temporary folder that is removed even if its owner was killed: by the next one that makes such a folder."""

    PREFIX, UNFINISHED = "course-grade-", ".course-grade-"
    SECONDS_TO_MAKE = 3_600.0

    def __init__(self) -> None:
        home = Path(tempfile.gettempdir())
        self._sweep(home)
        making = Path(tempfile.mkdtemp(prefix=self.UNFINISHED, dir=home))
        self._lock = os.open(making / "owner", os.O_CREAT | os.O_RDWR, 0o600)
        _lock(self._lock)
        self.path = making.rename(home / making.name.removeprefix("."))  # whoever finds it finds it locked

    def folder(self, name: str) -> Path:
        """Make a folder in it."""
        path = self.path / name
        path.mkdir()
        return path

    def remove(self) -> None:
        """Remove it, with whatever still runs in it."""
        clear_away(self.path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _sweep(self, home: Path) -> None:
        for path in [*home.glob(f"{self.PREFIX}*"), *home.glob(f"{self.UNFINISHED}*")]:
            with suppress(OSError):
                status = path.lstat()
                if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
                    continue
                if path.name.startswith("."):
                    if time.time() - status.st_mtime > self.SECONDS_TO_MAKE:
                        clear_away(path)
                elif not self._is_owned(path):
                    clear_away(path)

    def _is_owned(self, path: Path) -> bool:
        """Whether the one that made it lives; without the file it is half removed."""
        try:
            descriptor = os.open(path / "owner", os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Hold a file as long as the descriptor is open; False if another process does."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def clear_away(folder: Path) -> None:
    """Kill what a killed worker left, then remove its folder.

    That is whatever works in the folder or writes its output there: a plain student process, or a sandbox whose
    builder was killed in the moment when it could not yet die with its parent.
    """
    for _ in range(100):
        strays = [pid for pid, place in _places() if place == folder or folder in place.parents]
        if not strays:
            break
        for pid in set(strays) - {os.getpid()}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def _places() -> Iterator[tuple[int, Path]]:
    """Where each process works and where its output goes, as far as this user may know; nothing without ``/proc``."""
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("cwd", "fd/1", "fd/2"):
            with suppress(OSError):
                yield int(process.name), Path(os.readlink(process / link).removesuffix(" (deleted)"))
