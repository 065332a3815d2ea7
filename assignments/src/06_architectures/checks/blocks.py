"""Exercise 4: a residual block, and the Jacobian of a network."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array

from .entries import first_wrong
from .examples import example_network
from .networks import load, made, outcome, output, silent, weights


def residual(block, jacobian) -> None:
    """Exercise 4."""
    _parameters(block)
    _start(block)
    _identity(block)
    _projection(block)
    _jacobian(jacobian)
    fresh = made(block, 2, 2, 1).eval()
    got = slopes(jacobian, fresh, np.arange(1.0, 9.0).reshape(2, 2, 2), (8, 8), "jacobian of a fresh block")
    compare(got, np.eye(8), otherwise="the Jacobian of a fresh block at positive numbers is not the identity")
    passed(4, "The prediction: the identity for positive numbers; all zeros for negative ones, the last ReLU is shut.")


def wanted(c, f, needed):
    """Names and shapes of a block's parameters."""
    found = {"conv1.weight": (f, c, 3, 3), "conv2.weight": (f, f, 3, 3)}
    for name in ("bn1", "bn2"):
        found |= {f"{name}.weight": (f,), f"{name}.bias": (f,)}
    if needed:
        found |= {"project.weight": (f, c, 1, 1), "project_bn.weight": (f,), "project_bn.bias": (f,)}
    return found


def _parameters(block):
    for c, f, stride in ((3, 3, 1), (2, 5, 2), (2, 3, 1), (4, 4, 2)):
        name, needed = f"ResidualBlock({c}, {f}, {stride})", (c, stride) != (f, 1)
        got, want = weights(made(block, c, f, stride)), wanted(c, f, needed)
        for key, shape in want.items():
            if got.get(key) == shape:
                continue
            if key not in got and key.startswith("project."):
                raise Wrong(f"{name} has no `project`: the shapes of x and F(x) differ, so x cannot be added as it is")
            if key not in got and key.startswith("project_bn"):
                raise Wrong(f"{name} has no `project_bn`: what the projection gives is normalised too")
            if key not in got:
                raise Wrong(
                    f"{name} has no parameter {key}: make the layer an attribute. It has {', '.join(got) or 'none'}"
                )
            raise Wrong(f"{name}: {key} should have shape {shape}, got {got[key]}")
        extra = [key for key in got if key not in want]
        if any(key.endswith("conv1.bias") or key.endswith("conv2.bias") or key == "project.bias" for key in extra):
            raise Wrong(f"{name}: its convolutions have no bias, the batch normalisation behind them has one")
        if any("project" in key for key in extra):
            raise Wrong(f"{name} has a projection where none is needed: where shapes agree the shortcut is x itself")
        if extra:
            raise Wrong(f"{name} has other parameters than it should: {', '.join(extra)}")


def _start(block):
    net = made(block, 3, 3, 1)
    weight = dict(net.named_parameters())["bn2.weight"].detach().double().numpy()
    mistakes = [
        (np.ones(3), "bn2's weight starts at 1, as it does by itself: set it to 0, so that a fresh block adds nothing")
    ]
    compare(weight, np.zeros(3), mistakes, "bn2's weight does not start at 0")
    first = dict(net.named_parameters())["bn1.weight"].detach().double().numpy()
    compare(first, np.ones(3), otherwise="bn1's weight does not start at 1: only bn2's starts at 0")
    third = dict(made(block, 3, 2, 1).named_parameters())["project_bn.weight"].detach().double().numpy()
    compare(third, np.ones(2), otherwise="project_bn's weight does not start at 1: only bn2's starts at 0")
    x = np.array([[[[1.0, -2.0], [3.0, 0.5]], [[-1.0, 4.0], [2.0, -3.0]], [[5.0, 1.0], [-0.5, 2.0]]]])
    got = output(net, x, (1, 3, 2, 2), "a fresh ResidualBlock(3, 3, 1)")
    mistakes = [
        (0 * x, "a fresh block gives zeros: the shortcut is missing, x has to be added to F(x)"),
        (x, "a fresh block lets negative numbers through: the last step is a ReLU, after the sum"),
        (2 * np.maximum(x, 0), "a fresh block adds x twice"),
    ]
    compare(got, np.maximum(x, 0), mistakes, "a fresh block with identity shortcut is not ReLU(x)")


