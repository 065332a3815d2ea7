"""Labelled images held in memory: what every loader returns and every batch is cut from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from course_utils.check import check_same_length


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, labels and class names that belong together.

    Args:
        images: uint8, shape (N, C, H, W), values 0..255.
        labels: int64, shape (N,), values 0..len(classes)-1.
        classes: one readable name a class.
        name: where the images come from, for example ``"digits/train"``.

    Raises:
        TypeError: a tensor has another dtype.
        ValueError: a tensor has another shape, or a label has no class name.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8:
            raise TypeError(f"images must be uint8 (values 0..255), got {self.images.dtype}")
        if self.images.ndim != 4:
            raise ValueError(f"images must have shape (N, C, H, W), got {tuple(self.images.shape)}")
        if self.labels.dtype != torch.int64:
            raise TypeError(f"labels must be int64, got {self.labels.dtype}; convert with labels.long()")
        if self.labels.ndim != 1:
            raise ValueError(f"labels must have shape (N,), got {tuple(self.labels.shape)}")
        check_same_length("images", self.images, "labels", self.labels)
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(
                f"labels must lie in 0..{len(self.classes) - 1} (one name in classes each), "
                f"got {int(self.labels.min())}..{int(self.labels.max())}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, channels, height, width = self.images.shape
        return f"ImageSet({self.name}: {count} images {channels}x{height}x{width}, {len(self.classes)} classes)"

    @property
    def num_classes(self) -> int:
        """Number of classes, also of those that no image here shows."""
        return len(self.classes)

    def subset(self, index: Any) -> ImageSet:
        """Return the images chosen by ``index``.

        Args:
            index: a slice, a list or tensor of positions, or a boolean mask of shape (N,).

        Returns:
            An ImageSet with the same classes and name; a slice shares memory, all else copies.

        Raises:
            IndexError: a position does not exist.
        """
        if isinstance(index, range):
            index = list(index)
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.images.device)
            if index.numel() == 0 and index.dtype != torch.bool:
                index = index.long()
        return replace(self, images=self.images[index], labels=self.labels[index])

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the same set with both tensors on ``device``."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))
