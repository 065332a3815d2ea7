"""Stripes lie or stand as the class says, and nothing else tells the classes apart."""

import torch

from course_utils.scratch.convolution.texture_patches import draw_texture_patches


def test_the_class_is_the_direction_of_the_stripes():
    x, y = draw_texture_patches(400, contrast=20.0)
    down = (x[:, 0, 1:] - x[:, 0, :-1]).square().sum(dim=(1, 2))
    right = (x[:, 0, :, 1:] - x[:, 0, :, :-1]).square().sum(dim=(1, 2))
    assert torch.equal((right > down).long(), y)


def test_patches_are_everywhere_and_draws_repeat():
    x, y = draw_texture_patches(3000, contrast=3.0, seed=1)
    energy = x[:, 0].square().mean(dim=0)
    assert energy[1:-1, 1:-1].min() > 1.05  # pixels all over lie in some patches; noise alone gives 1
    again, labels = draw_texture_patches(3000, contrast=3.0, seed=1)
    assert torch.equal(x, again)
    assert torch.equal(y, labels)
    other, _ = draw_texture_patches(3000, contrast=3.0, seed=2)
    assert not torch.equal(x, other)
    assert 0.45 < y.float().mean() < 0.55
