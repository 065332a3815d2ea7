"""When a step goes wrong: which batch, which layer, and what to try."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


class TrainingError(RuntimeError):
    """A run cannot go on; the message says where it broke and what to try."""


class LossError(TrainingError, FloatingPointError):
    """The loss or a gradient is no longer finite."""


def first_bad_layer(model: nn.Module, x: Tensor) -> str | None:
    """Return the name of the first layer whose output is not finite though its input is, None if there is none."""
    found: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple, output: object) -> None:
            if not found and isinstance(output, Tensor) and not bool(torch.isfinite(output).all()):
                found.append(name)

        return hook

    leaves = [(n, m) for n, m in model.named_modules() if next(m.children(), None) is None]
    handles = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def not_finite(value: float, epoch: int, step: int, lr: float, model: nn.Module, x: Tensor) -> LossError:
    """Return the error for a loss of NaN or infinity, after a look at batch, weights and layers.

    Args:
        value: the loss.
        epoch: from 0.
        step: of the epoch, from 0.
        lr: learning rate of that step.
        model: as it stands now.
        x: the batch that gave the loss.
    """
    where = f"the loss is {value} in epoch {epoch + 1}, step {step + 1}"
    if not bool(torch.isfinite(x).all()):
        count = int((~torch.isfinite(x.flatten(1)).all(dim=1)).sum())
        return LossError(f"{where}: {count} of {len(x)} inputs of this batch hold NaN or infinity; clean the data")
    names = [name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())]
    if names:
        return LossError(
            f"{where}: the weights of {names[0]} are not finite, so an earlier step went too far; "
            f"lr = {lr:g} is likely too large: try {lr / 10:g}, or clip gradients with clip=1.0"
        )
    layer = first_bad_layer(model, x)
    if layer is not None:
        return LossError(
            f"{where}: layer {layer} turns finite numbers into {value}; lr = {lr:g} may be too large: try {lr / 10:g}, "
            "or look there for a division by zero or the logarithm of 0"
        )
    return LossError(
        f"{where}, though all outputs are finite: look at the loss itself, or try lr = {lr / 10:g} in place of {lr:g}"
    )


def exploded(value: float, first: float, epoch: int, step: int, lr: float) -> LossError | None:
    """Return an error if a loss is a thousand times the first one and more, None if it is not."""
    bound = 1000 * max(1.0, abs(first))
    if value <= bound:
        return None
    return LossError(
        f"the loss has grown to {value:.3g} in epoch {epoch + 1}, step {step + 1}, from {first:.3g} at the start; "
        f"lr = {lr:g} is likely too large: try {lr / 10:g}, or clip gradients with clip=1.0"
    )


def check_labels(logits: Tensor, y: Tensor) -> None:
    """Refuse labels that the network cannot answer, before cross-entropy does so in its own words.

    Raises:
        TrainingError: with the labels found and the number of outputs.
    """
    if y.is_floating_point() or logits.ndim < 2 or not len(y):
        return
    low, high, outputs = int(y.min()), int(y.max()), logits.shape[1]
    if low < 0 or high >= outputs:
        raise TrainingError(
            f"labels must be 0 to {outputs - 1} for a network with {outputs} outputs, got {low} to {high}; "
            f"build it with num_classes={high + 1}, or count labels from 0"
        )


@contextlib.contextmanager
def explained(epoch: int, step: int, batch: Tensor) -> Iterator[None]:
    """Add batch, shape and remedy to errors of a step that are hard to read: memory and shapes."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"out of memory in epoch {epoch + 1}, step {step + 1}, with a batch of shape {tuple(batch.shape)}; try "
            f"batch_size={max(1, len(batch) // 2)} with accumulate=2, which takes the same steps, or "
            f"precision 'bfloat16'. PyTorch says: {str(error).splitlines()[0]}"
        ) from error
    except RuntimeError as error:
        if isinstance(error, TrainingError) or ("shape" not in str(error) and "size" not in str(error)):
            raise
        raise TrainingError(
            f"the network does not take the batch of epoch {epoch + 1}, step {step + 1}, of shape "
            f"{tuple(batch.shape)}: {str(error).splitlines()[0]}"
        ) from error
