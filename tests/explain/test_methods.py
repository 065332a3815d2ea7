"""All methods under one signature: shapes, the class asked for, baselines that know no network."""

from __future__ import annotations

import pytest
import torch

from course_utils.explain.methods import BASELINES, METHODS, pixel_map
from tests.explain.nets import FunctionalNet, Regression, left_alone, pictures, plain_net

SETTINGS = {"patch": 4, "stride": 4, "samples": 2, "steps": 2}


@pytest.mark.parametrize("method", [*METHODS, *BASELINES])
def test_a_map_has_the_picture_s_size_and_the_network_stays(method):
    x = pictures(2, 16)
    for net, layer in ((plain_net(), "1"), (FunctionalNet(), "second"), (Regression(), "body.1")):
        with left_alone(net):
            found = pixel_map(method, net, x, layer=layer, **SETTINGS)
        assert found.shape == (2, 16, 16)
        assert torch.isfinite(found).all()
        if method != "occlusion":
            assert (found >= 0).all()


def test_baselines_know_no_network_and_methods_do():
    x = pictures(2, 16)
    one, two = plain_net(), plain_net()
    with torch.no_grad():
        for weight in two.parameters():
            weight.mul_(1.3).add_(0.1)
    for method in (*METHODS, *BASELINES):
        maps = [pixel_map(method, net, x, 0, layer="1", **SETTINGS) for net in (one, two)]
        assert torch.equal(*maps) == (method in BASELINES)


def test_the_centre_is_largest_in_the_middle():
    hill = pixel_map("centre", plain_net(), torch.zeros(1, 3, 9, 17))
    assert hill[0].argmax() == 4 * 17 + 8
    with pytest.raises(ValueError, match="did you mean 'gradient'"):
        pixel_map("gradients", plain_net(), torch.zeros(1, 3, 9, 9))
