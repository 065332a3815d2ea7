"""Every hand-written derivative in ``course_utils.scratch`` is found by looking, and checked by central differences.

``found()`` reads all modules of the package and lists what goes backwards by its name, private or not: functions and
methods with ``backward``, ``gradient``, ``prime``, ``slope``, ``hessian`` among their words, ``grad_...``, and the
adjoints of window copies. Each must stand in ``CHECKS`` (function that yields claimed gradient, scalar function,
point) or in ``NO_DERIVATIVE`` (with the reason). A new backward pass without a check fails here by name.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
import torch

import course_utils.scratch
from course_utils.scratch.autograd import checkpointing, dag_backward, relu_gate, tensor, value
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.convolution import backward as convolution_backward
from course_utils.scratch.convolution import im2col
from course_utils.scratch.convolution_kinds import (
    deformable,
    dilated,
    grouped,
    one_d,
    pointwise,
    strided,
    three_d,
    transposed,
    windows,
)
from course_utils.scratch.features import sparse_coding
from course_utils.scratch.kernel_methods import logistic, rbf_network, surrogate_losses, svm
from course_utils.scratch.networks import activations, dag, losses, maxout, metric_learning
from course_utils.scratch.normalisation import batch_norm, local_contrast, local_response, weight_norm
from course_utils.scratch.optimisation import gradient_descent
from course_utils.scratch.perceptrons.mark1 import StraightThroughSign
from course_utils.scratch.pooling import (
    adaptive_pool,
    average_pool,
    blur_pool,
    channel_pool,
    global_pool,
    lp_pool,
    max_pool,
)
from course_utils.scratch.pooling import windows as pooling_windows
from course_utils.scratch.regularisation import dropout, label_smoothing

STEP, BOUND = 1e-5, 1e-6
BACKWARDS = re.compile(r"(^|_)(backward|(sub)?gradients?|prime|slope|hessian|jacobian|vjp|adjoint)(_|$)|^grad_")
ADJOINTS = {"add_windows", "col2im"}

Check = tuple[object, Callable[[np.ndarray], object], object]  # claimed gradient, function to one number, point
CHECKS: dict[str, Callable[[], Iterator[Check]]] = {}
NO_DERIVATIVE = {
    "autograd.gradient_check.numerical_gradient": "the measurement itself",
    "autograd.relu_gate.deconvnet_backward": "a rule for pictures; shown below to be no gradient",
    "autograd.relu_gate.guided_backward": "a rule for pictures; shown below to be no gradient",
    "convolution_kinds.receptive_field.gradient_support": "asks autograd where a gradient is not zero",
    "convolution_kinds.receptive_field.input_gradient": "asks autograd",
    "features.hog.gradients": "differences of neighbouring pixels, a feature",
    "kernel_methods.logistic.fit_gradient_descent": "a training loop; its gradient is checked by itself",
    "kernel_methods.svm.fit_subgradient": "a training loop; its gradient is checked by itself",
    "perceptrons.mark1.StraightThroughSign.backward": "an estimator; shown below to be no gradient",
    "residual.flow.expected_gradient": "the size of a gradient by theory; its own test measures it",
    "residual.shattering.line_gradient": "asks autograd",
}


# ---- finding ----------------------------------------------------------------------------------------------------


def backwards_of(module: ModuleType, prefix: str) -> set[str]:
    """Names of what a module defines that goes backwards: functions, methods, autograd functions."""
    names = set()
    for name, thing in vars(module).items():
        if getattr(thing, "__module__", None) != module.__name__:
            continue  # imported from elsewhere, where it is found
        if inspect.isfunction(thing) and (BACKWARDS.search(name) or name in ADJOINTS):
            names.add(f"{prefix}.{name}")
        if inspect.isclass(thing):
            for member, what in vars(thing).items():
                if isinstance(what, staticmethod | classmethod):
                    what = what.__func__
                if inspect.isfunction(what) and BACKWARDS.search(member):
                    names.add(f"{prefix}.{name}.{member}")
    return names


def found() -> set[str]:
    """Names of everything in the package that goes backwards, without ``course_utils.scratch.``."""
    root = course_utils.scratch.__name__ + "."
    names = set()
    for info in pkgutil.walk_packages(course_utils.scratch.__path__, root):
        names |= backwards_of(importlib.import_module(info.name), info.name.removeprefix(root))
    return names


def test_every_backward_of_the_package_has_a_check():
    known = set(CHECKS) | set(NO_DERIVATIVE)
    here = found()
    assert not here - known, f"these go backwards and no check knows them: {sorted(here - known)}"
    assert not known - here, f"these checks name what is not there any more: {sorted(known - here)}"
    assert not set(CHECKS) & set(NO_DERIVATIVE)


def test_a_new_backward_without_a_check_would_be_found():
    module = ModuleType("course_utils.scratch.new_layer")
    exec(
        "import torch\nfrom numpy import gradient\n"
        "def leaky_backward(g, x): return g\ndef _hidden_slope(x): return x\ndef forward(x): return x\n"
        "class Layer:\n    def forward(self, x): return x\n    def backward(self, g): return g\n"
        "class Own(torch.autograd.Function):\n    @staticmethod\n    def backward(ctx, g): return g\n",
        vars(module),
    )
    assert backwards_of(module, "new") == {
        "new.leaky_backward",
        "new._hidden_slope",
        "new.Layer.backward",
        "new.Own.backward",
    }


def passes(claimed: object, function: Callable[[np.ndarray], object], point: object) -> bool:
    return relative_error(claimed, numerical_gradient(lambda v: float(function(v)), point, STEP)) < BOUND


@pytest.mark.parametrize("name", sorted(NO_DERIVATIVE))
def test_an_exception_has_a_reason(name):
    assert len(NO_DERIVATIVE[name]) > 10


# ---- tools of the table -----------------------------------------------------------------------------------------


def check(name: str, /, **settings: object) -> Callable:
    """Register a function that yields checks under the name of what it checks."""

    def register(make: Callable[..., Iterator[Check]]) -> Callable[..., Iterator[Check]]:
        assert name not in CHECKS, f"{name} is registered twice"
        CHECKS[name] = lambda: make(**settings)
        return make

    return register


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers of which none lies near 0 and no two are close: away from kinks and ties."""
    rng = np.random.default_rng([seed, *shape])
    count = int(np.prod(shape))
    values = (rng.permutation(count) + 0.5 + 0.3 * rng.random(count)) / count * 4 - 2
    return np.where(np.abs(values) < 0.01, 0.01, values).reshape(shape)


