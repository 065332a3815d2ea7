"""Memory of a command and all that it started, and how long the machine was busy, from Linux' ``/proc``."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Self


def tree_of(root: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def proportional_bytes(process: int) -> int:
    """Return a process's memory, a page shared by n processes counted as 1/n; 0 if it is gone."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def busy_seconds() -> float:
    """Return the seconds that all processors of this machine together have worked since it was started.

    A grader ends its sandboxes by killing them, and a killed process's time never reaches its parent's account. So the
    whole machine is asked; on one that does nothing else, the difference is the grader's.
    """
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _, _, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """Watches a process tree while a ``with`` block runs; ``peak`` and ``most_processes`` hold what it saw.

    Args:
        root: the process at the top.
        period: seconds between two looks. Shorter peaks go unseen, and each look costs the machine something.
        without_root: leave the process at the top out (the benchmark itself).
    """

    def __init__(self, root: int, period: float = 0.25, without_root: bool = False) -> None:
        self.root, self.period, self.without_root = root, period, without_root
        self.peak = self.peak_root = self.most_processes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(self.period):
            start = time.perf_counter()
            sizes = {process: proportional_bytes(process) for process in tree_of(self.root)}
            own = sizes.pop(self.root, 0)
            self.peak = max(self.peak, sum(sizes.values()) + (0 if self.without_root else own))
            self.peak_root = max(self.peak_root, own)
            self.most_processes = max(self.most_processes, len(sizes))
            time.sleep(min(1.0, 4 * (time.perf_counter() - start)))  # at most a fifth of one core for looking
