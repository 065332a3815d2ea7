"""A small assignment on a network, as an author would write it: a layer class, a training step, tests and mutants."""

from pathlib import Path

import nbformat

NAME = "05_layer"

MODEL = {
    "layer": '''
class Conv(torch.nn.Module):
    """Cross-correlation without padding: weight (out, in, k, k), bias (out,)."""

    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = torch.nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = torch.nn.Parameter(torch.zeros(out_channels))

    def forward(self, x):
        k = self.kernel_size
        patches = x.unfold(2, k, 1).unfold(3, k, 1)  # (N, C, H', W', k, k)
        return torch.einsum("nchwij,ocij->nohw", patches, self.weight) + self.bias[:, None, None]
''',
    "step": '''
def train_step(net, x, y, lr):
    """One step down the mean squared error; returns the loss before it."""
    net.zero_grad()
    loss = ((net(x) - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= lr * parameter.grad
    return loss.item()
''',
}

HIDDEN = '''
import numpy as np
import torch

from course_utils.grading.answers import close, compare, read_array, read_number
from course_utils.grading.hidden import hidden, says


def random(rng, *shape):
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def layer(student, rng, *sizes):
    """The student's layer with weights that the test knows."""
    net = student.Conv.new(*sizes)
    o, i, k = sizes[1], sizes[0], sizes[2]
    weight, bias = random(rng, o, i, k, k), random(rng, o)
    net.load_parameters({"weight": weight, "bias": bias})
    return net, weight, bias


@hidden("layer", points=1)
def test_parameters(student, rng):
    net = student.Conv.new(3, 5, kernel_size=2)
    shapes = {name: tuple(value.shape) for name, value in net.parameters().items()}
    assert shapes == {"weight": (5, 3, 2, 2), "bias": (5,)}, says(
        "Conv(3, 5, 2) needs two parameters that training can change: weight (5, 3, 2, 2) and bias (5,)"
    )
    assert all(value.requires_grad for value in net.parameters().values())


@hidden("layer", points=2, after="test_parameters")
def test_forward(student, rng):
    for sizes in ((1, 1, 2), (2, 3, 3), (3, 2, 1)):
        net, weight, bias = layer(student, rng, *sizes)
        x = random(rng, 2, sizes[0], 6, 5)
        want = torch.nn.functional.conv2d(x, weight, bias)
        got = read_array(net(x), tuple(want.shape), "Conv(...)(x)")
        mistakes = [
            (torch.nn.functional.conv2d(x, weight.flip(2, 3), bias), "Conv flips its kernel: it must not"),
            (torch.nn.functional.conv2d(x, weight), "Conv leaves its bias out"),
        ]
        compare(got, want, mistakes, "Conv is not the sum of products of patch and kernel", 1e-4)


@hidden("layer", points=1, after=["test_parameters", "test_forward"])
def test_gradients(student, rng):
    net, weight, bias = layer(student, rng, 2, 3, 2)
    x = student.hold(random(rng, 1, 2, 4, 4).requires_grad_())
    net.forward.new(x).sum.new().backward()
    want = torch.nn.functional.conv2d(x.get("data"), weight.requires_grad_(), bias.requires_grad_())
    want.sum().backward()
    for name, known in (("weight", weight), ("bias", bias)):
        gradient = net.gradients()[name]
        assert gradient is not None, says(f"no gradient reaches the {name} of Conv: compute with tensors throughout")
        assert close(gradient, known.grad, 1e-4), says(f"the gradient of the {name} of Conv is wrong")
    assert x.get("grad") is not None, says("no gradient reaches the input of Conv")


@hidden("step", points=2, after="test_forward")
def test_two_steps(student, rng):
    net, weight, bias = layer(student, rng, 1, 2, 2)
    known = torch.nn.Conv2d(1, 2, 2)
    with torch.no_grad():
        known.weight.copy_(weight)
        known.bias.copy_(bias)
    for _ in range(2):
        x, y, lr = random(rng, 3, 1, 4, 4), random(rng, 3, 2, 3, 3), float(rng.uniform(0.01, 0.1))
        loss = ((known(x) - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(known.parameters()))
        before = loss.item()
        with torch.no_grad():
            for parameter, gradient in zip(known.parameters(), gradients):
                parameter -= lr * gradient
        got = read_number(student.train_step(net, x, y, lr=lr), "train_step(net, x, y, lr)")
        compare(got, before, otherwise="train_step does not return the loss before its step", tolerance=1e-4)
        after = net.parameters()
        for name, parameter in known.named_parameters():
            moved = float((after[name] - parameter).detach().abs().max())
            assert moved < 1e-4, says("train_step does not move the parameters by -lr * gradient, step by step")
'''

