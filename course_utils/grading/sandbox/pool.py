"""Processes started ahead of use, each handed out once."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Keeps a few things ready that take a while to make and serve once.

    They are made in one thread that lives as long as the pool: what dies with the thread that started it (a sandbox
    is told to) then lives as long as well.

    Args:
        make: makes one.
        discard: ends one that nobody took.
        ahead: how many to keep ready.
    """

    def __init__(self, make: Callable[[], T], discard: Callable[[T], None], ahead: int) -> None:
        self._make, self._discard, self._ahead = make, discard, ahead
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="sandboxes")
        self._ready: deque[Future[T]] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._order()

    def take(self) -> T:
        """One that is ready, or the next one when it is; raises what making it raised."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            one = self._ready.popleft() if self._ready else self._maker.submit(self._make)
        self._order()
        return one.result()

    def close(self) -> None:
        """End those that nobody took."""
        with self._lock:
            self._closed = True
            left = list(self._ready)
            self._ready.clear()
        for one in left:
            if not one.cancel() and one.exception() is None:
                self._discard(one.result())
        self._maker.shutdown(wait=True)

    def _order(self) -> None:
        with self._lock:
            while not self._closed and len(self._ready) < self._ahead:
                self._ready.append(self._maker.submit(self._make))
