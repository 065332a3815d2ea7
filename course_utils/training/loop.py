"""The loop itself: for each batch, forward, loss, backward, step."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler

from course_utils.check import check_choice, check_int, check_number
from course_utils.training.averaging import WeightAverage
from course_utils.training.checkpoint import (
    CheckpointError,
    Checkpoints,
    random_states,
    restore_random_states,
)
from course_utils.training.distributed import (
    Shard,
    average_gradients,
    current_group,
    gather_states,
    share_start,
    sum_over_processes,
)
from course_utils.training.evaluation import Loss, device_of, evaluate
from course_utils.training.history import History
from course_utils.training.mixing import Mix
from course_utils.training.progress import Progress
from course_utils.training.schedules import make_schedule
from course_utils.training.speed import Speed, choose_speed
from course_utils.training.trouble import check_labels, explained, exploded, not_finite

OptimizerFactory = Callable[[Iterable[Any], float], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}


# How many batches a GPU may run ahead before their losses are read: reading one makes it wait.
AHEAD = 16


class BatchSource(Protocol):
    """What :func:`fit` needs of its batches: a length, and ``(x, y)`` pairs anew every epoch."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


def right_answers(logits: Tensor, y: Tensor) -> Tensor:
    """Return how many samples of a batch are right; of pictures labelled pixel by pixel, their right shares in sum.

    Zero where ``y`` is not classes, one a sample or one a pixel: what is asked then is no classification.
    """
    if y.is_floating_point() or y.shape != logits.shape[:1] + logits.shape[2:]:
        return torch.tensor(0)
    right = logits.argmax(dim=1) == y
    return right.sum() if y.ndim == 1 else right.flatten(1).float().mean(dim=1).sum()


