"""The small inception networks: shapes, depth, heads that leave no trace, blocks that start as the identity."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models import summarise
from course_utils.models.googlenet import TABLE, Widths
from course_utils.models.mini_inception import (
    BLOCKS,
    MiniBlock,
    MiniInception,
    MiniInceptionResNet,
    residual_block,
    thin,
)


def test_widths_are_an_eighth_of_googlenets_and_never_less_than_two() -> None:
    assert thin(TABLE["3a"], 1 / 8) == Widths(8, 12, 16, 2, 4, 4)
    assert thin(TABLE["3a"], 1 / 100) == Widths(2, 2, 2, 2, 2, 2)


@pytest.mark.parametrize("norm", [False, True])
def test_it_has_fourteen_layers_and_its_blocks_stack_four_branches(norm: bool) -> None:
    account = summarise(MiniInception(10, norm=norm), (3, 32, 32))
    assert account.depth == 1 + 2 * len(BLOCKS) + 1 == 14
    block = MiniBlock(24, thin(TABLE["3a"], 1 / 8), norm)
    assert block(torch.randn(2, 24, 9, 7)).shape == (2, 8 + 16 + 4 + 4, 9, 7)
    assert block.out_channels == 32


def test_normalisation_follows_every_convolution_or_none() -> None:
    for norm in (False, True):
        modules = list(MiniInception(10, norm=norm, heads=True).modules())
        convs = sum(isinstance(m, nn.Conv2d) for m in modules)
        norms = sum(isinstance(m, nn.BatchNorm2d) for m in modules)
        assert norms == (convs if norm else 0)
        assert all((m.bias is None) == norm for m in modules if isinstance(m, nn.Conv2d))


def test_heads_speak_in_training_only_and_leave_no_trace() -> None:
    torch.manual_seed(0)
    model, x = MiniInception(10, heads=True), torch.randn(2, 3, 32, 32)
    assert [tuple(out.shape) for out in model.train()(x)] == [(2, 10)] * 3
    slim = MiniInception(10)
    slim.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("head_")})
    assert torch.equal(model.eval()(x), slim.eval()(x))


def test_weights_start_by_hes_rule() -> None:
    torch.manual_seed(0)
    weight = MiniInception(10, width=1).inception_5b.three[1][0].weight
    assert weight.std().item() == pytest.approx((2 / (192 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("norm", [False, True])
def test_a_residual_block_with_a_zero_projection_hands_on_what_is_not_negative(norm: bool) -> None:
    torch.manual_seed(0)
    block, x = residual_block(16, 0.3, norm), torch.randn(2, 16, 6, 6)
    assert not torch.allclose(block(x.relu()), x.relu())
    nn.init.zeros_(block.project.weight)
    nn.init.zeros_(block.project.bias)
    assert torch.equal(block(x.relu()), x.relu())


def test_the_residual_network_halves_the_map_three_times_and_answers() -> None:
    model = MiniInceptionResNet(7, 1, width=8, blocks=1)
    assert model(torch.randn(2, 1, 16, 16)).shape == (2, 7)
    assert summarise(MiniInceptionResNet(10, 1), (1, 16, 16)).depth == 28


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"width": 0}, "width must be greater than 0, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MiniInception(**options)
    with pytest.raises(ValueError, match=r"x must be images \(N, 3, H, W\)"):
        MiniInception()(torch.randn(1, 1, 32, 32))
    with pytest.raises(ValueError, match="scale must be greater than 0"):
        MiniInceptionResNet(scale=0)