def pulls(forward: Callable, points: tuple, backward: Callable) -> Iterator[Check]:
    """Check ``backward(above)`` against sum(forward(*points) * above), in each of the points in turn."""
    above = numbers(*np.shape(forward(*points)), seed=9)
    claimed = backward(above)
    claimed = claimed if isinstance(claimed, tuple) else (claimed,)
    for i, (point, gradient) in enumerate(zip(points, claimed, strict=True)):

        def total(moved, i=i):
            return (np.asarray(forward(*points[:i], moved, *points[i + 1 :])) * above).sum()

        yield gradient, total, point


def on_tensors(function: Callable) -> Callable:
    """Let a function of float64 tensors take and return arrays."""

    def wrapped(*arguments: object, **settings: object):
        result = function(*(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments), **settings)
        return tuple(r.numpy() for r in result) if isinstance(result, tuple) else result.numpy()

    return wrapped


# ---- activations, losses ----------------------------------------------------------------------------------------

GRID = np.array([-3.0, -1.2, -0.4, 0.3, 0.9, 2.5])
for _name in activations.ACTIVATIONS:

    @check(f"networks.activations.{_name}_prime", f=getattr(activations, _name), prime=f"{_name}_prime")
    def _activation(f, prime):
        yield getattr(activations, prime)(GRID), lambda v: f(v).sum(), GRID


@check("networks.activations.prelu_prime")
def _prelu():
    yield activations.prelu_prime(GRID, 0.3), lambda v: activations.prelu(v, 0.3).sum(), GRID


@check("networks.activations.prelu_prime_slope")
def _prelu_slope():
    above = numbers(6, seed=3)
    claimed = (activations.prelu_prime_slope(GRID) * above).sum()
    yield claimed, lambda slope: (activations.prelu(GRID, slope) * above).sum(), 0.3


@check("networks.losses.cross_entropy_gradient")
def _cross_entropy():
    scores, labels = numbers(4, 3), np.array([0, 2, 1, 2])
    for how in losses.REDUCTIONS:
        gradient = losses.cross_entropy_gradient(scores, labels, how)
        yield gradient, lambda v, how=how: losses.cross_entropy(v, labels, how), scores


@check("networks.losses.mean_squared_error_gradient")
def _mean_squared_error():
    for shape in ((5,), (5, 3)):
        f, y = numbers(*shape), numbers(*shape, seed=1)
        yield losses.mean_squared_error_gradient(f, y), lambda v, y=y: losses.mean_squared_error(v, y), f