class Run:
    """One run of training: everything that it needs to go on after an interruption, and what is done with it.

    Args:
        name: its setting as one line; a checkpoint of another setting is refused.
        model: the network.
        optimizer: of its parameters.
        plan: of the learning rate, or None.
        how: device and number format.
        average: of the weights, or None.
        seed: of the mixing of pictures.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        plan: LRScheduler | None,
        how: Speed,
        average: WeightAverage | None,
        seed: int,
    ) -> None:
        self.name, self.model, self.optimizer, self.plan = name, model, optimizer, plan
        self.scaler, self.average = how.scaler(), average
        self.ahead = 1 if how.device.type == "cpu" else AHEAD
        self.mixing = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
        self.history = History(device=str(how.device), speed=str(how))
        self.epoch = self.batch = self.steps = 0
        self.total, self.right, self.seen = 0.0, 0.0, 0.0
        self.best: dict[str, Tensor] | None = None
        self.best_loss, self.waited, self.finished = math.inf, 0, False
        self.group = current_group()
        self.watch: Callable[[History], None] | None = None
        self._bar: Progress[Any] | None = None
        self._pending: list[tuple[int, Tensor, Tensor, int, Tensor]] = []
        self._epoch_start: dict[str, Any] | None = None
        self._resumed: dict[str, Any] | None = None

    def batches(self, train: BatchSource, label: str, progress: bool | None) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the batches of this epoch with their index, from where an interrupted run stopped."""
        if hasattr(train, "set_epoch"):
            train.set_epoch(self.epoch)
        if self._epoch_start is not None and self._resumed is not None:
            restore_random_states(self._epoch_start)  # a source that shuffles by itself then shuffles alike
        else:
            self._epoch_start = random_states()
        self._bar = Progress(train, label, progress if self.group.leads else False)
        try:
            for index, (x, y) in enumerate(self._bar):
                if index < self.batch:
                    continue
                if self._resumed is not None:
                    restore_random_states(self._resumed)
                    self._resumed = None
                self.batch = index + 1
                yield index, x, y
            if self._resumed is not None:  # interrupted after the last batch
                restore_random_states(self._resumed)
                self._resumed = None
        finally:
            self._bar.close()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def step(self, clip: float | None) -> None:
        """Move the weights once, and all that follows them."""
        if self.group.size > 1:
            average_gradients(self.model)
        if clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self.history.lr.append(self.optimizer.param_groups[0]["lr"])
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.plan is not None:
            self.plan.step()
        if self.average is not None:
            self.average.update(self.model)
        self.steps += 1

    def note(self, loss: Tensor, logits: Tensor, y: Tensor, x: Tensor) -> None:
        """Remember loss and right answers of a batch; on a GPU they are read some batches later."""
        self._pending.append((self.batch - 1, loss.detach(), right_answers(logits.detach(), y), len(y), x))
        if len(self._pending) >= self.ahead:
            self._read()

    def _read(self) -> None:
        lr = self.optimizer.param_groups[0]["lr"]
        for index, loss, right, count, x in self._pending:
            value = float(loss)
            if not math.isfinite(value):
                raise not_finite(value, self.epoch, index, lr, self.model, x)
            first = self.history.step_loss[0] if self.history.step_loss else value
            error = exploded(value, first, self.epoch, index, lr)
            if error is not None:
                raise error
            self.history.step_loss.append(value)
            self.total += value * count
            self.right += float(right)
            self.seen += count
            if self._bar is not None:
                self._bar.note(loss=value)
        self._pending.clear()
        if self.watch is not None:
            self.watch(self.history)

    def end_epoch(self) -> None:
        """Close the books of an epoch."""
        self._read()
        if self.group.size > 1:
            self.total, self.right, self.seen = sum_over_processes([self.total, self.right, self.seen])
            share_start(self.model)  # statistics of normalisation: those of process 0
        self.history.train_loss.append(self.total / self.seen)
        self.history.epoch_ends.append(len(self.history.step_loss))
        self.history.train_accuracy.append(self.right / self.seen)
        self.total, self.right, self.seen = 0.0, 0.0, 0.0
        self.epoch, self.batch = self.epoch + 1, 0
        self._epoch_start = None

    def validated(self, loss: float, accuracy: float, patience: int | None) -> None:
        """Take down what the held-out batches say, and stop if they have said nothing better for too long."""
        self.history.valid_loss.append(loss)
        self.history.valid_accuracy.append(accuracy)
        if patience is None:
            return
        if loss < self.best_loss:
            source = self.model if self.average is None else self.average.model
            self.best = {name: value.detach().clone() for name, value in source.state_dict().items()}
            self.best_loss, self.waited = loss, 0
        else:
            self.waited += 1
            self.finished = self.waited >= patience

    def save(self, kept: Checkpoints, seconds: float) -> None:
        """Write everything that :meth:`resume` needs."""
        self._read()
        self.history.seconds = seconds
        here = {"now": random_states(), "epoch_start": self._epoch_start}
        everywhere = [here] if self.group.size == 1 else gather_states(here)
        if not self.group.leads:
            return
        parts = {"plan": self.plan, "scaler": self.scaler, "average": self.average}
        state = {
            "run": self.name,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: None if part is None else part.state_dict() for name, part in parts.items()},
            "history": asdict(self.history),
            "mixing": self.mixing.get_state(),
            "random": everywhere,
            "numbers": [self.epoch, self.batch, self.steps, self.total, self.right, self.seen],
            "watch": [self.best, self.best_loss, self.waited, self.finished],
        }
        kept.save(self.steps, state)

    def resume(self, kept: Checkpoints) -> None:
        """Go on from the newest whole checkpoint of a folder, if there is one.

        Raises:
            CheckpointError: if it is of another run or another network.
        """
        state = kept.newest()
        if state is None:
            return
        if state.get("run") != self.name:
            raise CheckpointError(
                f"{kept.folder} holds another run: {state.get('run')}; this one is: {self.name}. "
                "Give it a folder of its own"
            )
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            text = f"{kept.folder} holds another network: {error}. Give this run a folder of its own"
            raise CheckpointError(text) from error
        self.optimizer.load_state_dict(state["optimizer"])
        parts = {"plan": self.plan, "scaler": self.scaler, "average": self.average}
        for name, part in parts.items():
            if part is not None and state[name] is not None:
                part.load_state_dict(state[name])
        self.history = History(**state["history"])
        self.mixing.set_state(state["mixing"])
        self.epoch, self.batch, self.steps, self.total, self.right, self.seen = state["numbers"]
        self.best, self.best_loss, self.waited, self.finished = state["watch"]
        here = state["random"][self.group.rank % len(state["random"])]
        self._epoch_start, self._resumed = here["epoch_start"], here["now"]
        if self.batch == 0:  # between two epochs there is nothing to skip
            restore_random_states(self._resumed)
            self._epoch_start = self._resumed = None


