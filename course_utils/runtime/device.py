"""Which processor computes: CUDA GPU, Apple GPU or CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def available_devices() -> list[str]:
    """Name the device types present, fastest first: a part of ``["cuda", "mps", "cpu"]``."""
    import torch

    present = []
    if torch.cuda.is_available():
        present.append("cuda")
    if torch.backends.mps.is_available():
        present.append("mps")
    return [*present, "cpu"]


def get_device(prefer: str | None = None) -> torch.device:
    """Return the fastest device present, or the one asked for.

    Args:
        prefer: ``"cuda"``, ``"cuda:1"``, ``"mps"`` or ``"cpu"``; ``None`` picks CUDA, then MPS, then CPU.

    Raises:
        ValueError: if the device asked for is not on this machine.
    """
    import torch

    present = available_devices()
    if prefer is None:
        return torch.device(present[0])
    device = torch.device(prefer)
    missing = device.type not in present
    if device.type == "cuda" and not missing and device.index is not None:
        missing = device.index >= torch.cuda.device_count()
    if missing:
        raise ValueError(
            f"device {prefer!r} is not on this machine, which has {', '.join(present)}; "
            "leave prefer out to use the fastest one"
        )
    return device


def wait_for(device: torch.device) -> None:
    """Block until ``device`` has finished its queued work, so that a clock around it tells the truth."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
