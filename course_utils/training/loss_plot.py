"""The loss as it falls: a figure in a notebook that redraws itself while the network learns."""

from __future__ import annotations

import time
from typing import Any

from course_utils.check import check_number
from course_utils.training.history import History
from course_utils.training.progress import somebody_watches


class LossPlot:
    """Draw the loss of every batch, and of every epoch held out, below the cell that trains; for ``fit(watch=...)``.

    Where nobody watches (a stored notebook, a pipe) it draws nothing, so that a stored output does not depend on the
    machine's speed. :meth:`figure` draws the same at any time.

    Args:
        every: seconds between two drawings, so that drawing stays cheap beside training.
        show: force drawing on or off; ``None`` asks whether somebody watches.
    """

    def __init__(self, every: float = 1.0, show: bool | None = None) -> None:
        self.every = check_number("every", every, minimum=0)
        self.shown = somebody_watches() if show is None else show
        self.drawn = 0
        self._last = -float("inf")
        self._handle: Any = None

    def __call__(self, history: History) -> None:
        """Draw if it is time to."""
        if not self.shown or time.monotonic() - self._last < self.every:
            return
        from IPython.display import display

        picture = self.figure(history)
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        self.drawn += 1
        self._last = time.monotonic()

    @staticmethod
    def figure(history: History) -> Any:
        """Return the figure: batches as dots, the mean of each epoch and the held-out loss as lines.

        Args:
            history: with at least one step.
        """
        from matplotlib.figure import Figure

        picture = Figure(figsize=(6.0, 3.0), layout="constrained")
        ax = picture.subplots()
        steps = len(history.step_loss)
        ax.plot(range(1, steps + 1), history.step_loss, ".", ms=2, color="#56B4E9", label="a batch")
        if history.train_loss:
            ends = history.epoch_ends
            ax.plot(ends, history.train_loss, "o-", color="#0072B2", label="mean of an epoch")
            if len(history.valid_loss) == len(ends):
                ax.plot(ends, history.valid_loss, "s-", color="#D55E00", label="held out")
        ax.set(xlabel="batch", ylabel="loss", yscale="log")
        ax.legend(frameon=False)
        return picture
