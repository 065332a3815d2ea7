"""Backpropagation, deconvnet and guided backpropagation: one backward rule of the ReLU with two switches.

Chapter 08b teaches it. Every network that uses PyTorch's ReLU obeys, as module, as function or in place: calls are
caught on their way into PyTorch, so nothing of the network is replaced, and nothing has to be put back.

Sources: M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014 (deconvnet);
K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013, section 4 (it is backpropagation but
for the ReLU); J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, "Striving for simplicity: the all
convolutional net", 2015 (guided backpropagation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.check import check_choice
from course_utils.explain.saliency import input_gradient
from course_utils.explain.targets import Target

__all__ = ["RULES", "Rule", "backward_rule", "relu_rule", "rule_gradient"]


@dataclass(frozen=True)
class Rule:
    """Which gates the signal passes on its way back through a ReLU.

    Args:
        forward_gate: pass only where the ReLU's input was positive.
        signal_gate: pass only what is itself positive.
    """

    forward_gate: bool
    signal_gate: bool


RULES = {
    "backprop": Rule(forward_gate=True, signal_gate=False),
    "deconvnet": Rule(forward_gate=False, signal_gate=True),
    "guided": Rule(forward_gate=True, signal_gate=True),
}


def backward_rule(signal: Tensor, a: Tensor, rule: Rule) -> Tensor:
    """Send a signal back through a ReLU.

    Args:
        signal: what arrives at the ReLU's output.
        a: what the ReLU's input was, same shape.
        rule: one of ``RULES``.

    Returns:
        what leaves at its input.
    """
    if rule.forward_gate:
        signal = signal * (a > 0)
    if rule.signal_gate:
        signal = signal * (signal > 0)
    return signal


class _RuledReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, rule: Rule) -> Tensor:
        ctx.save_for_backward(a)
        ctx.rule = rule
        return a.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        (a,) = ctx.saved_tensors
        return backward_rule(signal, a, ctx.rule), None


NEW: set[Callable[..., Any]] = {F.relu, torch.relu, torch.Tensor.relu}
IN_PLACE: set[Callable[..., Any]] = {torch.relu_, torch.Tensor.relu_}


class _Catch(TorchFunctionMode):
    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule, self.caught = rule, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in NEW and func not in IN_PLACE:
            return func(*args, **kwargs)
        self.caught += 1
        a = args[0] if args else kwargs["input"]
        if func in IN_PLACE:
            # The caller may go on with the tensor it handed in, so that one must change too.
            return a.copy_(_RuledReLU.apply(a.clone(), self.rule))
        return _RuledReLU.apply(a, self.rule)


@contextmanager
def relu_rule(name: str) -> Iterator[Rule]:
    """Let every ReLU that runs inside a ``with`` block send signals back by the named rule.

    What the network answers does not change; what ``backward`` or ``torch.autograd.grad`` brings back does, and only
    for passes *forward* made inside the block.

    Args:
        name: ``"backprop"`` (the derivative), ``"deconvnet"`` or ``"guided"``.

    Raises:
        ValueError: for another name; or at the end of the block if no ReLU ran in it, since then the rule had nothing
            to rule (networks with GELU or SiLU; a network that was compiled or scripted before).
    """
    check_choice("rule", name, tuple(RULES))
    mode = _Catch(RULES[name])
    with mode:
        yield mode.rule
    if not mode.caught:
        raise ValueError(f"rule {name!r} changes what ReLUs send back, but no ReLU ran inside the block")


def rule_gradient(model: nn.Module, x: Tensor, target: Target = None, rule: str = "guided") -> Tensor:
    """Return what arrives at the pictures when the class's score is sent back by a rule: (N, C, H, W)."""
    with relu_rule(rule):
        return input_gradient(model, x, target)
