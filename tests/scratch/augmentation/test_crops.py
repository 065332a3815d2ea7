"""Ten views, as torchvision cuts them, averaged as one would by hand."""

import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from course_utils.scratch.augmentation.crops import (
    average_over_views,
    average_over_views_loops,
    centre_crop,
    five_crops,
    random_crop_and_flip,
    ten_crops,
)


@pytest.mark.parametrize(("shape", "size"), [((3, 8, 8), 6), ((1, 9, 7), 4), ((3, 8, 9), 5), ((2, 3, 7, 7), 4)])
def test_crops_are_torchvisions(shape, size):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(five_crops(x, size), torch.stack(v2.FiveCrop(size)(x)))
    assert torch.equal(ten_crops(x, size), torch.stack(v2.TenCrop(size)(x)))
    assert torch.equal(centre_crop(x, size), v2.CenterCrop(size)(x))


def test_ten_views_of_a_picture_are_ten_different_ones():
    x = torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(1))
    assert len({view.numpy().tobytes() for view in ten_crops(x, 7)}) == 10
    assert len({view.numpy().tobytes() for view in ten_crops(x, 10)}) == 2  # no room: the picture and its mirror
    same = x + x.flip(-1)  # its own mirror image: left crops mirror right ones, the centre mirrors itself
    assert len({view.numpy().tobytes() for view in ten_crops(same, 8)}) == 5


def test_averages_are_those_one_by_one():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16, 5))
    views = ten_crops(torch.rand(6, 3, 6, 6), 4)
    mean = average_over_views(model, views)
    torch.testing.assert_close(mean, average_over_views_loops(model, views))
    torch.testing.assert_close(mean.sum(dim=1), torch.ones(6))


def test_random_crops_are_crops():
    x = torch.arange(2 * 1 * 5 * 6).reshape(2, 1, 5, 6).float()
    cut = random_crop_and_flip(3)
    windows = {
        k: {w.contiguous().numpy().tobytes() for i in range(3) for j in range(4) for w in self_and_mirror(x, k, i, j)}
        for k in range(2)
    }
    draw, seen = torch.Generator().manual_seed(0), set()
    for _ in range(400):
        out = cut(x, draw)
        for k in range(2):
            assert out[k].contiguous().numpy().tobytes() in windows[k]
        seen.add(out[0].contiguous().numpy().tobytes())
    assert len(seen) == 24  # all twelve places, mirrored or not


def self_and_mirror(x, k, i, j):
    window = x[k, :, i : i + 3, j : j + 3]
    return window, window.flip(-1)


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match="size must be at most 4, got 5"):
        five_crops(torch.zeros(1, 4, 6), 5)
    with pytest.raises(ValueError, match="x must have shape"):
        ten_crops(torch.zeros(4, 6), 2)
