"""A channel over two pipes: frames to a student process and back, with deadlines in both directions."""

import os
import selectors
import time
from typing import Protocol

from course_utils.grading.sandbox.runner import Died, Spent, TimeLimit, Timeout
from course_utils.grading.wire import HEADER, Refused, frame_size

LOOK = 0.1  # seconds between two looks at what a process takes


class Inmate(Protocol):
    """The process at the other end, as each runner knows it."""

    def alive(self) -> bool:
        """Whether it is still running."""

    def processor_seconds(self) -> float | None:
        """Processor time used by it and by all that it started; None where that is unknown."""

    def runnable(self) -> bool | None:
        """Whether it, or anything that it started, wants a processor now; None where that is unknown."""

    def ending(self) -> Died:
        """How it ended, asked after it closed its end of the pipes."""

    def kill(self) -> None:
        """End it and all that it started, wait until they are gone, and give back what it held."""


class PipeChannel:
    """Frames over two pipes to an inmate.

    Args:
        inmate: the process at the other end.
        requests: descriptor that frames are written to.
        replies: descriptor that frames are read from.
        total_seconds: seconds on the clock from the first request to the last.
    """

    def __init__(self, inmate: Inmate, requests: int, replies: int, total_seconds: float) -> None:
        self.inmate, self.requests, self.replies, self.total_seconds = inmate, requests, replies, total_seconds
        self.spent = Spent()
        self._until: float | None = None
        for descriptor in (requests, replies):
            os.set_blocking(descriptor, False)

    def request(self, frame: bytes, limit: TimeLimit) -> bytes:
        if self.requests < 0:
            raise Died("the process has been ended")
        if self._until is None:
            self._until = time.monotonic() + self.total_seconds
        clock = _Clock(self.inmate, limit, self._until, self.total_seconds)
        try:
            try:
                self._send(frame, clock)
                header = self._receive(HEADER.size, clock)
                return header + self._receive(sum(frame_size(header)), clock)
            finally:  # as long as there is something to read it from
                self.spent = clock.spent()
        except Timeout:
            self.close()
            raise
        except Refused as refusal:
            self.close()
            raise Died(f"it wrote something that is no answer: {refusal}") from None
        except (EOFError, BrokenPipeError):
            death = self.inmate.ending()
            self.close()
            raise death from None

    def close(self) -> None:
        if self.requests < 0:
            return
        try:
            self.inmate.kill()
        finally:
            os.close(self.requests)
            os.close(self.replies)
            self.requests = self.replies = -1

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

    def __init__(self, inmate: Inmate, limit: TimeLimit, until: float, total_seconds: float) -> None:
        self.inmate, self.limit, self.until, self.total_seconds = inmate, limit, until, total_seconds
        self.start, self.processor_start = time.monotonic(), inmate.processor_seconds()
        self.looked, self.processor, self.idle = self.start, None if self.processor_start is None else 0.0, 0.0

    def spent(self) -> Spent:
        """What the request took so far."""
        self._read_processor()
        return Spent(self.processor, self.idle)

    def wait(self, descriptor: int, event: int) -> None:
        """Return when the descriptor is ready; raise `Timeout` when time is up, also for one that only trickles."""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while True:
                ready = selector.select(LOOK)
                since = time.monotonic() - self.looked
                if since >= LOOK:
                    if not ready and self.inmate.runnable() is False:
                        self.idle += min(since, 2 * LOOK)  # a longer gap is the grader's own, on a busy machine
                    self._look()
                if ready:
                    return

    def _look(self) -> None:
        self.looked = time.monotonic()
        if self.looked - self.start > self.limit.clock:
            raise Timeout(f"no answer within {self.limit.clock:g} s on the clock")
        if self.looked > self.until:
            raise Timeout(f"the process may run for {self.total_seconds:g} s on the clock in all")
        self._read_processor()
        if self.processor is not None and self.processor > self.limit.processor:
            raise Timeout(f"no answer within {self.limit.processor:g} s of processor time")

    def _read_processor(self) -> None:
        used = self.inmate.processor_seconds()
        if used is not None and self.processor is not None:  # what it used last counts when it has ended
            self.processor = max(self.processor, used - (self.processor_start or 0.0))
