"""Batches cut from tensors in memory: no worker processes, augmentation on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from course_utils.check import check_int
from course_utils.data.image_set import ImageSet

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Batches:
    """Batches of an image set, shuffled and augmented anew in every epoch.

    The whole set lies on the device as uint8 and a batch is one indexing operation, which for small
    images is several times faster than a ``DataLoader`` that transforms one image at a time.
    Everything random comes from a generator of its own, seeded by ``seed`` and the epoch: two objects
    with the same seed give the same batches, and no other code can disturb them. The generator lives on
    the CPU, so the order and the augmentation are the same on every device.

    Args:
        image_set: the images and labels.
        batch_size: images a batch, at least 1; the last batch may be smaller.
        shuffle: draw a new order in every epoch.
        augment: ``(x, generator) -> x`` on float batches, see `course_utils.data.augment`.
        device: where the batches are made; None keeps the set where it is.
        seed: seed of order and augmentation, at least 0.
        drop_last: leave out the last batch where it is smaller.

    Yields:
        ``(x, y)``: float32 (B, C, H, W) in [0, 1] before augmentation, and int64 (B,).

    Raises:
        ValueError: ``batch_size`` or ``seed`` is out of range.
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int = 128,
        shuffle: bool = True,
        augment: Augment | None = None,
        device: torch.device | str | None = None,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.image_set = image_set if device is None else image_set.to(device)
        self.batch_size = check_int("batch_size", batch_size, minimum=1)
        self.shuffle = shuffle
        self.augment = augment
        self.seed = check_int("seed", seed, minimum=0)
        self.drop_last = drop_last
        self.epoch = 0

    def __len__(self) -> int:
        whole, rest = divmod(len(self.image_set), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def device(self) -> torch.device:
        """Where the batches are made."""
        return self.image_set.images.device

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass over the batches is (to resume a run exactly)."""
        self.epoch = check_int("epoch", epoch, minimum=0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._pass_over(epoch)

    def _pass_over(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Neighbouring seeds and epochs must not share a stream: mix them instead of adding them.
        mixed = (self.seed * 0x9E3779B97F4A7C15 + epoch * 0xBF58476D1CE4E5B9) % 2**63
        generator = torch.Generator().manual_seed(mixed)
        images, labels = self.image_set.images, self.image_set.labels
        order = torch.randperm(len(images), generator=generator).to(self.device) if self.shuffle else None
        for batch in range(len(self)):
            part = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            index = part if order is None else order[part]
            x = images[index].float().div_(255)
            if self.augment is not None:
                x = self.augment(x, generator)
            yield x, labels[index]
