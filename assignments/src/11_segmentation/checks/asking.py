"""Calling a student's function with arrays as tensors and networks as they are, with `ask` watching over each call."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.answers import NotWritten, Wrong, ask, read_array

NONE = 77.0
"""Stands for NaN in scores that have been read: no score is as large."""


EARLIER = {"balanced_weights": 2, "pixel_loss": 2} | dict.fromkeys(
    ("confusion", "pixel_accuracy", "class_iou", "mean_iou", "class_dice"), 1
)


def watched(call, *arguments):
    """Like `ask`; where the stub is that of a function called on the way, it is this one that the sentence names."""
    try:
        return ask(call, *arguments)
    except NotWritten as missing:
        trace, stub = missing.__context__ and missing.__context__.__traceback__, ""
        while trace:
            stub, trace = trace.tb_frame.f_code.co_name, trace.tb_next
        if stub == call.__name__ or stub not in EARLIER:
            raise
        raise NotWritten(
            f"{call.__name__} calls {stub} of exercise {EARLIER[stub]}, which is not written yet"
        ) from None


def asked(function, *arguments):
    """Call a function with arrays as tensors; tensors that come back are arrays."""
    if not callable(function):
        ask(function)
    networks = {n: value for n, value in enumerate(arguments) if isinstance(value, nn.Module)}

    def call(*given):
        tensors = [
            networks.get(n, torch.from_numpy(v) if isinstance(v, np.ndarray) else v) for n, v in enumerate(given)
        ]
        return plain(function(*tensors))

    call.__name__ = getattr(function, "__name__", "the answer")
    return watched(call, *[None if n in networks else value for n, value in enumerate(arguments)])


def plain(value):
    """Tensors as arrays, so that two answers can be compared; anything else as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().double().numpy() if value.is_floating_point() else value.detach().numpy()
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    return value


def read(function, shape, *arguments, why=""):
    """Call a function and read an array of that shape; `why` explains another shape."""
    name = getattr(function, "__name__", "the answer")
    value = asked(function, *arguments)
    if why and getattr(value, "shape", shape) != shape:
        raise Wrong(f"{name} should return shape {shape}, got {value.shape}: {why}")
    return read_array(value, shape, f"what {name} returns")


def read_scores(function, shape, *arguments):
    """Call a function and read scores, in which NaN says that there is none."""
    name = getattr(function, "__name__", "the answer")
    return read_array(without_nan(asked(function, *arguments)), shape, f"what {name} returns")


def without_nan(value):
    """Numbers with `NONE` in place of NaN; what is no array of numbers stays as it is."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return value
    return np.where(np.isnan(array), NONE, array) if np.asarray(value).dtype.kind in "biuf" else value


def maps(*rows):
    """Whole numbers as an array of labels, with an axis for the pictures in front."""
    return np.array([rows], dtype=np.int64)


def numbers(values):
    """Numbers as an array of 32 bits."""
    return np.array(values, dtype=np.float32)


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
    if not isinstance(box[-1], nn.Module):
        raise Wrong(f"{name}({', '.join(map(str, arguments))}) should be an nn.Module, got {type(box[-1]).__name__}")
    return box[-1]


def output(network, x, shape, name):
    """Run a student's network on a batch and read what comes out."""

    def call(given):
        return plain(network(torch.from_numpy(given)))

    call.__name__ = name
    return read_array(ask(call, numbers(x)), shape, name)


def weights(network):
    """The shapes of all parameters, by name."""
    return {name: tuple(p.shape) for name, p in network.named_parameters()}


def load(network, values):
    """Give a network weights that the check knows; their names and shapes were checked before."""
    own = dict(network.named_parameters())
    for name, value in values.items():
        own[name].data.copy_(torch.as_tensor(numbers(value)).reshape(own[name].shape))
    return network


def silent(network, x):
    """The parameters that no gradient reaches, from the squares of the outputs."""
    network.zero_grad()
    total = (network(torch.tensor(numbers(x))) ** 2).sum()
    if total.requires_grad:
        total.backward()
    return [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def first_wrong(got, want) -> str:
    """Name the first entry in reading order that is not right, or nothing if all are."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    wrong = np.argwhere(~np.isclose(got, want, rtol=1e-5, atol=1e-5))
    if not len(wrong):
        return ""
    place = tuple(int(i) for i in wrong[0])
    return f"at [{', '.join(map(str, place))}] it should be {shown(want[place])}, yours is {shown(got[place])}"


def shown(number) -> str:
    """A score in a sentence."""
    return "NaN" if number == NONE else f"{number:.4g}"
