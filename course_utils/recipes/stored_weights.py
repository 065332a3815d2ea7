"""Weights that travel with the course: half precision, at most 2 MB, opened only if they are what the record says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_utils.runtime import load_record, results_dir

LARGEST = 2_000_000  # bytes of one file


class WeightsError(RuntimeError):
    """Stored weights are missing or are not the ones that the record describes."""


def weights_path(name: str) -> Path:
    """Return where the float16 state dict of a recipe lies in the repository."""
    return results_dir() / "weights" / f"{name}.pt"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def round_to_half(model: nn.Module) -> nn.Module:
    """Round all floating-point weights of a model, in place, to values that float16 can store, and return it."""
    state = model.state_dict()
    model.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in state.items()})
    return model


def store(model: nn.Module, path: Path) -> dict[str, Any]:
    """Write a model's state in float16.

    Args:
        model: rounded by :func:`round_to_half`, so that what is stored is what was measured.
        path: of the file; its folder is made.

    Returns:
        What the record needs to say of it: ``weights``, ``sha256`` and ``bytes``.

    Raises:
        ValueError: if the file is larger than 2 MB.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v.cpu().contiguous() for k, v in model.state_dict().items()}
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"stored weights must be at most {LARGEST} bytes, got {size}; take a smaller network")
    return {"weights": f"weights/{path.name}", "sha256": sha256(path), "bytes": size}


def restore(model: nn.Module, path: Path, name: str) -> nn.Module:
    """Load stored weights into a model in float32, and return it in evaluation mode.

    Args:
        model: as the recipe built it.
        path: of the file that :func:`store` wrote.
        name: of the record that holds its SHA-256, and of the recipe that made it.

    Raises:
        WeightsError: if the file is missing or its SHA-256 differs from the one in the record.
    """
    if not path.exists():
        raise WeightsError(f"no weights at {path}; restore the file, or train it: course train {name}")
    expected, found = load_record(name)["sha256"], sha256(path)
    if found != expected:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}..., the record says {expected[:12]}...; "
            f"restore the file, or train it again: course train {name}"
        )
    stored = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in stored.items()})
    return model.eval()
