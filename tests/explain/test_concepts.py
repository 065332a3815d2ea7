"""A planted detector is found; a blind unit is not; dead units are harmless."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.concepts import concept_overlap, overlap_of_maps, strongest_places


def red_squares(n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, 32, 32, generator=draw) * 0.3
    masks = torch.zeros(n, 2, 32, 32, dtype=torch.bool)
    for i in range(n):
        y, c = torch.randint(0, 24, (2,), generator=draw).tolist()
        masks[i, i % 2, y : y + 8, c : c + 8] = True
        x[i, i % 2, y : y + 8, c : c + 8] = 1.0  # red squares in even pictures, green ones in odd
    return x, masks


def test_units_that_see_red_and_green_find_their_squares() -> None:
    x, masks = red_squares()
    net = nn.Conv2d(3, 3, 1, bias=False)
    net.weight.data = torch.tensor([[1.0, -1, 0], [-1, 1, 0], [0, 0, 1]])[:, :, None, None]
    share = 0.5 * 64 / 1024  # as many pixels as are red
    found = concept_overlap(net, x, masks, "", share=share)
    assert found[0, 0] > 0.95
    assert found[1, 1] > 0.95
    assert found[0, 1] == found[1, 0] == 0
    assert found[2].max() < 0.1


def test_batches_and_coarser_maps_agree_with_the_truth() -> None:
    x, masks = red_squares()
    net = nn.AvgPool2d(2)
    a = concept_overlap(net, x, masks, "", share=0.02, batch_size=7)
    b = concept_overlap(net, x, masks, "", share=0.02, batch_size=64)
    torch.testing.assert_close(a, b)
    assert a[0, 0] > 0.3  # corners of squares fall between the cells
    assert a[0, 1] == 0


def test_a_unit_that_never_answers_overlaps_with_nothing() -> None:
    _, masks = red_squares(4)
    assert (overlap_of_maps(torch.zeros(4, 2, 8, 8), masks) == 0).all()


def test_thresholds_and_errors() -> None:
    maps = torch.arange(100.0).reshape(1, 1, 10, 10)
    assert strongest_places(maps, 0.05).tolist() == [95.0]
    assert strongest_places(maps, 0.0001).tolist() == [99.0]
    with pytest.raises(ValueError, match="share"):
        strongest_places(maps, 1.5)
    with pytest.raises(ValueError, match="maps"):
        overlap_of_maps(maps, torch.zeros(2, 1, 10, 10, dtype=torch.bool))
