"""Control groups: one for each submission, so that memory, processes and processor time of all of it count together.

Both layouts are used: version 1 (a hierarchy a controller) where it is writable, which takes root, and version 2
where a group above our own is ours to divide (root, or delegated by systemd). Where there is neither, resource
limits and a watcher bound memory instead. Version 2 is tested on a made-up tree of files only.
"""

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.process_tree import stat_fields

PREFIX = "course-grading-"
V1_CONTROLLERS = ("memory", "pids", "cpuacct")


@dataclass
class Group:
    """The control group of one submission: a folder for version 2, one for each controller for version 1."""

    folders: Mapping[str, Path]

    def add(self, pid: int) -> None:
        """Put a process into the group; what it starts from now on belongs to it too."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def processor_seconds(self) -> float | None:
        """Processor time used by everything that was ever in the group."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            if "cpuacct" in self.folders:
                return int((self.folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
            return int(_table(self.folders["unified"] / "cpu.stat")["usage_usec"]) / 1e6
        return None

    def memory_kills(self) -> int:
        """How many processes the kernel killed because the group was over its memory limit."""
        with contextlib.suppress(OSError, ValueError):
            if "memory" in self.folders:
                return int(_table(self.folders["memory"] / "memory.oom_control").get("oom_kill", 0))
            return int(_table(self.folders["unified"] / "memory.events").get("oom_kill", 0))
        return 0

    def remove(self, seconds: float = 2.0) -> bool:
        """Remove the group once nothing lives in it; says whether it is gone."""
        deadline = time.monotonic() + seconds
        gone = [_remove(folder, deadline) for folder in set(self.folders.values())]
        return all(gone)


@dataclass
class Groups:
    """Makes a group for each submission, all below one group of this grader's."""

    parents: Mapping[str, Path]
    limits: Limits
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count, init=False)

    def make(self) -> Group:
        """A new group with its limits set; raises OSError."""
        name = f"{next(self._numbers):05d}"
        group = Group({controller: parent / name for controller, parent in self.parents.items()})
        try:
            for controller, folder in group.folders.items():
                folder.mkdir()
                for file, value in _settings(controller, self.limits).items():
                    _set(folder / file, value)
        except OSError:
            group.remove(0.0)
            raise
        return group

    def close(self) -> None:
        """Remove what is left of them."""
        for parent in self.parents.values():
            _remove_tree(parent)


def find_groups(
    limits: Limits, mounts: str | None = None, own: str | None = None, name: str | None = None
) -> Groups | None:
    """Find out where this process may make control groups.

    Args:
        limits: the bounds of each group.
        mounts: the text of ``/proc/self/mountinfo``.
        own: the text of ``/proc/self/cgroup``.
        name: what the group that holds them all is called.

    Returns:
        A maker of groups that bounds memory and processes, or None where that cannot be had.
    """
    try:
        mounts = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
        own = Path("/proc/self/cgroup").read_text() if own is None else own
    except OSError:
        return None
    homes = _homes(mounts, own)
    name = name or _own_name()
    if all(controller in homes for controller in V1_CONTROLLERS):
        parents = _make_parents({controller: homes[controller] for controller in V1_CONTROLLERS}, name)
        if parents is not None:
            return _tried(Groups(parents, limits))
    if "unified" in homes:
        base = _divisible(*homes["unified"])
        parents = None if base is None else _make_parents({"unified": (base, base)}, name)
        if parents is not None:
            with contextlib.suppress(OSError):
                _set(parents["unified"] / "cgroup.subtree_control", "+memory +pids")
                return _tried(Groups(parents, limits))
            _remove_tree(parents["unified"])
    return None


def _homes(mounts: str, own: str) -> dict[str, tuple[Path, Path]]:
    """For each controller (version 2: "unified") the folder of our own group, and that of its hierarchy's root."""
    paths = {}
    for line in own.splitlines():
        number, controllers, path = line.split(":", 2)
        for controller in controllers.split(",") if number != "0" else ["unified"]:
            paths[controller] = path
    homes: dict[str, tuple[Path, Path]] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        root, mount = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        names = ["unified"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for controller in names:
            if controller in paths and controller not in homes:
                relative = os.path.relpath(paths[controller], root)
                home = Path(mount) if relative.startswith("..") else Path(mount) / relative
                homes[controller] = (home, Path(mount))
    return homes


def _divisible(home: Path, top: Path) -> Path | None:
    """The nearest group from our own upwards whose children may have memory and process limits of their own."""
    for folder in [home, *home.parents]:
        if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
            with contextlib.suppress(OSError):
                control = folder / "cgroup.subtree_control"
                if not {"memory", "pids"} <= set(control.read_text().split()):
                    _set(control, "+memory +pids")  # refused where processes live in the group itself
                return folder
        if folder == top:
            break
    return None


def _make_parents(homes: Mapping[str, tuple[Path, Path]], name: str) -> dict[str, Path] | None:
    parents = {}
    try:
        for controller, (home, _) in homes.items():
            _clear_away(home)
            parents[controller] = home / name
            parents[controller].mkdir()
    except OSError:
        for parent in parents.values():
            _remove_tree(parent)
        return None
    return parents


def _tried(groups: Groups) -> Groups | None:
    """The groups, if one can indeed be made and removed."""
    try:
        groups.make().remove()
    except OSError:
        groups.close()
        return None
    return groups


def _settings(controller: str, limits: Limits) -> dict[str, int]:
    """Files of a new group and what to write into them, in this order."""
    if controller == "memory":
        return {"memory.limit_in_bytes": limits.memory_bytes, "memory.memsw.limit_in_bytes": limits.memory_bytes}
    if controller == "pids":
        return {"pids.max": limits.processes}
    if controller == "unified":
        return {
            "memory.max": limits.memory_bytes,
            "memory.swap.max": 0,
            "memory.oom.group": 1,
            "pids.max": limits.processes,
        }
    return {}


def _set(file: Path, value: int | str) -> None:
    """Write a setting; one that this kernel has not got (swap accounting) is left out."""
    if not file.exists() and "swap" not in file.name and "memsw" not in file.name and "oom" not in file.name:
        raise FileNotFoundError(errno.ENOENT, "this control group has no such setting", str(file))
    if file.exists():
        file.write_text(str(value))


def _table(file: Path) -> dict[str, str]:
    return dict(line.split(None, 1) for line in file.read_text().splitlines() if " " in line)


def _own_name() -> str:
    """A name that tells whose group it is, so that what a killed grader left can be cleared away."""
    return f"{PREFIX}{os.getpid()}-{_started(os.getpid())}-{time.monotonic_ns()}"


def _started(pid: int) -> str:
    fields = stat_fields(pid)
    return "gone" if fields is None else fields[19]


def _clear_away(home: Path) -> None:
    """Remove the groups of graders that are no more."""
    for folder in home.glob(f"{PREFIX}*"):
        pid, _, rest = folder.name.removeprefix(PREFIX).partition("-")
        if pid.isdigit() and rest.split("-")[0] != _started(int(pid)):
            _remove_tree(folder)


def _remove_tree(parent: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in parent.iterdir():
            if folder.is_dir():
                _remove(folder, time.monotonic() + 0.5)
    _remove(parent, time.monotonic() + 0.5)


def _remove(folder: Path, deadline: float) -> bool:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:  # busy for a moment after its last process has ended
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True