def _identity(block):
    """One map and kernels that see their own pixel alone: the block is a function of one number."""
    net = made(block, 1, 1, 1).eval()
    centre = np.zeros((1, 1, 3, 3))
    centre[0, 0, 1, 1] = 1.0
    load(net, {"conv1.weight": 2 * centre, "conv2.weight": -3 * centre, "bn1.weight": [1.5], "bn1.bias": [-1.0]})
    load(net, {"bn2.weight": [0.5], "bn2.bias": [0.25]})
    x = np.array([[[[-2.0, -0.1, 0.2], [0.6, 1.0, 3.0]]]])
    got = output(net, x, (1, 1, 2, 3), "ResidualBlock(1, 1, 1), in evaluation mode,")

    def relu(a):
        return np.maximum(a, 0)

    branch = 0.5 * -3 * relu(1.5 * 2 * x - 1) + 0.25
    mistakes = [
        (branch + x, "ResidualBlock has no ReLU at its end: it comes after the sum"),
        (relu(branch), "ResidualBlock adds no shortcut"),
        (relu(branch) + x, "ResidualBlock applies its last ReLU before the sum: add first"),
        (relu(relu(branch) + x), "ResidualBlock applies a ReLU after bn2 too: there is none between bn2 and the sum"),
        (relu(0.5 * -3 * (3 * x - 1) + 0.25 + x), "ResidualBlock has no ReLU between bn1 and conv2"),
        (relu(branch + relu(x)), "ResidualBlock applies a ReLU to the shortcut: what is added is x itself"),
        (
            relu(0.5 * -3 * (1.5 * relu(2 * x) - 1) + 0.25 + x),
            "ResidualBlock applies the ReLU before bn1: it comes after",
        ),
        (relu(-3 * relu(2 * x) + x), "ResidualBlock does not use its batch normalisations"),
        (relu(branch - x), "ResidualBlock subtracts the shortcut: add it"),
        (relu(x - branch), "ResidualBlock subtracts what the branch gives: add it"),
        (relu(branch * x), "ResidualBlock multiplies by the shortcut: add it"),
        (relu((branch + x) / 2), "ResidualBlock takes the mean of the two: add them"),
        (branch + relu(x), "ResidualBlock applies the ReLU to x and not to the sum"),
    ]
    want = relu(branch + x)
    otherwise = f"ResidualBlock is not right with one map and kernels of one number: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)
    net.train()
    load(net, {"conv1.weight": centre, "conv2.weight": centre, "bn1.weight": [1.25**0.5], "bn1.bias": [0.0]})
    load(net, {"bn2.weight": [0.375**0.5], "bn2.bias": [0.0]})
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    got = output(net, x, (1, 1, 2, 2), "ResidualBlock(1, 1, 1), in training mode,")
    want = np.array(
        [[[[0.5, 1.5], [3.0, 5.0]]]]
    )  # bn1 takes 2.5 away, the ReLU leaves 0, 0, 0.5, 1.5, bn2 takes 0.5 away
    otherwise = (
        "ResidualBlock is not right in training mode, where batch normalisation uses the mean and variance of the batch: "
        f"{first_wrong(got, want)}"
    )
    compare(got, want, otherwise=otherwise, tolerance=1e-4)
    missing = silent(net, x)
    if missing:
        raise Wrong(
            f"ResidualBlock: no gradient reaches {missing[0]}: `.detach()`, `.data` and `no_grad` cut the way back"
        )


