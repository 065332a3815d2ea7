"""The same work on every processor present: a matrix product and a convolution, timed fairly (chapter 00)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_utils.check import check_int
from course_utils.runtime.device import available_devices, get_device, wait_for

if TYPE_CHECKING:
    import torch

Job = tuple[Callable[[], object], int]  # the work itself, and how many multiply-adds it takes


@dataclass(frozen=True)
class Timing:
    """Median ``seconds`` of one ``job`` on one ``device``, and its ``multiply_adds``."""

    job: str
    device: str
    seconds: float
    multiply_adds: int

    @property
    def rate(self) -> float:
        """Multiply-adds a second."""
        return self.multiply_adds / self.seconds


def matrix_product(size: int, device: torch.device) -> Job:
    """Return the product of two float32 matrices of ``size`` x ``size``, ready to run on ``device``."""
    import torch

    check_int("size", size, minimum=1)
    generator = torch.Generator().manual_seed(0)  # the same numbers on every device
    a, b = (torch.randn(size, size, generator=generator).to(device) for _ in range(2))
    return lambda: a @ b, size**3


def convolution(batch: int, channels: int, side: int, device: torch.device) -> Job:
    """Return a 3x3 convolution, ``channels`` to ``channels``, over ``batch`` images of ``side`` x ``side``."""
    import torch
    from torch.nn import functional as F

    check_int("batch", batch, minimum=1)
    check_int("channels", channels, minimum=1)
    check_int("side", side, minimum=1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, channels, side, side, generator=generator).to(device)
    weight = torch.randn(channels, channels, 3, 3, generator=generator).to(device)
    return lambda: F.conv2d(x, weight, padding=1), batch * channels * side * side * channels * 9


def seconds_of(work: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Return the median seconds of ``work()``, after two warm-up calls, waiting for the device each time.

    A GPU call returns before the work is done; without the wait a clock measures only how long it takes to
    ask for it.
    """
    check_int("repeats", repeats, minimum=1)
    for _ in range(2):
        work()
    wait_for(device)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def compare_devices(devices: Sequence[str] | None = None, size: int = 1024, repeats: int = 7) -> list[Timing]:
    """Time one matrix product and one convolution layer on each device.

    Args:
        devices: device names; all that are present if ``None``.
        size: side of the two matrices; the convolution has 32 channels on 32 images of 32 x 32.
        repeats: timed calls a job, the median counts.

    Returns:
        One `Timing` a job and device, devices in the order given.

    Raises:
        ValueError: if a device is not on this machine.
    """
    timings = []
    for name in available_devices() if devices is None else devices:
        device = get_device(name)
        jobs = {
            f"matrix product {size} x {size}": matrix_product(size, device),
            "3x3 convolution, 32 images": convolution(32, 32, 32, device),
        }
        for job, (work, multiply_adds) in jobs.items():
            timings.append(Timing(job, name, seconds_of(work, device, repeats), multiply_adds))
    return timings


def comparison_table(timings: Sequence[Timing]) -> str:
    """Lay timings out as text: a row a job, a column a device, and how many times the CPU's seconds.

    With a CPU alone the ratio column is left out and a last line says so.
    """
    devices = list(dict.fromkeys(t.device for t in timings))
    jobs = list(dict.fromkeys(t.job for t in timings))
    found = {(t.job, t.device): t for t in timings}
    others = [d for d in devices if d != "cpu" and "cpu" in devices]
    header = [f"{'':<28}", *(f"{d:>12}" for d in devices), *(f"{'cpu / ' + d:>12}" for d in others)]
    lines = ["".join(header).rstrip()]
    for job in jobs:
        cells = [f"{found[job, d].seconds * 1e3:>9.2f} ms" for d in devices]
        cells += [f"{found[job, 'cpu'].seconds / found[job, d].seconds:>11.1f}x" for d in others]
        lines.append(f"{job:<28}" + "".join(cells))
    if not others:
        lines.append("No GPU on this machine: no second column, and nothing in the course needs one.")
    return "\n".join(lines)
