"""The deconvnet: a toy by hand, and the same pictures through autograd with one changed rule."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.deconvnet import deconvnet, pool_with_switches, stack, unpool
from course_utils.explain.hooks import features
from course_utils.explain.relu_rules import relu_rule
from course_utils.explain.saliency import unit_gradient
from tests.explain.nets import FunctionalNet, left_alone, pictures, plain_net


def unpool_by_loops(signal, switches, size):
    full = torch.zeros(*signal.shape[:2], *size)
    for n in range(signal.shape[0]):
        for c in range(signal.shape[1]):
            for i in range(signal.shape[2]):
                for j in range(signal.shape[3]):
                    place = switches[n, c, i, j].item()
                    full[n, c, place // size[1], place % size[1]] += signal[n, c, i, j]
    return full


@pytest.mark.parametrize("pool", [(2, 2, 0), (3, 2, 1), (3, 1, 0), (2, 3, 0)])
def test_switches_remember_where_each_maximum_was(pool):
    x = pictures(2, 9)
    layer = nn.MaxPool2d(*pool)
    pooled, switches = pool_with_switches(x, layer)
    assert torch.equal(pooled, layer(x))
    assert torch.equal(x.flatten(2).gather(2, switches.flatten(2)), pooled.flatten(2))
    torch.testing.assert_close(unpool(pooled, switches, (9, 9)), unpool_by_loops(pooled, switches, (9, 9)))
    leaf = x.clone().requires_grad_()
    layer(leaf).backward(pooled)
    torch.testing.assert_close(unpool(pooled, switches, (9, 9)), leaf.grad)


def toy():
    """Three layers by hand: differences of neighbours in a row, ReLU, the larger of each two by two."""
    net = nn.Sequential(nn.Conv2d(1, 1, (1, 2), bias=False), nn.ReLU(), nn.MaxPool2d((1, 2)))
    net[0].weight.data = torch.tensor([[[[-1.0, 1.0]]]])
    return net.eval(), torch.tensor([[[[1.0, 4.0, 2.0, 3.0, 8.0]]]])


def test_a_toy_of_three_layers_by_hand():
    net, x = toy()
    # differences (3, -2, 1, 5), rectified (3, 0, 1, 5), pooled (3, 5) from places 0 and 3
    assert net(x).flatten().tolist() == [3, 5]
    assert deconvnet(net, x, "2", 0, (0, 1)).flatten().tolist() == [0, 0, 0, -5, 5]
    assert deconvnet(net, x, "2", 0, (0, 0)).flatten().tolist() == [-3, 3, 0, 0, 0]
    assert deconvnet(net, x, "2", 0).flatten().tolist() == [0, 0, 0, -5, 5], "the strongest by default"
    # the mirrored picture: other switches, the signal goes elsewhere
    assert deconvnet(net, x.flip(3), "2", 0).flatten().tolist() == [0, 0, -2, 2, 0]


def test_a_negative_signal_is_clipped_at_the_relu():
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(1, 1, 1, bias=False)).eval()
    net[0].weight.data.fill_(1.0)
    net[2].weight.data.fill_(-2.0)
    x = torch.full((1, 1, 1, 1), 3.0)
    # activation -6, sent back through weight -2: +12 passes; with the sign turned the signal is clipped
    assert deconvnet(net, x, "2", 0).item() == 12
    net[2].weight.data.fill_(2.0)
    net[0].weight.data.fill_(-1.0)
    assert deconvnet(net, x, "2", 0).item() == 0, "the activation is 0"
    net2 = nn.Sequential(*net, nn.Conv2d(1, 1, 1, bias=False)).eval()
    net2[0].weight.data.fill_(1.0)
    net2[3].weight.data.fill_(-1.0)
    assert deconvnet(net2, x, "3", 0).item() == 12
    net2[2].weight.data.fill_(-2.0)
    # activation +6, back through -1 and -2: +12 arrives at the ReLU; the last sign turned: -12, clipped
    assert net2(x).item() == 6
    assert deconvnet(net2, x, "3", 0).item() == 12
    net2[3].bias = nn.Parameter(torch.tensor([-100.0]))
    assert net2(x).item() == -94
    assert deconvnet(net2, x, "3", 0).item() == 0


@pytest.mark.parametrize("layer", ["0", "0.0", "1.0", "1", "2"])
def test_it_is_backpropagation_with_one_changed_rule(layer):
    x = pictures()
    with left_alone(plain_net()) as net:
        maps = features(net, x, layer)[layer]
        strongest = maps.flatten(2).amax(2) if maps.ndim == 4 else maps
        channel = int((strongest > 0).sum(0).argmax())
        found = deconvnet(net, x, layer, channel)
        with relu_rule("deconvnet"):
            signal = unit_gradient(net, x, layer, channel)
    value = strongest[:, channel]
    keep = value > 0  # a negative start turns every sign, and what is clipped with it
    assert keep.any()
    expected = value[:, None, None, None] * signal
    torch.testing.assert_close(found[keep], expected[keep], atol=1e-6, rtol=1e-4)
    assert found[keep].abs().sum() > 0


def test_strides_groups_dilations_and_norms_go_back_by_their_transposes():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3, dilation=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 1 * 1, 5),
    )
    nn.init.normal_(net[1].running_mean)
    nn.init.uniform_(net[1].weight)
    net.eval()
    x = pictures(4, 14)
    value = net(x).detach()
    channel = int((value > 0).sum(0).argmax())
    keep = value[:, channel] > 0
    with relu_rule("deconvnet"):
        signal = unit_gradient(net, x, "8", channel)
    expected = value[:, channel, None, None, None] * signal
    found = deconvnet(net, x, "8", channel)
    assert keep.any()
    torch.testing.assert_close(found[keep], expected[keep], atol=1e-6, rtol=1e-4)


def test_what_it_cannot_run_backwards_is_named_with_the_remedy():
    x = pictures()
    assert [name for name, _ in stack(plain_net())][:4] == ["0.0", "0.1", "0.2", "1.0"]
    with pytest.raises(ValueError, match=r"relu_rule\('deconvnet'\) takes any network"):
        deconvnet(FunctionalNet(), x, "first", 0)
    with pytest.raises(ValueError, match="layer '1' is a GELU"):
        deconvnet(nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU()), x, "1", 0)
    with pytest.raises(ValueError, match="channel must be at most 7, got 8"):
        deconvnet(plain_net(), x, "1", 8)
    with pytest.raises(ValueError, match="same shape"):
        unpool(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 3, dtype=torch.long), (4, 4))
