"""Exercise 5: a network that trains."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.answers import Wrong, ask, compare, passed, read_numbers

from .networks import load, made, outcome, output, silent, weights

X = np.array([[3.0, 1.5], [-1.5, 6.0], [4.5, -3.0], [-3.0, -1.5]])
Y = np.array([0, 1, 2, 1])
W = np.array([[0.3, -0.2], [-0.4, 0.1], [0.2, 0.5]])
STEPS, LR = 4, 0.5


def repair(net, train) -> None:
    """Exercise 5."""
    _registered(net)
    _logits(net)
    _signal(net)
    _train(train)
    _together(net, train)
    passed(
        5,
        "Parameters: the list. Signal: the 0.01. Outputs: the softmax, which the loss has in it. Gradient: no zero_grad.",
    )


def _registered(net):
    got = weights(made(net, 4, 5, 3, 2))
    want = {"layers.0.weight": (5, 4), "layers.0.bias": (5,)}
    for number in (1, 2):
        want |= {f"layers.{number}.weight": (5, 5), f"layers.{number}.bias": (5,)}
    want |= {"last.weight": (2, 5), "last.bias": (2,)}
    if got and not any(name.startswith("layers") for name in got) and len(got) == 2:
        raise Wrong(
            "Net hides its layers: parameters() finds those of `last` alone, so no optimiser ever changes the others. A module does "
            "not look into a Python list; nn.ModuleList is a list that it looks into"
        )
    for name, shape in want.items():
        if name not in got:
            raise Wrong(f"Net has no parameter {name}: the names stay. It has {', '.join(got) or 'none'}")
        if got[name] != shape:
            raise Wrong(f"Net(4, 5, 3, 2): {name} should have shape {shape}, got {got[name]}")
    extra = [name for name in got if name not in want]
    if extra:
        raise Wrong(f"Net(4, 5, 3, 2) has other parameters than it should: {', '.join(extra)}")


def _logits(net):
    small = made(net, 2, 2, 2, 3)
    load(small, {"layers.0.weight": [[1, 0], [0, 1]], "layers.0.bias": [0, 0]})
    load(small, {"layers.1.weight": [[1, -1], [-1, 2]], "layers.1.bias": [-1, 0.5]})
    load(small, {"last.weight": [[1, 0], [0, -2], [1, 1]], "last.bias": [0, 1, -3]})
    x = np.array([[3.0, -1.0], [1.0, 2.0]])
    got = output(small, x, (2, 3), "Net(2, 2, 2, 3), called,")
    want = np.array([[2.0, 1, -1], [0, -6, 0.5]])
    powers = np.exp(want)
    shares = powers / powers.sum(axis=1, keepdims=True)
    mistakes = [
        (
            shares,
            "Net returns probabilities: F.cross_entropy takes the softmax itself, so twice is once too often. Return the logits",
        ),
        (
            np.log(shares),
            "Net returns logarithms of probabilities: F.cross_entropy does that itself. Return the logits",
        ),
        (np.maximum(want, 0), "Net applies a ReLU to the logits: they may be any number"),
        ([[3.0, 10, -4.5], [-2, -6, -1.5]], "Net has no ReLUs: without them all its layers are one"),
        ([[2.0, 6, -3.5], [-2, -6, -1.5]], "Net has no ReLU after its last hidden layer"),
        (1 / (1 + np.exp(-want)), "Net applies a sigmoid to the logits: they may be any number"),
    ]
    compare(got, want, mistakes, "Net is not right: linear, ReLU, linear, ReLU, ..., and `last` for the logits")
    missing = silent(small, x)
    if missing:
        raise Wrong(f"Net: no gradient reaches {missing[0]}: `.detach()`, `.data` and `no_grad` cut the way back")


def _signal(net):
    for width in (128, 48):
        made_one = made(net, 30, width, 20, 3)
        values = {name: p.detach().double().numpy() for name, p in made_one.named_parameters()}
        z = np.random.default_rng(0).normal(size=(200, 30))
        before, spread = np.sqrt(np.mean(z**2)), z.std(axis=0).mean()
        for number in range(20):
            z = np.maximum(z @ values[f"layers.{number}.weight"].T + values[f"layers.{number}.bias"], 0)
        factor = np.sqrt(np.mean(z**2)) / before
        rule = f"a ReLU layer keeps the size of its input where its weights have variance 2 / (number of inputs), here 2 / {width}"
        if factor < 0.1:
            raise Wrong(
                f"the signal of a fresh Net shrinks to {factor:.1e} of its size in 20 layers of {width} units: {rule}"
            )
        if factor > 10:
            raise Wrong(f"the signal of a fresh Net grows {factor:.1e} times in 20 layers of {width} units: {rule}")
        if z.std(axis=0).mean() < 0.01 * spread:
            raise Wrong(
                f"after 20 layers of {width} units of a fresh Net all inputs look alike: biases carry no signal. {rule}"
            )


def _descent(keep=0.0, rate=LR, scale=1.0, mean=True, steps=STEPS):
    """Softmax regression by numpy: losses before each step, the last loss, the weights in the end."""
    w, b, losses = W.copy(), np.zeros(3), []
    memory_w, memory_b = 0 * w, 0 * b
    for _ in range(steps + 1):
        powers = np.exp(X @ w.T + b)
        shares = powers / powers.sum(axis=1, keepdims=True)
        losses.append(-np.log(shares[np.arange(4), Y]).sum() / (4 if mean else 1))
        g = (shares - np.eye(3)[Y]) / (4 if mean else 1)
        memory_w, memory_b = keep * memory_w + g.T @ X, keep * memory_b + g.sum(axis=0)
        if len(losses) <= steps:
            w, b = w - scale * rate * memory_w, b - scale * rate * memory_b
    return losses, w


def _plain(losses):
    """Losses as numbers, also those that are still tensors."""
    return [outcome(loss) for loss in losses] if isinstance(losses, list | tuple) else outcome(losses)


def _train(train):
    if not callable(train):
        ask(train)
    box = []

    def call(x, y):
        network = nn.Linear(2, 3)
        load(network, {"weight": W, "bias": np.zeros(3)})
        box.append(network)
        return _plain(train(network, torch.from_numpy(x), torch.from_numpy(y), LR, STEPS))

    call.__name__ = "train"
    losses = read_numbers(ask(call, X.astype(np.float32), Y), "the losses that train returns")
    right, weight = _descent()
    if len(losses) == STEPS + 1:
        raise Wrong("train returns one loss too many: one before each step")
    if len(losses) != STEPS:
        raise Wrong(f"train returns {len(losses)} losses for {STEPS} steps: one before each step")
    accumulated = "train adds each step's gradient to those of all steps before: set the gradients to zero before each backward pass"
    mistakes = [
        (_descent(keep=1.0)[0][:STEPS], accumulated),
        (right[1:], "train returns the loss after each step: the one before it"),
        (
            np.full(STEPS, right[0]),
            "train changes nothing: the loss stays where it was. Is there a step, with the gradient still there?",
        ),
        (_descent(mean=False)[0][:STEPS], "train uses the sum of the losses of the batch: the mean"),
        (_descent(rate=0.01)[0][:STEPS], "train does not use lr"),
        (_descent(rate=0.1)[0][:STEPS], "train does not use lr"),
        (_descent(rate=0.001)[0][:STEPS], "train does not use lr"),
        (_descent(keep=0.9)[0][:STEPS], "train uses momentum: plain steps, minus lr times the gradient"),
        (_descent(scale=-1.0)[0][:STEPS], "train climbs: minus lr times the gradient"),
        (np.full(STEPS, right[STEPS]), "train returns the last loss again and again"),
        (np.array(right[:STEPS]) * 4, "train returns sums over the batch: the mean"),
        (np.cumsum(right[:STEPS]), "train returns sums over the steps: the loss of each step"),
    ]
    otherwise = (
        "train is not plain gradient descent on the mean cross-entropy: the losses before the steps should be "
        + ", ".join(f"{value:.4f}" for value in right[:STEPS])
    )
    compare(losses, right[:STEPS], mistakes, otherwise, tolerance=1e-4)
    got = box[-1].weight.detach().double().numpy()
    mistakes = [
        (W, "train leaves the weights of the network that it was given as they were: train that one, no copy of it"),
        (_descent(steps=STEPS - 1)[1], "train leaves out the last step: as many steps as losses"),
    ]
    compare(got, weight, mistakes, "train: the weights in the end are not right", tolerance=1e-4)


def _together(net, train):
    rng = np.random.default_rng(2)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 2)) * 0.5 + np.array([[2.0, 0], [-1, 1.7], [-1, -1.7]])[y]

    def call(x, y):
        network = made(net, 2, 32, 8, 3)
        return _plain(train(network, torch.from_numpy(x), torch.from_numpy(y), 0.05, 80))

    call.__name__ = "train"
    losses = read_numbers(ask(call, x.astype(np.float32), y), "the losses that train returns")
    if not losses[-1] < 0.5 * losses[0]:
        raise Wrong(
            f"Net and train together learn three clouds of points too slowly: the loss goes from {losses[0]:.3f} to {losses[-1]:.3f} in 80 "
            "steps. Run the measurement below"
        )
