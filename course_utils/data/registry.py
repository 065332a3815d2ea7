"""One door to every labelled set: load it by name."""

from __future__ import annotations

from course_utils.check import check_choice
from course_utils.data.digits import load_digits
from course_utils.data.image_set import ImageSet
from course_utils.data.photos import load_faces
from course_utils.data.real_sets import is_present, load_real

BUNDLED = ("digits", "faces")
NAMES = (*BUNDLED, "mnist", "fashion_mnist", "cifar10")


def load(name: str, split: str = "train") -> ImageSet:
    """Return a labelled image set.

    Args:
        name: ``"digits"`` or ``"faces"`` (always there), ``"mnist"``, ``"fashion_mnist"`` or ``"cifar10"`` (read
            from the data folder after ``course data NAME``).
        split: ``"train"`` or ``"test"``; for the bundled sets also ``"all"``.

    Returns:
        ImageSet in a fixed order.

    Raises:
        ValueError: there is no such set or split.
        DataNotFound: the set is not in the data folder; the message says how to fetch it.
    """
    check_choice("name", name, NAMES)
    if name in BUNDLED:
        return load_digits(split) if name == "digits" else load_faces(split)
    return load_real(name, split)


def available(name: str) -> bool:
    """Say whether `load` would find this set without downloading anything.

    Args:
        name: one of ``NAMES``.

    Raises:
        ValueError: there is no set of this name.
    """
    check_choice("name", name, NAMES)
    return name in BUNDLED or is_present(name)
