"""One backward rule with two switches, in any network that uses PyTorch's ReLU."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.explain.relu_rules import RULES, backward_rule, relu_rule, rule_gradient
from course_utils.explain.saliency import input_gradient
from tests.explain.nets import NETS, FunctionalNet, left_alone, pictures, plain_net

A = torch.tensor([-1.0, 2.0, -3.0, 4.0])
SIGNAL = torch.tensor([5.0, -6.0, 7.0, 8.0])
EXPECTED = {"backprop": [0, -6, 0, 8], "deconvnet": [5, 0, 7, 8], "guided": [0, 0, 0, 8]}
WAYS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda a: F.relu(a, inplace=True),
    "torch.relu": torch.relu,
    "method": lambda a: a.relu(),
    "torch.relu_": torch.relu_,
    "method in place": lambda a: a.relu_(),
    "result dropped": lambda a: (a.relu_(), a)[1],
    "by keyword": lambda a: F.relu(input=a),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_call_a_relu_obeys(way, rule):
    assert backward_rule(SIGNAL, A, RULES[rule]).tolist() == EXPECTED[rule]
    leaf = A.clone().requires_grad_()
    with relu_rule(rule):
        out = WAYS[way](leaf * 1)
    assert out.tolist() == [0, 2, 0, 4], "what the network answers must not change"
    out.backward(SIGNAL)
    assert leaf.grad.tolist() == EXPECTED[rule]


def test_the_guided_rule_is_the_masked_product_of_the_other_two():
    draw = torch.Generator().manual_seed(0)
    a, signal = torch.randn(2, 1000, generator=draw)
    back, deconv, guided = (backward_rule(signal, a, rule) for rule in RULES.values())
    assert torch.equal(guided != 0, (back != 0) & (deconv != 0))
    assert torch.equal(guided, back * (deconv > 0))
    assert torch.equal(guided, deconv * (a > 0))


@pytest.mark.parametrize("name", NETS)
def test_backprop_is_the_gradient_and_nothing_stays_behind(name):
    x = pictures()
    with left_alone(NETS[name]()) as net:
        before = input_gradient(net, x)
        torch.testing.assert_close(rule_gradient(net, x, rule="backprop"), before)
        maps = [rule_gradient(net, x, rule=rule) for rule in ("deconvnet", "guided")]
        assert torch.equal(input_gradient(net, x), before), "the rule has stayed on"
    assert not any(torch.allclose(m, before) for m in maps)


@pytest.mark.parametrize(("rule", "theirs"), [("guided", "GuidedBackprop"), ("deconvnet", "Deconvolution")])
def test_captum_finds_the_same(rule, theirs):
    captum = pytest.importorskip("captum.attr")
    net, x = plain_net(), pictures()
    with pytest.warns(UserWarning, match="backward hooks"):
        expected = getattr(captum, theirs)(net).attribute(x, target=3)
    torch.testing.assert_close(rule_gradient(net, x, 3, rule), expected.detach())


def test_a_functional_network_needs_no_rewriting_where_hooks_on_modules_see_nothing():
    captum = pytest.importorskip("captum.attr")
    net, x = FunctionalNet().eval(), pictures()
    with pytest.warns(UserWarning, match="backward hooks"):
        missed = captum.GuidedBackprop(net).attribute(x, target=3).detach()
    plain = input_gradient(net, x, 3)
    torch.testing.assert_close(missed, plain)
    assert not torch.allclose(rule_gradient(net, x, 3, "guided"), plain)


def test_the_rule_ends_with_an_exception_and_asks_for_a_relu():
    with pytest.raises(ZeroDivisionError), relu_rule("guided"):
        raise ZeroDivisionError
    leaf = A.clone().requires_grad_()
    F.relu(leaf).backward(SIGNAL)
    assert leaf.grad.tolist() == EXPECTED["backprop"]
    with pytest.raises(ValueError, match="no ReLU ran inside"):
        rule_gradient(nn.Sequential(nn.Flatten(), nn.Linear(768, 3), nn.GELU()), pictures())
    with pytest.raises(ValueError, match="did you mean 'guided'"), relu_rule("guide"):
        pass
