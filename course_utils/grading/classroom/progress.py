"""What a person sees while a class is graded: a bar with the time left in a terminal, elsewhere a line now and then."""

import os
import sys
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self, TextIO

from course_utils.grading.grade import HUMAN, REJECTED

NOT_SANDBOXED = "NOT SANDBOXED"
SECONDS_BETWEEN_LINES = 10.0


def plain(text: str, width: int = 200) -> str:
    """Text of untrusted origin, fit for a terminal: nothing that moves the cursor or turns the direction of writing."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def duration(seconds: float) -> str:
    """A time span as people say it: ``40 s``, ``3 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """How far a run is; a context manager that takes its bar off the screen.

    Args:
        label: what is being done.
        total: how many submissions there are.
        warning: printed on every line.
        stream: where to; standard error by default.
        terminal: whether a person watches a terminal; found out by default.
        every: seconds between two lines where it is none.
    """

    def __init__(
        self,
        label: str,
        total: int,
        *,
        warning: str = "",
        stream: TextIO | None = None,
        terminal: bool | None = None,
        every: float = SECONDS_BETWEEN_LINES,
    ) -> None:
        self.label, self.total, self.warning = label, total, warning
        self.stream = sys.stderr if stream is None else stream
        self.every = every
        self.done = 0
        self._statuses: Counter[str] = Counter()
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        watched = self.stream.isatty() and os.environ.get("TERM") != "dumb" if terminal is None else terminal
        if watched and total:
            self._bar = self._make_bar()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, status: str, *, warning: str | None = None) -> None:
        """One submission more is done.

        Args:
            status: how it ended.
            warning: what lines say from now on; None for the same as before.
        """
        self.done += 1
        if warning is not None and warning != self.warning:
            self.warning = warning
            if self._bar is not None:
                self._bar.set_description_str(self._short_head(), refresh=False)
        self._statuses[status] += 1
        if self._bar is not None:
            self._bar.set_postfix_str(self._special().removeprefix(", "), refresh=False)
            self._bar.update(1)
            if self.done == self.total:
                self._bar.refresh()
        elif self.done == self.total or time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self._line(f"{self.done} of {self.total} done{self._left()}{self._special()}")

    def note(self, text: str) -> None:
        """Say something in between, on a line of its own."""
        self._line(plain(text, 1_000))

    def _line(self, text: str) -> None:
        line = f"{self._head()}: {text}"
        if self._bar is not None:
            self._bar.write(line, file=self.stream)
        else:
            print(line, file=self.stream, flush=True)

    def _head(self) -> str:
        return f"{self.warning}  {self.label}" if self.warning else self.label

    def _short_head(self) -> str:
        return self._head() if len(self._head()) <= 32 else self._head()[:31] + "…"

    def _left(self) -> str:
        left = (time.monotonic() - self._start) / self.done * (self.total - self.done)
        return f", about {duration(left)} left" if self.done < self.total else ""

    def _special(self) -> str:
        words = {REJECTED: "rejected", HUMAN: "for a human"}
        return "".join(f", {self._statuses[s]} {word}" for s, word in words.items() if self._statuses[s])

    def _make_bar(self) -> Any:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread of its own
        return tqdm(
            total=self.total,
            desc=self._short_head(),
            file=self.stream,
            bar_format="{desc} {bar} {n_fmt}/{total_fmt}, {remaining} left{postfix}",
            ascii=" ▏▎▍▌▋▊▉█",
            dynamic_ncols=True,
            mininterval=0.1,
            leave=False,
        )
