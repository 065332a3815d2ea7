"""A student process inside bubblewrap, as the grader holds it: by a descriptor, its control group and its status."""

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from course_utils.grading.sandbox import process_tree
from course_utils.grading.sandbox.cgroup import Group, Groups
from course_utils.grading.sandbox.closing_in import BOX
from course_utils.grading.sandbox.limits import Limits, cpu_backstop
from course_utils.grading.sandbox.locked import Gone, Refused, Sandbox
from course_utils.grading.sandbox.runner import Died
from course_utils.grading.sandbox.watch import Watch
from course_utils.grading.sandbox.zygote import MESSAGE_BYTES

SECONDS_TO_ANSWER = 30.0
SECONDS_TO_END = 2.0
PF_EXITING = 4
CREDENTIALS = struct.Struct("3i")  # process, user and group id, as the kernel writes them on a message


class LockedInmate:
    """A closed-in student process, held by a descriptor that stays its own whatever happens to its number."""

    def __init__(
        self,
        sandbox: Sandbox,
        status: socket.socket,
        limits: Limits,
        group: Group | None,
        watch: Watch,
        single: bool,
    ) -> None:
        self.sandbox, self.status, self.limits, self.group = sandbox, status, limits, group
        self.watch, self.single = watch, single
        self.pid = self.descriptor = -1
        self.why: str | None = None
        self._lock = threading.Lock()

    @classmethod
    def admit(
        cls,
        sandbox: Sandbox,
        pipes: tuple[int, int],
        limits: Limits,
        groups: Groups | None,
        watch: Watch,
        single: bool,
    ) -> "LockedInmate":
        """Have a process made and closed in; when this returns it waits for its first request."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        mine.settimeout(SECONDS_TO_ANSWER)
        try:
            socket.send_fds(sandbox.control, [b"open"], [*pipes, theirs.fileno()])
        except OSError as error:
            mine.close()
            raise Gone(f"it takes no messages any more ({error})") from None
        finally:
            theirs.close()
        inmate = cls(sandbox, mine, limits, None, watch, single)
        try:
            inmate.pid = inmate._here()
            inmate.descriptor = os.pidfd_open(inmate.pid)
            with contextlib.suppress(OSError):  # a single sandbox has no way of its own to say so
                Path(f"/proc/{inmate.pid}/oom_score_adj").write_text("1000")
            if groups is not None:
                inmate.group = groups.make()
                inmate.group.add(inmate.pid)
            mine.send(b"stay")
            if inmate._here() != inmate.pid:
                raise Gone("another process answered")
        except Refused:
            inmate.kill()
            raise
        except (OSError, Gone) as error:  # it ended on the way
            inmate.kill()
            raise Gone(str(error)) from None
        if inmate.group is None or single:
            watch.add(inmate)
        return inmate

    def alive(self) -> bool:
        """Whether it is still running, and what it runs in: it would go with that."""
        return self.descriptor >= 0 and self.sandbox.alive() and not self._has_ended(0.0)

    def processor_seconds(self) -> float | None:
        used = None if self.group is None else self.group.processor_seconds()
        return process_tree.processor_seconds(self.pid) if used is None else used

    def runnable(self) -> bool | None:
        return process_tree.runnable(self.pid)

    def over(self) -> str | None:
        if self.group is None and process_tree.memory_bytes(self.pid) > self.limits.memory_bytes:
            return f"it used more than {self.limits.memory_text}"
        if self.single:
            try:
                box = os.statvfs(f"/proc/{self.pid}/root{BOX}")
            except OSError:
                return None
            if box.f_files - box.f_ffree > self.limits.files + 4:
                return f"it made more than {self.limits.files} files"
        return None

    def condemn(self, why: str) -> None:
        self.why = why
        self._signal()

    def ending(self) -> Died:
        ended = self._ended(SECONDS_TO_END)
        if ended is None and self._is_ending():  # it may have many children to wait for
            ended = self._ended(SECONDS_TO_ANSWER)
        if self.why is not None:
            return Died(self.why)
        if ended is None:
            return Died("it closed its end of the pipe and lives on")
        if ended != -signal.SIGKILL:
            how = f"signal {-ended}" if ended < 0 else f"status {ended}"
            return Died(f"the process ended with {how}")
        if self.group is not None and self.group.memory_kills():
            return Died(f"it used more than {self.limits.memory_text}")
        used = self.processor_seconds()
        if used is not None and used >= cpu_backstop(self.limits):
            return Died(f"it used more than {cpu_backstop(self.limits)} s of processor time")
        return Died("the process was killed", killed=True)

    def kill(self) -> None:
        self.watch.remove(self)
        if self.descriptor >= 0:
            self._signal()
            # readable when the last process of its namespace is gone too
            self._has_ended(SECONDS_TO_ANSWER)
            with self._lock:
                os.close(self.descriptor)
                self.descriptor = -1
        if self.single:
            self.sandbox.stop()
        self.status.close()
        if self.group is not None:
            self.group.remove()

    def _has_ended(self, seconds: float) -> bool:
        """Wait for its end; says whether it came."""
        look = select.poll()
        look.register(self.descriptor, select.POLLIN)
        return bool(look.poll(1000 * seconds))

    def _is_ending(self) -> bool:
        """Whether the kernel is taking it apart already."""
        fields = process_tree.stat_fields(self.pid)
        return fields is None or fields[0] in "ZX" or bool(int(fields[6]) & PF_EXITING)

    def _signal(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self.descriptor >= 0:
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def _ended(self, seconds: float) -> int | None:
        """How it ended, a signal as a negative number; None while it lives."""
        if self.single and not self.sandbox.tells_endings:
            try:
                status = self.sandbox.process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
            return 128 - status if status > 128 else status
        teller = self.sandbox.control if self.single else self.status
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            teller.settimeout(left)
            try:
                kind, _, content = teller.recv(MESSAGE_BYTES).decode().partition(" ")
            except TimeoutError:
                return None
            except OSError:
                kind = ""
            if kind == "ended":
                return os.waitstatus_to_exitcode(int(content))
            if not kind:  # whoever would have told has been killed, and it with him
                return -signal.SIGKILL
        return None

    def _here(self) -> int:
        """Wait for the message `here`; returns the sender's process id as this process sees it."""
        text, ancillary, _, _ = self.status.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
        kind, _, content = text.decode(errors="replace").partition(" ")
        if kind == "failed":
            raise Refused(content)
        if kind != "here":
            raise Gone("it ended before it was closed in")
        for level, what, data in ancillary:
            if level == socket.SOL_SOCKET and what == socket.SCM_CREDENTIALS:
                return int(CREDENTIALS.unpack(data[: CREDENTIALS.size])[0])
        raise Gone("the kernel named no sender")