@check("networks.maxout.maxout_gradient")
def _maxout():
    points = numbers(3, 2, 4), numbers(3, 2), numbers(5, 4)  # weight (k, H, D), bias (k, H), x (N, D)
    forward = lambda weight, bias, x: maxout.Maxout(weight, bias)(x)
    layer = maxout.Maxout(points[0], points[1])
    yield from pulls(forward, points, lambda above: maxout.maxout_gradient(layer, points[2], above))


@check("networks.metric_learning.triplet_gradient")
def _triplets():
    a, p, n = numbers(6, 3), numbers(6, 3, seed=1), numbers(6, 3, seed=2)
    for i, gradient in enumerate(metric_learning.triplet_gradient(a, p, n)):

        def total(v, i=i):
            return metric_learning.triplet_loss(*(v if i == j else old for j, old in enumerate((a, p, n))))

        yield gradient, total, (a, p, n)[i]


@check("regularisation.label_smoothing.smoothed_gradient")
def _label_smoothing():
    scores, y = numbers(4, 3), np.array([2, 0, 1, 1])
    gradient = label_smoothing.smoothed_gradient(scores, y, 0.1)
    yield gradient, lambda v: label_smoothing.smoothed_cross_entropy(v, y, 0.1), scores


@check("regularisation.dropout.dropout_backward")
def _dropout():
    mask = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    forward = lambda x: dropout.dropout(x, mask, 0.3)
    yield from pulls(forward, (numbers(2, 3),), lambda above: dropout.dropout_backward(above, mask, 0.3))


@check("optimisation.gradient_descent.least_squares_gradient")
def _least_squares():
    w, x, y = numbers(3), numbers(6, 3), numbers(6, seed=1)
    gradient = gradient_descent.least_squares_gradient(w, x, y, 0.7)
    yield gradient, lambda v: gradient_descent.least_squares_loss(v, x, y, 0.7), w


@check("optimisation.gradient_descent.example_gradients")
def _examples():
    w, x, y = numbers(3), numbers(4, 3), numbers(4, seed=1)
    for row, gradient in enumerate(gradient_descent.example_gradients(w, x, y)):
        yield gradient, lambda v, row=row: 0.5 * (v @ x[row] - y[row]) ** 2, w


@check("optimisation.gradient_descent.hessian")
def _least_squares_hessian():
    w, x, y = numbers(3), numbers(6, 3), numbers(6, seed=1)
    for row, curvature in enumerate(gradient_descent.hessian(x, 0.7)):
        yield curvature, lambda v, row=row: gradient_descent.least_squares_gradient(v, x, y, 0.7)[row], w


@check("kernel_methods.logistic.logistic_gradient")
def _logistic():
    w, x, y = numbers(3), numbers(6, 3), np.array([1.0, -1, -1, 1, 1, -1])
    gradient = logistic.logistic_gradient(w, x, y, 0.3)
    yield gradient, lambda v: logistic.logistic_loss(v, x, y, 0.3), w


@check("kernel_methods.logistic.logistic_hessian")
def _logistic_hessian():
    w, x, y = numbers(3), numbers(6, 3), np.array([1.0, -1, -1, 1, 1, -1])
    for row, curvature in enumerate(logistic.logistic_hessian(w, x, 0.3)):
        yield curvature, lambda v, row=row: logistic.logistic_gradient(v, x, y, 0.3)[row], w


@check("kernel_methods.svm.hinge_subgradient")
def _hinge():
    x, y, w, bias = numbers(6, 3), np.array([1.0, -1, 1, 1, 1, -1]), numbers(3, seed=2), 0.21
    to_w, to_bias = svm.hinge_subgradient(svm.LinearRule(w, bias), x, y, 0.4)
    yield to_w, lambda v: svm.hinge_objective(svm.LinearRule(v, bias), x, y, 0.4), w
    yield to_bias, lambda b: svm.hinge_objective(svm.LinearRule(w, float(b)), x, y, 0.4), bias


@check("kernel_methods.rbf_network.gradients")
def _rbf():
    names = ("centers", "log_widths", "weights")
    x, y, parts = numbers(7), numbers(7, seed=1), {name: numbers(3, seed=i) for i, name in enumerate(names)}

    def half_error(bias=0.3, **changed):
        return 0.5 * ((rbf_network.RBFNetwork(**{**parts, **changed}, bias=bias)(x) - y) ** 2).mean()

    claimed = rbf_network.gradients(rbf_network.RBFNetwork(**parts, bias=0.3), x, y)
    for name in names:
        yield getattr(claimed, name), lambda v, name=name: half_error(**{name: v}), parts[name]
    yield claimed.bias, lambda b: half_error(bias=float(b)), 0.3


