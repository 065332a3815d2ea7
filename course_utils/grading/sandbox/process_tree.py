"""What a process and all that it started take of the machine, read from ``/proc``; empty where there is none."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def stat_fields(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the state on; None when there is no such process."""
    return _fields(Path(f"/proc/{pid}/stat"))


def tree(pid: int) -> list[int]:
    """A process and its descendants, as far as they have not ended."""
    children = _listed if os.path.exists(f"/proc/self/task/{os.getpid()}/children") else _scanned()
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(children(one))
    return found


def processor_seconds(pid: int) -> float | None:
    """Processor time that a process and its descendants, ended ones included, have used; None if it is unknown."""
    if stat_fields(pid) is None:
        return None
    ticks = 0
    for one in tree(pid):
        fields = stat_fields(one)
        if fields is not None:
            ticks += sum(int(field) for field in fields[11:15])  # own user and system time, then that of the ended
    return ticks / os.sysconf("SC_CLK_TCK")


def runnable(pid: int) -> bool | None:
    """Whether a thread of a process or of its descendants wants a processor now; None if it is unknown."""
    if stat_fields(pid) is None:
        return None
    places = (Path(f"/proc/{one}/task/{task}/stat") for one in tree(pid) for task in _tasks(one))
    return any((_fields(place) or "?")[0] == "R" for place in places)


def memory_bytes(pid: int) -> int:
    """Memory of a process and its descendants; what several share counts once where the system can tell."""
    return sum(_memory(one) for one in tree(pid))


def running_with(mark: str) -> list[int]:
    """Processes that have a word on their command line."""
    found = []
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                    found.append(int(name))
    return found


def _memory(pid: int) -> int:
    """Memory of one process, asked through a thread that lives: the one it began with may have ended."""
    for task in _tasks(pid):
        place = Path(f"/proc/{pid}/task/{task}")
        tables = _kilobytes(place / "status", ("VmPTE:",))  # they grow where nothing but addresses is taken
        # the first may be closed to others; then pages of the zygote count again
        held = _kilobytes(place / "smaps_rollup", ("Pss:",)) or _kilobytes(place / "status", ("RssAnon:", "RssShmem:"))
        if held or tables:
            return 1024 * (held + tables)
    return 0


def _kilobytes(place: Path, names: tuple[str, ...]) -> int:
    """The sum of some lines of a file in ``/proc``; 0 where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        lines = place.read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(names))
    return 0


def _tasks(pid: int) -> list[str]:
    """The threads of a process."""
    try:
        return sorted(os.listdir(f"/proc/{pid}/task"), key=int)
    except OSError:
        return []


def _fields(stat: Path) -> list[str] | None:
    """The fields behind the name, which a process chooses and which need not be text."""
    try:
        return stat.read_bytes().rpartition(b")")[2].decode().split() or None
    except OSError:
        return None


def _listed(pid: int) -> list[int]:
    """Children of a process, by the list that most kernels keep."""
    found = []
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            found += [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return found


def _scanned() -> Callable[[int], list[int]]:
    """Children of a process, by looking at every process once."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            fields = stat_fields(int(name)) if name.isdigit() else None
            if fields is not None:
                children.setdefault(int(fields[1]), []).append(int(name))
    return lambda pid: children.get(pid, [])
