# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Making a student's network, giving it weights, and running it, with `ask` watching over each step."""

import numpy as np
import torch

from .answers import Wrong, ask, read_array


def made(definition, *arguments):
    """Make a student's network, with random numbers that come out the same each time."""
    name = getattr(definition, "__name__", "the answer")
    if not callable(definition):
        ask(definition)
    box = []

    def make(*given):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            box.append(definition(*given))

    make.__name__ = name
    ask(make, *arguments)
    if not isinstance(box[-1], torch.nn.Module):
        raise Wrong(f"{name}({', '.join(map(str, arguments))}) should be an nn.Module, got {type(box[-1]).__name__}")
    return box[-1]


def run(network, x, name):
    """The output of a network for a batch, twice the same and without a change of the batch."""

    def call(given):
        return outcome(network(torch.from_numpy(given)))

    call.__name__ = name
    return ask(call, np.array(x, dtype=np.float32))


def outcome(value):
    """A tensor as an array, so that `ask` can compare two of them; anything else as it is."""
    return value.detach().double().numpy() if isinstance(value, torch.Tensor) else value


def output(network, x, shape, name, why=""):
    """Run a network and read what comes out; `why` explains another shape."""
    value = run(network, x, name)
    if why and getattr(value, "shape", shape) != shape:
        raise Wrong(f"{name} should have shape {shape}, got {value.shape}: {why}")
    return read_array(value, shape, name)


def weights(network):
    """The shapes of all parameters, by name."""
    return {name: tuple(p.shape) for name, p in network.named_parameters()}


def load(network, values):
    """Give a network weights that the check knows; their names and shapes were checked before."""
    own = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(torch.as_tensor(np.array(value, dtype=np.float32)).reshape(own[name].shape))


def silent(network, x):
    """The parameters that no gradient reaches, from the squares of the outputs."""
    network.zero_grad()
    total = (network(torch.tensor(np.array(x, dtype=np.float32))) ** 2).sum()
    if total.requires_grad:
        total.backward()
    return [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
