"""Checkpoints that survive a power cut: written whole or not at all, verified before they are believed.

A file is one line, ``course-checkpoint 1 <sha256> <bytes>``, and then what ``torch.save`` wrote. It is read with
``weights_only``, so that a file from elsewhere can hold numbers and text and run nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.check import check_int

MAGIC = b"course-checkpoint 1 "
NAME = re.compile(r"step-(\d{9})\.ckpt")


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message says why, and which one can."""


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> Path:
    """Write a checkpoint so that at every moment the file holds the old state or the new one, never a part.

    Args:
        path: where to; its folder is made.
        state: tensors, numbers, text, None, and lists, tuples and dicts of these.

    Raises:
        OSError: if it cannot be written (the disk is full); what stood there before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getvalue()
    head = MAGIC + f"{hashlib.sha256(body).hexdigest()} {len(body)}\n".encode()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # the new name must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path


def load_checkpoint(path: str | os.PathLike[str], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint after verifying its checksum.

    Args:
        path: a file of :func:`save_checkpoint`.
        device: where tensors go.

    Raises:
        CheckpointError: if the file is missing, is no checkpoint, was cut short or changed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    head, _, body = data.partition(b"\n")
    if not head.startswith(MAGIC):
        raise CheckpointError(f"{path.name} is no checkpoint of this course: it does not begin as one")
    digest, _, length = head[len(MAGIC) :].decode("ascii", "replace").partition(" ")
    if not length.isdigit() or len(body) != int(length):
        raise CheckpointError(f"{path.name} was cut short: it holds {len(body)} bytes of {length or 'unknown many'}")
    if hashlib.sha256(body).hexdigest() != digest:
        raise CheckpointError(f"{path.name} was changed after it was written: its checksum does not fit")
    try:
        return torch.load(io.BytesIO(body), map_location=device, weights_only=True)
    except Exception as error:  # the checksum fits, so it was written so: by something else
        raise CheckpointError(f"{path.name} holds more than numbers and text, and is not opened: {error}") from error


class Checkpoints:
    """A folder of checkpoints of one run, the newest few kept.

    Args:
        folder: where they lie; made when the first is written.
        keep: how many, at least 2, so that one is left if the newest is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 2) -> None:
        self.folder = Path(folder)
        self.keep = check_int("keep", keep, minimum=2)

    def paths(self) -> list[Path]:
        """Return the files, newest first."""
        found = [path for path in self.folder.glob("step-*.ckpt") if NAME.fullmatch(path.name)]
        return sorted(found, reverse=True)

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state after ``step`` steps and remove the oldest beyond ``keep``."""
        path = save_checkpoint(self.folder / f"step-{check_int('step', step, minimum=0):09d}.ckpt", state)
        for old in self.paths()[self.keep :]:
            old.unlink(missing_ok=True)
        return path

    def newest(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Return the newest state that is whole; None if the folder holds no checkpoint.

        A damaged one is passed over with a warning that says what is wrong with it and which one is used instead.

        Raises:
            CheckpointError: if there are checkpoints and all are damaged.
        """
        troubles: list[str] = []
        for path in self.paths():
            try:
                state = load_checkpoint(path, device)
            except CheckpointError as error:
                troubles.append(str(error))
                continue
            if troubles:
                warnings.warn(f"{'; '.join(troubles)}. Going on from {path.name}", stacklevel=2)
            return state
        if troubles:
            raise CheckpointError(
                f"no checkpoint in {self.folder} is whole: {'; '.join(troubles)}; remove them to start anew"
            )
        return None


def random_states() -> dict[str, Any]:
    """Return the state of every source of randomness: Python, NumPy, PyTorch on CPU and on all GPUs."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Put every source of randomness back to where :func:`random_states` found it."""
    random.setstate(states["python"])
    kind, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
