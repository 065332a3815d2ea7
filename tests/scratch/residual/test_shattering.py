import pytest
import torch

from course_utils.scratch.residual.shattering import autocorrelation, line_gradient


def test_autocorrelation_of_a_wave_and_of_noise():
    t = torch.arange(400, dtype=torch.float64)
    wave = autocorrelation(torch.sin(2 * torch.pi * t / 40), 40)
    assert wave[0] == 1
    assert wave[20] < -0.9
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert autocorrelation(noise, 10)[1:].abs().max() < 0.06


def test_depth_shatters_and_shortcuts_protect():
    near = {}
    for name, blocks, order in (("shallow", 0, "plain"), ("plain", 12, "plain"), ("residual", 12, "post")):
        curves = [autocorrelation(line_gradient(blocks, order, branch=0.1, seed=s), 5) for s in range(3)]
        near[name] = torch.stack(curves).mean(0)[1].item()
    assert near["shallow"] > 0.97 > near["residual"] > 0.4 > 0.2 > near["plain"]


def test_the_gradient_of_a_hidden_layer_is_a_staircase():
    gradient = line_gradient(0, "plain", width=4)
    assert len(torch.unique(gradient.round(decimals=9))) <= 5  # at most one step for each unit


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="blocks must be at least 0"):
        line_gradient(-1, "plain")
