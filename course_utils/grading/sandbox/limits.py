"""How much one student process may take of the machine, and what the system itself can enforce of that."""

import contextlib
from dataclasses import dataclass

STACK_BYTES = 8_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds for one student process and everything that it starts.

    Args:
        memory_bytes: memory of all its processes together, its files included: they live in memory.
        processes: processes and threads.
        open_files: descriptors of one process.
        disk_bytes: bytes of all its files together.
        files: number of its files and folders.
        total_seconds: seconds on the clock from the first request to the last.
    """

    memory_bytes: int = 2_000_000_000
    processes: int = 64
    open_files: int = 256
    disk_bytes: int = 100_000_000
    files: int = 10_000
    total_seconds: float = 600.0

    @property
    def memory_text(self) -> str:
        """The memory limit in words."""
        return f"{self.memory_bytes / 1e6:.0f} MB of memory"


def set_limits(limits: Limits, processes: bool = True) -> None:
    """Bound this process and its children as far as resource limits go; no later call can raise them again.

    Args:
        limits: the bounds.
        processes: bound the number of processes too. It counts all processes of a user, so this is for a user id
            that nobody else has.
    """
    import resource

    wanted = {
        # private memory that can be written: unlike the address space it does not count a library's code on disk
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.disk_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_STACK": STACK_BYTES,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_CORE": 1,  # no file is that small; unlike 0 it also keeps Linux from starting a program for the dump
        "RLIMIT_CPU": cpu_backstop(limits),
    }
    if processes:
        wanted["RLIMIT_NPROC"] = limits.processes
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is None:  # macOS has fewer of them
            continue
        with contextlib.suppress(ValueError, OSError):
            highest = resource.getrlimit(number)[1]
            value = value if highest == resource.RLIM_INFINITY else min(value, highest)
            resource.setrlimit(number, (value, value))


def cpu_backstop(limits: Limits) -> int:
    """Processor seconds at which the system itself ends a process that nobody watches any more."""
    return int(2 * limits.total_seconds) + 1
