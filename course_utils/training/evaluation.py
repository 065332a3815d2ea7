"""Measure a classifier on data it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """Result of :func:`evaluate`: mean ``loss``, ``accuracy`` (0 to 1), ``predictions`` and ``labels`` (N,)."""

    loss: float
    accuracy: float
    predictions: Tensor
    labels: Tensor

    @property
    def mistakes(self) -> Tensor:
        """Indices of the samples answered wrongly, in the order they came."""
        return torch.nonzero(self.predictions != self.labels).flatten()


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    loss: Loss | None = None,
    device: torch.device | str | None = None,
    flip: bool = False,
) -> Evaluation:
    """Run ``model`` over ``batches`` in evaluation mode and compare with the labels.

    Args:
        model: maps inputs ``(B, ...)`` to logits ``(B, num_classes)``; its mode is restored afterwards.
        batches: yields ``(x, y)``; give batches that do not shuffle if the order of predictions matters.
        loss: mean loss of a batch from ``(logits, y)``; cross-entropy if left out.
        device: where to run; the model's own device if left out.
        flip: average the logits of each picture (B, C, H, W) and of its mirror image: twice the work, often a third of
            a per cent more, for pictures whose mirror image could be another of them (photos, not digits).

    Returns:
        An :class:`Evaluation` with predictions and labels on the CPU.

    Raises:
        ValueError: if ``batches`` is empty.
    """
    criterion = loss or F.cross_entropy
    device = torch.device(device) if device is not None else device_of(model)
    was_training = model.training
    model.eval()
    total, predictions, labels = 0.0, [], []
    try:
        for x, y in batches:
            x, y = x.to(device), y.to(device)
            logits = model(x) if not flip else (model(x) + model(x.flip(3))) / 2
            total += float(criterion(logits, y)) * len(y)
            predictions.append(logits.argmax(dim=1).cpu())
            labels.append(y.cpu())
    finally:
        model.train(was_training)
    if not labels:
        raise ValueError("batches must hold at least one batch, got none; check batch_size and drop_last")
    answered, wanted = torch.cat(predictions), torch.cat(labels)
    accuracy = (answered == wanted).double().mean().item()
    return Evaluation(total / len(wanted), accuracy, answered, wanted)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter; the CPU for a model without parameters."""
    first = next(model.parameters(), None)
    return first.device if first is not None else torch.device("cpu")
