"""The pictures and labels of one class, made from its seed by the challenge's own generator."""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from course_utils.grading.challenge.plan import Plan
from course_utils.grading.challenge.secret import check_seed, image_ids, key, number, shuffled
from course_utils.grading.challenge.truth import Truth

Generator = Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.int64]]]
SPARE = 0.2  # made and dropped, so that the number of images of each class is not the same in every class


@dataclass(frozen=True, eq=False)
class Data:
    """The data of a challenge.

    Attributes:
        train_images: uint8 ``(N, H, W, 3)``.
        train_labels: int64 ``(N,)``.
        test_images: uint8 ``(M, H, W, 3)``, in the order of the truth.
        truth: ids, labels and splits of the test images.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    truth: Truth


def load_generator(source: Path) -> Generator:
    """Load ``images(n, seed)`` of a challenge's ``generator.py``: the instructor's own code."""
    path = source / "generator.py"
    if not path.is_file():
        raise FileNotFoundError(f"no generator at {path}: it makes the pictures of the challenge")
    spec = importlib.util.spec_from_file_location(f"challenge_generator_{source.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images: Generator = module.images
    return images


def make_data(name: str, plan: Plan, generator: Generator, class_seed: int) -> Data:
    """Make the data of one class: the same seed gives the same data.

    Args:
        name: the challenge's; two challenges of a class share nothing.
        plan: the settings.
        generator: makes ``n`` pictures and their labels from a seed.
        class_seed: the class's secret.

    Returns:
        Training and test set, in an order and with ids that tell nothing.

    Raises:
        ShortSeed: if the class's seed could be found by trying.
    """
    check_seed(class_seed)
    train_images, train_labels = _draw(name, plan.train, generator, class_seed, "train")
    test_images, labels = _draw(name, plan.test, generator, class_seed, "test")
    order = shuffled(key(class_seed, name, "public"), plan.test)
    public = set(order[: plan.public_rows])
    truth = Truth(
        ids=tuple(image_ids(key(class_seed, name, "ids"), plan.test)),
        labels=tuple(int(label) for label in labels),
        public=tuple(i in public for i in range(plan.test)),
    )
    return Data(train_images, train_labels, test_images, truth)


def _draw(
    name: str, count: int, generator: Generator, class_seed: int, part: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    made = count + math.ceil(count * SPARE)
    images, labels = generator(made, number(class_seed, name, f"{part} images"))
    if images.shape[0] != made or labels.shape != (made,) or images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(
            f"the generator must make {made} images uint8 (N, H, W, C) and labels (N,), "
            f"got {images.dtype} {images.shape} and {labels.shape}"
        )
    chosen = shuffled(key(class_seed, name, f"{part} order"), made)[:count]
    return images[chosen], labels[chosen].astype(np.int64)
