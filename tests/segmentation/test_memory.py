"""Accounts of activations: planned against counted while the network runs, and the factor 4."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.segmentation import memory
from course_utils.segmentation.encoder_decoder import UNPOOLINGS, EncoderDecoder
from course_utils.segmentation.unet import UNet


def strided(halvings: int = 3, channels: int = 8) -> nn.Sequential:
    """Halving convolutions and others, all of which keep or halve even sizes."""
    layers: list[nn.Module] = []
    for i in range(halvings):
        layers += [nn.Conv2d(3 if i == 0 else channels, channels, 3, stride=2, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("model", [strided(), UNet(3, 4, 4, 2, padding="same"), EncoderDecoder(3, 4, 4, 2)])
def test_the_plan_equals_what_layers_return_when_they_run(model: nn.Module) -> None:
    counted: dict[str, int] = {}
    hooks = []
    for name, module in model.named_modules():
        if name and not list(module.children()) and not isinstance(module, nn.Identity):
            count = lambda _, __, out, name=name: counted.update({name: out.numel() * out.element_size()})
            hooks.append(module.register_forward_hook(count))
    model.eval()(torch.rand(2, 3, 32, 24))
    for hook in hooks:
        hook.remove()
    plan = {row.name: row.bytes for row in memory.activation_account(model, (3, 32, 24), 2)}
    assert counted
    assert {name: plan[name] for name in counted} == counted


def test_each_skipped_halving_costs_four_times_the_memory() -> None:
    costs = memory.resolution_costs(strided(3), (3, 64, 64))
    assert costs == {8: 8 * 8 * 8 * 4, 4: 4 * 8 * 8 * 8 * 4, 2: 16 * 8 * 8 * 8 * 4, 1: 64 * 8 * 8 * 8 * 4}
    ratios = [costs[s // 2] / costs[s] for s in (8, 4, 2)]
    assert ratios == [4, 4, 4]
    assert memory.affordable_channels(256, 2) == 16


def test_the_measured_memory_of_training_grows_fourfold_too() -> None:
    from course_utils.segmentation.dilated_twin import dilated_twin

    # Only what lies behind the skipped halvings grows: the first layer is made negligible by a narrow start.
    body = nn.Sequential(
        nn.Conv2d(3, 1, 3, 2, 1), nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)
    )
    x = torch.rand(1, 3, 64, 64)
    kept = [memory.kept_bytes(dilated_twin(body, s), x) - x.numel() * 4 for s in (4, 2, 1)]
    one = 16 * 16 * 4
    assert kept[0] == 4 * one + 32 * one  # the narrow map and the wide one; the last map is not needed any more
    assert kept[1:] == [4 * one + 4 * 32 * one, 16 * one + 16 * 32 * one]
    assert 3.5 < kept[1] / kept[0] < 4.5
    assert 3.5 < kept[2] / kept[1] < 4.5


def test_what_is_kept_by_hand_and_nothing_without_gradients() -> None:
    x = torch.rand(2, 5)
    layer = nn.Linear(5, 7)
    assert memory.kept_bytes(layer, x) == x.numel() * 4
    # A ReLU keeps its result, which the next layer keeps as its input: one block.
    assert memory.kept_bytes(nn.Sequential(layer, nn.ReLU(), nn.Linear(7, 1)), x) == (10 + 14) * 4
    for p in layer.parameters():
        p.requires_grad_(False)
    assert memory.kept_bytes(layer, x) == 0


def test_high_resolution_takes_most_of_a_u_net() -> None:
    account = memory.activation_account(UNet(3, 5, 16, 4, padding="same"), (3, 256, 256))
    full = sum(row.bytes for row in account if row.shape[1:] == (256, 256))
    assert full / memory.total_bytes(account) > 0.5
    for kind in UNPOOLINGS:
        assert (
            memory.total_bytes(memory.activation_account(EncoderDecoder(3, 5, 8, 3, unpooling=kind), (3, 33, 40))) > 0
        )
