"""Hidden tests of assignment 6. They stay with the instructor and run in the grader's own process.

Weights and inputs are random, other ones for each student; what is right comes from torch's own functions on the same
weights, from layers that are built and run instead of counted, and from sets of rows followed down layer by layer. The
student's networks stay in their process and are called by handle. `says` sentences reach the student, nothing else does.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.grading.answers import Wrong, compare, read_array, read_number, read_numbers, read_tuple
from course_utils.grading.hidden import hidden, says
from course_utils.grading.sentences import CallFailed

WITHHELD = ("course_utils.models", "course_utils.scratch", "torchvision")  # they have these networks
SECONDS = {"call": 10, "total": 240}  # the first optimiser that a process makes loads half of torch
NEAR = 2e-4  # networks of several layers in 32 bits
ROUNDED = 2e-3  # who writes 0.6667 for 2/3 is right

# what later tests of an exercise build on
SUBSAMPLING = ("test_parameters_of_the_subsampling", "test_subsampling")
SHAPES = ("test_shapes_of_windows", "test_shapes_of_a_network")
FIELDS = ("test_size_of_the_field", "test_stride_of_the_field", "test_centre_of_the_field")
BLOCK = ("test_parameters_of_a_block", "test_a_fresh_block_adds_nothing")


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def draw(rng, *shape):
    """Numbers away from zero, of both signs."""
    return rng.uniform(0.3, 1.5, size=shape) * rng.choice([-1, 1], size=shape)


def shapes_of(network):
    return {name: tuple(np.shape(value)) for name, value in network.parameters().items()}


def silent(network, x):
    """The parameters of a student's network that no gradient reaches, from the squares of its outputs."""
    total = network.forward.new(tensor(x)).pow.new(2).sum.new()
    try:
        total.backward.new()
    except CallFailed as failure:
        if failure.status != "raised":
            raise
        return ["all"]  # nothing on the way knows where it comes from
    return [name for name, g in network.gradients().items() if g is None or not np.any(np.abs(g.numpy()) > 0)]


def read_losses(value):
    """What train returns: numbers, or tensors that still know where they come from."""
    if isinstance(value, list | tuple):
        value = [loss.detach() if isinstance(loss, torch.Tensor) else loss for loss in value]
    return read_numbers(value, "the losses that train returns")


# ---- exercise 1 ----


@hidden("lenet", points=0.75)
def test_parameters_of_the_subsampling(student, rng):
    channels = int(rng.integers(3, 9))
    found = student.Subsampling.new(channels).parameters()
    compare(
        read_array(found["coefficient"], (channels,), "the coefficient"),
        np.full(channels, 0.25),
        otherwise="Subsampling: the coefficients do not start at 0.25",
    )
    compare(
        read_array(found["bias"], (channels,), "the bias"),
        np.zeros(channels),
        otherwise="Subsampling: the biases do not start at 0",
    )
    assert len(found) == 2, says("Subsampling has other parameters than coefficient and bias")


@hidden("lenet", points=1, after="test_parameters_of_the_subsampling")
def test_subsampling(student, rng):
    for size in ((4, 6), (7, 5)):
        x, w, b = (
            draw(rng, 2, 3, *size),
            np.array([1.3, -0.7, 0.4]) + rng.uniform(size=3) / 9,
            2.0 + rng.uniform(size=3),
        )
        layer = student.Subsampling.new(3)
        layer.load_parameters({"coefficient": tensor(w), "bias": tensor(b)})
        rows, columns = size[0] // 2, size[1] // 2
        windows = x[:, :, : 2 * rows, : 2 * columns].reshape(2, 3, rows, 2, columns, 2)
        total, largest = windows.sum(axis=(3, 5)), windows.max(axis=(3, 5))
        factor, bias = w[:, None, None], b[:, None, None]
        want = factor * total + bias
        mistakes = [
            (factor * total / 4 + bias, "Subsampling takes the mean of the window: it adds the four up"),
            (factor * largest + bias, "Subsampling takes the largest of the window: it adds the four up"),
            (factor * total, "Subsampling forgets the bias"),
            (total + bias, "Subsampling forgets the coefficient"),
            (factor * (total + bias), "Subsampling multiplies the bias by the coefficient"),
            (factor * total + 4 * bias, "Subsampling adds the bias to each pixel: once for each window"),
            (w[0] * total + b[0], "Subsampling uses the coefficient and bias of map 0 for every map"),
            (squash(want), "Subsampling squashes: the network applies the tanh, the layer does not"),
        ]
        got = read_array(layer(tensor(x)), want.shape, "Subsampling(3), called,")
        compare(got, want, mistakes, "Subsampling is not right")


def squash(a, inside=2 / 3, outside=1.7159):
    return outside * np.tanh(inside * np.asarray(a))


CONVOLUTIONS = {"c1": (6, 1, 5), "c3": (16, 6, 5), "c5": (120, 16, 5), "f6": (84, 120, 1), "output": (0, 84, 1)}
ORDER = ("c1", "s2", "c3", "s4", "c5", "f6", "output")


def names_and_shapes(classes):
    found = {}
    for name, (maps, below, k) in CONVOLUTIONS.items():
        found |= {f"{name}.weight": (maps or classes, below, k, k), f"{name}.bias": (maps or classes,)}
    for name, maps in (("s2", 6), ("s4", 16)):
        found |= {f"{name}.coefficient": (maps,), f"{name}.bias": (maps,)}
    return found


