# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Calling a student's function with a network, with `ask` watching over each call, and looking at what is left behind."""

import numpy as np
import torch
from torch import nn

from .answers import Wrong, ask, read_array


def load(network, values):
    """Give a network weights that the check knows."""
    own = dict(network.named_parameters())
    for name, value in values.items():
        own[name].data.copy_(torch.as_tensor(np.array(value, dtype=np.float32)).reshape(own[name].shape))
    return network


def asked(function, *arguments):
    """Call a function with arrays as tensors and networks as they are; tensors that come back are arrays."""
    if not callable(function):
        ask(function)
    networks = {n: value for n, value in enumerate(arguments) if _holds_networks(value)}
    name, box = getattr(function, "__name__", "the answer"), []

    def call(*given):
        tensors = [
            networks.get(n, torch.from_numpy(v) if isinstance(v, np.ndarray) else v) for n, v in enumerate(given)
        ]
        box.extend(t for t in tensors if isinstance(t, torch.Tensor))
        return plain(function(*tensors))

    call.__name__ = name
    watches = [
        Watch(network) for value in networks.values() for network in (value if isinstance(value, list) else [value])
    ]
    value = ask(call, *[None if n in networks else value for n, value in enumerate(arguments)])
    if any(tensor.requires_grad or tensor.grad is not None for tensor in box):
        raise Wrong(
            f"{name} makes the caller's picture one that collects gradients: take a copy, x.detach().clone(), before requires_grad_"
        )
    for watch in watches:
        watch.look(name)
    return value


def plain(value):
    """Tensors as arrays, so that two answers can be compared; anything else as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().double().numpy() if value.is_floating_point() else value.detach().numpy()
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    return value


def _holds_networks(value):
    return isinstance(value, nn.Module) or (isinstance(value, list) and all(isinstance(v, nn.Module) for v in value))


def pictures(*numbers):
    """Numbers as an array of 32 bits."""
    return np.array(numbers, dtype=np.float32)


def read(function, shape, *arguments, why=""):
    """Call a function and read an array of that shape; `why` explains another shape."""
    name = getattr(function, "__name__", "the answer")
    value = asked(function, *arguments)
    if why and getattr(value, "shape", shape) != shape:
        raise Wrong(f"{name} should return shape {shape}, got {value.shape}: {why}")
    return read_array(value, shape, f"what {name} returns")


class Watch:
    """What a network was before a student's function looked at it."""

    def __init__(self, network):
        self.network, self.training = network, [m.training for m in network.modules()]
        self.state = {name: value.clone() for name, value in network.state_dict().items()}
        self.hooks = self._hooks()

    def _hooks(self):
        return sum(
            len(getattr(m, name, ()))
            for m in self.network.modules()
            for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        )

    def look(self, name):
        """Say what is different now."""
        if [m.training for m in self.network.modules()] != self.training:
            raise Wrong(
                f"{name} changes the network's mode: put train or eval back as it was, each module's (note `m.training` of all `network.modules()` before, and give it back afterwards)"
            )
        for key, value in self.network.state_dict().items():
            if not torch.equal(value, self.state[key]):
                moved = (
                    ". In training mode batch normalisation notes what it sees: use evaluation mode"
                    if "running" in key
                    else ""
                )
                raise Wrong(f"{name} changes the network: {key} is different afterwards{moved}")
        if any(p.grad is not None and bool(p.grad.any()) for p in self.network.parameters()):
            raise Wrong(
                f"{name} leaves gradients at the weights: `.backward()` fills them too. torch.autograd.grad(score, x) asks for x alone"
            )
        if not all(p.requires_grad for p in self.network.parameters()):
            raise Wrong(f"{name} leaves weights that can no longer be trained: put requires_grad back")
        if self._hooks() != self.hooks:
            raise Wrong(
                f"{name} leaves its hooks on the network: remove them, in `finally`, so that the next gradient is one again"
            )


def first_wrong(got, want) -> str:
    """Name the first entry in reading order that is not right, or nothing if all are."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    wrong = np.argwhere(~np.isclose(got, want, rtol=1e-5, atol=1e-5))
    if not len(wrong):
        return ""
    place = tuple(int(i) for i in wrong[0])
    return f"at [{', '.join(map(str, place))}] it should be {want[place]:g}, yours is {got[place]:g}"
