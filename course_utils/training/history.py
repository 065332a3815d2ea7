"""What a training run remembers: losses and accuracies by epoch, learning rate by step, seconds."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path


@dataclass
class History:
    """Record of one run of :func:`course_utils.training.fit`.

    Attributes:
        train_loss: mean loss over the samples of each epoch, measured while the weights were moving.
        train_accuracy: share of right answers over the same samples, 0 to 1; of right pixels where each has a label.
        valid_loss: loss on the held-out set after each epoch (empty without one).
        valid_accuracy: accuracy on the held-out set after each epoch, 0 to 1.
        lr: learning rate of every step.
        step_loss: loss of every batch.
        epoch_ends: how many batches had been seen at the end of each epoch.
        seconds: wall-clock time of the run, evaluation included.
        device: where it ran, as text.
        speed: how it was computed: device, number format, memory layout, and why.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    epoch_ends: list[int] = field(default_factory=list)
    seconds: float = 0.0
    device: str = "cpu"
    speed: str = ""

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.train_loss)

    def rows(self) -> list[dict[str, float]]:
        """Return one dict an epoch, with what was measured in it."""
        columns = {"train_loss": self.train_loss, "train_accuracy": self.train_accuracy}
        columns |= {"valid_loss": self.valid_loss, "valid_accuracy": self.valid_accuracy}
        filled = {name: values for name, values in columns.items() if len(values) == self.epochs}
        return [{"epoch": i + 1, **{name: v[i] for name, v in filled.items()}} for i in range(self.epochs)]

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write one line an epoch, under a line of names."""
        target = Path(path)
        with target.open("w", newline="", encoding="utf-8") as file:
            rows = self.rows()
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return target

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write everything, steps included; :meth:`from_json` reads it."""
        target = Path(path)
        target.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return target

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> History:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: if the file holds something else; the message names the fields that do not fit.
        """
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        known = {f.name for f in fields(cls)}
        if not isinstance(found, dict) or set(found) - known:
            odd = sorted(set(found) - known) if isinstance(found, dict) else type(found).__name__
            raise ValueError(f"{Path(path).name} must hold a history, got {odd}")
        return cls(**found)

    def to_tensorboard(self, folder: str | os.PathLike[str]) -> None:
        """Write the curves for TensorBoard.

        Raises:
            ImportError: if TensorBoard is not installed; the message says how to install it.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is not installed: pip install tensorboard") from error
        with SummaryWriter(str(folder)) as writer:
            for row in self.rows():
                for name, value in row.items():
                    if name != "epoch":
                        writer.add_scalar(name.replace("_", "/", 1), value, int(row["epoch"]))
            for step, (lr, value) in enumerate(zip(self.lr, self.step_loss, strict=False)):
                writer.add_scalar("step/lr", lr, step)
                writer.add_scalar("step/loss", value, step)

    def __str__(self) -> str:
        head = "epoch  train loss  train acc"
        rows = [head + ("  valid loss  valid acc" if self.valid_loss else "")]
        for i in range(self.epochs):
            row = f"{i + 1:5d}  {self.train_loss[i]:10.4f}  {self.train_accuracy[i]:9.4f}"
            if self.valid_loss:
                row += f"  {self.valid_loss[i]:10.4f}  {self.valid_accuracy[i]:9.4f}"
            rows.append(row)
        return "\n".join(rows)
