"""Asking a student process plain questions over a channel, without the retries of a grading session.

For checks of the sandbox itself: what comes back is what happened.
"""

from types import TracebackType
from typing import Any, Self

from course_utils.grading.sandbox.runner import Channel, TimeLimit
from course_utils.grading.wire import pack, unpack


class Conversation:
    """A fresh student process in which pieces of code run.

    Args:
        channel: the process; it is closed with the conversation.
        limit: how long each question may take.
    """

    def __init__(self, channel: Channel, limit: TimeLimit | None = None) -> None:
        self.channel, self.limit, self._number = channel, limit or TimeLimit(20.0, 60.0), 0
        self.ask({"op": "start", "withheld": [], "tensors": False}, {"own": {}, "given": {}}, TimeLimit(60.0, 120.0))

    def run(self, source: str) -> None:
        """Run code as a notebook's cell; raises `RuntimeError` if it raises."""
        self._check(self.ask({"op": "run", "source": source, "label": "cell 1"})[0])

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function that was defined by code run before; raises `RuntimeError` if it raises."""
        reply, value = self.ask({"op": "call", "name": name}, [list(arguments), {}])
        self._check(reply)
        return value

    def ask(
        self, message: dict[str, Any], value: Any = None, limit: TimeLimit | None = None
    ) -> tuple[dict[str, Any], Any]:
        """Send one request; returns the answer's envelope and its value. Raises what the channel raises."""
        self._number += 1
        return unpack(self.channel.request(pack({**message, "id": self._number}, value), limit or self.limit))

    def _check(self, reply: dict[str, Any]) -> None:
        if reply.get("status") != "ok":
            raise RuntimeError(f"{reply.get('status')}: {reply.get('error', '')} {reply.get('line', '')}".strip())

    def close(self) -> None:
        """End the process."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
