"""The 1,797 handwritten digits that ship inside scikit-learn: the course's small real data set."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import torch

from course_utils.check import check_choice
from course_utils.data.image_set import ImageSet

TEST_SIZE = 500
SPLITS = ("train", "test", "all")
CLASSES = tuple("0123456789")


def content_key(image: np.ndarray, purpose: str) -> str:
    """Return a key that depends on the pixels (values 0..16) and the purpose alone, to sort images by."""
    pixels = np.ascontiguousarray(image, dtype=np.uint8).tobytes()
    return hashlib.sha256(purpose.encode() + pixels).hexdigest()


def quotas(counts: list[int], total: int) -> list[int]:
    """Share ``total`` among classes in proportion to ``counts``, by largest remainder.

    Args:
        counts: number of images in each class.
        total: number to share, at most ``sum(counts)``.

    Returns:
        One integer a class; they sum to ``total``.
    """
    exact = [count * total / sum(counts) for count in counts]
    shares = [int(value) for value in exact]
    by_remainder = sorted(range(len(counts)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


@cache
def _load_all() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels, labels = bunch.images.astype(np.uint8), bunch.target

    def ranked(purpose: str, members: np.ndarray) -> np.ndarray:
        return np.array(sorted(members, key=lambda i: content_key(pixels[i], purpose)))

    digits = [np.flatnonzero(labels == digit) for digit in range(10)]
    shares = quotas([len(members) for members in digits], TEST_SIZE)
    in_test = np.zeros(len(labels), dtype=bool)
    for members, share in zip(digits, shares):
        in_test[ranked("split", members)[:share]] = True
    # Another key for the order: by the first one, a class would come early or late as a whole.
    parts = [ranked("order", np.flatnonzero(~in_test)), ranked("order", np.flatnonzero(in_test))]
    order = np.concatenate(parts)
    images = np.round(pixels[order] * (255 / 16)).astype(np.uint8)
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels[order].astype(np.int64))


def load_digits(split: str = "train") -> ImageSet:
    """Return scikit-learn's digits, 8x8 pixels, in a split that never changes.

    Images are ordered by a hash of their pixels, and each class gives its share of the 500 test
    images, so the split depends on neither a random generator nor a library's version. The 13 writers
    are mixed: this split does not measure how a model does on a writer it has never seen.

    Args:
        split: ``"train"`` (1,297), ``"test"`` (500) or ``"all"`` (train, then test).

    Returns:
        ImageSet with images (N, 1, 8, 8), ink bright (255) on black (0), and ten classes.

    Raises:
        ValueError: there is no such split.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998 (its test part).
    """
    check_choice("split", split, SPLITS)
    images, labels = _load_all()
    cut = len(images) - TEST_SIZE
    part = {"train": slice(None, cut), "test": slice(cut, None), "all": slice(None)}[split]
    return ImageSet(images[part].clone(), labels[part].clone(), CLASSES, f"digits/{split}")