def _how(model: nn.Module, device: torch.device | str | None, speed: Speed | str | None) -> Speed:
    """Return how to compute from what the caller said."""
    if isinstance(speed, Speed):
        if device is not None and torch.device(device) != speed.device:
            raise ValueError(f"device must be that of speed, {speed.device}, got {device}; leave it out")
        return speed
    check_choice("speed", speed, ("auto", None))
    if speed == "auto":
        return choose_speed(model, device)
    return Speed(torch.device(device) if device is not None else device_of(model), why="float32, as the model lies")


def fit(
    model: nn.Module,
    train: BatchSource,
    *,
    valid: BatchSource | None = None,
    epochs: int = 5,
    lr: float = 1e-3,
    optimizer: str | OptimizerFactory = "adam",
    schedule: str | Callable[[torch.optim.Optimizer, int], LRScheduler] | None = None,
    warmup: int = 0,
    loss: Loss | None = None,
    mix: Mix | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    average: WeightAverage | None = None,
    patience: int | None = None,
    device: torch.device | str | None = None,
    speed: Speed | str | None = None,
    checkpoints: Checkpoints | str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
    watch: Callable[[History], None] | None = None,
) -> History:
    """Train ``model`` on ``train`` for a number of epochs; in all processes together after :func:`join`.

    Args:
        model: maps ``x`` to logits; trained in place, left in training mode.
        train: batches ``(x, y)``, for example :class:`course_utils.data.Batches`; iterated once an epoch.
        valid: held-out batches, evaluated after every epoch.
        epochs: passes over ``train``, at least 1.
        lr: learning rate, above 0; with a schedule the highest one. Parameter groups with rates of their own keep them.
        optimizer: ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), or a function ``(parameters, lr) -> Optimizer``.
        schedule: ``"one_cycle"``, ``"cosine"``, ``"linear"``, None (constant), or a function: see ``schedules``.
        warmup: steps in which the learning rate climbs at the start.
        loss: mean loss of a batch from ``(logits, y)``; cross-entropy if left out.
        mix: blends the pictures and labels of a batch, see ``mixing``; accuracy then counts the larger share.
        clip: largest norm of all gradients together; longer ones are shortened.
        accumulate: batches whose gradients are averaged for one step; the last group of an epoch may be smaller.
        average: an average of the weights to keep up to date; it is what ``valid`` measures.
        patience: stop when the loss on ``valid`` has not fallen for so many epochs, and return to the best weights.
        device: where to train; the model's own device if left out.
        speed: how to compute: a :class:`Speed`, ``"auto"`` to let :func:`choose_speed` choose, or None for float32 as
            the model lies.
        checkpoints: folder to go on from, if it holds a state of this run, and to write to. A run that was killed and
            called again with the same arguments ends with the same weights, to the bit on a CPU.
        save_every: steps between checkpoints; once an epoch if left out.
        seed: of ``mix``.
        progress: show a bar; ``None`` shows it where somebody watches.
        watch: is given the history after each step and each epoch, for example a :class:`LossPlot`.

    Returns:
        A :class:`History`.

    Raises:
        ValueError: if an argument is out of range or ``train`` is empty.
        LossError: if the loss stops being finite (a FloatingPointError); the message names step, layer and remedy.
        TrainingError: if labels, shapes or memory do not fit, with the remedy.
        CheckpointError: if the folder holds the state of another run, or only damaged files.
    """
    check_int("epochs", epochs, minimum=1)
    check_number("lr", lr, above=0)
    check_int("accumulate", accumulate, minimum=1)
    check_int("save_every", save_every, minimum=1) if save_every is not None else None
    check_number("clip", clip, above=0) if clip is not None else None
    if patience is not None:
        check_int("patience", patience, minimum=1)
        if valid is None:
            raise ValueError("patience needs held-out batches to watch: give valid")
    batches = len(train)
    if batches == 0:
        raise ValueError("train must hold at least one batch, got none; check batch_size and drop_last")
    how = _how(model, device, speed)
    compute = how.prepare(model)
    model.train()
    if isinstance(optimizer, str):
        # One kernel for all weights; the last bits differ, so on a CPU only where speed is asked for.
        fused = {"fused": True} if how.device.type == "cuda" or speed is not None else {}
        opt = OPTIMIZERS[check_choice("optimizer", optimizer, OPTIMIZERS)](model.parameters(), lr=lr, **fused)
    else:
        opt = optimizer(model.parameters(), lr)
    steps = math.ceil(batches / accumulate)
    plan = make_schedule(schedule, opt, epochs * steps, warmup)
    criterion = loss or F.cross_entropy
    name = f"{epochs} epochs of {batches} batches, {accumulate} a step, lr {lr:g}, schedule {schedule}, warmup {warmup}"
    run = Run(name, model, opt, plan, how, average, seed)
    run.watch = watch if run.group.leads else None
    kept = checkpoints if checkpoints is None or isinstance(checkpoints, Checkpoints) else Checkpoints(checkpoints)
    if kept is not None:
        run.resume(kept)
    shard = Shard(train, run.group) if run.group.size > 1 else None
    if shard is not None:
        share_start(model)
    start = time.perf_counter() - run.history.seconds
    while run.epoch < epochs and not run.finished:
        for index, x, y in run.batches(shard or train, f"epoch {run.epoch + 1}/{epochs}", progress):
            x, y = how.inputs(x), y.to(how.device, non_blocking=True)
            target = y
            if mix is not None:
                x, target = mix(x, y, run.mixing)
            group = min(accumulate, batches - index // accumulate * accumulate)
            if index % accumulate == 0:
                opt.zero_grad(set_to_none=True)
            with explained(run.epoch, index, x):
                with how.autocast():
                    out = compute(x)
                logits = out[0] if isinstance(out, tuple) else out
                if run.steps == 0:
                    check_labels(logits, y)
                batch_loss = criterion(logits.float() if logits is out else out, target)
                weight = (1.0 if shard is None else shard.weight) / group
                run.backward(batch_loss if weight == 1 else batch_loss * weight)
            run.note(batch_loss, logits, y, x)
            if (index + 1) % accumulate == 0 or index + 1 == batches:
                run.step(clip)
                if kept is not None and save_every is not None and run.steps % save_every == 0:
                    run.save(kept, time.perf_counter() - start)
        run.end_epoch()
        if valid is not None:
            with how.autocast():
                measured = model if average is None else average.model
                seen = evaluate(measured, ((how.inputs(x), y) for x, y in valid), loss=criterion, device=how.device)
            run.validated(seen.loss, seen.accuracy, patience)
        run.history.seconds = time.perf_counter() - start
        if run.watch is not None:
            run.watch(run.history)
        if kept is not None:
            run.save(kept, run.history.seconds)
    if run.best is not None:
        model.load_state_dict(run.best)
    return run.history