@hidden("lenet", points=1, after=SUBSAMPLING)
def test_layers_of_lenet(student, rng):
    for classes in (10, int(rng.integers(2, 9))):
        got, want = shapes_of(student.LeNet.new(classes)), names_and_shapes(classes)
        for name, shape in want.items():
            if name not in got:
                assert not name.endswith(".bias"), says(f"LeNet: {name} is missing, each layer has biases")
                raise Wrong(f"LeNet has no parameter {name}")
            if len(got[name]) == 2 and len(shape) == 4:
                raise Wrong("LeNet has a linear layer where a convolution is asked for")
            if name.startswith("output") and got[name] != shape:
                raise Wrong("LeNet ignores the number of classes, or its last layer has another shape than it should")
            assert got[name] == shape, says(f"LeNet: {name} has not the shape that it should have")
        assert len(got) == len(want), says("LeNet has other parameters than it should")


def lenet_with_weights(student, rng, classes):
    """The student's network with weights that the test knows; maps differ, and no unit is saturated."""
    values = {}
    for name, shape in names_and_shapes(classes).items():
        spread = 1.0 if len(shape) == 1 else 2.0 / math.sqrt(np.prod(shape[1:]))
        values[name] = tensor(draw(rng, *shape) * spread * (0.5 if name.endswith("bias") else 1))
    network = student.LeNet.new(classes)
    network.load_parameters(values)
    return network, {name: value.double() for name, value in values.items()}


def lenet_by_torch(values, x, f=squash, before=("s2", "s4")):
    """The network by torch's functions in 64 bits; f is applied after all layers but the last."""
    z = torch.tensor(x, dtype=torch.float64)
    for name in ORDER:
        if name in ("s2", "s4"):
            z = z.unfold(2, 2, 2).unfold(3, 2, 2).sum(dim=(4, 5))
            z = values[f"{name}.coefficient"][:, None, None] * z + values[f"{name}.bias"][:, None, None]
        else:
            z = F.conv2d(z, values[f"{name}.weight"], values[f"{name}.bias"])
        if name != "output" and (name in before or name not in ("s2", "s4")):
            z = torch.as_tensor(f(z.numpy()))
    return z.numpy()


@hidden("lenet", points=1.75, after=(*SUBSAMPLING, "test_layers_of_lenet"))
def test_scores(student, rng):
    x = rng.normal(size=(2, 1, 32, 32))
    network, values = lenet_with_weights(student, rng, 4)
    want = lenet_by_torch(values, x)
    changed = network.forward.changes_its_arguments(tensor(x))
    assert not changed, says("LeNet changes its input in place: the caller's data is different afterwards")
    got = read_array(network(tensor(x)), (2, 4, 1, 1), "LeNet(4), on two pictures of 32 x 32,")
    wrong = "the scaled tanh is 1.7159 tanh(2 a / 3)"
    mistakes = [
        (squash(want), "LeNet squashes the output too: the last layer gives plain scores"),
        (
            lenet_by_torch(values, x, before=()),
            "LeNet does not squash after the subsamplings: the tanh comes after s2 and s4 as well",
        ),
        (lenet_by_torch(values, x, np.tanh), f"LeNet uses the plain tanh: {wrong}"),
        (lenet_by_torch(values, x, lambda a: squash(a, 1.0)), f"LeNet scales the output of the tanh alone: {wrong}"),
        (
            lenet_by_torch(values, x, lambda a: squash(a, 2 / 3, 1.0)),
            f"LeNet scales the input of the tanh alone: {wrong}",
        ),
        (lenet_by_torch(values, x, lambda a: squash(a, 1.5)), f"LeNet divides by 2/3 inside the tanh: {wrong}"),
        (lenet_by_torch(values, x, lambda a: np.maximum(a, 0)), f"LeNet uses the ReLU: {wrong}"),
        (lenet_by_torch(values, x, lambda a: a), "LeNet has no tanh at all"),
    ]
    compare(got, want, mistakes, "LeNet is not right on pictures of 32 x 32", ROUNDED)


@hidden("lenet", points=0.75, after=(*SUBSAMPLING, "test_layers_of_lenet", "test_scores"))
def test_answers_at_many_places(student, rng):
    for size, answers in (((44, 36), (4, 2)), ((33, 42), (1, 3))):
        x = rng.normal(size=(1, 1, *size))
        network, values = lenet_with_weights(student, rng, 3)
        want = lenet_by_torch(values, x)
        got = read_array(network(tensor(x)), (1, 3, *answers), "LeNet(3), on a larger picture,")
        compare(
            got, want, otherwise="LeNet on a larger picture does not answer at every fourth pixel", tolerance=ROUNDED
        )


@hidden("lenet", points=0.75, after=(*SUBSAMPLING, "test_layers_of_lenet"))
def test_every_parameter_of_lenet_learns(student, rng):
    network, _ = lenet_with_weights(student, rng, 3)
    missing = silent(network, rng.normal(size=(2, 1, 32, 32)))
    assert not missing, says("in LeNet no gradient reaches some of the parameters: nothing may cut the way back")


# ---- exercise 2 ----


def built(layers, shape):
    """Shapes, parameters and multiply-adds of layers of torch that are run on zeros."""
    x, shapes, weights, products = torch.zeros(1, *shape), [], [], []
    for kind, *n in layers:
        if kind == "conv":
            layer = nn.Conv2d(x.shape[1], n[0], n[1], stride=n[2], padding=n[3], groups=n[4])
        elif kind == "pool":
            layer = nn.MaxPool2d(n[0], n[1])
        elif kind == "linear":
            layer = nn.Linear(x.shape[1], n[0])
        else:
            layer = nn.Flatten() if kind == "flatten" else nn.ReLU()
        with torch.no_grad():
            x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        weights.append(sum(p.numel() for p in layer.parameters()))
        products.append(x.numel() * layer.weight[0].numel() if kind in ("conv", "linear") else 0)
    return shapes, weights, products


