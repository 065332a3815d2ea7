"""The network of the short runs: its whitening whitens, its convolutions begin as the identity."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from course_utils.models.speed_net import Group, SpeedNet, whitening_filters


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_answers_on_patches_are_uncorrelated_and_of_variance_1(kernel_size: int) -> None:
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.randn(40, 3, 18, 18), 3, stride=1)  # neighbours alike, as in a picture
    answers = F.conv2d(images, whitening_filters(images, kernel_size, eps=0.0)).transpose(0, 1).flatten(1)
    assert torch.allclose(torch.cov(answers), torch.eye(3 * kernel_size**2), atol=2e-3)
    raw = F.unfold(images, kernel_size).transpose(0, 1).flatten(1)
    assert kernel_size == 1 or (torch.corrcoef(raw) - torch.eye(len(raw))).abs().max() > 0.3


def test_the_first_filter_looks_along_the_largest_variance() -> None:
    torch.manual_seed(0)
    images = torch.randn(50, 3, 8, 8) * torch.tensor([0.1, 3.0, 1.0])[:, None, None]
    filters = whitening_filters(images, 1)[:, :, 0, 0]
    assert filters.abs().argmax(dim=1).tolist() == [1, 2, 0]


def test_a_group_begins_by_copying_its_channels() -> None:
    group = Group(4, 6)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(group.widen(x)[:, :4], x)


def test_any_size_from_16_pixels_and_only_what_learns_is_trained() -> None:
    torch.manual_seed(0)
    model = SpeedNet(widths=(8, 12, 16))
    model.whiten_with(torch.randn(20, 3, 32, 32))
    assert torch.equal(model.whiten.weight[:12], -model.whiten.weight[12:])
    for side in (16, 32, 45):
        assert model.eval()(torch.randn(2, 3, side, side)).shape == (2, 10)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"whiten.weight", *(f"groups.{g}.norm{n}.weight" for g in range(3) for n in (1, 2))}


def test_a_patch_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size must be"):
        whitening_filters(torch.zeros(2, 3, 4, 4), 5)
