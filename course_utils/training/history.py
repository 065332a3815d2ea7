"""What a training run remembers: losses and accuracies by epoch, learning rate by step, seconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """Record of one run of :func:`course_utils.training.fit`.

    Attributes:
        train_loss: mean loss over the samples of each epoch, measured while the weights were moving.
        train_accuracy: share of right answers over the same samples, 0 to 1.
        valid_loss: loss on the held-out set after each epoch (empty without one).
        valid_accuracy: accuracy on the held-out set after each epoch, 0 to 1.
        lr: learning rate of every step.
        step_loss: loss of every step's batch.
        seconds: wall-clock time of the run, evaluation included.
        device: where it ran, as text.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    device: str = "cpu"

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.train_loss)

    def __str__(self) -> str:
        head = "epoch  train loss  train acc"
        rows = [head + ("  valid loss  valid acc" if self.valid_loss else "")]
        for i in range(self.epochs):
            row = f"{i + 1:5d}  {self.train_loss[i]:10.4f}  {self.train_accuracy[i]:9.4f}"
            if self.valid_loss:
                row += f"  {self.valid_loss[i]:10.4f}  {self.valid_accuracy[i]:9.4f}"
            rows.append(row)
        return "\n".join(rows)
