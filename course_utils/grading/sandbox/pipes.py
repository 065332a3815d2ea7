"""A channel over two pipes: frames to a student process and back, with deadlines in both directions."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

from course_utils.grading.sandbox.runner import Died, TimeLimit, Timeout, processor_seconds
from course_utils.grading.wire import HEADER, Refused, frame_size


class PipeChannel:
    """Frames over two pipes to a child process, with deadlines in both directions."""

    def __init__(self, process: subprocess.Popen[bytes], requests: int, replies: int, folder: Path) -> None:
        self.process, self.requests, self.replies, self.folder = process, requests, replies, folder
        for descriptor in (requests, replies):
            os.set_blocking(descriptor, False)

    def request(self, frame: bytes, limit: TimeLimit) -> bytes:
        clock = _Clock(self.process.pid, limit)
        try:
            self._send(frame, clock)
            header = self._receive(HEADER.size, clock)
            return header + self._receive(sum(frame_size(header)), clock)
        except Timeout:
            self.close()
            raise
        except Refused as refusal:
            self.close()
            raise Died(f"it wrote something that is no answer: {refusal}") from None
        except (EOFError, BrokenPipeError):
            status = self._exit_status()
            self.close()
            raise Died(f"the process ended with status {status}", killed=status == -signal.SIGKILL) from None

    def close(self) -> None:
        if self.requests < 0:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.wait()
        os.close(self.requests)
        os.close(self.replies)
        self.requests = self.replies = -1
        shutil.rmtree(self.folder, ignore_errors=True)

    def _exit_status(self) -> int | None:
        try:
            return self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on
            return None

    def _send(self, data: bytes, clock: "_Clock") -> None:
        view = memoryview(data)
        while view:
            clock.wait(self.requests, selectors.EVENT_WRITE)
            view = view[os.write(self.requests, view[: 1 << 16]) :]

    def _receive(self, size: int, clock: "_Clock") -> bytes:
        parts = []
        while size:
            clock.wait(self.replies, selectors.EVENT_READ)
            part = os.read(self.replies, min(size, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class _Clock:
    """Waits for a descriptor until the processor time or the clock time of one request is used up."""

    def __init__(self, pid: int, limit: TimeLimit) -> None:
        self.pid, self.limit = pid, limit
        self.start, self.processor_start = time.monotonic(), processor_seconds(pid)

    def wait(self, descriptor: int, event: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(0.1):
                if time.monotonic() - self.start > self.limit.clock:
                    raise Timeout(f"no answer within {self.limit.clock:g} s on the clock")
                used = processor_seconds(self.pid)
                if used is not None and used - (self.processor_start or 0.0) > self.limit.processor:
                    raise Timeout(f"no answer within {self.limit.processor:g} s of processor time")
