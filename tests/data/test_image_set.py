"""Image sets: what they hold, what they refuse, how they are cut."""

from __future__ import annotations

import pytest
import torch

from course_utils.data import ImageSet


def small(count: int = 6) -> ImageSet:
    images = torch.arange(count * 12, dtype=torch.uint8).view(count, 1, 3, 4)
    return ImageSet(images, torch.arange(count) % 2, ("even", "odd"), "small")


@pytest.mark.parametrize(
    "index", [[4, 1], torch.tensor([4, 1]), range(4, 0, -3), torch.tensor([4, 1], dtype=torch.int32)]
)
def test_subset_by_position(index: object) -> None:
    part = small().subset(index)
    assert torch.equal(part.images, small().images[[4, 1]])
    assert part.labels.tolist() == [0, 1]
    assert part.classes == ("even", "odd")


def test_subset_by_slice_mask_and_nothing() -> None:
    whole = small()
    assert len(whole.subset(slice(1, 3))) == 2
    assert whole.subset(whole.labels == 1).labels.tolist() == [1, 1, 1]
    assert len(whole.subset([])) == 0
    with pytest.raises(IndexError):
        whole.subset([6])


@pytest.mark.parametrize(
    ("images", "labels", "error", "says"),
    [
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64), TypeError, "uint8"),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), ValueError, r"\(N, C, H, W\)"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2), TypeError, "int64"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), ValueError, "2 and 3"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([0, 2]), ValueError, r"0\.\.1.*got 0\.\.2"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.int64), ValueError, r"\(N,\)"),
    ],
)
def test_refuses_what_does_not_fit(
    images: torch.Tensor, labels: torch.Tensor, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ImageSet(images, labels, ("a", "b"), "bad")


def test_repr_says_what_it_is() -> None:
    assert repr(small()) == "ImageSet(small: 6 images 1x3x4, 2 classes)"
