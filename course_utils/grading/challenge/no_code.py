"""The runner of what runs no student code: grading a challenge needs no sandbox, so no machine lacks one for it."""

from types import TracebackType
from typing import Any, Self

from course_utils.grading.sandbox.runner import Channel, Unavailable


class NoCode:
    """Starts nothing, ever."""

    name = "no student code"
    sandboxed = True

    def open(self, *arguments: Any, **options: Any) -> Channel:
        """Refuse."""
        raise Unavailable("a data challenge runs no student code")

    def close(self) -> None:
        """There is nothing to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
