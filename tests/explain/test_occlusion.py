"""Occlusion: the fast routine is the slow one, and Captum's; a patch over what decides takes the score away."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from course_utils.explain.occlusion import occlusion, occlusion_one_by_one, patch_masks, positions, spread
from tests.explain.nets import NETS, Regression, left_alone, pictures, plain_net


@pytest.mark.parametrize(("size", "patch", "stride"), [(16, 4, 2), (16, 5, 3), (7, 7, 1), (9, 4, 4), (10, 3, 1)])
def test_patches_cover_every_pixel_and_are_as_many_as_the_formula_says(size, patch, stride):
    masks = patch_masks((size, size + 1), patch, stride)
    rows, columns = (math.ceil((n - patch) / stride) + 1 for n in (size, size + 1))
    assert positions(size, patch, stride) == rows
    assert len(masks) == rows * columns
    assert masks.any(0).all()
    assert masks[0, :patch, :patch].all()
    assert masks[0].sum() == patch**2
    assert not masks[-1, 0].any() or size == patch


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_give_what_one_at_a_time_gives(name, batch_size):
    x = pictures()
    with left_alone(NETS[name]()) as net:
        fast = occlusion(net, x, patch=5, stride=3, batch_size=batch_size)
        slow = occlusion_one_by_one(net, x, patch=5, stride=3)
    assert fast.shape == (3, 5, 5)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("of", ["score", "probability", "log_probability"])
def test_the_drop_is_the_whole_minus_the_covered(of):
    net, x = plain_net(), pictures(2)
    drops = occlusion(net, x, 3, patch=6, stride=5, fill=0.7, of=of)
    copy = x.clone()
    copy[:, :, 5:11, 10:16] = 0.7
    scores = [net(pixels) for pixels in (x, copy)]
    if of != "score":
        scores = [s.log_softmax(1) if of == "log_probability" else s.softmax(1) for s in scores]
    torch.testing.assert_close(drops[:, 1, 2], (scores[0] - scores[1])[:, 3].detach())
    torch.testing.assert_close(drops, occlusion_one_by_one(net, x, 3, patch=6, stride=5, fill=0.7, of=of))


def test_the_fill_may_be_a_colour_or_a_picture():
    net, x = plain_net(), pictures(2)
    color = torch.tensor([0.1, -0.5, 2.0])[:, None, None]
    torch.testing.assert_close(occlusion(net, x, fill=color), occlusion_one_by_one(net, x, fill=color))
    assert occlusion(net, x, fill=x).abs().max() < 1e-6, "a patch that shows the picture itself changes nothing"
    with pytest.raises(ValueError, match=r"colour has shape \(C, 1, 1\)"):
        occlusion(net, x, fill=torch.zeros(3))


def test_all_pictures_keep_the_class_they_had_when_uncovered():
    # The net prefers class 1 while any pixel is bright, class 0 otherwise.
    class Lamp(nn.Module):
        def forward(self, x):
            bright = x.amax((1, 2, 3))
            return torch.stack([torch.full_like(bright, 0.5), bright], 1)

    x = torch.zeros(1, 1, 6, 6)
    x[..., 2, 2] = 1
    drops = occlusion(Lamp(), x, patch=2, stride=2)
    assert drops.tolist() == [[[0, 0, 0], [0, 1, 0], [0, 0, 0]]]


def test_captum_finds_the_same():
    captum = pytest.importorskip("captum.attr")
    x = pictures(2, 14)
    for net in (plain_net(), Regression().eval()):
        target = 2 if isinstance(net, nn.Sequential) else None
        drops = occlusion(net, x, target, patch=4, stride=3, fill=0.2)
        ours = spread(drops, (14, 14), 4, 3)
        theirs = captum.Occlusion(net).attribute(x, (3, 4, 4), (3, 3, 3), baselines=0.2, target=target)
        for channel in range(3):
            torch.testing.assert_close(ours, theirs[:, channel].to(ours), atol=1e-5, rtol=1e-4)


def test_errors_name_the_rule():
    net, x = plain_net(), pictures()
    with pytest.raises(ValueError, match="patch must be at most 16, got 17"):
        occlusion(net, x, patch=17)
    with pytest.raises(ValueError, match="stride must be at most 4, got 5"):
        occlusion(net, x, patch=4, stride=5)
    with pytest.raises(ValueError, match="x must have shape"):
        occlusion(net, x[0])
    with pytest.raises(ValueError, match="drops must have shape"):
        spread(torch.zeros(1, 3, 4), (16, 16), 8, 4)


@pytest.mark.parametrize("way", [occlusion, occlusion_one_by_one])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": torch.zeros(3, 16, 16)}, "x"),
        ({"patch": 17}, "patch"),
        ({"patch": 4, "stride": 5}, "stride"),
        ({"fill": torch.zeros(3)}, r"colour has shape \(C, 1, 1\)"),
    ],
)
def test_the_fast_way_and_the_slow_refuse_the_same(way, wrong, message):
    arguments = {"x": pictures(), "patch": 4, "stride": 2} | wrong
    with pytest.raises(ValueError, match=message):
        way(plain_net(), **arguments)
