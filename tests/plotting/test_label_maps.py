"""Maps of classes as pictures."""

from __future__ import annotations

import pytest
import torch

from course_utils.plotting.label_maps import PALETTE, paint_labels


def test_a_label_has_the_colour_of_its_place_in_the_palette() -> None:
    labels = torch.tensor([[0, 1, 2], [10, 11, 255]])
    picture = paint_labels(labels)
    assert picture.dtype == torch.uint8
    assert picture.shape == (3, 2, 3)
    assert picture[:, 0, 1].tolist() == list(PALETTE[1])
    assert picture[:, 1, 0].tolist() == list(PALETTE[10])
    assert (picture[:, 1, 1:] == 255).all()
    assert paint_labels(labels[None], first=1)[0, :, 0, 0].tolist() == list(PALETTE[1])


def test_colours_differ_and_wrong_starts_are_refused() -> None:
    assert len(set(PALETTE)) == len(PALETTE)
    with pytest.raises(ValueError, match="first must be at most 10"):
        paint_labels(torch.zeros(1, 1), first=11)
