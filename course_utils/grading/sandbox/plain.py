"""A plain process for student code: no sandbox, for trusted code and for systems that have none.

It runs as the user who grades, may read and write what that user may, and reach the network.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from course_utils.grading.sandbox import plain_process, process_tree
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.pipes import PipeChannel
from course_utils.grading.sandbox.runner import Died, Unavailable
from course_utils.grading.sandbox.settle import environment

PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class PlainRunner:
    """A child process of the same user with an empty environment and resource limits. Not a sandbox.

    Args:
        limits: its bounds; those that only a sandbox can hold (the sum over processes, files) do not apply.
    """

    name = "plain process"
    sandboxed = False

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def open(self) -> PipeChannel:
        """Start a fresh process in an empty folder of its own, which goes when the channel is closed."""
        try:
            folder = Path(tempfile.mkdtemp(prefix="grading-"))
        except OSError as error:
            raise Unavailable(f"no working directory could be made: {error}") from error
        requests_in, requests_out = os.pipe()
        replies_in, replies_out = os.pipe()
        command = [sys.executable, "-sPB", plain_process.__file__, str(requests_in), str(replies_out)]
        try:
            process = subprocess.Popen(
                [*command, str(PACKAGE_ROOT), json.dumps(dataclasses.asdict(self.limits))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(str(folder), str(folder)),
                pass_fds=(requests_in, replies_out),
                start_new_session=True,
            )
        except OSError as error:
            for descriptor in (requests_out, replies_in):
                os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"no process could be started: {error}") from error
        finally:
            os.close(requests_in)
            os.close(replies_out)
        return PipeChannel(_Process(process, folder), requests_out, replies_in, self.limits.total_seconds)

    def close(self) -> None:
        """Nothing is kept between processes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Process:
    """A plain student process with what it started, and its folder."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.process, self.folder = process, folder

    def alive(self) -> bool:
        return self.process.poll() is None

    def processor_seconds(self) -> float | None:
        return process_tree.processor_seconds(self.process.pid)

    def runnable(self) -> bool | None:
        return process_tree.runnable(self.process.pid)

    def ending(self) -> Died:
        try:
            status = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return Died("it closed its end of the pipe and lives on")
        return Died(f"the process ended with status {status}", killed=status == -signal.SIGKILL)

    def kill(self) -> None:
        """Kill the session it began, and every descendant that left it for one of its own (Linux)."""
        deadline = time.monotonic() + 2
        while self.process.poll() is None and time.monotonic() < deadline:
            below = process_tree.tree(self.process.pid)[1:]
            if not below:
                break
            for signal_number in (signal.SIGSTOP, signal.SIGKILL):  # first none can start another one any more
                for pid in below:
                    _send(pid, signal_number)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _send(pid: int, signal_number: int) -> None:
    try:
        os.kill(pid, signal_number)
    except (ProcessLookupError, PermissionError):
        return
