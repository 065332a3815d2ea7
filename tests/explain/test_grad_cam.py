"""Grad-CAM: Captum's, and the older class activation map where the network ends in a mean and a linear layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.explain.grad_cam import enlarge, grad_cam, guided_grad_cam
from tests.explain.nets import NETS, FunctionalNet, left_alone, pictures, plain_net

LAYERS = {"plain": "1", "in place": "1.0", "functional": "second", "regression": "body.1"}


@pytest.mark.parametrize("name", NETS)
def test_any_network_is_left_alone_and_batches_do_not_mix(name):
    x = pictures()
    with left_alone(NETS[name]()) as net:
        whole = grad_cam(net, x, LAYERS[name])
        each = torch.cat([grad_cam(net, one, LAYERS[name]) for one in x.split(1)])
        guided_grad_cam(net, x, LAYERS[name])
    torch.testing.assert_close(whole, each)
    assert (whole >= 0).all()
    assert not whole.requires_grad


def test_it_is_the_class_activation_map_of_a_net_that_ends_in_a_mean():
    net, x = plain_net(), pictures()
    maps = net[1](net[0](x))
    for target in range(5):
        cam = torch.einsum("k,nkhw->nhw", net[2][2].weight[target], maps) / maps[0, 0].numel()
        ours = grad_cam(net, x, "1", target, positive=False)
        torch.testing.assert_close(ours, cam.detach())
        torch.testing.assert_close(grad_cam(net, x, "1", target), cam.clamp_min(0).detach())
        # and the class's score is the sum of the map, but for the bias
        score = net(x)[:, target] - net[2][2].bias[target]
        torch.testing.assert_close(ours.sum((1, 2)), score.detach())


@pytest.mark.parametrize("layer", ["0", "1", "1.0"])
def test_captum_finds_the_same(layer):
    captum = pytest.importorskip("captum.attr")
    net, x = plain_net(), pictures()
    module = net.get_submodule(layer)
    theirs = captum.LayerGradCam(net, module).attribute(x, target=2, relu_attributions=True)
    torch.testing.assert_close(grad_cam(net, x, layer, 2), theirs[:, 0].detach())


def test_guided_grad_cam_is_captums():
    captum = pytest.importorskip("captum.attr")
    net, x = plain_net(), pictures()
    with pytest.warns(UserWarning, match="backward hooks"):
        theirs = captum.GuidedGradCam(net, net[1], device_ids=None).attribute(x, target=2, interpolate_mode="bilinear")
    torch.testing.assert_close(guided_grad_cam(net, x, "1", 2), theirs.detach(), atol=1e-7, rtol=1e-4)


def test_a_small_map_is_brought_to_the_pictures_size():
    maps = torch.rand(2, 4, 4)
    big = enlarge(maps, (16, 12))
    assert big.shape == (2, 16, 12)
    torch.testing.assert_close(big, F.interpolate(maps[None], (16, 12), mode="bilinear")[0])


def test_errors_name_the_rule():
    with pytest.raises(ValueError, match="output of the layer must have shape"):
        grad_cam(plain_net(), pictures(), "2")
    with pytest.raises(KeyError, match="no layer"):
        grad_cam(FunctionalNet(), pictures(), "fourth")
    with pytest.raises(RuntimeError):
        grad_cam(nn.Sequential(nn.Conv2d(4, 2, 1)), pictures(), "0")