def _projection(block):
    net = made(block, 1, 1, 2).eval()
    centre = np.zeros((1, 1, 3, 3))
    centre[0, 0, 1, 1] = 1.0
    load(net, {"conv1.weight": centre, "conv2.weight": np.ones((1, 1, 3, 3)), "bn1.weight": [1.0], "bn1.bias": [0.0]})
    load(net, {"bn2.weight": [1.0], "bn2.bias": [0.0], "project.weight": [-10.0]})
    load(net, {"project_bn.weight": [0.5], "project_bn.bias": [3.0]})
    x = np.array([[[[1.0, 5, 2, 9], [7, 3, 8, 1], [0, 6, 4, 2], [5, 1, 9, 3]]]])
    why = "conv1 and project both have the block's stride"
    got = output(net, x, (1, 1, 2, 2), "ResidualBlock(1, 1, 2), on a picture of 4 x 4,", why)
    sums, shortcut = 7.0, -5 * np.array([[1.0, 2], [0, 4]]) + 3
    late = np.array([[16.0, 28], [22, 37]])  # of all neighbours, where conv2 had the stride
    mistakes = [
        (np.maximum(late + shortcut, 0)[None, None], "ResidualBlock has its stride in conv2: it is conv1's"),
        (
            np.maximum(sums + np.maximum(shortcut, 0), 0)[None, None],
            "ResidualBlock applies a ReLU to the projection: it is added as it is",
        ),
        (np.full((1, 1, 2, 2), sums), "ResidualBlock does not add the projection"),
        (np.maximum(sums - 10 * np.array([[1.0, 2], [0, 4]]), 0)[None, None], "ResidualBlock does not use project_bn"),
        (np.maximum(sums + shortcut, 0)[None, None] + shortcut, "ResidualBlock adds the projection twice"),
    ]
    want = np.maximum(sums + shortcut, 0)[None, None]
    otherwise = f"ResidualBlock(1, 1, 2) is not right: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)
    wide = made(block, 1, 2, 1).eval()
    load(wide, {"project.weight": [2.0, -3.0]})
    x = np.array([[[[1.0, -1.0, 2.0]]]])
    got = output(wide, x, (1, 2, 1, 3), "ResidualBlock(1, 2, 1), fresh but for the weights of project,")
    want = np.array([[[[2.0, 0.0, 4.0]], [[0.0, 3.0, 0.0]]]])
    otherwise = f"ResidualBlock(1, 2, 1) does not add the projection: {first_wrong(got, want)}"
    compare(got, want, otherwise=otherwise, tolerance=1e-4)


def slopes(jacobian, network, x, shape, name):
    """Ask for a Jacobian: twice the same, the picture and the network's mode as before."""
    before = network.training

    def call(given):
        return outcome(jacobian(network, torch.from_numpy(given)))

    call.__name__ = getattr(jacobian, "__name__", "jacobian") if callable(jacobian) else "jacobian"
    if not callable(jacobian):
        ask(jacobian)
    value = ask(call, np.array(x, dtype=np.float32))
    if network.training != before:
        raise Wrong("jacobian changes the network's mode: leave train and eval as they are")
    value = np.array(value) if isinstance(value, list) and len({np.shape(row) for row in value}) == 1 else value
    found = getattr(value, "shape", shape)
    if found == shape[::-1] != shape:
        raise Wrong(f"{name} has shape {found}: one row for each output number, one column for each input number")
    if len(found) > 2:
        raise Wrong(f"{name} should have shape {shape}, got {found}: flatten both pictures")
    return read_array(value, shape, name)


def _jacobian(jacobian):
    network = nn.Conv2d(1, 1, 2)
    load(network, {"weight": [2.0, 3.0, 5.0, 7.0], "bias": [1.0]})
    got = slopes(jacobian, network, np.ones((1, 2, 3)), (2, 6), "jacobian of a convolution of 2 x 2")
    want = np.array([[2.0, 3, 0, 5, 7, 0], [0, 2, 3, 0, 5, 7]])
    mistakes = [
        (
            np.cumsum(want, axis=0),
            "jacobian adds up gradients: row a is the gradient of output a alone, so start from zero",
        ),
        (
            want.sum(axis=0) * np.ones((2, 1)),
            "jacobian takes the gradient of the sum of all outputs: one output at a time",
        ),
        (np.ones((2, 6)) * want.sum(axis=1, keepdims=True), "jacobian sums over the inputs"),
    ]
    otherwise = f"jacobian is not right for a convolution of 2 x 2 on a picture of 2 x 3: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise)
    network = example_network("map").train()
    kernels = np.array([[[1.0, -2], [3, 0.5]], [[-1, 1], [2, -3]]])
    load(network, {"0.weight": kernels, "0.bias": [0.1, -0.2]})
    x = np.array([[[0.3, -0.1], [0.2, 0.4], [-0.3, 0.1]]])
    want = np.zeros((4, 6))
    for row in range(4):
        kernel, top = kernels[row // 2], row % 2
        a = np.sum(kernel * x[0, top : top + 2]) + (0.1, -0.2)[row // 2]
        want[row, 2 * top : 2 * top + 4] = kernel.ravel() * (1 - np.tanh(a) ** 2)
    got = slopes(jacobian, network, x, (4, 6), 'jacobian of example_network("map")')
    otherwise = f"jacobian is not right for a convolution with a tanh: {first_wrong(got, want)}"
    compare(got, want, otherwise=otherwise, tolerance=1e-4)
