"""Sets for a laptop without a network that stand in for MNIST and CIFAR-10: the same shapes, other pictures.

Their names begin with ``stand-in``, so that no figure measured on them passes for one measured on the real set;
`course_utils.data.cards` lists what differs.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from course_utils.check import check_choice, check_int
from course_utils.data.digits import load_digits
from course_utils.data.image_set import ImageSet
from course_utils.data.registry import available, load
from course_utils.data.synthetic import make_digits, make_images

STAND_INS = ("mnist", "cifar10")
SPLITS = ("train", "test")
DRAWN_SEED, SHAPES_SEED = 28, {"train": 32, "test": 33}


def enlarge_digits(digits: ImageSet, side: int = 28, ink: int = 20) -> ImageSet:
    """Return 8x8 digits enlarged to ``ink`` pixels, in the middle of an empty square, as MNIST frames them.

    Args:
        digits: images (N, 1, 8, 8).
        side: of the result in pixels.
        ink: side of the digit in it, at most ``side`` and of the same parity.

    Raises:
        ValueError: a size does not fit.
    """
    check_int("side", side, minimum=8)
    check_int("ink", ink, minimum=8, maximum=side)
    if (side - ink) % 2:
        raise ValueError(f"side - ink must be even, so that the digit stands in the middle, got {side} - {ink}")
    large = F.interpolate(digits.images.float(), (ink, ink), mode="bilinear", align_corners=False)
    framed = F.pad(large, [(side - ink) // 2] * 4).round().clamp(0, 255).to(torch.uint8)
    return replace(digits, images=framed, name=f"{digits.name}-{side}")


def stand_in(name: str, split: str = "train", count: int | None = None) -> ImageSet:
    """Return the set that stands in for a real one.

    Args:
        name: ``"mnist"``: scikit-learn's scanned digits, enlarged to 28x28; the training set also holds 2,000 digits
            drawn by rule. ``"cifar10"``: drawn shapes of ten kinds in colour before photos, 32x32.
        split: ``"train"`` or ``"test"``.
        count: of drawn shapes for CIFAR-10; 5,000 or 1,000 if left out.

    Raises:
        ValueError: there is no such stand-in or split, or ``count`` is given for the digits.
    """
    check_choice("name", name, STAND_INS)
    check_choice("split", split, SPLITS)
    if name == "mnist":
        if count is not None:
            raise ValueError(f"count must be left out for mnist, whose digits are what there is, got {count}")
        scanned = enlarge_digits(load_digits(split))
        if split == "test":
            return replace(scanned, name="stand-in for mnist/test (scanned 8x8 digits, enlarged)")
        drawn = make_digits(2000, size=28, seed=DRAWN_SEED)
        images, labels = torch.cat([scanned.images, drawn.images]), torch.cat([scanned.labels, drawn.labels])
        return ImageSet(
            images, labels, scanned.classes, "stand-in for mnist/train (scanned 8x8 digits, enlarged, and drawn ones)"
        )
    count = (5000 if split == "train" else 1000) if count is None else check_int("count", count, minimum=1)
    shapes = make_images(count, size=32, seed=SHAPES_SEED[split])
    return replace(shapes, name=f"stand-in for cifar10/{split} (drawn shapes)")


def load_or_stand_in(name: str, split: str = "train") -> ImageSet:
    """Return the real set where its files lie in the data folder, else the stand-in; the set's name says which.

    Args:
        name: ``"mnist"`` or ``"cifar10"``.
        split: ``"train"`` or ``"test"``.

    Raises:
        ValueError: there is no such set or split.
    """
    check_choice("name", name, STAND_INS)
    check_choice("split", split, SPLITS)
    return load(name, split) if available(name) else stand_in(name, split)