SLOPES = {
    "perceptron": "_perceptron_slope",
    "hinge": "_hinge_slope",
    "logistic": "_logistic_slope",
    "logistic, base 2": "_logistic2_slope",
}
for _loss, _slope in SLOPES.items():

    @check(f"kernel_methods.surrogate_losses.{_slope}", loss=_loss, slope=_slope)
    def _surrogate(loss, slope):
        surrogate = surrogate_losses.SURROGATES[loss]
        assert surrogate.slope is getattr(surrogate_losses, slope)
        yield surrogate.slope(GRID), lambda v: surrogate.value(v).sum(), GRID


@pytest.mark.parametrize("name", surrogate_losses.SURROGATES)
def test_every_surrogate_loss_has_its_slope(name):
    """Two of the slopes are nameless functions in a table, which no search for names finds."""
    surrogate = surrogate_losses.SURROGATES[name]
    assert passes(surrogate.slope(GRID), lambda v: surrogate.value(v).sum(), GRID)


@check("features.sparse_coding.codes_gradient")
def _codes():
    x, codes, atoms = (torch.tensor(numbers(*shape)) for shape in ((4, 3), (4, 5), (5, 3)))
    total = lambda c, a: sparse_coding.objective(x, torch.tensor(c), torch.tensor(a), 0.0).sum()
    yield sparse_coding.codes_gradient(x, codes, atoms), lambda v: total(v, atoms.numpy()), codes.numpy()


@check("features.sparse_coding.atoms_gradient")
def _atoms():
    x, codes, atoms = (torch.tensor(numbers(*shape)) for shape in ((4, 3), (4, 5), (5, 3)))
    mean = lambda a: sparse_coding.objective(x, codes, torch.tensor(a), 0.0).mean()
    yield sparse_coding.atoms_gradient(x, codes, atoms), mean, atoms.numpy()


# ---- networks and engines ---------------------------------------------------------------------------------------


@check("autograd.relu_gate.relu_backward")
def _relu():
    x = numbers(3, 4)
    yield from pulls(lambda v: np.maximum(v, 0), (x,), lambda above: relu_gate.relu_backward(x, above))


for _name in ("linear_backward", "linear_backward_loops"):

    @check(f"autograd.dag_backward.{_name}", name=_name)
    def _linear(name):
        points = numbers(4, 3), numbers(2, 3), numbers(2)
        backward = lambda above: getattr(dag_backward, name)(points[0], above, points[1])
        yield from pulls(lambda x, w, b: x @ w.T + b, points, backward)


@check("autograd.dag_backward.backward")
def _dag():
    for seed, names in enumerate((["tanh"], ["sigmoid", "linear"], ["scaled_tanh", "relu"], ["leaky_relu"])):
        edges = dag_backward.random_edges(units=8, inputs=3, seed=seed)
        kinds = {unit: names[i % len(names)] for i, unit in enumerate(sorted({target for _, target in edges}))}
        net = dag.Dag(edges, kinds)
        inputs = {unit: numbers(4, seed=i) for i, unit in enumerate(net.inputs)}
        above = {unit: numbers(4, seed=50 + i) for i, unit in enumerate(net.outputs)}

        def loss(edges, inputs, kinds=kinds, above=above):
            values = dag.Dag(edges, kinds).forward(inputs).x
            return sum((values[unit] * slope).sum() for unit, slope in above.items())

        slopes = dag_backward.backward(net, net.forward(inputs), above)
        in_weights = lambda v, edges=edges, inputs=inputs, loss=loss: loss(dict(zip(edges, v.tolist())), inputs)
        yield list(slopes.weights.values()), in_weights, list(edges.values())
        for unit, given in inputs.items():
            in_input = lambda v, e=edges, x=inputs, u=unit, loss=loss: loss(e, x | {u: v})
            yield slopes.x[unit], in_input, given


@check("autograd.checkpointing.TanhLayer.backward")
def _tanh_layer():
    x, weight = numbers(3, 4), numbers(2, 4)
    layer = checkpointing.TanhLayer(weight)
    forward = lambda x, w: checkpointing.TanhLayer(w).forward(x)
    yield from pulls(forward, (x, weight), lambda above: layer.backward(x, above))


