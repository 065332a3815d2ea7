"""The picture's numbers as Python reads them back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course_utils.widgets import ImageNumbers
from course_utils.widgets.image_numbers import histogram

PICTURE = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def test_numbers_follow_the_controls() -> None:
    made = ImageNumbers(PICTURE)
    assert np.array_equal(made.numbers, PICTURE)
    made.brightness = 10
    assert np.array_equal(made.numbers, PICTURE + 10)
    made.brightness, made.contrast = 0, 2.0
    assert np.array_equal(made.numbers, np.clip((PICTURE.astype(int) - 128) * 2 + 128, 0, 255))
    made.contrast, made.threshold = 1.0, 100
    assert np.array_equal(made.numbers, np.where(PICTURE >= 100, 255, 0))


def test_vector_counts_row_by_row() -> None:
    made = ImageNumbers(PICTURE)
    assert made.vector[1 * 4 + 2] == PICTURE[1, 2]


def test_shuffling_keeps_the_counts_and_loses_the_order() -> None:
    made = ImageNumbers()
    before = made.vector
    made.shuffled = True
    assert not np.array_equal(made.vector, before)
    assert histogram(made.vector.tolist()) == histogram(before.tolist())
    assert np.array_equal(np.sort(made.vector), np.sort(before))


def test_several_pictures_have_names() -> None:
    made = ImageNumbers(np.stack([PICTURE, 255 - PICTURE]), labels=["ramp", "negative"])
    made.picture = 1
    assert np.array_equal(made.numbers, 255 - PICTURE)


@pytest.mark.parametrize(
    ("image", "labels", "message"),
    [
        (np.zeros((2, 2, 2, 2)), None, r"image must have shape \(H, W\) or \(N, H, W\), got \(2, 2, 2, 2\)"),
        (np.zeros((200, 20)), None, "height of image must be at most 128, got 200"),
        (np.full((2, 2), 300), None, "largest value of image must be at most 255, got 300"),
        (np.full((2, 2), 0.5), None, "whole numbers from 0 to 255, got fractions; multiply by 255"),
        (PICTURE, ["a", "b"], "image and labels must have the same length, got 1 and 2"),
    ],
)
def test_wrong_pictures_are_named(image: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageNumbers(image, labels=labels)
