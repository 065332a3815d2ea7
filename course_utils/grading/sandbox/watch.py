"""A thread that ends student processes which take more than the system itself can hold them to."""

import threading
from typing import Protocol


class Watched(Protocol):
    """A process that may turn out to be over a limit."""

    def over(self) -> str | None:
        """What it did, for the student to read; None while it keeps to its limits."""

    def condemn(self, why: str) -> None:
        """End it, for that reason."""


class Watch:
    """Looks at every process ten times a second; the thread runs while there are any."""

    SECONDS = 0.1

    def __init__(self) -> None:
        self._watched: list[Watched] = []
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, one: Watched) -> None:
        """Look at this one from now on."""
        with self._change:
            self._watched.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="sandbox limits", daemon=True)
                self._thread.start()

    def remove(self, one: Watched) -> None:
        """Look at it no more."""
        with self._change:
            if one in self._watched:
                self._watched.remove(one)

    def _look(self) -> None:
        while True:
            with self._change:
                if not self._watched:
                    self._thread = None
                    return
                watched = list(self._watched)
            for one in watched:
                why = one.over()
                if why is not None:
                    self.remove(one)
                    one.condemn(why)
            with self._change:
                self._change.wait(self.SECONDS)
