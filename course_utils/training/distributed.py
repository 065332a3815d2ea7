"""Several processes that train one network: each takes its part of every batch, and all take the same step.

``torchrun --nproc_per_node 4 script.py`` starts them; the script calls :func:`join` first and :func:`fit
<course_utils.training.fit>` as ever. A step then equals that of one process on the whole batch, up to rounding;
only batch normalisation sees its own part.

Source: J. Dean et al., "Large scale distributed deep networks", NIPS 2012 (data parallelism); here
synchronous, with one sum over all processes a step.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from course_utils.check import check_int
from course_utils.training.trouble import TrainingError


@dataclass(frozen=True)
class Group:
    """The processes of a run as one of them sees it: its number, from 0, and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0


AGAIN = "start it again with the same command to go on from its newest checkpoint"


def _ended(number: int, frame: object) -> None:
    raise TrainingError(
        f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} was told to end, because another one died or "
        f"somebody stopped the run; {AGAIN}"
    )


def join(timeout: float = 300.0) -> Group:
    """Join the processes that ``torchrun`` started; without it, be the only one.

    Uses NCCL and the GPU of the process's number where there is one for each, gloo on CPUs otherwise. When one process
    dies, ``torchrun`` tells the others to end (SIGTERM), often before they notice: they end with a message.

    Args:
        timeout: seconds to wait for the others, at the start and in every step.

    Raises:
        TrainingError: if the others do not come.
    """
    if distributed.is_initialized():
        return current_group()
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Group()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _ended)
    local = int(os.environ.get("LOCAL_RANK", "0"))
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    on_gpus = gpus > 0 and int(os.environ.get("LOCAL_WORLD_SIZE", "1")) <= gpus
    if on_gpus:
        torch.cuda.set_device(local)
    try:
        distributed.init_process_group("nccl" if on_gpus else "gloo", timeout=timedelta(seconds=timeout))
    except RuntimeError as error:
        raise TrainingError(f"process {os.environ['RANK']} waited {timeout:g} s for the others: {error}") from error
    return current_group()


def current_group() -> Group:
    """Return the group that :func:`join` made; a group of one if there is none."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Group()
    return Group(distributed.get_rank(), distributed.get_world_size())


class Shard:
    """The part of every batch that belongs to one process: each ``size``-th sample.

    All processes draw the same order and the same augmentation, so the parts make up the batches of a single process.

    Args:
        batches: yields ``(x, y)``; the same in all processes.
        group: this process and how many there are.
    """

    def __init__(self, batches: Any, group: Group) -> None:
        self.batches, self.group = batches, group
        check_int("group.rank", group.rank, minimum=0, maximum=group.size - 1)
        # Factor on the mean loss of a part that makes the mean over processes that over the whole batch.
        self.weight = 1.0

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass, where the batches know of epochs."""
        if hasattr(self.batches, "set_epoch"):
            self.batches.set_epoch(epoch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in self.batches:
            if len(y) < self.group.size:
                raise ValueError(
                    f"a batch of {len(y)} cannot be shared among {self.group.size} processes; "
                    "make batches with drop_last=True"
                )
            part = slice(self.group.rank, None, self.group.size)
            self.weight = len(y[part]) * self.group.size / len(y)
            yield x[part], y[part]


def _together(what: str, work: Any) -> Any:
    try:
        return work()
    except RuntimeError as error:
        group = current_group()
        raise TrainingError(
            f"process {group.rank} of {group.size} lost another one while they {what}, so the run ends; {AGAIN}. "
            f"PyTorch says: {str(error).splitlines()[0]}"
        ) from error


def share_start(model: nn.Module) -> None:
    """Give all processes the weights and statistics of process 0."""

    def work() -> None:
        for value in model.state_dict().values():
            distributed.broadcast(value, src=0)

    _together("shared their start", work)


def average_gradients(model: nn.Module) -> None:
    """Replace every gradient by its mean over the processes, in one sum over one long vector."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])

    def work() -> None:
        distributed.all_reduce(flat)

    _together("averaged gradients", work)
    flat /= distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def sum_over_processes(values: list[float]) -> list[float]:
    """Return the sums of some numbers over all processes."""
    total = torch.tensor(values, dtype=torch.float64)
    if distributed.get_backend() == "nccl":
        total = total.cuda()
    _together("added their losses", lambda: distributed.all_reduce(total))
    return [float(value) for value in total.cpu()]


def gather_states(state: Any) -> list[Any]:
    """Return what every process gives, in the order of their numbers."""
    group = current_group()
    found: list[Any] = [None] * group.size
    _together("gathered their states", lambda: distributed.all_gather_object(found, state))
    return found
