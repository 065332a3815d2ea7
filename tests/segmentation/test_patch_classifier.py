"""Labelling by patches and in one pass: identical logits; patches are where they claim to be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.scratch.convolution_kinds.receptive_field import input_gradient
from course_utils.segmentation import patch_classifier as pc


@pytest.mark.parametrize("size", [(12, 15), (20, 9)])
def test_the_dense_pass_gives_the_logits_of_all_patches(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = pc.patch_network(4, width=5).double()
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    slow, fast = pc.label_by_patches(model, images, pc.SIDE), pc.label_densely(model, images, pc.SIDE)
    assert slow.shape == fast.shape == (2, 4, *size)
    assert (slow - fast).abs().max() < 1e-10


def test_also_for_a_network_of_even_side_that_drops_rows() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 4, 4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, 3)).double()
    images = torch.rand(1, 1, 12, 11, dtype=torch.float64)  # patches of 10: 7 rows, of which pooling drops one
    slow, fast = pc.label_by_patches(model, images, 10), pc.label_densely(model, images, 10)
    assert (slow - fast).abs().max() < 1e-10


def test_a_patch_surrounds_its_pixel_and_mirrors_at_the_border() -> None:
    images = torch.arange(2 * 8 * 9.0).view(2, 1, 8, 9)
    places = torch.tensor([[0, 4, 4], [1, 0, 8], [1, 7, 0]])
    patches = pc.cut_patches(images, places, 5)
    assert patches.shape == (3, 1, 5, 5)
    assert patches[:, 0, 2, 2].tolist() == [images[n, 0, i, j].item() for n, i, j in places]
    assert torch.equal(patches[0, 0], images[0, 0, 2:7, 2:7])
    assert torch.equal(pc.cut_patches(images, places[:1], 4)[0, 0], images[0, 0, 2:6, 2:6])  # its place is (2, 2)
    assert torch.equal(patches[1, 0, 1], patches[1, 0, 3])  # rows -1 and 1 are the same row


def test_the_network_sees_all_of_its_patch() -> None:
    model = pc.patch_network(3, 1, 4).double()
    dense = pc.dense_network(model, 1, pc.SIDE)
    averages = nn.Sequential(*[nn.Identity() if isinstance(m, nn.ReLU) else m for m in dense])
    averages = nn.Sequential(
        *[nn.AvgPool2d(3, 1) if isinstance(m, nn.MaxPool2d) and m.dilation == (1, 1) else m for m in averages]
    )
    seen = input_gradient(averages, torch.rand(1, 1, pc.SIDE, pc.SIDE, dtype=torch.float64), (0, 0))[0] != 0
    assert averages(torch.rand(1, 1, pc.SIDE, pc.SIDE, dtype=torch.float64)).shape[2:] == (1, 1)
    assert seen[0].any()
    assert seen[-1].any()


def test_places_are_drawn_equally_from_all_classes() -> None:
    labels = torch.zeros(2, 6, 7, dtype=torch.int64)
    labels[0, 0, 0], labels[1, 3:5], labels[:, 5] = 2, 1, 255
    places = pc.sample_places(labels, 20)
    drawn = labels[places[:, 0], places[:, 1], places[:, 2]]
    assert torch.bincount(drawn).tolist() == [20, 20, 20]
    assert torch.equal(places, pc.sample_places(labels, 20))
    assert not torch.equal(places, pc.sample_places(labels, 20, seed=1))


def test_one_pass_saves_nearly_all_work_and_the_ratio_is_counted() -> None:
    model = pc.patch_network(5)
    patches, dense = pc.work(model, 3, pc.SIDE, 64)
    first = 15 * 15 * 16 * 27  # multiply-adds of the first layer for one patch
    assert patches > 64 * 64 * first
    assert 20 < patches / dense < 17 * 17
    # Densely, each layer works once a pixel: its weights times its places.
    weights = [(16 * 27, 78), (32 * 16 * 9, 72), (32 * 32 * 4, 64), (5 * 32, 64)]
    assert dense == sum(count * side**2 for count, side in weights)