for _name in ("backward_storing", "backward_bisecting"):

    @check(f"autograd.checkpointing.{_name}", name=_name)
    def _chain(name):
        points = numbers(2, 3), *(0.5 * numbers(3, 3, seed=i) for i in range(5))

        def forward(x, *weights):
            for weight in weights:
                x = np.tanh(x @ weight.T)
            return x

        def back(above, **settings):
            layers = [checkpointing.TanhLayer(weight) for weight in points[1:]]
            run = getattr(checkpointing, name)(layers, points[0], above, **settings)
            return run.grad_x, *run.grad_weights

        yield from pulls(forward, points, back)
        if name == "backward_storing":
            yield from pulls(forward, points, lambda above: back(above, every=2))


@check("autograd.tensor.Tensor.backward")
def _tensor():
    wide = numbers(3, 4)
    other = tensor.Tensor(numbers(4, 3, seed=1))
    operations = {
        "arithmetic": lambda t: (t + 2.0) * t - 1.0 / (t * t + 1.0) + (t * t + 1.0) ** 0.5 - (3.0 - t) / 2.0,
        "matmul": lambda t: t @ other @ t,
        "transpose": lambda t: t @ t.T,
        "relu": tensor.Tensor.relu,
        "tanh": tensor.Tensor.tanh,
        "sigmoid": tensor.Tensor.sigmoid,
        "exp, log": lambda t: (t.exp() + 1.0).log(),
        "sum": lambda t: t.sum() * t.sum(axis=0) + t.sum(axis=1, keepdims=True),
        "mean": lambda t: t.mean() * t.mean(axis=0) - t.mean(axis=1, keepdims=True),
        "reshape": lambda t: t.reshape(2, 6),
        "index, one entry thrice": lambda t: t[np.array([0, 1, 0, 0]), np.array([3, 2, 3, 3])],
        "slice": lambda t: t[1:, ::2],
        "broadcast": lambda t: t.sum(axis=0) * t + t.mean(axis=1, keepdims=True),
        "negative": lambda t: -t,
        "cross-entropy": lambda t: tensor.cross_entropy(t, [0, 3, 1]),
    }
    for operation in operations.values():
        leaf = tensor.Tensor(wide, requires_grad=True)
        result = operation(leaf)
        (result * result).sum().backward()
        yield leaf.grad, lambda v, f=operation: (f(tensor.Tensor(v)).data ** 2).sum(), wide


@check("autograd.value.Value.backward")
def _value():
    formulas = [lambda a, b, f=f: f(a * b + 2.0) for f in value.FUNCTIONS.values()]
    formulas += [lambda a, b: (a - b) / (a * a + 1.0) + 2.0 / b, lambda a, b: a**3 - a**b, lambda a, b: -a * a - 1 + b]
    for formula in formulas:
        a, b = value.Value(0.8), value.Value(1.7)
        formula(a, b).backward()
        yield [a.grad, b.grad], lambda v, f=formula: f(*(value.Value(float(n)) for n in v)).data, [0.8, 1.7]


# ---- convolution ------------------------------------------------------------------------------------------------

SETTINGS = [
    {"stride": 1, "padding": 0, "dilation": 1},
    {"stride": 2, "padding": 1, "dilation": 1},
    {"stride": 1, "padding": 2, "dilation": 2},
    {"stride": 3, "padding": 1, "dilation": 2},
]


