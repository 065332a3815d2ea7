"""Student processes locked in by bubblewrap, warmed ahead of use.

Two ways, with the same walls. ``fork``: one sandbox with the imports done, which forks a process for each submission;
the process closes itself in further, in namespaces of its own. ``single``: a sandbox for each submission, started
ahead of use; this is for systems that refuse namespaces inside namespaces. ``auto`` tries the first and falls back.

As root, bubblewrap builds the sandbox with root's own rights (which reach a Python below ``/root``), and everything
inside runs as a user id that nobody else has. As an ordinary user it builds it in a user namespace.
"""

import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from course_utils.grading.sandbox.cgroup import find_groups
from course_utils.grading.sandbox.inmate import LockedInmate
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.locked import Gone, Refused, Sandbox
from course_utils.grading.sandbox.pipes import PipeChannel
from course_utils.grading.sandbox.pool import Pool
from course_utils.grading.sandbox.remedy import what_is_missing
from course_utils.grading.sandbox.runner import NoSandbox, Unavailable
from course_utils.grading.sandbox.watch import Watch
from course_utils.grading.sandbox.zygote import Settings

Warm = Literal["auto", "fork", "single"]
PRELOAD = ("numpy", "matplotlib.pyplot")
TRIES = 3
UNCOUNTED_FILES = 64


class BubblewrapRunner:
    """Opens student processes in sandboxes.

    Args:
        limits: bounds of each submission.
        preload: modules to import before a process is needed.
        warm: ``fork``, ``single``, or ``auto`` for the first that works.
        ahead: how many processes to keep ready.
        control_groups: use them where they are writable.
        readable: further files and folders that student code may read.
        withheld: modules that student code must not have: their files are not there.

    Raises:
        NoSandbox: if a program or a right is missing.
    """

    name = "bubblewrap"
    sandboxed = True

    def __init__(
        self,
        limits: Limits | None = None,
        preload: Sequence[str] = PRELOAD,
        warm: Warm = "auto",
        ahead: int = 1,
        control_groups: bool = True,
        readable: Iterable[Path] = (),
        withheld: Sequence[str] = (),
    ) -> None:
        missing = what_is_missing()
        if missing is not None:
            raise NoSandbox(missing)
        self._groups = find_groups(limits or Limits()) if control_groups else None
        self.limits = limits or Limits()
        if self._groups is None:  # nobody counts what waits in pipes and sockets: let there be few
            self.limits = replace(self.limits, open_files=min(self.limits.open_files, UNCOUNTED_FILES))
        self.settings = Settings(self.limits, tuple(preload))
        self.mode: Literal["fork", "single"] = "single" if warm == "single" else "fork"
        self._may_change = warm == "auto"
        self._readable, self._withheld = tuple(readable), tuple(withheld)
        self._watch = Watch()
        self._zygote: Sandbox | None = None
        self._open: weakref.WeakSet[PipeChannel] = weakref.WeakSet()
        self._ahead = ahead
        self._pool = Pool(self._make, PipeChannel.close, ahead)

    def open(self) -> PipeChannel:
        """A process that has seen no submission yet, in an empty folder of its own."""
        for _ in range(TRIES + self._ahead):
            channel = self._pool.take()
            if channel.inmate.alive():
                return channel
            channel.close()  # whoever killed it did so before it was used
        raise Unavailable("one sandbox after the other was killed from outside before it was used")

    def close(self) -> None:
        """End every process, and remove what was made for them."""
        self._pool.close()
        for channel in list(self._open):
            channel.close()
        if self._zygote is not None:
            self._zygote.stop()
            self._zygote = None
        if self._groups is not None:
            self._groups.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def zygote_pid(self) -> int | None:
        """Process id of the sandbox that student processes are forked from; None while there is none."""
        return None if self._zygote is None else self._zygote.process.pid

    def _make(self) -> PipeChannel:
        """Start one process; runs in the pool's thread only."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._make_forked() if self.mode == "fork" else self._make_single()
            except Refused as refusal:
                if not self._may_change:
                    raise NoSandbox(f"student processes cannot be closed in: {refusal}") from None
                self.mode = "single"
                self._end_zygote()
            except Gone as gone:  # killed from outside: the new process alone, or the sandbox it comes from
                if attempt > 1:
                    self._end_zygote()
                if attempt == TRIES:
                    raise Unavailable(f"the sandbox ended {TRIES} times in a row: {gone}") from None
        return self._make_single()

    def _make_forked(self) -> PipeChannel:
        if self._zygote is None or not self._zygote.alive():
            self._end_zygote()
            self._zygote = Sandbox("fork", self.settings, self._readable, self._withheld)
        if self._zygote.threads > 1:
            raise Refused(
                f"the modules imported ahead of use ({', '.join(self.settings.preload)}) start threads, "
                "and a process with threads cannot be forked safely"
            )
        return self._channel(self._zygote, single=False)

    def _make_single(self) -> PipeChannel:
        sandbox = Sandbox("single", self.settings, self._readable, self._withheld)
        try:
            return self._channel(sandbox, single=True)
        except BaseException:
            sandbox.stop()
            raise

    def _channel(self, sandbox: Sandbox, single: bool) -> PipeChannel:
        requests_in, requests_out = os.pipe()
        replies_in, replies_out = os.pipe()
        try:
            inmate = LockedInmate.admit(
                sandbox, (requests_in, replies_out), self.limits, self._groups, self._watch, single
            )
        except BaseException:
            os.close(requests_out)
            os.close(replies_in)
            raise
        finally:
            os.close(requests_in)
            os.close(replies_out)
        channel = PipeChannel(inmate, requests_out, replies_in, self.limits.total_seconds)
        self._open.add(channel)
        return channel

    def _end_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.stop()
            self._zygote = None
