"""Hooks that always come off, and models that are left as they were found."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
import torch
from torch import nn

from course_utils.explain.hooks import Taps, attach, features, find_layer, untouched


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(1, 3, 3, padding=1))
    net.add_module("norm", nn.BatchNorm2d(3))
    net.add_module("relu", nn.ReLU(inplace=True))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(3 * 36, 2))
    return net


def hooks_on(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())


X = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def test_a_layer_is_found_by_name_and_by_module() -> None:
    net = small_net()
    assert find_layer(net, "conv") == ("conv", net.conv)
    assert find_layer(net, net.relu) == ("relu", net.relu)
    assert find_layer(net, "")[1] is net
    with pytest.raises(KeyError, match=r"no layer 'conf'.*'conv'"):
        find_layer(net, "conf")
    with pytest.raises(KeyError, match="no part of the model"):
        find_layer(net, nn.ReLU())
    with pytest.raises(TypeError, match="name or a module, got int"):
        find_layer(net, 3)  # type: ignore[arg-type]


def test_taps_keep_what_the_layer_put_out_although_the_next_works_in_place() -> None:
    net = small_net().eval()
    with Taps(net, ["conv", "norm", net.relu]) as taps:
        out = net(X)
    torch.testing.assert_close(taps["conv"], net.conv(X))
    torch.testing.assert_close(taps["norm"], net.norm(net.conv(X)))
    assert (taps["norm"] < 0).any(), "the in-place ReLU has overwritten what was kept"
    torch.testing.assert_close(taps["relu"], taps["norm"].clamp_min(0))
    torch.testing.assert_close(out, net(X))


def test_the_gradient_flows_through_what_was_kept() -> None:
    net = small_net().eval()
    x = X.clone().requires_grad_()
    with Taps(net, ["norm"]) as taps:
        score = net(x)[:, 1].sum()
    (slope,) = torch.autograd.grad(score, taps["norm"], retain_graph=True)
    expected = net.head.weight[1].view(3, 6, 6) * (taps["norm"] > 0)
    torch.testing.assert_close(slope, expected)
    assert not Taps(net, ["norm"], detach=True)._handles


def fail_inside(context: AbstractContextManager[object], net: nn.Module, hooks: int) -> None:
    with context:
        assert hooks_on(net) == hooks
        raise ZeroDivisionError


def test_hooks_come_off_also_after_an_exception() -> None:
    net = small_net()
    with pytest.raises(ZeroDivisionError):
        fail_inside(Taps(net, ["conv", "head"]), net, hooks=2)
    assert hooks_on(net) == 0
    with pytest.raises(RuntimeError), Taps(net, ["conv"]):
        net(torch.zeros(1, 7, 6, 6))
    with pytest.raises(ZeroDivisionError):
        fail_inside(attach(net, {"conv": lambda *a: None}), net, hooks=1)
    assert hooks_on(net) == 0
    with pytest.raises(KeyError), attach(net, {"conv": lambda *a: None, "cone": lambda *a: None}):
        pass
    assert hooks_on(net) == 0
    taps = Taps(net, ["conv"])
    with taps, pytest.raises(RuntimeError, match="already on"):
        taps.__enter__()
    assert hooks_on(net) == 0


def test_a_module_used_twice_keeps_both_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(1 - self.act(x))

    net = Twice()
    with Taps(net, "act") as taps:
        net(torch.tensor([-1.0, 3.0]))
    assert [c.tolist() for c in taps.calls("act")] == [[0, 3], [1, 0]]
    assert taps["act"].tolist() == [1, 0]
    taps.clear()
    with pytest.raises(KeyError, match="has not run yet"):
        taps["act"]
    with pytest.raises(KeyError, match="is not tapped"):
        taps[net]


def test_a_layer_that_returns_no_tensor_is_refused() -> None:
    net = nn.Sequential(nn.LSTM(2, 3))
    with pytest.raises(TypeError, match="returns tuple"), Taps(net, ["0"]):
        net(torch.zeros(4, 2))
    assert hooks_on(net) == 0


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "backward"])
def test_a_hook_replaces_what_it_returns(kind: str) -> None:
    net = nn.Sequential(nn.Linear(1, 1, bias=False))
    nn.init.constant_(net[0].weight, 2.0)
    x = torch.tensor([[3.0]], requires_grad=True)
    replace = {
        "forward": lambda m, i, out: out * 10,
        "forward_pre": lambda m, i: (i[0] + 1,),
        "backward": lambda m, gi, go: (gi[0] * 100,),
    }[kind]
    with attach(net, {"0": replace}, kind):
        out = net(x)
        out.backward()
    assert out.item() == {"forward": 60, "forward_pre": 8, "backward": 6}[kind]
    assert x.grad.item() == {"forward": 20, "forward_pre": 2, "backward": 200}[kind]
    assert net(x).item() == 6
    with pytest.raises(ValueError, match="kind"), attach(net, {}, "sideways"):
        pass


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_model_is_left_bit_identical(train: bool, fails: bool) -> None:
    net = small_net().train()
    net.norm.eval()
    net.head.weight.requires_grad_(False)
    net.conv.weight.grad = torch.ones_like(net.conv.weight)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    modes = [m.training for m in net.modules()]
    wanted = [p.requires_grad for p in net.parameters()]
    grad = net.conv.weight.grad
    x = X.clone().requires_grad_()
    try:
        with untouched(net, train=train) as inside:
            assert inside is net
            assert net.training == train
            assert not any(p.requires_grad for p in net.parameters())
            net(x).sum().backward()
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert [m.training for m in net.modules()] == modes
    assert [p.requires_grad for p in net.parameters()] == wanted
    assert net.conv.weight.grad is grad
    assert (grad == 1).all()
    assert net.head.bias.grad is None
    assert all(torch.equal(state[k], v) for k, v in net.state_dict().items())


def test_features_in_batches_equal_one_pass() -> None:
    net = small_net().train()
    kept = features(net, X, ["conv", "head"], batch_size=2)
    assert list(kept) == ["conv", "head"]
    assert net.training
    assert hooks_on(net) == 0
    whole = features(net, X, ["conv", "head"], batch_size=99)
    torch.testing.assert_close(kept["head"], whole["head"])
    net.eval()
    torch.testing.assert_close(kept["head"], net(X).detach())
    assert not kept["conv"].requires_grad
    with pytest.raises(ValueError, match="at least one input"):
        features(net, X[:0], ["conv"])
    with pytest.raises(ValueError, match="batch_size"):
        features(net, X, ["conv"], batch_size=0)
