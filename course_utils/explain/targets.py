"""The one number of a network's output that an explanation is about."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_choice

__all__ = ["OUTPUTS", "Target", "output_value", "resolve_target"]

Target = int | Tensor | None
OUTPUTS = ("score", "probability", "log_probability")


def resolve_target(outputs: Tensor, target: Target = None) -> Tensor | None:
    """Say which class is explained in each picture.

    Args:
        outputs: (N, K) scores before the softmax, or (N,) or (N, 1) numbers of a regression.
        target: one class for all, int64 (N,) classes, or ``None`` for the class that the network prefers.

    Returns:
        int64 (N,), or ``None`` for a regression, which has one output and needs no choice.

    Raises:
        ValueError: if the outputs have another shape, the target is no class, or a regression was given a target
            other than 0.
    """
    if outputs.ndim == 1 or (outputs.ndim == 2 and outputs.shape[1] == 1):
        if target is not None and not (isinstance(target, int) and target == 0):
            raise ValueError(f"a network with one output has no classes to choose from; leave target out, got {target}")
        return None
    if outputs.ndim != 2:
        raise ValueError(
            f"the network must return (N, K) scores or (N,) numbers, got {tuple(outputs.shape)}; "
            "wrap it in a module that picks what is to be explained"
        )
    count, classes = outputs.shape
    if target is None:
        return outputs.detach().argmax(1)
    chosen = torch.as_tensor(target, device=outputs.device)
    if chosen.dtype.is_floating_point or chosen.dtype == torch.bool:
        raise TypeError(f"target must hold class numbers (integers), got {chosen.dtype}")
    chosen = chosen.long().expand(count) if chosen.ndim == 0 else chosen.long()
    if chosen.shape != (count,):
        raise ValueError(f"target must be one class or one for each of {count} pictures, got {tuple(chosen.shape)}")
    if count and (int(chosen.min()) < 0 or int(chosen.max()) >= classes):
        raise ValueError(f"target must lie in 0..{classes - 1}, got {int(chosen.min())}..{int(chosen.max())}")
    return chosen


def output_value(outputs: Tensor, target: Target = None, of: str = "score") -> Tensor:
    """Return the number that is explained, one a picture.

    Args:
        outputs: as for ``resolve_target``.
        target: as for ``resolve_target``.
        of: ``"score"``, the class's number before the softmax; ``"probability"`` after it; ``"log_probability"``.

    Returns:
        (N,), part of the graph.

    Raises:
        ValueError: as for ``resolve_target``, or if a probability is asked of a regression.
    """
    check_choice("of", of, OUTPUTS)
    chosen = resolve_target(outputs, target)
    if chosen is None:
        if of != "score":
            raise ValueError(f"a network with one output has no {of}; use of='score'")
        return outputs.reshape(len(outputs))
    if of != "score":
        outputs = outputs.log_softmax(1)
    value = outputs.gather(1, chosen[:, None])[:, 0]
    return value.exp() if of == "probability" else value