def single_layers(rng):
    """Layers on pictures, one at a time; no mistake of the usual kind is right by chance."""
    h, w = (int(rng.choice(even)) for even in ((10, 12), (14, 16)))  # rounding matters
    return [
        (["conv", int(rng.integers(7, 12)), 3, 1, 0, 1], (int(rng.integers(2, 6)), h, w)),
        (["conv", int(rng.integers(7, 12)), 4, 3, 1, 1], (2, 8, 15)),
        (["conv", 7, 5, 2, 2, 1], (int(rng.integers(2, 6)), h, w)),
        (["conv", 9, 1, 1, 0, 1], (4, h, w)),
    ]


def grouped_layers(rng):
    h, w = (int(rng.choice(even)) for even in ((10, 12), (14, 16)))  # rounding matters
    return [
        (["conv", 10, 3, 1, 1, 2], (4, h, w)),
        (["conv", 12, 3, 2, 1, 4], (8, h, w)),
        (["conv", 6, 5, 1, 2, 6], (6, h, w)),
        (["conv", 9, 2, 1, 0, 3], (6, h, w)),
    ]


def network(rng):
    """A network with every kind of layer, and its picture."""
    layers = [
        ["conv", 8, 5, 2, 2, 1],
        ["relu"],
        ["pool", 3, 2],
        ["conv", int(rng.choice([12, 16, 20])), 3, 1, 1, 4],
        ["relu"],
        ["conv", 6, 1, 1, 0, 1],
        ["pool", 2, 2],
        ["flatten"],
        ["linear", int(rng.integers(20, 30))],
        ["relu"],
        ["linear", int(rng.integers(3, 9))],
    ]
    return layers, (3, int(rng.choice([36, 38, 40, 42])), int(rng.choice([50, 52, 54])))


def entries(value, length, name):
    """A list with one entry a layer."""
    if value is None or not hasattr(value, "__len__"):
        raise Wrong(f"{name} is no list")
    if len(value) != length:
        raise Wrong(f"{name} has not one entry for each layer")
    return list(value)


def ask_shapes(student, layers, shape, ranks):
    found = entries(student.shapes(layers, shape), len(layers), "shapes(layers, shape)")
    return [float(n) for value, rank in zip(found, ranks) for n in read_array(value, (rank,), "a shape")]


def ask_counts(function, layers, shape, name):
    found = entries(function(layers, shape), len(layers), f"{name}(layers, shape)")
    return [read_number(value, f"an entry of {name}") for value in found]


def unchanged(function, layers, picture, name):
    assert not function.changes_its_arguments(layers, picture), says(f"{name} changes the list that it is given")


