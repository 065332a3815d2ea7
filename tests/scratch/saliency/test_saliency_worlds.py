"""The network by hand, the lamps, the pairs and the counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.explain.relu_rules import relu_rule
from course_utils.explain.saliency import input_gradient
from course_utils.scratch.saliency.by_hand import RULES, W, answer, relu_back, send_back, v
from course_utils.scratch.saliency.lamps import lamp_net, make_lamps
from course_utils.scratch.saliency.pairs import side_by_side
from course_utils.scratch.saliency.passes import Counted

X = np.array([2.0, 1.0])


def by_torch() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False)).double()
    net[0].weight.data = torch.tensor(W)
    net[2].weight.data = torch.tensor(v)[None]
    return net


def test_the_numbers_on_the_page() -> None:
    assert (W @ X).tolist() == [-1, 1, -2, 2]
    assert answer(X) == 10
    expected = {"backprop": [0, -6, 0, 8], "deconvnet": [5, 0, 7, 8], "guided": [0, 0, 0, 8]}
    assert {rule: relu_back(v, W @ X, rule).tolist() for rule in RULES} == expected
    assert {r: send_back(X, r).tolist() for r in RULES} == {"backprop": [2, 6], "deconvnet": [3, -9], "guided": [8, 0]}


def test_only_backprop_is_the_derivative() -> None:
    slopes = [(answer(X + 1e-6 * e) - answer(X - 1e-6 * e)) / 2e-6 for e in np.eye(2)]
    assert np.allclose(slopes, send_back(X, "backprop"))
    assert not np.allclose(slopes, send_back(X, "deconvnet"))
    assert not np.allclose(slopes, send_back(X, "guided"))


@pytest.mark.parametrize("rule", RULES)
def test_the_library_says_the_same(rule: str) -> None:
    net = by_torch()
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with relu_rule(rule):
        found = input_gradient(net, points)
    assert np.allclose(found, [send_back(p.numpy(), rule) for p in points])
    assert net(points[:1]).item() == pytest.approx(answer(points[0].numpy()))
    with pytest.raises(ValueError, match="rule must be one of"):
        send_back(X, "forward")


def test_lamps_shine_as_bright_as_they_say() -> None:
    lamps = make_lamps(200, seed=3)
    assert not (lamps.cause & lamps.other).any(), "lamps do not touch"
    assert lamps.cause.sum((1, 2)).min() >= 30
    assert lamps.other.sum((1, 2)).min() >= 30
    red = (lamps.images[:, 0] * lamps.cause).sum((1, 2)) / lamps.cause.sum((1, 2))
    assert np.corrcoef(red, lamps.y)[0, 1] > 0.999
    green = (lamps.images[:, 1] * lamps.other).sum((1, 2)) / lamps.other.sum((1, 2))
    assert abs(np.corrcoef(green, lamps.y)[0, 1]) < 0.2
    assert torch.equal(lamps.images, make_lamps(200, seed=3).images)
    assert not torch.equal(lamps.images, make_lamps(200, seed=4).images)
    assert lamp_net()(lamps.images[:5]).shape == (5, 1)


def test_pairs_hold_two_classes_and_the_truth_of_the_asked_half() -> None:
    images = torch.arange(30.0).reshape(30, 1, 1, 1).expand(30, 1, 4, 4)
    labels = torch.arange(30) % 3
    masks = torch.zeros(30, 4, 4, dtype=torch.bool)
    masks[:, 1, 2] = True
    pairs = side_by_side(images, labels, masks, seed=1)
    assert 10 < len(pairs.asked) < 30
    assert pairs.images.shape == (len(pairs.asked), 1, 4, 8)
    assert (pairs.asked != pairs.other).all()
    left = pairs.half[:, 0, 0]
    assert 0 < left.sum() < len(left)
    assert torch.equal(pairs.half.sum((1, 2)), torch.full((len(left),), 16))
    value = torch.where(left, pairs.images[:, 0, 0, 0], pairs.images[:, 0, 0, -1]).long()
    assert torch.equal(labels[value], pairs.asked)
    value = torch.where(left, pairs.images[:, 0, 0, -1], pairs.images[:, 0, 0, 0]).long()
    assert torch.equal(labels[value], pairs.other)
    assert torch.equal(pairs.object.nonzero()[:, 2], torch.where(left, 2, 6))
    with pytest.raises(ValueError, match="masks must have shape"):
        side_by_side(images, labels, masks[:, :2])


def test_passes_are_counted_in_pictures() -> None:
    net = Counted(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval())
    x = torch.zeros(5, 3, 2, 2)
    with torch.no_grad():
        net(x)
    assert (net.forward_passes, net.backward_passes) == (5, 0)
    input_gradient(net, x[:2])
    assert (net.forward_passes, net.backward_passes) == (7, 2)
    assert not net.training
