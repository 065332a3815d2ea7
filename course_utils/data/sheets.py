"""CIFAR-10 as lossless sheets: a thousand pictures an image file, half the size of the official archive."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = "cifar10_lossless"
TRAIN, TEST = 50_000, 1_000

# md5 of the official ``data_batch_1.bin`` to ``data_batch_5.bin``, which the sheets must give back to the byte.
BATCH_MD5 = (
    "5dd7e06a14cb22eb9f671a540d1b7c25",
    "5ea93a67294ea407fff1d09f752e9692",
    "942cd6a4bcdd0dd3c604fbe906cb4421",
    "ae636b3ba5c66a11e91e8cb52e771fcb",
    "53f37980c15c3d472c316c40844f3f0d",
)


def has_sheets(folder: Path) -> bool:
    """Say whether every sheet lies in ``folder`` (their content is not read)."""
    names = ["labels.npy", *(f"batch_{number:02d}.webp" for number in range((TRAIN + TEST) // 1000))]
    return all((folder / name).is_file() for name in names)


def read_sheets(folder: Path, images: range) -> tuple[Tensor, Tensor]:
    """Read pictures in the official order, the first test pictures after the training set.

    Args:
        folder: with ``batch_00.webp`` to ``batch_50.webp`` (25 rows of 40 pictures each) and ``labels.npy``.
        images: which of the 51,000; 50,000 is the first of the test set.

    Returns:
        Pictures, uint8 (N, 3, 32, 32), and labels, int64 (N,).

    Raises:
        FileNotFoundError: a sheet is missing.
        ValueError: the range is empty or reaches past the last picture.
    """
    from PIL import Image

    if not (0 <= images.start < images.stop <= TRAIN + TEST and images.step == 1):
        raise ValueError(f"images must be a range within 0 to {TRAIN + TEST:,}, got {images}")
    labels, parts = np.load(folder / "labels.npy"), []
    for number in range(images.start // 1000, (images.stop - 1) // 1000 + 1):
        sheet = np.asarray(Image.open(folder / f"batch_{number:02d}.webp").convert("RGB"))
        parts.append(sheet.reshape(25, 32, 40, 32, 3).transpose(0, 2, 4, 1, 3).reshape(1000, 3, 32, 32))
    first = images.start // 1000 * 1000
    pixels = np.ascontiguousarray(np.concatenate(parts)[images.start - first : images.stop - first])
    return torch.from_numpy(pixels), torch.from_numpy(labels[images.start : images.stop].astype(np.int64))


def are_official(images: Tensor, labels: Tensor) -> bool:
    """Say whether 50,000 training pictures and labels are CIFAR-10's, by the checksums of its own files.

    Args:
        images: uint8 (50000, 3, 32, 32).
        labels: int64 (50000,).
    """
    for i, expected in enumerate(BATCH_MD5):
        part = slice(10_000 * i, 10_000 * (i + 1))
        rows = np.concatenate([labels[part, None].numpy(), images[part].reshape(10_000, -1).numpy()], axis=1)
        if hashlib.md5(rows.astype(np.uint8).tobytes(), usedforsecurity=False).hexdigest() != expected:
            return False
    return True
