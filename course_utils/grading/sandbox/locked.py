"""A running bubblewrap with the zygote inside: how it is started, and what it says when it is not."""

import contextlib
import dataclasses
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from course_utils.grading.sandbox.closing_in import NOBODY
from course_utils.grading.sandbox.runner import NoSandbox, Unavailable
from course_utils.grading.sandbox.view import file_tree, user_texts
from course_utils.grading.sandbox.zygote import MESSAGE_BYTES, Settings

FIRST_USER, USERS = 1_900_000_000, 100_000_000  # no distribution gives out user ids of this range
SECONDS_TO_WARM = 180.0
SECONDS_TO_END = 10.0
ZYGOTE = "course_utils.grading.sandbox.zygote"


class Refused(Exception):
    """The system refuses what this way of working needs."""


class Gone(Exception):
    """The other end has ended."""


class Sandbox:
    """A running bubblewrap with the zygote inside, its imports done."""

    def __init__(
        self, mode: str, settings: Settings, readable: Iterable[Path] = (), withheld: Iterable[str] = ()
    ) -> None:
        root = os.geteuid() == 0
        user = FIRST_USER + secrets.randbelow(USERS) if root else NOBODY
        single = mode == "single"
        self.tells_endings = root and single
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        texts = [_as_file(text) for text in (*user_texts(user), _processor_text())]
        numbers = [text.fileno() for text in texts]
        if root and single:  # it steps down itself, once it has made its process namespace
            settings = dataclasses.replace(settings, user=user)
        inner_in, inner_out = os.pipe()
        command = [
            *bubblewrap_command(root, single),
            *["--info-fd", str(inner_out)],
            *file_tree(settings.limits, single, numbers, readable, withheld),
            *(drop_to(user) if root and not single else []),
            *[sys.executable, "-sPB", "-m", ZYGOTE, mode, str(theirs.fileno()), settings.text()],
        ]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={},  # bubblewrap's own environment can be read from inside, whatever it clears
                cwd="/",
                pass_fds=[theirs.fileno(), inner_out, *numbers],
            )
        except OSError as error:
            self.control.close()
            self._log.close()
            os.close(inner_in)
            raise Unavailable(f"bubblewrap could not be started: {error}") from error
        finally:
            theirs.close()
            os.close(inner_out)
            for text in texts:
                text.close()
        with open(inner_in) as told:
            self._inner = _hold(told.read())
        try:
            kind, content = self._hear(SECONDS_TO_WARM)
        except Gone:
            status = self.process.wait()
            said = self._said()
            self.stop()
            if status == -signal.SIGKILL:
                raise
            hint = ". Python and the course must be readable for everybody when root grades" if root else ""
            raise NoSandbox(f"bubblewrap ended with status {status} before it was ready: {said}{hint}") from None
        if kind != "ready":
            self.stop()
            raise Unavailable(f"Python in the sandbox could not import what grading needs: {content}")
        self.threads = int(content)

    def alive(self) -> bool:
        """Whether the sandbox is running."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the sandbox and everything in it."""
        self.control.close()
        if self._inner is not None:  # the first process of the namespace: all others end before it is gone
            look = select.poll()
            look.register(self._inner, select.POLLIN)
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._inner, signal.SIGKILL)
            look.poll(1000 * SECONDS_TO_END)
            os.close(self._inner)
            self._inner = None
        self.process.kill()
        self.process.wait()
        self._log.close()

    def _hear(self, seconds: float) -> tuple[str, str]:
        watch = select.poll()  # of both: one that is killed at once may leave a child that holds the socket open
        watch.register(self.control, select.POLLIN)
        ended = os.pidfd_open(self.process.pid)
        watch.register(ended, select.POLLIN)
        try:
            ready = [descriptor for descriptor, _ in watch.poll(1000 * seconds)]
            if not ready:
                self.stop()
                raise Unavailable(f"the sandbox was not ready within {seconds:g} s")
            if self.control.fileno() not in ready:
                raise Gone("it ended")
            text = self.control.recv(MESSAGE_BYTES)
        except ConnectionError as error:
            raise Gone(str(error)) from None
        finally:
            os.close(ended)
        if not text:
            raise Gone("it closed its end")
        kind, _, content = text.decode(errors="replace").partition(" ")
        return kind, content

    def _said(self) -> str:
        self._log.seek(0)
        lines = self._log.read(4000).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def bubblewrap_command(root: bool, single: bool) -> list[str]:
    """Bubblewrap with its namespaces; what it shows of the machine follows."""
    namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if not root:
        namespaces += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    if single and not root:  # the student process is number 1: when it ends, the kernel ends all that it started
        namespaces.append("--as-pid-1")
    program = shutil.which("bwrap") or "bwrap"
    return [program, *namespaces, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "box"]


def drop_to(user: int) -> list[str]:
    """The program that takes every right from what root starts."""
    program = shutil.which("setpriv") or "setpriv"
    identity = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
    return [program, *identity, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]


def _hold(told: str) -> int | None:
    """A descriptor of the process that bubblewrap names as the first inside; None when it has not come that far."""
    try:
        return os.pidfd_open(int(json.loads(told)["child-pid"]))
    except (ValueError, KeyError, TypeError, OSError):
        return None


def _as_file(text: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(text)
    file.seek(0)
    return file


def _processor_text() -> bytes:
    try:
        return Path("/proc/cpuinfo").read_bytes()
    except OSError:
        return b""