MUTANTS = """
# %% right layer: loops
class Conv(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = torch.nn.Parameter(torch.ones(out_channels))

    def forward(self, x):
        k = self.weight.shape[-1]
        height, width = x.shape[2] - k + 1, x.shape[3] - k + 1
        out = self.bias[None, :, None, None]
        for i in range(k):
            for j in range(k):
                part = x[:, :, i : i + height, j : j + width]
                out = out + torch.einsum("nchw,oc->nohw", part, self.weight[:, :, i, j])
        return out


# %% right layer: torch's own
class Conv(torch.nn.Conv2d):
    pass


# %% wrong layer: flipped kernel
# thinks: convolution layers convolve
# says: flips its kernel
class Conv(Conv):
    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.weight.flip(2, 3), self.bias)


# %% wrong layer: bias left out
# thinks: the bias is a detail
# says: leaves its bias out
class Conv(Conv):
    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.weight)


# %% wrong layer: padded
# thinks: the output is as large as the input
# says: should have shape
class Conv(Conv):
    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.weight, self.bias, padding=1)


# %% wrong layer: a plain tensor for a bias
# thinks: any tensor is a parameter
# says: needs two parameters
class Conv(Conv):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        del self.bias
        self.bias = torch.zeros(sizes[1])


# %% wrong layer: through numpy
# thinks: numpy and torch are the same
# says: no gradient reaches the weight
class Conv(Conv):
    def forward(self, x):
        return torch.nn.functional.conv2d(x, torch.tensor(self.weight.detach().numpy()), self.bias)


# %% wrong layer: a generator of rows
# thinks: an iterable is a tensor
# says: a generator
class Conv(Conv):
    def forward(self, x):
        return (row for row in x)


# %% right step: with an optimiser
def train_step(net, x, y, lr):
    optimiser = torch.optim.SGD(net.parameters(), lr=lr)
    optimiser.zero_grad()
    loss = torch.nn.functional.mse_loss(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.detach()


# %% right step: by autograd.grad
def train_step(net, x, y, lr):
    loss = (net(x) - y).square().mean()
    found = torch.autograd.grad(loss, list(net.parameters()))
    for parameter, gradient in zip(net.parameters(), found):
        parameter.data -= lr * gradient
    return float(loss)


# %% wrong step: uphill
# thinks: one adds the gradient
# says: does not move the parameters
def train_step(net, x, y, lr):
    return _train_step(net, x, y, -lr)


# %% wrong step: gradients pile up
# thinks: backward overwrites the gradient
# says: does not move the parameters
def train_step(net, x, y, lr):
    loss = ((net(x) - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= lr * parameter.grad
    return loss.item()


# %% wrong step: learning rate ignored
# thinks: the step size is a constant
# says: does not move the parameters
def train_step(net, x, y, lr):
    return _train_step(net, x, y, 0.001)


# %% wrong step: loss after the step
# thinks: the order does not matter
# says: the loss before
def train_step(net, x, y, lr):
    _train_step(net, x, y, lr)
    return ((net(x) - y) ** 2).mean().item()


# %% wrong step: only the bias moves
# thinks: one parameter is enough
# says: does not move the parameters
def train_step(net, x, y, lr):
    weight = net.weight.detach().clone()
    loss = _train_step(net, x, y, lr)
    net.weight.data.copy_(weight)
    return loss


# %% wrong step: returns the network
# thinks: the caller wants the network back
# says: a network or layer
def train_step(net, x, y, lr):
    _train_step(net, x, y, lr)
    return net
"""

IMPORTS = "import torch"
KEEP = "_train_step = train_step"
"""Mutants of the step build on the model solution under this name."""


def write_assignment(root: Path, hidden: str = HIDDEN) -> Path:
    """Write the assignment below an ``assignments`` folder; returns that folder."""
    source, folder = root / "src" / NAME, root / NAME
    source.mkdir(parents=True)
    folder.mkdir(parents=True)
    (source / "hidden.py").write_text(hidden)
    (source / "mutants.py").write_text(MUTANTS)
    notebook = nbformat.v4.new_notebook()
    notebook.cells.append(_cell("setup", IMPORTS, locked=True))
    for exercise, points in (("layer", 4), ("step", 2)):
        stub = MODEL[exercise].split("\n    def __init__")[0].split('"""\n    net')[0]
        notebook.cells.append(_cell(f"{exercise}_code", stub, solution=True))
        notebook.cells.append(_cell(exercise, "print('try it')", locked=True, grade=True, points=points))
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    return root


def solved(**replaced: str) -> bytes:
    """A student's notebook with the model solution, cells replaced by grade id."""
    cells = [_cell("setup", IMPORTS, locked=True)]
    for exercise, points in (("layer", 4), ("step", 2)):
        cells.append(_cell(f"{exercise}_code", replaced.get(exercise, MODEL[exercise]), solution=True))
        cells.append(_cell(exercise, "print('try it')", locked=True, grade=True, points=points))
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


def _cell(grade_id: str, source: str, **marks: object) -> nbformat.NotebookNode:
    marks = {"locked": False, "solution": False, "grade": False, "schema_version": 3, "task": False, **marks}
    return nbformat.v4.new_code_cell(source.strip(), metadata={"nbgrader": {"grade_id": grade_id, **marks}})
