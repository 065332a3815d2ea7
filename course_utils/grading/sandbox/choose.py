"""Which runner to grade with: a sandbox if there is any, and a plain process only when told so."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.sandbox.bubblewrap import PRELOAD, BubblewrapRunner
from course_utils.grading.sandbox.cgroup import find_groups
from course_utils.grading.sandbox.container import IMAGE, ContainerRunner, what_is_missing_for_containers
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.remedy import what_is_missing, wrapped
from course_utils.grading.sandbox.runner import NoSandbox, Runner
from course_utils.grading.sandbox.seccomp import MACHINES

UNSAFE = "--unsafe grades without one: student code could then do whatever you can"
KINDS = ("auto", "bubblewrap", "container", "plain")


def open_runner(
    kind: str = "auto",
    *,
    unsafe: bool = False,
    preload: Sequence[str] = PRELOAD,
    limits: Limits | None = None,
    image: str = IMAGE,
    withheld: Sequence[str] = (),
) -> Runner:
    """A runner of the kind asked for.

    Args:
        kind: ``bubblewrap``, ``container``, ``plain``, or ``auto`` for the first sandbox that works.
        unsafe: grade without a sandbox where ``auto`` finds none; ``plain`` needs it.
        preload: modules to import before a process is needed.
        limits: bounds of each submission.
        image: what containers are made of.
        withheld: modules that student code must not have; bubblewrap alone can take away their files.

    Raises:
        NoSandbox: if there is no such sandbox on this machine; the text says what to do about it.
        ValueError: if there is no such kind.
    """
    if kind == "bubblewrap":
        return BubblewrapRunner(limits, preload, withheld=withheld)
    if kind == "container":
        return ContainerRunner(image, limits=limits, preload=preload)
    if kind == "plain":
        if not unsafe:
            raise NoSandbox(
                "a plain process is no sandbox: student code could do whatever you can. Leave out the choice, or add "
                "--unsafe if you trust every submission"
            )
        return PlainRunner(limits)
    if kind != "auto":
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    missing = []
    for sandbox in ("bubblewrap", "container"):
        try:
            return open_runner(sandbox, preload=preload, limits=limits, image=image, withheld=withheld)
        except NoSandbox as trouble:
            missing.append(f"{sandbox}: {trouble}")
    if unsafe:
        return PlainRunner(limits)
    lines = [wrapped(text, "  ", "    ") for text in (*missing, UNSAFE)]
    raise NoSandbox("\n".join(["there is no sandbox on this machine, so nothing is graded.", *lines]))


@dataclass(frozen=True)
class Finding:
    """One part of a sandbox: whether it is there, and in words what it does or what is missing."""

    name: str
    there: bool
    text: str


def findings(image: str = IMAGE) -> list[Finding]:
    """What this machine has for locking student code in.

    Args:
        image: what containers are made of.
    """
    no_bubblewrap, no_container = what_is_missing(), what_is_missing_for_containers(image)
    groups = find_groups(Limits())
    if groups is None:
        kept = "none that can be written: resource limits and a watcher bound memory instead"
    else:
        kept = f"{', '.join(groups.parents)}: they bound memory and processes of each submission"
        groups.close()
    machine = platform.machine()
    return [
        Finding("bubblewrap", no_bubblewrap is None, no_bubblewrap or "works"),
        Finding("control groups", groups is not None, kept),
        Finding(
            "system calls",
            machine in MACHINES,
            f"filtered ({machine})" if machine in MACHINES else f"not filtered: no filter is written for {machine}",
        ),
        Finding("containers", no_container is None, no_container or f"{image} is there"),
    ]
