"""Why a machine has no sandbox, and what its owner can do about it."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

INSTALL = (
    "bubblewrap is not installed: apt install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), "
    "pacman -S bubblewrap (Arch)"
)
TRIAL = ("--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--", "true")
APPARMOR = """\
AppArmor does not let programs make user namespaces (Ubuntu from 23.10 on). Let bubblewrap make them: write these \
lines into /etc/apparmor.d/bwrap
    abi <abi/4.0>,
    include <tunables/global>
    profile bwrap /usr/bin/bwrap flags=(unconfined) {
      userns,
    }
and load it: sudo apparmor_parser -r /etc/apparmor.d/bwrap"""


def what_is_missing() -> str | None:
    """What keeps bubblewrap from working here, with the remedy; None when it works."""
    if sys.platform != "linux":
        return (
            "bubblewrap is there for Linux only: grade in a container (podman or docker), on a Linux machine, or in "
            "the Windows Subsystem for Linux"
        )
    if not hasattr(os, "pidfd_open"):
        return "this Python cannot hold processes by descriptor (os.pidfd_open): use your system's own Python"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        return f"the kernel cannot hold processes by descriptor ({error.strerror}): Linux 5.3 or later is needed"
    program = shutil.which("bwrap")
    if program is None:
        return INSTALL
    root = os.geteuid() == 0
    if root and shutil.which("setpriv") is None:
        return "setpriv is not installed, which takes root's rights away inside: apt install util-linux"
    command = [program, *([] if root else ["--unshare-user"]), *TRIAL]
    try:
        trial = subprocess.run(command, env={}, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be run: {error}"
    if trial.returncode == 0:
        return None
    said = trial.stderr.decode(errors="replace").strip() or f"status {trial.returncode}"
    return f"bubblewrap cannot make a sandbox ({said}). {_remedy()}"


def wrapped(text: str, first: str, rest: str, width: int = 78) -> str:
    """Fit text into a terminal; lines that are indented (commands, configuration) stay as they are.

    Args:
        text: what to fit.
        first: what the first line begins with.
        rest: what the other lines begin with.
        width: columns.
    """
    lines: list[str] = []
    for line in text.splitlines():
        begin = rest if lines else first
        lines += (
            [begin + line]
            if line.startswith(" ")
            else textwrap.wrap(
                line,
                width,
                initial_indent=begin,
                subsequent_indent=rest,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


def _remedy() -> str:
    if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid() != 0:
        return APPARMOR
    if _setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "The kernel keeps user namespaces for root: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if _setting("/proc/sys/user/max_user_namespaces") == "0":
        return "The kernel allows no user namespaces: sudo sysctl -w user.max_user_namespaces=15000"
    if any(os.path.exists(mark) for mark in ("/.dockerenv", "/run/.containerenv")):
        return (
            "This is a container, and the one that started it does not let it make namespaces: start it with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined --cap-add SYS_ADMIN, or grade on the machine itself"
        )
    return "Ask whoever runs this machine to allow user namespaces, or grade in a container (podman or docker)"


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
