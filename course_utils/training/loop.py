"""The loop itself: for each batch, forward, loss, backward, step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from course_utils.check import check_choice, check_int, check_number
from course_utils.training.evaluation import Loss, device_of, evaluate
from course_utils.training.history import History
from course_utils.training.progress import Progress

OptimizerFactory = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]

OPTIMIZERS: dict[str, OptimizerFactory] = {
    "adam": lambda params, lr: torch.optim.Adam(params, lr=lr),
    "sgd": lambda params, lr: torch.optim.SGD(params, lr=lr, momentum=0.9),
}
SCHEDULES = ("one_cycle", None)


class BatchSource(Protocol):
    """What :func:`fit` needs of its batches: a length, and ``(x, y)`` pairs anew every epoch."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


def fit(
    model: nn.Module,
    train: BatchSource,
    *,
    valid: BatchSource | None = None,
    epochs: int = 5,
    lr: float = 1e-3,
    optimizer: str | OptimizerFactory = "adam",
    schedule: str | None = None,
    loss: Loss | None = None,
    device: torch.device | str | None = None,
    progress: bool | None = None,
) -> History:
    """Train ``model`` on ``train`` for a number of epochs.

    Args:
        model: maps ``x`` to logits; trained in place, left in training mode.
        train: batches ``(x, y)``, for example :class:`course_utils.data.Batches`; iterated once an epoch.
        valid: held-out batches, evaluated after every epoch.
        epochs: passes over ``train``, at least 1.
        lr: learning rate, above 0; with ``"one_cycle"`` the highest one.
        optimizer: ``"adam"``, ``"sgd"`` (momentum 0.9), or a function ``(parameters, lr) -> Optimizer``.
        schedule: ``"one_cycle"`` (Smith & Topin, 2018: up, then down to almost zero) or ``None`` (constant).
        loss: mean loss of a batch from ``(logits, y)``; cross-entropy if left out.
        device: where to train; the model's own device if left out. The model is moved there.
        progress: show a bar; ``None`` shows it where somebody watches.

    Returns:
        A :class:`History`.

    Raises:
        ValueError: if an argument is out of range or ``train`` is empty.
        FloatingPointError: if the loss stops being finite; the message names epoch, step and remedy.
    """
    check_int("epochs", epochs, minimum=1)
    check_number("lr", lr, above=0)
    check_choice("schedule", schedule, SCHEDULES)
    steps = len(train)
    if steps == 0:
        raise ValueError("train must hold at least one batch, got none; check batch_size and drop_last")
    device = torch.device(device) if device is not None else device_of(model)
    model.to(device).train()
    make = OPTIMIZERS[check_choice("optimizer", optimizer, OPTIMIZERS)] if isinstance(optimizer, str) else optimizer
    opt = make(model.parameters(), lr)
    plan: LRScheduler | None = None
    if schedule == "one_cycle":
        plan = OneCycleLR(opt, max_lr=lr, total_steps=epochs * steps)
    criterion = loss or F.cross_entropy
    history = History(device=str(device))
    start = time.perf_counter()
    for epoch in range(epochs):
        bar: Progress[tuple[Tensor, Tensor]] = Progress(train, f"epoch {epoch + 1}/{epochs}", progress)
        total, right, count = 0.0, 0, 0
        try:
            for step, (x, y) in enumerate(bar):
                x, y = x.to(device), y.to(device)
                logits = model(x)
                batch_loss = criterion(logits, y)
                opt.zero_grad(set_to_none=True)
                batch_loss.backward()
                history.lr.append(opt.param_groups[0]["lr"])
                opt.step()
                if plan is not None:
                    plan.step()
                value = batch_loss.item()
                if value != value or value in (float("inf"), float("-inf")):
                    raise FloatingPointError(
                        f"the loss is {value} in epoch {epoch + 1}, step {step + 1}; "
                        f"lr = {lr:g} is likely too large: try {lr / 10:g}, or look for inputs that are not finite"
                    )
                history.step_loss.append(value)
                total += value * len(y)
                right += int((logits.detach().argmax(dim=1) == y).sum())
                count += len(y)
                bar.note(loss=value)
        finally:
            bar.close()
        history.train_loss.append(total / count)
        history.train_accuracy.append(right / count)
        if valid is not None:
            seen = evaluate(model, valid, loss=criterion, device=device)
            history.valid_loss.append(seen.loss)
            history.valid_accuracy.append(seen.accuracy)
    history.seconds = time.perf_counter() - start
    return history
