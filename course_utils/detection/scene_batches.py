"""Scenes cut into batches for a detector: pictures, and the truth of a batch as one tensor (chapter 10)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.check import check_int, check_number
from course_utils.data.synthetic import Scenes
from course_utils.detection.true_positives import Targets

NONE = -1.0


def truth_of(scenes: Scenes, min_visibility: float = 0.1) -> Tensor:
    """Return what is true of N scenes as float32 (N, K, 5): label, x1, y1, x2, y2 of each of K slots.

    Args:
        scenes: with K slots each.
        min_visibility: leave out objects of which less than this share can be seen, 0..1.

    Returns:
        An empty slot, or an object left out, has label -1 and zeros.
    """
    check_number("min_visibility", min_visibility, minimum=0, maximum=1)
    there = (scenes.labels >= 0) & (scenes.visibility >= min_visibility) & (scenes.visibility > 0)
    labels = torch.where(there, scenes.labels.float(), NONE)
    return torch.cat([labels[:, :, None], scenes.boxes * there[:, :, None]], dim=2)


def objects_of(truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes (M, 4) and labels int64 (M,) of the objects in one row (K, 5) of ``truth_of``."""
    there = truth[:, 0] >= 0
    return truth[there, 1:], truth[there, 0].long()


def targets_of(scenes: Scenes, min_visibility: float = 0.1) -> list[Targets]:
    """Return what is true of each scene, as `average_precision` takes it.

    Objects of which less than ``min_visibility`` can be seen are marked difficult, not left out: finding one is
    neither right nor wrong.
    """
    seen = (scenes.labels >= 0) & (scenes.visibility > 0)
    return [
        Targets(scenes.boxes[i][row], scenes.labels[i][row], difficult=scenes.visibility[i][row] < min_visibility)
        for i, row in enumerate(seen)
    ]


def mirror(x: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures (N, C, H, W) and their truth (N, K, 5), left and right exchanged."""
    label, x1, y1, x2, y2 = truth.unbind(dim=2)
    width = x.shape[3]
    there = (label >= 0).to(truth.dtype)
    return x.flip(3), torch.stack([label, (width - x2) * there, y1, (width - x1) * there, y2], dim=2)


class SceneBatches:
    """Batches ``(x, truth)`` of scenes, in a new order every epoch, half of them mirrored.

    Args:
        scenes: what to cut up.
        batch_size: scenes a batch; a smaller rest is left out of the epoch.
        flip: mirror each batch with probability one half.
        seed: of order and mirroring.

    Yields:
        x: float32 (N, 3, H, W) in [-1, 1].
        truth: float32 (N, K, 5), as `truth_of` returns it.

    Raises:
        ValueError: if there are fewer scenes than one batch takes.
    """

    def __init__(self, scenes: Scenes, batch_size: int = 32, *, flip: bool = True, seed: int = 0) -> None:
        check_int("batch_size", batch_size, minimum=1, maximum=len(scenes))
        self.images, self.truth = scenes.images, truth_of(scenes)
        self.batch_size, self.flip, self.seed, self.epoch = batch_size, flip, check_int("seed", seed, minimum=0), 0

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = check_int("epoch", epoch, minimum=0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        order = torch.randperm(len(self.images), generator=generator)
        for index in order[: len(self) * self.batch_size].split(self.batch_size):
            x, truth = prepare(self.images[index]), self.truth[index]
            if self.flip and float(torch.rand((), generator=generator)) < 0.5:
                x, truth = mirror(x, truth)
            yield x, truth


def prepare(images: Tensor) -> Tensor:
    """Map uint8 pictures to what the detectors take: float32 in [-1, 1]."""
    return images.float() / 127.5 - 1
