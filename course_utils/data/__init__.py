"""Images to learn from: bundled digits and photos, seeded synthetic scenes, real sets, batches.

Nothing is downloaded unless ``course data NAME`` is run.
"""

from __future__ import annotations

from course_utils.data import augment, download, synthetic
from course_utils.data.augment import (
    compose,
    random_affine,
    random_color,
    random_crop,
    random_flip,
    random_shift,
)
from course_utils.data.batches import Batches
from course_utils.data.cards import Card, card
from course_utils.data.image_set import ImageSet
from course_utils.data.photos import faces, photo, photo_about, photo_names, stereo_pair
from course_utils.data.real_sets import DataNotFound
from course_utils.data.registry import NAMES, available, load
from course_utils.data.stand_ins import load_or_stand_in, stand_in

__all__ = [
    "NAMES",
    "Batches",
    "Card",
    "DataNotFound",
    "ImageSet",
    "augment",
    "available",
    "card",
    "compose",
    "download",
    "faces",
    "load",
    "load_or_stand_in",
    "photo",
    "photo_about",
    "photo_names",
    "random_affine",
    "random_color",
    "random_crop",
    "random_flip",
    "random_shift",
    "stand_in",
    "stereo_pair",
    "synthetic",
]
