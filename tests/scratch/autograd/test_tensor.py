"""The tensor engine against torch, its scalar twin, and central differences."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy, sum_to_shape
from course_utils.scratch.autograd.value import ScalarMLP, Value

# name: (an expression that our tensors and torch's both understand, shapes of its operands)
CASES = {
    "add a row": (lambda a, b: a + b, (3, 4), (4,)),
    "add a column": (lambda a, b: a + b, (3, 4), (3, 1)),
    "add both ways": (lambda a, b: a + b, (3, 1), (1, 4)),
    "add a number": (lambda a, b: a + b, (2, 3), ()),
    "add in front": (lambda a, b: a + b, (4,), (2, 3, 4)),
    "size one": (lambda a, b: a * b, (1,), (1, 1)),
    "multiply": (lambda a, b: a * b, (2, 1, 3), (4, 1)),
    "subtract": (lambda a, b: a - b, (4,), (3, 4)),
    "divide": (lambda a, b: a / (b * b + 1), (3, 4), (1, 4)),
    "from the right": (lambda a, b: 2 - a + 1 / (b * b + 1) - 3 * a + (-b) + 0.5, (3,), (3,)),
    "matrices": (lambda a, b: a @ b, (3, 4), (4, 2)),
    "batch of one": (lambda a, b: a @ b, (1, 4), (4, 1)),
    "transposed": (lambda a, b: a @ b.T, (3, 4), (2, 4)),
    "power": (lambda a, b: (a * a + 1) ** 1.5 + b**3, (3, 2), (2,)),
    "relu": (lambda a, b: (a - b).relu(), (3, 4), (3, 4)),
    "tanh": (lambda a, b: (a * b).tanh(), (3, 4), (4,)),
    "sigmoid": (lambda a, b: (a * b).sigmoid(), (3, 4), (4,)),
    "exp and log": (lambda a, b: ((a * b).exp() + 1).log(), (3, 4), (4,)),
    "reshape": (lambda a, b: a.reshape(2, 6) * b, (3, 4), (6,)),
    "take": (lambda a, b: a[np.array([0, 2, 0]), np.array([1, 1, 1])] * b, (3, 4), (3,)),
    "slice": (lambda a, b: a[1:, ::2] * b, (3, 4), (2, 2)),
    "used twice": (lambda a, b: a * a * b + a, (3,), (3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_operation_agrees_with_torch(name):
    make, *shapes = CASES[name]
    rng = np.random.default_rng(len(name))
    arrays = [rng.normal(size=shape) for shape in shapes]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    made, expected = make(*ours), make(*theirs)
    np.testing.assert_allclose(made.data, expected.detach().numpy(), atol=1e-12)
    above = rng.normal(size=made.shape)
    made.backward(above)
    expected.backward(torch.tensor(above))
    for mine, other in zip(ours, theirs):
        assert mine.grad.shape == mine.shape
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_every_operation_passes_a_gradient_check(name):
    make, *shapes = CASES[name]
    rng = np.random.default_rng(len(name) + 1)
    arrays = [rng.normal(size=shape) for shape in shapes]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    (make(*ours) ** 2).sum().backward()
    for k, mine in enumerate(ours):
        others = [Tensor(a) for a in arrays]

        def squared(v, k=k, others=others):
            return (make(*others[:k], Tensor(v), *others[k + 1 :]) ** 2).sum().item()

        assert relative_error(mine.grad, numerical_gradient(squared, arrays[k], 1e-5)) < 1e-8


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_and_means_agree_with_torch(axis, keepdims):
    a = np.random.default_rng(0).normal(size=(3, 4))
    for name in ("sum", "mean"):
        ours, theirs = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        made = getattr(ours, name)(axis=axis, keepdims=keepdims)
        settings = {} if axis is None else {"dim": axis, "keepdim": keepdims}
        expected = getattr(theirs, name)(**settings)
        np.testing.assert_allclose(made.data.ravel(), expected.detach().numpy().ravel(), atol=1e-12)
        (made * made).sum().backward()
        (expected**2).sum().backward()
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), atol=1e-12)


def test_operands_need_not_be_contiguous():
    whole = np.random.default_rng(0).normal(size=(4, 6))
    a, t = Tensor(whole.T[::2], requires_grad=True), torch.tensor(whole).T[::2].clone().requires_grad_(True)
    (a.tanh() @ whole[:, :2]).sum().backward()
    (t.tanh() @ torch.tensor(whole[:, :2])).sum().backward()
    np.testing.assert_allclose(a.grad, t.grad.numpy(), atol=1e-12)


def test_arrays_from_the_left_ask_the_tensor():
    a = Tensor([1.0, 2.0], requires_grad=True)
    out = np.array([3.0, 4.0]) * a + np.array([1.0, 1.0])
    assert isinstance(out, Tensor)
    out.sum().backward()
    assert a.grad.tolist() == [3, 4]


@pytest.mark.parametrize(("big", "small"), [((3, 4), (4,)), ((3, 4), (3, 1)), ((2, 3, 4), (1, 4)), ((3, 4), ())])
def test_summing_to_a_shape_undoes_broadcasting(big, small):
    """Against loops: every entry of the small array collects the entries it was copied to."""
    g = np.random.default_rng(0).normal(size=big)
    places = np.broadcast_to(np.arange(int(np.prod(small))).reshape(small), big)
    slow = np.zeros(int(np.prod(small)))
    for value, place in zip(g.ravel(), places.ravel()):
        slow[place] += value
    np.testing.assert_allclose(sum_to_shape(g, small), slow.reshape(small), atol=1e-12)


def test_gradients_add_up_over_calls():
    a = Tensor([2.0], requires_grad=True)
    out = a * a
    out.backward()
    out.backward()
    assert a.grad.tolist() == [8]


def test_cross_entropy_agrees_with_torch_and_survives_large_logits():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    for scale in (1, 1000):
        ours, theirs = Tensor(logits * scale, requires_grad=True), torch.tensor(logits * scale, requires_grad=True)
        made, expected = cross_entropy(ours, labels), F.cross_entropy(theirs, torch.tensor(labels))
        assert made.item() == pytest.approx(expected.item(), rel=1e-12)
        made.backward()
        expected.backward()
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), atol=1e-12)


def test_nothing_is_kept_where_no_gradient_is_wanted():
    out = (Tensor([1.0]) * Tensor([2.0])).relu()
    assert not out.requires_grad
    assert out._parents == ()
    with pytest.raises(ValueError, match="requires_grad=True, got one without"):
        out.backward()


def test_scalar_engine_is_the_slow_twin():
    rng = np.random.default_rng(0)
    net = MLP([3, 4, 2], dtype="float64")
    twin = ScalarMLP([w.data for w in net.weights], [b.data for b in net.biases], "relu")
    x = rng.normal(size=(5, 3))
    (net(Tensor(x)) ** 2).sum().backward()
    sum((o * o for row in x for o in twin(row)), start=Value(0)).backward()
    together = np.concatenate([p.grad.ravel() for p in net.parameters()])
    assert relative_error([p.grad for p in twin.parameters()], together) < 1e-13


def torch_copy(net):
    layers = []
    for w, b in zip(net.weights, net.biases):
        linear = torch.nn.Linear(*w.shape[::-1]).to(torch.tensor(w.data).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w.data))
            linear.bias.copy_(torch.tensor(b.data))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def test_digits_train_to_the_same_weights_as_torch():
    digits = data.load("digits", "train")
    x = (digits.images.reshape(len(digits), -1).double() / 255).numpy()[:512]
    y = digits.labels.numpy()[:512]
    net = MLP([64, 32, 10], seed=1, dtype="float64")
    twin = torch_copy(net)
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.5)
    start = np.concatenate([p.data.ravel() for p in net.parameters()])
    for first in range(0, 512, 64):
        part = slice(first, first + 64)
        cross_entropy(net(Tensor(x[part])), y[part]).backward()
        net.step(0.5)
        optimiser.zero_grad()
        F.cross_entropy(twin(torch.tensor(x[part])), torch.tensor(y[part])).backward()
        optimiser.step()
    ours = np.concatenate([p.data.ravel() for p in net.parameters()])
    theirs = np.concatenate([p.detach().numpy().ravel() for p in twin.parameters()])
    assert np.abs(ours - start).max() > 0.05
    assert relative_error(ours, theirs) < 1e-13


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: t.backward(), r"needs a gradient for shape \(2,\)"),
        (lambda t: t.backward([1.0]), r"gradient must have the shape \(2,\), got \(1,\)"),
        (lambda t: t @ t, r"@ needs two matrices, got shapes \(2,\) and \(2,\)"),
        (lambda t: cross_entropy(t.reshape(1, 2), [0, 1]), "same length"),
        (lambda t: MLP([3]), "number of sizes must be at least 2"),
        (lambda t: MLP([3, 0]), "size must be at least 1, got 0"),
    ],
)
def test_wrong_use_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(Tensor([1.0, 2.0], requires_grad=True))