def maps(*, groups: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input (2, 4, 6, 7), kernel (4, 4 / groups, 3, 3) and bias."""
    return numbers(2, 4, 6, 7), numbers(4, 4 // groups, 3, 3), numbers(4)


@check("convolution.backward.conv2d_backward")
def _conv2d():
    for settings in SETTINGS:
        for groups in (1, 2):
            points, how = maps(groups=groups), settings | {"groups": groups}
            forward = lambda x, w, b, how=how: im2col.conv2d_im2col(x, w, b, **how)
            backward = lambda above, p=points, how=how: convolution_backward.conv2d_backward(above, *p[:2], **how)
            yield from few(pulls(forward, points, backward))


def few(checks: Iterator[Check], entries: int = 24) -> Iterator[Check]:
    """Check every derivative along random directions instead of entry by entry where there are many entries."""
    for claimed, function, point in checks:
        point, claimed = np.asarray(point, dtype=np.float64), np.asarray(claimed, dtype=np.float64)
        if point.size <= entries:
            yield claimed, function, point
            continue
        assert claimed.shape == point.shape
        ways = np.random.default_rng(point.size).normal(size=(entries, *point.shape))
        along = lambda t, f=function, p=point, ways=ways: f(p + np.tensordot(t, ways, axes=1))
        yield np.tensordot(ways, claimed, axes=point.ndim), along, np.zeros(entries)


@check("convolution.backward.backward_loops")
def _conv2d_loops():
    for settings in SETTINGS[1:3]:
        v, kernel, bias = numbers(2, 6, 7), numbers(2, 2, 3, 3), numbers(2)
        forward = lambda v, k, b, how=settings: im2col.conv2d_im2col(v[None], k, b, **how)[0]
        backward = lambda above, p=(v, kernel), how=settings: convolution_backward.backward_loops(above, *p, **how)
        yield from few(pulls(forward, (v, kernel, bias), backward))


@check("convolution.backward.grad_input_by_convolution")
def _grad_input():
    for settings in SETTINGS:
        x, weight, _ = maps()
        forward = lambda x, w=weight, how=settings: im2col.conv2d_im2col(x, w, None, **how)
        backward = lambda above, w=weight, how=settings: convolution_backward.grad_input_by_convolution(
            above, w, (6, 7), **how
        )
        yield from few(pulls(forward, (x,), backward))


@check("convolution.backward.grad_weight_by_correlation")
def _grad_weight():
    for settings in SETTINGS:
        x, weight, _ = maps()
        forward = lambda w, x=x, how=settings: im2col.conv2d_im2col(x, w, None, **how)
        backward = lambda above, x=x, how=settings: convolution_backward.grad_weight_by_correlation(
            above, x, (3, 3), **how
        )
        yield from few(pulls(forward, (weight,), backward))


@check("convolution.im2col.col2im")
def _col2im():
    for how in SETTINGS:
        x = numbers(1, 2, 6, 7)
        forward = lambda v, how=how: im2col.im2col(v, 3, **how)
        yield from few(pulls(forward, (x,), lambda above, how=how: im2col.col2im(above, (1, 2, 6, 7), 3, **how)))


@check("convolution_kinds.windows.add_windows")
def _add_windows():
    for how in SETTINGS:
        x = numbers(1, 2, 6, 7)
        forward = lambda v, how=how: windows.stack_windows(v, (3, 3), **how)
        yield from few(pulls(forward, (x,), lambda g, how=how: windows.add_windows(g, (1, 2, 6, 7), (3, 3), **how)))


def layer_checks(forward: Callable, backward: Callable, points: tuple, settings: dict) -> Iterator[Check]:
    """Check a layer's ``backward(gradient, x, weight, **settings)`` for input, weight and bias."""
    yield from few(
        pulls(
            lambda x, w, b: forward(x, w, b, **settings),
            points,
            lambda above: backward(above, points[0], points[1], **settings),
        )
    )


PLAIN = [{k: v for k, v in settings.items() if k != "dilation"} for settings in SETTINGS]
CLIP = numbers(1, 2, 5, 6, 5), numbers(2, 2, 3, 3, 3), numbers(2)
LAYERS = {
    "dilated.dilated_conv2d_backward": (dilated.dilated_conv2d, dilated.dilated_conv2d_backward, maps(), SETTINGS),
    "grouped.grouped_conv2d_backward": (
        grouped.grouped_conv2d,
        grouped.grouped_conv2d_backward,
        maps(groups=2),
        [s | {"groups": 2} for s in SETTINGS],
    ),
    "one_d.conv1d_backward": (
        one_d.conv1d,
        one_d.conv1d_backward,
        (numbers(2, 3, 9), numbers(4, 3, 3), numbers(4)),
        SETTINGS,
    ),
    "pointwise.pointwise_conv2d_backward": (
        pointwise.pointwise_conv2d,
        pointwise.pointwise_conv2d_backward,
        (numbers(2, 3, 4, 5), numbers(4, 3), numbers(4)),
        [{}],
    ),
    "strided.strided_conv2d_backward": (strided.strided_conv2d, strided.strided_conv2d_backward, maps(), PLAIN),
    "strided.strided_conv2d_backward_loops": (
        strided.strided_conv2d,
        strided.strided_conv2d_backward_loops,
        maps(),
        PLAIN[1:2],
    ),
    "three_d.conv3d_backward": (three_d.conv3d, three_d.conv3d_backward, CLIP, SETTINGS[:3]),
    "transposed.transposed_conv2d_backward": (
        transposed.transposed_conv2d,
        transposed.transposed_conv2d_backward,
        (numbers(2, 4, 3, 4), numbers(4, 3, 3, 3), numbers(3)),
        SETTINGS,
    ),
    "windows.convolve_backward": (windows.convolve, windows.convolve_backward, maps(), SETTINGS),
}
for _name, (_forward, _backward, _points, _all) in LAYERS.items():

    @check(f"convolution_kinds.{_name}", forward=_forward, backward=_backward, points=_points, all_settings=_all)
    def _layer(forward, backward, points, all_settings):
        for settings in all_settings:
            yield from layer_checks(forward, backward, points, settings)


@check("convolution_kinds.deformable.bilinear_slope")
def _bilinear():
    image = numbers(4, 5)
    for row, column in ((1.3, 2.6), (-0.4, 1.2), (3.7, 4.1)):  # inside, above, and beyond the far corner
        claimed = deformable.bilinear_slope(image, row, column)
        yield claimed, lambda v: deformable.bilinear_at(image, *v.tolist()), [row, column]


# ---- pooling ----------------------------------------------------------------------------------------------------

POOLS = [
    {"kernel_size": 2, "stride": 2, "padding": 0},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
]
PICTURE = numbers(2, 2, 6, 5)
for _name in ("max_pool_backward", "max_pool_backward_loop"):

    @check(f"pooling.max_pool.{_name}", name=_name)
    def _max_pool(name):
        for how in POOLS:
            winners = max_pool.max_pool(PICTURE, **how).winners
            forward = lambda v, how=how: max_pool.max_pool(v, **how).values
            backward = lambda above, w=winners: getattr(max_pool, name)(above, w, 6, 5)
            yield from pulls(forward, (PICTURE,), backward)


for _name in ("sum_pool", "average_pool"):

    @check(f"pooling.average_pool.{_name}_backward", name=_name)
    def _average(name):
        for how in POOLS:
            forward = lambda v, how=how: getattr(average_pool, name)(v, **how)
            backward = lambda above, how=how: getattr(average_pool, f"{name}_backward")(above, 6, 5, **how)
            yield from pulls(forward, (PICTURE,), backward)


@check("pooling.lp_pool.lp_pool_backward")
def _lp_pool():
    for p in (1.0, 2.0, 3.5):
        for how in ({"kernel_size": 2, "stride": 2}, {"kernel_size": 3, "stride": 1}):
            forward = lambda v, how=how, p=p: lp_pool.lp_pool(v, **how, p=p)
            backward = lambda above, how=how, p=p: lp_pool.lp_pool_backward(above, PICTURE, **how, p=p)
            yield from pulls(forward, (PICTURE,), backward)


@check("pooling.blur_pool.weighted_pool_backward")
def _weighted_pool():
    weights = numbers(3, 3)
    for how in ({"stride": 1, "padding": 1}, {"stride": 2, "padding": 0}):
        forward = lambda v, how=how: blur_pool.weighted_pool(v, weights, **how)
        backward = lambda above, how=how: blur_pool.weighted_pool_backward(above, weights, 6, 5, **how)
        yield from pulls(forward, (PICTURE,), backward)


@check("pooling.adaptive_pool.adaptive_average_pool_backward")
def _adaptive():
    for size in ((2, 2), (4, 3), (1, 5)):
        forward = lambda v, size=size: adaptive_pool.adaptive_average_pool(v, size)
        backward = lambda above: adaptive_pool.adaptive_average_pool_backward(above, 6, 5)
        yield from pulls(forward, (PICTURE,), backward)


@check("pooling.global_pool.global_average_pool_backward")
def _global_average():
    backward = lambda above: global_pool.global_average_pool_backward(above, 6, 5)
    yield from pulls(global_pool.global_average_pool, (PICTURE,), backward)


@check("pooling.global_pool.global_max_pool_backward")
def _global_max():
    winners = global_pool.global_max_pool(PICTURE).winners
    backward = lambda above: global_pool.global_max_pool_backward(above, winners, 6, 5)
    yield from pulls(lambda v: global_pool.global_max_pool(v).values, (PICTURE,), backward)


@check("pooling.channel_pool.channel_max_pool_backward")
def _channel_max():
    x = numbers(2, 6, 3, 2)
    winners = channel_pool.channel_max_pool(x, 3).winners
    backward = lambda above: channel_pool.channel_max_pool_backward(above, winners, 3)
    yield from pulls(lambda v: channel_pool.channel_max_pool(v, 3).values, (x,), backward)


@check("pooling.windows.add_windows")
def _pool_windows():
    forward = lambda v: pooling_windows.cut_windows(v, 3, 2, 1)
    backward = lambda above: pooling_windows.add_windows(above, 6, 5, 2, 1)
    yield from pulls(forward, (PICTURE,), backward)


# ---- normalisation ----------------------------------------------------------------------------------------------

BATCH = numbers(3, 2, 2, 2), numbers(2, seed=1), numbers(2, seed=2)


def normalise(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    return batch_norm.batch_norm_forward(*map(torch.tensor, (x, gamma, beta)))[0].numpy()


@check("normalisation.batch_norm.batch_norm_backward")
def _batch_norm():
    cache = batch_norm.batch_norm_forward(*map(torch.tensor, BATCH))[1]
    backward = lambda above: tuple(g.numpy() for g in batch_norm.batch_norm_backward(torch.tensor(above), cache))
    yield from pulls(normalise, BATCH, backward)


@check("normalisation.batch_norm.batch_norm_backward_by_steps")
def _batch_norm_by_steps():
    by_steps = on_tensors(batch_norm.batch_norm_backward_by_steps)
    yield from pulls(normalise, BATCH, lambda above: by_steps(above, BATCH[0], BATCH[1]))


@check("normalisation.batch_norm._HandWritten.backward")
def _batch_norm_in_autograd():
    def backward(above):
        leaves = [torch.tensor(point, requires_grad=True) for point in BATCH]
        batch_norm._HandWritten.apply(*leaves, 1e-5).backward(torch.tensor(above))
        return tuple(leaf.grad.numpy() for leaf in leaves)

    yield from pulls(normalise, BATCH, backward)


@check("normalisation.weight_norm.weight_norm_backward")
def _weight_norm():
    points = numbers(3, 4), numbers(3)
    by_hand = on_tensors(weight_norm.weight_norm_backward)
    yield from pulls(on_tensors(weight_norm.weight_norm), points, lambda above: by_hand(above, *points))


@check("normalisation.local_response.local_response_norm_backward")
def _local_response():
    x = numbers(2, 5, 2, 2)
    for how in ({"n": 3, "alpha": 0.3}, {"n": 4, "alpha": 0.5, "beta": 0.5, "k": 1.0}):
        forward = lambda v, how=how: on_tensors(local_response.local_response_norm)(v, **how)
        by_hand = on_tensors(local_response.local_response_norm_backward)
        yield from pulls(forward, (x,), lambda above, how=how, by_hand=by_hand: by_hand(above, x, **how))


@check("normalisation.local_contrast.local_contrast_norm_backward")
def _local_contrast():
    x = numbers(2, 3, 4, 4)
    for how in ({"size": 3, "epsilon": 0.1}, {"size": 3, "maps": 1, "epsilon": 0.1}):
        forward = lambda v, how=how: on_tensors(local_contrast.local_contrast_norm)(v, **how)
        by_hand = on_tensors(local_contrast.local_contrast_norm_backward)
        yield from pulls(forward, (x,), lambda above, how=how, by_hand=by_hand: by_hand(above, x, **how))


# ---- the checks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_backward_equals_central_differences(name):
    checked = 0
    for claimed, function, point in CHECKS[name]():
        measured = numerical_gradient(lambda v, f=function: float(f(v)), point, STEP)
        error = relative_error(np.asarray(claimed, dtype=np.float64), measured)
        assert error < BOUND, f"{name}: relative error {error:.1e} in check {checked}"
        if "step_prime" not in name:  # two zeros agree whatever the code does
            assert np.abs(measured).max() > 1e-3, f"{name}: check {checked} cannot fail, the gradient is zero"
        checked += 1
    assert checked


def test_rules_that_are_no_gradients_fail_the_check():
    x, above = numbers(3, 4), numbers(3, 4, seed=5)
    for rule in (relu_gate.deconvnet_backward, relu_gate.guided_backward):
        assert not passes(rule(x, above), lambda v: (np.maximum(v, 0) * above).sum(), x)
    leaf = torch.tensor(x, requires_grad=True)
    StraightThroughSign.apply(leaf, 1.0).backward(torch.tensor(above))
    assert not passes(leaf.grad, lambda v: (np.where(v >= 0, 1.0, -1.0) * above).sum(), x)


def test_one_wrong_entry_is_enough_to_fail():
    x, weight, bias = maps()
    gradients = convolution_backward.conv2d_backward(np.ones((2, 4, 4, 5)), x, weight)
    function = lambda v: im2col.conv2d_im2col(x, v, bias).sum()
    assert passes(gradients[1], function, weight)
    gradients[1][1, 2, 0, 1] *= 1.001
    assert not passes(gradients[1], function, weight)