@hidden("account", points=1)
def test_shapes_of_windows(student, rng):
    cases = [*single_layers(rng), (["pool", 3, 2], (2, 8, 13)), (["pool", 2, 3], (4, 9, 14)), (["relu"], (3, 4, 6))]
    got = [n for layer, shape in cases for n in ask_shapes(student, [layer], shape, [3])]
    want = [n for layer, shape in cases for n in built([layer], shape)[0][0]]

    def by(size, maps=lambda layer, c: layer[1]):
        found = []
        for (kind, *n), (c, h, w) in cases:
            k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
            found += [maps([kind, *n], c) if kind == "conv" else c, size(h, k, s, p, kind), size(w, k, s, p, kind)]
        return found

    mistakes = [
        (by(lambda n, k, s, p, _: -((k - n - 2 * p) // s) + 1), "shapes rounds up: round down"),
        (
            by(lambda n, k, s, p, kind: -((k - n - 2 * p) // s) + 1 if kind == "pool" else (n + 2 * p - k) // s + 1),
            "shapes rounds up: a last window of a pooling that does not fit is left out",
        ),
        (by(lambda n, k, s, p, _: (n + p - k) // s + 1), "shapes pads one side: zeros on all four"),
        (by(lambda n, k, s, p, _: n + 2 * p - k + 1), "shapes ignores the stride"),
        (by(lambda n, k, s, p, _: (n - k) // s + 1), "shapes ignores the padding"),
        (by(lambda n, k, s, p, _: (n + 2 * p - k) / s + 1), "shapes returns fractions: round down"),
        (
            by(lambda n, k, s, p, kind: n // k if kind == "pool" else (n + 2 * p - k) // s + 1),
            "shapes divides by the window of the pooling: its stride is another number",
        ),
        (
            by(lambda n, k, s, p, _: (n + 2 * p - k) // s + 1, lambda layer, c: c),
            "shapes keeps the number of maps",
        ),
    ]
    compare(got, want, mistakes, "shapes is not right for a single layer")


@hidden("account", points=0.5, after="test_shapes_of_windows")
def test_shapes_of_a_network(student, rng):
    layers, picture = network(rng)
    want = built(layers, picture)[0]
    got = ask_shapes(student, layers, picture, [len(shape) for shape in want])
    compare(got, [n for shape in want for n in shape], otherwise="shapes is not right for a network")
    assert entries(student.shapes([], picture), 0, "shapes of no layer") == [], says("shapes of no layer is not empty")
    unchanged(student.shapes, layers, picture, "shapes")


def check_counts(student, rng, name, cases, which, rules):
    function = getattr(student, name)
    got = [ask_counts(function, [layer], shape, name)[0] for layer, shape in cases]
    want = [built([layer], shape)[which][0] for layer, shape in cases]
    mistakes = []
    for sentence, rule in rules.items():
        wrong = []
        for (layer, shape), right in zip(cases, want):
            _, maps, k, _, _, groups = layer
            _, rows, columns = built([layer], shape)[0][0]
            wrong.append(rule(maps, k, groups, shape, rows * columns, right))
        mistakes.append((wrong, f"{name} {sentence}"))
    compare(got, want, mistakes, f"{name} is not right for a convolution")


PARAMETER_RULES = {
    "forgets the biases: one for each map": lambda m, k, g, below, places, right: right - m,
    "counts one bias for the layer: one for each map": lambda m, k, g, below, places, right: right - m + 1,
    "counts a bias for each map below: one for each map of the layer": (
        lambda m, k, g, below, places, right: right - m + below[0]
    ),
    "forgets that a kernel is as deep as the maps below": lambda m, k, g, below, places, right: m * k * k + m,
    "counts k weights: a kernel has k x k": lambda m, k, g, below, places, right: m * k * below[0] // g + m,
    "ignores the groups": lambda m, k, g, below, places, right: m * (k * k * below[0] + 1),
    "divides the biases by the groups too": lambda m, k, g, below, places, right: m * (k * k * below[0] + 1) // g,
}
PRODUCT_RULES = {
    "counts each weight once: it is used at every place of the map": (
        lambda m, k, g, below, places, right: right // places
    ),
    "takes the places of the map below: count output numbers": (
        lambda m, k, g, below, places, right: right // places * below[1] * below[2]
    ),
    "counts the biases: only the products": lambda m, k, g, below, places, right: right + m * places,
    "counts multiplications and additions apart": lambda m, k, g, below, places, right: 2 * right,
    "forgets that a kernel is as deep as the maps below": lambda m, k, g, below, places, right: m * k * k * places,
    "ignores the groups": lambda m, k, g, below, places, right: right * g,
}


@hidden("account", points=0.75, after=SHAPES)
def test_parameters_of_convolutions(student, rng):
    check_counts(student, rng, "parameters", single_layers(rng), 1, PARAMETER_RULES)


@hidden("account", points=0.5, after=(*SHAPES, "test_parameters_of_convolutions"))
def test_parameters_with_groups(student, rng):
    check_counts(student, rng, "parameters", grouped_layers(rng), 1, PARAMETER_RULES)


@hidden("account", points=0.75, after=SHAPES)
def test_multiply_adds_of_convolutions(student, rng):
    check_counts(student, rng, "multiply_adds", single_layers(rng), 2, PRODUCT_RULES)


@hidden("account", points=0.5, after=(*SHAPES, "test_multiply_adds_of_convolutions"))
def test_multiply_adds_with_groups(student, rng):
    check_counts(student, rng, "multiply_adds", grouped_layers(rng), 2, PRODUCT_RULES)


@hidden("account", points=0.5, after=(*SHAPES, "test_parameters_of_convolutions", "test_parameters_with_groups"))
def test_parameters_of_a_network(student, rng):
    layers, picture = network(rng)
    shapes, want, _ = built(layers, picture)
    got = ask_counts(student.parameters, layers, picture, "parameters")
    plain = [n - shapes[i][0] if layers[i][0] == "linear" else n for i, n in enumerate(want)]
    mistakes = [(plain, "parameters forgets the biases of linear layers")]
    compare(got, want, mistakes, "parameters is not right for a network")
    unchanged(student.parameters, layers, picture, "parameters")


@hidden("account", points=0.5, after=(*SHAPES, "test_multiply_adds_of_convolutions", "test_multiply_adds_with_groups"))
def test_multiply_adds_of_a_network(student, rng):
    layers, picture = network(rng)
    shapes, _, want = built(layers, picture)
    got = ask_counts(student.multiply_adds, layers, picture, "multiply_adds")
    biased = [n + shapes[i][0] if layers[i][0] == "linear" else n for i, n in enumerate(want)]
    mistakes = [(biased, "multiply_adds counts the biases of linear layers")]
    compare(got, want, mistakes, "multiply_adds is not right for a network")
    unchanged(student.multiply_adds, layers, picture, "multiply_adds")


# ---- exercise 3 ----


def windows_of(layers):
    return [{"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind] for kind, *n in layers]


def reached(layers, unit):
    """The rows that a unit reaches, borders ignored: a set, followed down one layer at a time."""
    rows = {unit}
    for k, s, p in reversed(windows_of(layers)):
        rows = {s * row - p + m for row in rows for m in range(k)}
    return min(rows), max(rows)


def stacks(rng):
    """Fixed stacks that tell the usual mistakes apart, and random ones."""
    fixed = [
        [["conv", 4, 3, 2, 1, 1], ["relu"], ["pool", 2, 2], ["conv", 8, 5, 3, 0, 2], ["conv", 8, 3, 1, 2, 1]],
        [["conv", 6, 7, 2, 3, 1], ["pool", 3, 2], ["relu"], ["conv", 6, 3, 1, 1, 1], ["pool", 2, 2]],
        [["pool", 2, 2], ["pool", 3, 3], ["conv", 3, 4, 1, 1, 1]],
    ]
    drawn = [
        [["conv", 4, int(rng.integers(3, 7)), int(rng.integers(2, 4)), int(rng.integers(1, 3)), 2] for _ in range(2)]
        + [["relu"], ["pool", int(rng.integers(2, 4)), 2], ["conv", 4, 3, 1, 1, 1]]
        for _ in range(2)
    ]
    return [*fixed, *drawn]


def ask_fields(student, cases, which):
    found = []
    for layers in cases:
        for value in entries(student.fields(layers), len(layers), "fields(layers)"):
            triple = tuple(value) if getattr(value, "shape", None) == (3,) else value
            found.append(read_number(read_tuple(triple, 3, "an entry of fields(layers)")[which], "a number of fields"))
    return found


def every(cases, rule):
    return [rule(layers[: number + 1]) for layers in cases for number in range(len(layers))]


def by_rule(which, grow=lambda k: k - 1, before=False, shift=1, skip=(), add=False, half=lambda k: (k - 1) / 2):
    """Size, stride or centre by a rule that may be wrong."""

    def rule(layers):
        size, jump, centre = 1, 1, 0.0
        for k, s, p in windows_of([layer for layer in layers if layer[0] not in skip]):
            if before:
                jump *= s
            centre += (half(k) - p * shift) * jump
            size += grow(k) * jump if k > 1 or s > 1 else 0
            if not before:
                jump = jump + s - 1 if add else jump * s
        return (size, jump, centre)[which]

    return rule


@hidden("field", points=1)
def test_size_of_the_field(student, rng):
    cases = stacks(rng)
    want = every(cases, lambda layers: reached(layers, 0)[1] - reached(layers, 0)[0] + 1)
    flat = every(cases, lambda layers: 1 + sum(k - 1 for k, _, _ in windows_of(layers)))
    padded = every(cases, lambda layers: by_rule(0)(layers) + sum(2 * p for _, _, p in windows_of(layers)))
    mistakes = [
        (every(cases, by_rule(0, grow=lambda k: k)), "fields adds k for a layer: it adds k - 1"),
        (every(cases, by_rule(0, before=True)), "fields uses a layer's own stride for its own window: J changes last"),
        (every(cases, by_rule(0, skip=("pool",))), "fields leaves out the pooling: it has windows too"),
        (every(cases, by_rule(0, add=True)), "fields adds strides: they multiply"),
        (flat, "fields ignores strides in the size"),
        (padded, "fields counts padding in the size"),
    ]
    compare(ask_fields(student, cases, 0), want, mistakes, "fields: the size is not right")


@hidden("field", points=0.5, after="test_size_of_the_field")
def test_stride_of_the_field(student, rng):
    cases = stacks(rng)
    want = every(cases, lambda layers: reached(layers, 1)[0] - reached(layers, 0)[0])
    mistakes = [
        (every(cases, by_rule(1, add=True)), "fields adds strides: they multiply"),
        (every(cases, by_rule(1, skip=("pool",))), "fields leaves out the stride of the pooling"),
        (
            every(cases, lambda layers: windows_of(layers)[-1][1]),
            "fields gives the layer's own stride: strides multiply",
        ),
    ]
    compare(ask_fields(student, cases, 1), want, mistakes, "fields: the stride is not right")


@hidden("field", points=1, after=("test_size_of_the_field", "test_stride_of_the_field"))
def test_centre_of_the_field(student, rng):
    cases = stacks(rng)
    want = every(cases, lambda layers: sum(reached(layers, 0)) / 2)
    mistakes = [
        (every(cases, by_rule(2, shift=0)), "the centre forgets the padding"),
        (every(cases, by_rule(2, half=lambda k: (k - 1) // 2)), "the centre of an even window lies between two pixels"),
        (
            every(cases, by_rule(2, before=True)),
            "the centre uses a layer's own stride for its own window: J changes last",
        ),
        (np.maximum(want, 0), "the centre stops at the border of the picture: it may lie outside"),
    ]
    compare(ask_fields(student, cases, 2), want, mistakes, "fields: the centre is not right")


def ask_rows(student, cases):
    found = []
    for layers, height, i in cases:
        value = student.rows_seen(layers, height, i)
        pair = tuple(value) if getattr(value, "shape", None) == (2,) else value
        found += [read_number(n, "a row") for n in read_tuple(pair, 2, "rows_seen(layers, height, i)")]
    return found


@hidden("field", points=1, after=FIELDS)
def test_rows_in_the_middle(student, rng):
    cases = [(layers, 400, int(rng.integers(4, 8))) for layers in stacks(rng)] + [([], 30, int(rng.integers(3, 20)))]
    want = [n for layers, _, i in cases for n in reached(layers, i)]
    ends = np.array(want).reshape(-1, 2)
    first = [n for layers, _, i in cases for n in reached(layers, 0 if layers else i)]
    mistakes = [
        (first, "rows_seen looks at row 0 for every i"),
        (np.maximum(first, 0), "rows_seen looks at row 0 for every i"),
        ((ends + np.array([0, 1])).ravel(), "rows_seen returns the row after the last: the last that is seen"),
        ((ends - ends.mean(axis=1, keepdims=True)).ravel(), "rows_seen leaves out the centre"),
    ]
    compare(ask_rows(student, cases), want, mistakes, "rows_seen is not right in the middle of a picture")


@hidden("field", points=0.5, after=(*FIELDS, "test_rows_in_the_middle"))
def test_rows_at_the_border(student, rng):
    cases = [(layers, int(rng.integers(9, 12)), 0) for layers in stacks(rng)[:2]]
    cases += [([["conv", 2, 5, 1, 2, 1]], 10, i) for i in (0, 1, 8, 9)] + [([["conv", 2, 3, 2, 1, 1]], 9, 4)]
    whole = [n for layers, _, i in cases for n in reached(layers, i)]
    heights = np.array([[height - 1] for _, height, _ in cases])
    want = np.clip(np.array(whole).reshape(-1, 2), 0, heights).ravel()
    below = np.maximum(np.array(whole).reshape(-1, 2), 0).ravel()
    above = np.minimum(np.array(whole).reshape(-1, 2), heights).ravel()
    sentence = "rows_seen counts rows of padding: what hangs over the border is no row of the picture"
    mistakes = [(whole, sentence), (below, sentence), (above, sentence)]
    late = np.clip(np.array(whole).reshape(-1, 2), 0, heights + 1).ravel()
    mistakes.append((late, "rows_seen goes one row too far: the last row of the picture is height - 1"))
    compare(ask_rows(student, cases), want, mistakes, "rows_seen is not right at the border of a picture")


# ---- exercise 4 ----

LAST = "ResidualBlock lets negative numbers through: its last step is a ReLU, after the sum"
IDENTITY = ((2, 2, 1), (5, 5, 1))
PROJECTED = ((2, 3, 2), (3, 5, 1), (4, 4, 2), (6, 2, 3))


def of_block(c, f, needed):
    found = {"conv1.weight": (f, c, 3, 3), "conv2.weight": (f, f, 3, 3)}
    norms = ("bn1", "bn2", "project_bn") if needed else ("bn1", "bn2")
    for name in norms:
        found |= {f"{name}.weight": (f,), f"{name}.bias": (f,)}
    return found | ({"project.weight": (f, c, 1, 1)} if needed else {})


@hidden("residual", points=1)
def test_parameters_of_a_block(student, rng):
    for c, f, stride in (*IDENTITY, *PROJECTED):
        needed = (c, f, stride) in PROJECTED
        got, want = shapes_of(student.ResidualBlock.new(c, f, stride)), of_block(c, f, needed)
        if any(name.startswith("conv") and name.endswith("bias") for name in got) or "project.bias" in got:
            raise Wrong("ResidualBlock: its convolutions have no bias")
        if not needed and any(name.startswith("project") for name in got):
            raise Wrong(
                "ResidualBlock has a projection where none is needed: where shapes agree the shortcut is x itself"
            )
        if needed and "project.weight" not in got:
            raise Wrong("ResidualBlock has no `project` where the shapes of x and F(x) differ")
        if needed and "project_bn.weight" not in got:
            raise Wrong("ResidualBlock has no `project_bn`")
        assert got == want, says("ResidualBlock has not the layers that it should have, or in other shapes")


@hidden("residual", points=0.5, after="test_parameters_of_a_block")
def test_a_fresh_block_adds_nothing(student, rng):
    for c, f, stride in IDENTITY:
        block = student.ResidualBlock.new(c, f, stride)
        x = draw(rng, 2, c, 4, 3)
        got = read_array(block(tensor(x)), x.shape, "a fresh block, called,")
        mistakes = [(0 * x, "ResidualBlock adds no shortcut"), (x, LAST)]
        compare(got, np.maximum(x, 0), mistakes, "a fresh block with identity shortcut is not ReLU(x)", NEAR)
        changed = block.forward.changes_its_arguments(tensor(x))
        assert not changed, says("ResidualBlock changes its input in place: the caller's data is different afterwards")
        held = student.hold(tensor(x).requires_grad_())
        block.forward.new(held).sum.new().backward.new()
        slopes = read_array(held.get("grad"), x.shape, "the gradient below a fresh block")
        sentence = "no gradient passes the shortcut of a fresh block: nothing may cut the way back"
        compare(slopes, x > 0, [(0 * x, sentence)], "the gradient below a fresh block is not right", NEAR)
        start = block.parameters()
        sentence = "a fresh block: bn2's weight does not start at 0, or bn1's not at 1"
        compare(read_array(start["bn2.weight"], (f,), "bn2.weight"), np.zeros(f), otherwise=sentence)
        compare(read_array(start["bn1.weight"], (f,), "bn1.weight"), np.ones(f), otherwise=sentence)
    start = student.ResidualBlock.new(2, 3, 2).parameters()
    sentence = "project_bn's weight does not start at 1: only bn2's starts at 0"
    compare(read_array(start["project_bn.weight"], (3,), "project_bn.weight"), np.ones(3), otherwise=sentence)


def block_by_torch(values, x, stride, training, wrong=""):
    """The block by torch's functions, in 64 bits, with a usual mistake if one is named."""

    def norm(z, name):
        w, b = values[f"{name}.weight"], values[f"{name}.bias"]
        mean, var = torch.zeros_like(w), torch.ones_like(w)
        return F.batch_norm(z, mean, var, w, b, training=training)

    x = torch.tensor(x, dtype=torch.float64)
    late = wrong == "late stride"
    z = F.conv2d(x, values["conv1.weight"], stride=1 if late else stride, padding=1)
    z = norm(F.relu(z), "bn1") if wrong == "relu before bn1" else norm(z, "bn1")
    z = z if wrong in ("no inner relu", "relu before bn1") else F.relu(z)
    z = norm(F.conv2d(z, values["conv2.weight"], stride=stride if late else 1, padding=1), "bn2")
    h = x
    if "project.weight" in values:
        h = F.conv2d(x, values["project.weight"], stride=stride)
        h = h if wrong == "no project_bn" else norm(h, "project_bn")
    if wrong == "relu on shortcut":
        h = F.relu(h)
    if wrong == "relu after bn2":
        z = F.relu(z)
    if wrong == "no shortcut":
        h = 0 * z
    if wrong == "no last relu":
        return (z + h).numpy()
    return (F.relu(z) + h if wrong == "relu before the sum" else F.relu(z + h)).numpy()


MISTAKES = {
    "no last relu": LAST,
    "no shortcut": "ResidualBlock adds no shortcut",
    "relu before the sum": LAST,
    "relu after bn2": "ResidualBlock applies a ReLU after bn2 too",
    "no inner relu": "ResidualBlock has no ReLU between bn1 and conv2",
    "relu before bn1": "ResidualBlock applies the ReLU before bn1",
    "relu on shortcut": "ResidualBlock applies a ReLU to the shortcut",
    "late stride": "ResidualBlock has its stride in conv2: it is conv1's",
    "no project_bn": "ResidualBlock does not use project_bn",
}


def check_block(student, rng, c, f, stride, training):
    values = {}
    for name, shape in of_block(c, f, (c, f, stride) in PROJECTED).items():
        norm = len(shape) == 1
        spread = 1.0 if norm else 1.0 / math.sqrt(np.prod(shape[1:]))
        size = 1.0 + rng.uniform(size=shape) if norm and name.endswith("weight") else draw(rng, *shape)
        values[name] = tensor(spread * size)
    block = student.ResidualBlock.new(c, f, stride)
    block.load_parameters(values)
    block.eval.new()
    if training:
        block.train.new()
    x = 1.5 * rng.normal(size=(3, c, 7, 6))
    exact = {name: value.double() for name, value in values.items()}
    want = block_by_torch(exact, x, stride, training)
    got = read_array(
        block(tensor(x)), want.shape, f"ResidualBlock with {'one shape' if c == f else 'other maps'}, called,"
    )
    mistakes = [(block_by_torch(exact, x, stride, training, wrong), says_so) for wrong, says_so in MISTAKES.items()]
    compare(got, want, mistakes, "ResidualBlock is not right", NEAR)
    missing = silent(block, x)
    assert not missing, says(
        "in ResidualBlock no gradient reaches some of the parameters: nothing may cut the way back"
    )


@hidden("residual", points=1.5, after=BLOCK)
def test_blocks_with_identity(student, rng):
    for case in IDENTITY:
        for training in (False, True):
            check_block(student, rng, *case, training)


@hidden("residual", points=1.5, after=(*BLOCK, "test_blocks_with_identity"))
def test_blocks_with_projection(student, rng):
    for case in PROJECTED:
        for training in (False, True):
            check_block(student, rng, *case, training)


@hidden("residual", points=1.5)
def test_jacobian(student, rng):
    for _ in range(2):
        network = student.example_network.new("map")
        w, b, x = draw(rng, 2, 1, 2, 2), draw(rng, 2), 0.5 * draw(rng, 1, 3, 2)
        network.load_parameters({"0.weight": tensor(w), "0.bias": tensor(b)})
        wide = np.concatenate([np.zeros((1, 1, 3, 2)), 1e-5 * np.eye(6).reshape(6, 1, 3, 2)])

        def run(inputs, w=w, b=b):
            return np.tanh(F.conv2d(torch.tensor(inputs), torch.tensor(w), torch.tensor(b)).numpy()).reshape(-1, 4)

        want = ((run(x + wide) - run(x - wide)) / 2e-5)[1:].T
        value = student.jacobian(network, tensor(x))
        if getattr(value, "shape", None) == (6, 4):
            raise Wrong("jacobian has one row for each input number: one row for each output number")
        got = read_array(value, (4, 6), "jacobian(network, x)")
        mistakes = [
            (np.cumsum(want, axis=0), "jacobian adds up gradients: row a is the gradient of output a alone"),
            (np.ones((4, 1)) * want.sum(axis=0), "jacobian takes the gradient of the sum of all outputs"),
        ]
        compare(got, want, mistakes, "jacobian is not the table of all slopes", NEAR)
        assert network.get("training") is True, says("jacobian changes the network's mode")
        after = read_array(network.parameters()["0.weight"], w.shape, "the network's weights")
        compare(after, w, otherwise="jacobian changes the network's weights")


# ---- exercise 5 ----


@hidden("repair", points=0.75)
def test_the_optimiser_knows_all_parameters(student, rng):
    inputs, width, depth, classes = (int(n) for n in rng.permutation([3, 4, 5, 6]))
    got = shapes_of(student.Net.new(inputs, width, depth, classes))
    want = {"last.weight": (classes, width), "last.bias": (classes,)}
    for number in range(depth):
        below = width if number else inputs
        want |= {f"layers.{number}.weight": (width, below), f"layers.{number}.bias": (width,)}
    hides = set(got) == {"last.weight", "last.bias"}
    assert not hides, says(
        "Net hides its layers: no optimiser ever changes them. A module does not look into a Python list"
    )
    assert got == want, says("Net has not the parameters that it should have, or under other names")


def net_by_numpy(values, x, depth, relu=lambda a: np.maximum(a, 0), last=False):
    z = x
    for number in range(depth):
        z = z @ values[f"layers.{number}.weight"].T + values[f"layers.{number}.bias"]
        z = z if last and number == depth - 1 else relu(z)
    return z @ values["last.weight"].T + values["last.bias"]


@hidden("repair", points=1, after="test_the_optimiser_knows_all_parameters")
def test_net_returns_logits(student, rng):
    depth, values = 3, {}
    net = student.Net.new(3, 4, depth, 5)
    for number in range(depth):
        values[f"layers.{number}.weight"] = draw(rng, 4, 4 if number else 3)
        values[f"layers.{number}.bias"] = draw(rng, 4)
    values |= {"last.weight": draw(rng, 5, 4), "last.bias": draw(rng, 5)}
    net.load_parameters({name: tensor(value) for name, value in values.items()})
    x = 2 * rng.normal(size=(6, 3))
    want = net_by_numpy(values, x, depth)
    powers = np.exp(want - want.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    mistakes = [
        (shares, "Net returns probabilities: the loss takes the softmax itself"),
        (np.log(np.maximum(shares, 1e-300)), "Net returns logarithms of probabilities: the loss does that itself"),
        (np.maximum(want, 0), "Net applies a ReLU to the logits: they may be any number"),
        (net_by_numpy(values, x, depth, lambda a: a), "Net has no ReLUs"),
        (net_by_numpy(values, x, depth, last=True), "Net has no ReLU after its last hidden layer"),
    ]
    got = read_array(net(tensor(x)), (6, 5), "Net(3, 4, 3, 5), called,")
    compare(got, want, mistakes, "Net does not return the logits", NEAR)
    missing = silent(net, x)
    assert not missing, says("in Net no gradient reaches some of the parameters: nothing may cut the way back")


@hidden("repair", points=1.25, after="test_the_optimiser_knows_all_parameters")
def test_signal_of_a_fresh_net(student, rng):
    for width in (int(rng.integers(60, 80)), int(rng.integers(180, 200))):
        values = student.Net.new(25, width, 20, 3).parameters()
        z = rng.normal(size=(100, 25))
        before, spread = np.sqrt(np.mean(z**2)), z.std(axis=0).mean()
        for number in range(20):
            w = read_array(values[f"layers.{number}.weight"], (width, width if number else 25), "a weight")
            b = read_array(values[f"layers.{number}.bias"], (width,), "a bias")
            z = np.maximum(z @ w.T + b, 0)
        factor = np.sqrt(np.mean(z**2)) / before
        rule = "look at the variance of its first weights"
        assert factor > 0.1, says(f"the signal of a fresh Net shrinks in 20 layers: {rule}")
        assert factor < 10, says(f"the signal of a fresh Net grows in 20 layers: {rule}")
        alike = z.std(axis=0).mean() < 0.01 * spread
        assert not alike, says("after 20 layers of a fresh Net all inputs look alike: biases carry no signal")


def descent(values, x, y, lr, steps, keep=0.0, share=True):
    """Gradient descent by torch in 64 bits on the example classifier, written out."""
    w = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}
    memory = dict.fromkeys(w, 0.0)
    losses = []
    for _ in range(steps):
        z = torch.tanh(torch.tensor(x) @ w["0.weight"].T + w["0.bias"]) @ w["2.weight"].T + w["2.bias"]
        logs = z - torch.logsumexp(z, dim=1, keepdim=True)
        loss = -logs[range(len(y)), list(y)].sum() / (len(y) if share else 1)
        losses.append(loss.item())
        found = torch.autograd.grad(loss, list(w.values()))
        memory = {name: keep * memory[name] + g for name, g in zip(w, found)}
        w = {name: (value - lr * memory[name]).detach().requires_grad_() for name, value in w.items()}
    return losses, {name: value.detach().numpy() for name, value in w.items()}


def setting(student, rng, size=1.0):
    """A small classifier with weights that the test knows, and a batch; `size` is that of the weights on top."""
    values = {
        "0.weight": draw(rng, 5, 3),
        "0.bias": draw(rng, 5),
        "2.weight": size * draw(rng, 4, 5),
        "2.bias": draw(rng, 4),
    }
    values = {name: np.float64(np.float32(value)) for name, value in values.items()}
    net = student.example_network.new("classifier")
    net.load_parameters({name: tensor(value) for name, value in values.items()})
    x = np.float64(np.float32(rng.normal(size=(7, 3))))
    return net, values, x, rng.integers(0, 4, size=7)


@hidden("repair", points=1.25)
def test_losses_of_training(student, rng):
    net, values, x, y = setting(student, rng, size=12.0)  # gradients longer than one
    steps, lr = int(rng.integers(4, 7)), float(rng.uniform(0.03, 0.045))
    right = descent(values, x, y, lr, steps + 1)[0]
    got = read_losses(student.train(net, tensor(x), torch.tensor(y), lr, steps))
    assert len(got) == steps, says("train does not return one loss for each step")
    accumulated = "train adds each step's gradient to those of all steps before: set the gradients to zero first"
    mistakes = [
        (descent(values, x, y, lr, steps, keep=1.0)[0], accumulated),
        (right[1:], "train returns the loss after each step: the one before it"),
        (np.full(steps, right[0]), "train changes nothing: the loss stays where it was"),
        (descent(values, x, y, lr, steps, share=False)[0], "train uses the sum of the losses of the batch: the mean"),
        (descent(values, x, y, lr, steps, keep=0.9)[0], "train uses momentum: plain steps"),
        (descent(values, x, y, -lr, steps)[0], "train climbs: minus lr times the gradient"),
        *(
            (descent(values, x, y, fixed, steps)[0], "train does not use lr")
            for fixed in (1e-3, 0.01, 0.05, 0.1, 0.5, 1.0)
        ),
    ]
    compare(got, right[:steps], mistakes, "train is not plain gradient descent on the mean cross-entropy", NEAR)


@hidden("repair", points=0.75, after="test_losses_of_training")
def test_weights_after_training(student, rng):
    net, values, x, y = setting(student, rng, size=20.0)  # large gradients too
    student.train(net, tensor(x), torch.tensor(y), 0.02, 3)
    losses = read_losses(student.train(net, tensor(x), torch.tensor(y), 0.02, 2))
    right, want = descent(values, x, y, 0.02, 5)
    got = net.parameters()
    sentence = "train leaves the weights of the network that it was given as they were"
    for name, value in want.items():
        mistakes = [(values[name], sentence)]
        compare(
            read_array(got[name], value.shape, name),
            value,
            mistakes,
            "train: the weights in the end are not right",
            NEAR,
        )
    compare(losses, right[3:], otherwise="train does not go on where it was when it is called again", tolerance=NEAR)
