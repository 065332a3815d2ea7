"""Padding to a multiple and cropping: what is kept, where, and what is refused."""

from __future__ import annotations

import pytest
import torch

from course_utils.segmentation.any_size import crop_centre, crop_end, pad_to_multiple


def test_padding_repeats_the_end_and_cropping_takes_it_off_again() -> None:
    x = torch.arange(30.0).view(1, 1, 5, 6)
    padded = pad_to_multiple(x, 4)
    assert padded.shape == (1, 1, 8, 8)
    assert torch.equal(crop_end(padded, (5, 6)), x)
    assert torch.equal(padded[0, 0, 5:, :6], x[0, 0, 4:].expand(3, 6))
    assert torch.equal(padded[0, 0, :5, 6:], x[0, 0, :, 5:].expand(5, 2))
    assert pad_to_multiple(x, 1) is x
    assert pad_to_multiple(torch.ones(1, 1, 1, 1), 16).shape == (1, 1, 16, 16)


def test_the_middle_is_the_middle() -> None:
    x = torch.arange(49.0).view(1, 1, 7, 7)
    assert crop_centre(x, (1, 1)).item() == 24
    assert torch.equal(crop_centre(x, (3, 5)), x[:, :, 2:5, 1:6])
    assert torch.equal(crop_centre(x, (4, 7)), x[:, :, 1:5])  # of three rows too many, two at the end


def test_there_must_be_enough_to_keep() -> None:
    x = torch.zeros(1, 1, 4, 4)
    for crop in (crop_end, crop_centre):
        with pytest.raises(ValueError, match=r"\(4, 4\) has no \(5, 4\)"):
            crop(x, (5, 4))
    with pytest.raises(ValueError, match="multiple must be at least 1"):
        pad_to_multiple(x, 0)
