"""A progress bar that behaves in JupyterLab, in a terminal and in a stored notebook.

In a terminal it is one line that redraws itself. In a live notebook it is the same line, rewritten with a
carriage return. Where nobody watches (nbconvert, nbval, a pipe, CI) it prints nothing, so that a stored
output does not depend on how fast the machine was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def somebody_watches() -> bool:
    """Tell whether a person sees the output as it comes: a terminal, or a notebook opened in a browser.

    ``COURSE_PROGRESS=0`` or ``1`` overrules the guess; the chapter build and the tests set it to 0.
    """
    forced = os.environ.get("COURSE_PROGRESS")
    if forced is not None:
        return forced.strip().lower() not in {"", "0", "no", "false", "off"}
    if "ipykernel" in sys.modules:
        return "JPY_SESSION_NAME" in os.environ
    return sys.stderr.isatty()


class Progress(Iterable[T]):
    """Iterate over ``items`` and show how far it is.

    Args:
        items: anything with a length.
        label: short text in front of the bar.
        show: force the bar on or off; ``None`` asks :func:`somebody_watches`.
    """

    def __init__(self, items: Iterable[T], label: str = "", show: bool | None = None) -> None:
        from tqdm import tqdm

        watched = somebody_watches() if show is None else show
        self._bar: Any = tqdm(
            items,
            desc=label,
            disable=not watched,
            leave=False,
            ascii=" ▏▎▍▌▋▊▉█" if sys.platform != "win32" else True,
            dynamic_ncols="ipykernel" not in sys.modules,
            mininterval=0.2,
        )

    def __iter__(self) -> Iterator[T]:
        return iter(self._bar)

    def note(self, **figures: float) -> None:
        """Show figures behind the bar, for example ``note(loss=0.31)``."""
        if not self._bar.disable:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()}, refresh=False)

    def close(self) -> None:
        """Take the bar off the screen."""
        self._bar.close()
