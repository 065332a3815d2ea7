"""How the learning rate moves over a run: up from little, down to almost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from course_utils.check import check_choice, check_int

SCHEDULES = ("one_cycle", "cosine", "linear", None)


def factor(kind: str | None, step: int, total: int, warmup: int = 0) -> float:
    """Return the factor on the learning rate at one step, counted from 0.

    Args:
        kind: ``"cosine"``: (1 + cos(pi t)) / 2; ``"linear"``: 1 - t; None: 1; t runs from 0 to 1 after the warm-up.
        step: 0 to total - 1.
        total: steps of the run.
        warmup: steps in which the factor climbs from 1 / warmup to 1.

    Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (cosine).
    """
    check_choice("kind", kind, ("cosine", "linear", None))
    if step < warmup:
        return (step + 1) / warmup
    t = (step - warmup) / max(1, total - warmup)
    if kind == "cosine":
        return (1 + math.cos(math.pi * t)) / 2
    return 1 - t if kind == "linear" else 1.0


def make_schedule(
    kind: str | Callable[[Optimizer, int], LRScheduler] | None,
    optimizer: Optimizer,
    total: int,
    warmup: int = 0,
) -> LRScheduler | None:
    """Return the scheduler of a run, None if the learning rate stays.

    Args:
        kind: ``"one_cycle"`` (Smith & Topin, 2018: up over the first 30 %, then down), ``"cosine"``, ``"linear"``,
            None, or a function ``(optimizer, total) -> LRScheduler``.
        optimizer: whose learning rate moves. The rate that each group of parameters has now is its highest one, so
            rates that differ from layer to layer keep their ratios.
        total: steps of the run.
        warmup: steps of climbing at the start; ``"one_cycle"`` has its own.

    Raises:
        ValueError: if ``warmup`` does not fit into the run or the schedule.
    """
    if callable(kind):
        return kind(optimizer, total)
    check_choice("schedule", kind, SCHEDULES)
    check_int("warmup", warmup, minimum=0, maximum=total)
    if kind == "one_cycle":
        if warmup:
            raise ValueError(f"warmup must be 0 with schedule 'one_cycle', got {warmup}: it climbs by itself")
        peaks = [group["lr"] for group in optimizer.param_groups]  # one number would level all groups
        return OneCycleLR(optimizer, max_lr=peaks, total_steps=total)
    if kind is None and not warmup:
        return None
    return LambdaLR(optimizer, lambda step: factor(kind, step, total, warmup))
