"""Hourglasses: every way of unpooling returns to the size of the image; what each passes on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models.summary import summarise
from course_utils.segmentation.encoder_decoder import UNPOOLINGS, EncoderDecoder


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("unpooling", UNPOOLINGS)
def test_the_result_has_the_size_of_the_image(unpooling: str, skips: bool) -> None:
    model = EncoderDecoder(3, 5, 4, 3, unpooling=unpooling, skips=skips).eval()
    for size in ((32, 32), (17, 25), (8, 3)):
        assert model(torch.rand(2, 3, *size)).shape == (2, 5, *size)
    sides = [row.shape[1] for row in summarise(model, (3, 32, 32)).rows if len(row.shape) == 3]
    assert min(sides) == 4
    assert sides[-1] == 32


def test_only_a_transposed_convolution_adds_weights_and_skips_only_widen_the_way_up() -> None:
    count = {
        kind: sum(p.numel() for p in EncoderDecoder(3, 5, 4, 2, unpooling=kind).parameters()) for kind in UNPOOLINGS
    }
    fixed = count.pop("transposed")
    assert set(count.values()) == {fixed - sum(4 * w * w + w for w in (4, 8))}
    twin = sum(p.numel() for p in EncoderDecoder(3, 5, 4, 2, unpooling="nearest", skips=True).parameters())
    assert twin - count["nearest"] == 9 * (8 * 4 + 4 * 4)


def test_winners_carry_places_across_that_no_other_unpooling_knows() -> None:
    """Move the maxima inside their windows: the pooled values stay, and so does all that is computed from them."""
    for kind in UNPOOLINGS:
        torch.manual_seed(0)
        model = EncoderDecoder(1, 2, 2, 1, unpooling=kind).double().eval()
        with torch.no_grad():  # the first convolution passes the image on
            model.down[0].conv.weight.zero_()
            model.down[0].conv.weight[:, :, 1, 1] = 1
        x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
        x[:, :, ::2, ::2] = torch.rand(4, 4, dtype=torch.float64) + 0.1
        moved = x.roll((1, 1), (2, 3))
        assert torch.equal(model(x), model(moved)) == (kind != "winners")


def test_gradients_reach_every_weight() -> None:
    for kind in UNPOOLINGS:
        model = EncoderDecoder(2, 3, 4, 2, unpooling=kind, skips=kind == "nearest")
        model(torch.rand(2, 2, 12, 12)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    with pytest.raises(ValueError, match="winners"):
        EncoderDecoder(unpooling="winner")
    assert isinstance(EncoderDecoder(1, 2, 2, 1).unpool[0], nn.Identity)


@pytest.mark.parametrize("skips", [False, True])
def test_with_the_middle_cut_only_skips_tell_of_the_image(skips: bool) -> None:
    torch.manual_seed(0)
    model = EncoderDecoder(1, 2, 4, 2, unpooling="nearest", skips=skips).double().eval()
    nn.init.zeros_(model.middle.conv.weight)
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    assert torch.equal(model(x), model(x.flip(3))) == (not skips)
