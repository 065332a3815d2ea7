"""Closing a process in, from within: namespaces, a private folder, no privileges. Linux, called by the zygote only.

The order matters: what needs rights in the new user namespace (mounts) comes first, then the rights go, then the
calls that could bring them back.
"""

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_utils.grading.sandbox import seccomp
from course_utils.grading.sandbox.limits import Limits, set_limits

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 1 << 14, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION = 0x20080522
SIGKILL = 9

NOBODY = 65534
BOX = "/box"
WORK, SCRATCH, SHARED = f"{BOX}/work", f"{BOX}/tmp", f"{BOX}/shm"
"""Where student code lives, its folder for temporary files, and what ``/dev/shm`` points to: one bounded whole."""


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    _checked("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def leave_namespaces() -> None:
    """Give this process and its children a user, mounts, network and queues of their own; children a process tree."""
    user, group = os.geteuid(), os.getegid()
    _checked("unshare", NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    with contextlib.suppress(OSError):  # where memory runs out, the kernel is to end this one and not the grader
        Path("/proc/self/oom_score_adj").write_text("1000")
    _checked("unshare", NEW_MOUNTS | NEW_IPC | NEW_NETWORK | NEW_PIDS)


def leave_process_namespace() -> None:
    """Give the next child of this process a process tree of its own; takes root's rights."""
    _checked("unshare", NEW_PIDS)


def become(user: int) -> None:
    """Turn from root into a user without rights, for good."""
    _drop_bounding_set()
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)  # takes the capabilities too
    _checked("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_process_group() -> None:
    """Begin a session: a signal to the own group would reach the zygote, which no process namespace keeps off."""
    with contextlib.suppress(PermissionError):  # it leads one already
        os.setsid()


def mount_private_folders(limits: Limits, processor: str) -> None:
    """Cover what submissions could share with an empty folder, and every process with an empty ``/proc``.

    Args:
        limits: bounds of the folder.
        processor: the text of ``/proc/cpuinfo``, the one file that stays: libraries choose their code by it.
    """
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    size = f"size={limits.disk_bytes},nr_inodes={limits.files + 4},mode=0755"
    _mount("tmpfs", BOX, "tmpfs", MS_NOSUID | MS_NODEV, size)
    for folder in (WORK, SCRATCH, SHARED):
        os.mkdir(folder, 0o700)
    _mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4m,nr_inodes=4,mode=0555")
    Path("/proc/cpuinfo").write_text(processor)
    _mount(None, "/proc", None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(WORK)


def keep_only(descriptors: Sequence[int]) -> list[int]:
    """Close every descriptor but these, which become 3, 4 and so on; 0 to 2 become the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    high = [os.dup(one) for one in (null, *descriptors)]
    while min(high) < 3 + len(descriptors):  # out of the way of where they are to go
        high = [os.dup(one) for one in high]
    for standard in range(3):
        os.dup2(high[0], standard)
    kept = []
    for number, one in enumerate(high[1:], start=3):
        os.dup2(one, number, inheritable=False)
        kept.append(number)
    os.closerange(3 + len(kept), 1 << 20)
    return kept


def give_up_privileges(limits: Limits, own_user: bool) -> bool:
    """Drop every right for good and set the limits; says whether system calls are filtered too.

    Args:
        limits: the bounds.
        own_user: nobody else has this user id, so that its processes can be counted.
    """
    set_limits(limits, processes=own_user)
    _drop_bounding_set()
    with contextlib.suppress(OSError):  # before Linux 4.3 there are none
        _checked("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    _checked("capset", head, (ctypes.c_uint32 * 6)())
    _checked("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _checked("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)  # no program of the host's is started for a crash either
    return seccomp.install()


def thread_count() -> int:
    """How many threads this process has; a fork would take along only one of them."""
    return len(os.listdir("/proc/self/task"))


def _drop_bounding_set() -> None:
    """Give up what a program with rights of its own could bring; does nothing where that is done already."""
    for capability in range(64):
        if _call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _checked("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: object) -> int:
    function = getattr(_c_library(), name)
    return int(function(*_longs(arguments)))


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(name: str, *arguments: object) -> None:
    if _call(name, *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _longs(arguments: Iterable[object]) -> list[object]:
    """Whole numbers as C longs: a variadic function reads all of a register."""
    return [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
