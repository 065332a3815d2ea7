"""Exercise 3: one backward rule of the ReLU, and three methods."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.answers import Wrong, compare, passed, read_array

from .asking import Watch, asked, first_wrong, load, pictures, read

RULES = ("backprop", "deconvnet", "guided")
SIGNAL = np.array([[3.0, -2, 4, -1, 5, -6, 0.5]])
INPUT = np.array([[1.0, 2, -3, -4, 0, 0, 7]])
PASSED = {
    "backprop": np.array([[3.0, -2, 0, 0, 0, 0, 0.5]]),
    "deconvnet": np.array([[3.0, 0, 4, 0, 5, 0, 0.5]]),
    "guided": np.array([[3.0, 0, 0, 0, 0, 0, 0.5]]),
}
X = pictures([[[1.0, 2.0, -1.0]]], [[[-2.0, 1.0, 3.0]]])
FIRST = np.array([[1.0, -1, 2], [-1, 2, 1], [3, 1, -1], [-2, 1, 0]])
SECOND = np.array([[2.0, -1, 1, 1], [-1, 1, -2, 3], [1, 1, -1, -2]])
LAST = np.array([[1.0, -2, 1], [-1, 2, -1]])
ASKED = np.array([0, 1])


def rules(relu_backward, rule_gradient) -> None:
    """Exercise 3."""
    for rule in RULES:
        got = read(relu_backward, (1, 7), SIGNAL, INPUT, rule)
        _one(got, rule)
    network = deep()
    for rule in RULES:
        got = read(rule_gradient, (2, 1, 1, 3), network, X, ASKED, rule)
        want = sent(X, ASKED, rule)
        mistakes = [
            (sent(X, ASKED, other), f'rule_gradient(..., "{rule}") does what the rule "{other}" does')
            for other in RULES
            if other != rule
        ]
        mistakes += [
            (
                sent(X, ASKED, rule, first_only=True),
                f"rule_gradient bends one ReLU alone: there is one inside another module, network.modules() finds it ({rule})",
            ),
            (
                sent(X, ASKED, rule, last_only=True),
                f"rule_gradient bends one ReLU alone: all of them, also inside other modules ({rule})",
            ),
            (
                np.maximum(sent(X, ASKED, "backprop"), 0),
                "rule_gradient applies the rule to the picture's gradient: it belongs to each ReLU on the way",
            ),
            (np.maximum(want, 0), "rule_gradient takes negative values away at the picture: only ReLUs do so"),
            (np.abs(want), "rule_gradient has lost its signs"),
            (sent(X, [0, 0], rule), "rule_gradient asks about one class in all pictures: `classes` has one for each"),
            (want / 2, "rule_gradient is divided by the number of pictures: the sum of the scores"),
        ]
        compare(
            got,
            want,
            mistakes,
            f'rule_gradient(..., "{rule}") is not right on a network of three linear layers: {first_wrong(got, want)}',
        )
    _hooks_off(rule_gradient)
    passed(3, "The prediction: backpropagation alone. The two others let nothing negative out of any ReLU.")


def _one(got, rule):
    want = PASSED[rule]
    ungated = np.where(SIGNAL > 0, SIGNAL, 0)
    mistakes = [
        (
            np.where(INPUT >= 0, SIGNAL if rule == "backprop" else ungated, 0),
            f'relu_backward(..., "{rule}") lets the signal pass where the input is exactly 0: a > 0',
        ),
        (np.where(SIGNAL > 0, INPUT, 0), f'relu_backward(..., "{rule}") sends the input down: the signal goes down'),
        (np.where(INPUT > 0, SIGNAL > 0, 0), f'relu_backward(..., "{rule}") sends ones down: the signal itself'),
        (SIGNAL, f'relu_backward(..., "{rule}") lets everything pass'),
        *(
            (PASSED[other], f'relu_backward(..., "{rule}") does what the rule "{other}" does')
            for other in RULES
            if other != rule
        ),
        (
            np.where(INPUT > 0, np.abs(SIGNAL), 0),
            f'relu_backward(..., "{rule}") takes the absolute value of the signal: what is negative is stopped',
        ),
        (
            np.abs(SIGNAL),
            f'relu_backward(..., "{rule}") takes the absolute value of the signal: what is negative is stopped',
        ),
    ]
    compare(
        got,
        want,
        mistakes,
        f'relu_backward(..., "{rule}") is not right for r = {SIGNAL[0].tolist()}, a = {INPUT[0].tolist()}: {first_wrong(got[0], want[0])}',
    )


def deep():
    """Three linear layers, two ReLUs, one of them inside another module."""
    inner = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU())
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 4, bias=False), nn.ReLU(), inner, nn.Linear(3, 2, bias=False))
    return load(network, {"1.weight": FIRST, "3.0.weight": SECOND, "4.weight": LAST})


def bent(r, a, rule):
    """The table of the exercise."""
    return r * ((a > 0) | (rule == "deconvnet")) * ((r > 0) | (rule == "backprop"))


def sent(x, classes, rule, first_only=False, last_only=False):
    """Down by hand."""
    a = np.array(x, dtype=float).reshape(len(x), 3) @ FIRST.T
    b = np.maximum(a, 0) @ SECOND.T
    r = bent(LAST[classes], b, "backprop" if first_only else rule) @ SECOND
    return (bent(r, a, "backprop" if last_only else rule) @ FIRST).reshape(len(x), 1, 1, 3)


def _plain(network):
    x = torch.tensor(X, requires_grad=True)
    network(x)[[0, 1], ASKED].sum().backward()
    for p in network.parameters():
        p.grad = None
    return x.grad.numpy()


def _hooks_off(rule_gradient):
    network = deep()
    for rule in RULES:
        asked(rule_gradient, network, X, ASKED, rule)
    want = sent(X, ASKED, "backprop")
    compare(
        _plain(network),
        want,
        otherwise="after rule_gradient the network's own gradients are wrong: something of the rule stayed on it. Remove the hooks",
    )
    watch = Watch(network)
    try:
        rule_gradient(network, torch.tensor(X), torch.tensor([0, 9]), "guided")
    except Exception:
        pass
    else:
        return
    sentence = "after an error in the middle (a class that does not exist) the rule stays on the network, and each later gradient is wrong: remove hooks in `finally`"
    compare(read_array(_plain(network), want.shape, "a gradient"), want, otherwise=sentence)
    try:
        watch.look("rule_gradient, after an error,")
    except Wrong as wrong:
        raise Wrong(f"{wrong}. Do it in `finally`") from None
