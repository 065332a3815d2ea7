"""Gradients with respect to the picture: against finite differences, autograd and Captum."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.saliency import (
    blur,
    channel_map,
    input_gradient,
    integrated_gradients,
    smooth_grad,
    strongest_place,
    unit_gradient,
)
from tests.explain.nets import NETS, FunctionalNet, left_alone, pictures, plain_net


@pytest.mark.parametrize("name", NETS)
def test_the_gradient_is_that_of_finite_differences(name):
    net = NETS[name]().double().eval()
    x = pictures(2).double()
    gradient = input_gradient(net, x)
    scores = net(x)
    best = scores.argmax(1) if scores.ndim == 2 else None
    for c, i, j in ((0, 3, 4), (2, 15, 0), (1, 8, 8)):
        bump = torch.zeros_like(x)
        bump[:, c, i, j] = 1e-5
        rise = (net(x + bump) - net(x - bump)) / 2e-5
        rise = rise if best is None else rise.gather(1, best[:, None])[:, 0]
        torch.testing.assert_close(gradient[:, c, i, j], rise.detach(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_networks_and_pictures_stay_as_they_are_and_batches_do_not_mix(name):
    x = pictures()
    kept = x.clone()
    layer = {"functional": "second", "regression": "body.1"}.get(name, "1")
    with left_alone(NETS[name]()) as net:
        whole = input_gradient(net, x)
        each = torch.cat([input_gradient(net, one) for one in x.split(1)])
        smooth_grad(net, x, samples=2)
        integrated_gradients(net, x, steps=2)
        unit_gradient(net, x, layer, 1)
    torch.testing.assert_close(whole, each)
    assert torch.equal(x, kept)
    assert not whole.requires_grad


def test_it_works_where_gradients_are_switched_off():
    with torch.no_grad():
        assert input_gradient(plain_net(), pictures()).abs().sum() > 0


def test_the_probability_mixes_all_classes_and_fades():
    net, x = plain_net().double(), pictures().double()
    p = net(x).softmax(1).detach()
    all_scores = torch.stack([input_gradient(net, x, c) for c in range(5)], 1)
    mixed = p[:, 2, None, None, None] * (all_scores[:, 2] - torch.einsum("nk,nkchw->nchw", p, all_scores))
    torch.testing.assert_close(input_gradient(net, x, 2, of="probability"), mixed)
    log = all_scores[:, 2] - torch.einsum("nk,nkchw->nchw", p, all_scores)
    torch.testing.assert_close(input_gradient(net, x, 2, of="log_probability"), log)


def test_channels_make_one_map():
    g = torch.tensor([3.0, -4.0, 0.0]).reshape(1, 3, 1, 1)
    assert [channel_map(g, how).item() for how in ("max", "sum", "norm")] == [4, 7, 5]
    with pytest.raises(ValueError, match="how"):
        channel_map(g, "mean")


def test_smooth_grad_is_a_mean_over_noisy_copies():
    net, x = plain_net(), pictures()
    assert torch.equal(smooth_grad(net, x, seed=3), smooth_grad(net, x, seed=3))
    assert not torch.equal(smooth_grad(net, x, seed=3), smooth_grad(net, x, seed=4))
    torch.testing.assert_close(smooth_grad(net, x, samples=3, noise=0.0), input_gradient(net, x))
    draw = torch.Generator().manual_seed(5)
    reach = (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))[:, None, None, None]
    best = net(x).argmax(1)
    copies = [x + 0.2 * reach * torch.randn(x.shape, generator=draw) for _ in range(4)]
    mean = torch.stack([input_gradient(net, copy, best) for copy in copies]).mean(0)
    torch.testing.assert_close(smooth_grad(net, x, samples=4, noise=0.2, seed=5), mean)


def test_integrated_gradients_add_up_and_are_captums():
    captum = pytest.importorskip("captum.attr")
    net, x = plain_net(), pictures()
    shares = integrated_gradients(net, x, 1, baseline=0.3, steps=200)
    rise = (net(x) - net(torch.full_like(x, 0.3)))[:, 1]
    torch.testing.assert_close(shares.sum((1, 2, 3)), rise.detach(), atol=2e-3, rtol=0)
    theirs = captum.IntegratedGradients(net).attribute(x, 0.3, target=1, n_steps=20, method="riemann_middle")
    ours = integrated_gradients(net, x, 1, baseline=0.3, steps=20)
    torch.testing.assert_close(ours, theirs.to(ours), atol=1e-5, rtol=1e-3)


def test_captums_saliency_is_the_same():
    captum = pytest.importorskip("captum.attr")
    net, x = FunctionalNet().eval(), pictures()
    theirs = captum.Saliency(net).attribute(x, target=4, abs=False)
    torch.testing.assert_close(input_gradient(net, x, 4), theirs)


def test_a_hidden_unit_is_differentiated_at_its_strongest_place():
    net, x = plain_net().double(), pictures().double()
    activation = net[0](x)
    place = strongest_place(activation, 2)
    for n, (row, column) in enumerate(place.tolist()):
        assert activation[n, 2, row, column] == activation[n, 2].max()
    found = unit_gradient(net, x, "0", 2)
    torch.testing.assert_close(found, unit_gradient(net, x, net[0], 2, place))
    assert not torch.allclose(found, unit_gradient(net, x, "0", 2, (1, 1)))
    leaf = x.clone().requires_grad_()
    values = net[0](leaf)[range(3), 2, place[:, 0], place[:, 1]]
    torch.testing.assert_close(found, torch.autograd.grad(values.sum(), leaf)[0])
    flat = unit_gradient(net, x, "2", 4)
    torch.testing.assert_close(flat, input_gradient(net, x, 4))


def test_blur_keeps_a_constant_and_the_middle_of_a_dot():
    assert torch.allclose(blur(torch.ones(1, 9, 7), 1.5), torch.ones(1, 9, 7))
    dot = torch.zeros(1, 41, 41)
    dot[0, 20, 20] = 1
    soft = blur(dot, 2.0)
    assert soft.flatten().argmax() == 20 * 41 + 20
    assert soft.sum().item() == pytest.approx(1, abs=1e-5)
    scipy = pytest.importorskip("scipy.ndimage")
    theirs = scipy.gaussian_filter(dot[0].numpy(), 2.0, truncate=3.0)
    assert abs(soft[0].numpy() - theirs).max() < 1e-6


def test_errors_name_the_rule():
    net, x = plain_net(), pictures()
    with pytest.raises(KeyError, match="no layer"):
        unit_gradient(net, x, "7", 0)
    with pytest.raises(ValueError, match="channel must be at most 5, got 6"):
        unit_gradient(net, x, "0", 6)
    with pytest.raises(ValueError, match="8 rows and 8 columns"):
        unit_gradient(net, x, "0", 0, (8, 0))
    with pytest.raises(ValueError, match="samples"):
        smooth_grad(net, x, samples=0)
    with pytest.raises(ValueError, match="steps"):
        integrated_gradients(net, x, steps=0)
    with pytest.raises(ValueError, match="sigma"):
        blur(torch.zeros(1, 4, 4), 0)
    assert isinstance(net, nn.Sequential)
