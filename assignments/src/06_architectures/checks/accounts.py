"""Exercise 2: shapes, parameters, multiply-adds."""

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number

from .entries import listed

SMALL = (  # a layer, the shape below it, what is right, and usual mistakes by their sentence
    (["conv", 5, 3, 1, 0, 1], (2, 6, 9), (5, 4, 7), 95, 2520),
    (["conv", 4, 3, 2, 1, 1], (3, 7, 10), (4, 4, 5), 112, 2160),
    (["conv", 6, 3, 1, 1, 2], (4, 5, 6), (6, 5, 6), 114, 3240),
    (["conv", 9, 3, 1, 1, 3], (6, 4, 5), (9, 4, 5), 171, 3240),
    (["conv", 7, 1, 1, 0, 1], (3, 4, 5), (7, 4, 5), 28, 420),
    (["pool", 3, 2], (2, 8, 9), (2, 3, 4), 0, 0),
    (["relu"], (2, 3, 4), (2, 3, 4), 0, 0),
    (["flatten"], (2, 3, 4), (24,), 0, 0),
    (["linear", 5], (24,), (5,), 125, 120),
)
STACK = [
    ["conv", 6, 3, 2, 1, 1],
    ["relu"],
    ["conv", 8, 3, 1, 1, 2],
    ["relu"],
    ["pool", 3, 2],
    ["flatten"],
    ["linear", 10],
    ["relu"],
    ["linear", 4],
]
PICTURE = (3, 16, 13)
SHAPES = [(6, 8, 7), (6, 8, 7), (8, 8, 7), (8, 8, 7), (8, 3, 3), (72,), (10,), (10,), (4,)]
PARAMETERS = [168, 0, 224, 0, 0, 0, 730, 0, 44]
MULTIPLY_ADDS = [9072, 0, 12096, 0, 0, 0, 720, 0, 40]


def account(shapes, parameters, multiply_adds) -> None:
    """Exercise 2."""
    _shapes(shapes)
    _parameters(parameters)
    _multiply_adds(multiply_adds)
    passed(
        2,
        "The prediction: 58.6 of 61 million stand in the linear layers, and 92 % of the products in the convolutions.",
    )


def _below(shape):
    """A layer on top of what gives it its shape: a linear layer needs a flatten below it."""
    return ([], shape) if len(shape) == 3 else ([["flatten"]], (2, 3, 4))


def _read_shape(value, want, name):
    return [float(n) for n in read_array(value, (len(want),), name)]


def _shapes(shapes):
    for layer, below, want, _, _ in SMALL:
        first, picture = _below(below)
        name = f"shapes([{layer}], {picture})" if not first else f"shapes([['flatten'], {layer}], {picture})"
        got = listed(ask(shapes, [*first, layer], picture), len(first) + 1, name)[-1]
        got = _read_shape(got, want, name + ", the last entry,")
        mistakes = []
        if layer[0] == "conv":
            maps, k, s, p, _ = layer[1:]
            h, w = below[1:]
            mistakes = [
                ((maps, -((k - h - 2 * p) // s) + 1, -((k - w - 2 * p) // s) + 1), "shapes rounds up: round down"),
                (
                    (maps, (h + 2 * p - k) // s, (w + 2 * p - k) // s),
                    "shapes is one too small: plus one for the first place",
                ),
                (
                    (maps, (h + p - k) // s + 1, (w + p - k) // s + 1),
                    "shapes pads one side: zeros on all four, so n + 2 p",
                ),
                ((maps, h + 2 * p - k + 1, w + 2 * p - k + 1), "shapes ignores the stride"),
                ((maps, (h - k) // s + 1, (w - k) // s + 1), "shapes ignores the padding"),
                (
                    (below[0], want[1], want[2]),
                    "shapes keeps the number of maps: after a convolution it is that of the layer",
                ),
                ((maps, want[2], want[1]), "shapes exchanges rows and columns: (C, H, W)"),
                ((maps, h, w), "shapes keeps the size: windows of k x k, stride s, padding p"),
                ((maps, want[1], want[1]), "shapes takes pictures for squares: H and W have a size each"),
            ]
        if layer[0] == "pool":
            mistakes = [
                ((2, 4, 4), "shapes rounds up: a last window of the pooling that does not fit is left out"),
                ((2, 2, 3), "shapes divides by the window of the pooling: its stride is another number"),
                ((2, 3.5, 4), "shapes returns fractions: round down"),
            ]
        if layer[0] == "flatten":
            mistakes = [
                ((12,), "shapes: a flatten keeps all numbers, those of all maps"),
                ((2,), "shapes: a flatten is no average"),
            ]
        otherwise = f"shapes: after {layer} on {below} it is {want}, yours is {tuple(f'{n:g}' for n in got)}"
        compare(got, want, mistakes, otherwise)
    for number, (got, want) in enumerate(zip(listed(ask(shapes, STACK, PICTURE), 9, "shapes(layers, shape)"), SHAPES)):
        got = _read_shape(got, want, f"entry {number} of shapes(layers, shape)")
        otherwise = (
            f"shapes is not right in a stack: each layer starts from the shape below it. After layer {number}, {STACK[number]}, "
            f"it is {want}"
        )
        compare(got, want, otherwise=otherwise)
    if listed(ask(shapes, [], PICTURE), 0, "shapes([], shape)"):
        raise Wrong("shapes of no layer at all is an empty list")


def _parameters(parameters):
    for layer, below, _, want, _ in SMALL:
        first, picture = _below(below)
        name = f"parameters([{layer}], {picture})"
        got = read_number(
            listed(ask(parameters, [*first, layer], picture), len(first) + 1, name)[-1], "a number of parameters"
        )
        mistakes = []
        if layer[0] == "conv":
            maps, k, _, _, groups = layer[1:]
            c, per = below[0], k * k * below[0] // groups
            mistakes = [
                (maps * per, "parameters forgets the biases: one for each map"),
                (maps * (k * k * c + 1), "parameters ignores the groups: with g groups a kernel sees C / g maps"),
                (
                    maps * (per // groups + 1),
                    "parameters divides by the groups twice: a kernel has k x k x C / g weights",
                ),
                (
                    (maps * k * k * c + maps) // groups,
                    "parameters divides the biases by the groups too: one for each map",
                ),
                (
                    maps * k * k + maps,
                    "parameters forgets that a kernel is as deep as the maps below: k x k x C / g weights",
                ),
                (maps * k * c // groups + maps, "parameters counts k weights: a kernel has k x k"),
                (maps * per + 1, "parameters counts one bias for the layer: one for each map"),
                (maps * (per + c), "parameters counts a bias for each map below: one for each map of the layer"),
                (maps * per + c, "parameters counts a bias for each map below: one for each map of the layer"),
            ]
        if layer[0] == "linear":
            mistakes = [
                (120, "parameters forgets the biases of the linear layer"),
                (5, "parameters counts the units alone"),
            ]
        otherwise = f"parameters: {layer} on {below} has {want}, yours is {got:g}"
        compare(got, want, mistakes, f"{otherwise}{_why_none(layer)}")
    _in_a_stack(parameters, PARAMETERS, "parameters")


def _multiply_adds(multiply_adds):
    for layer, below, above, _, want in SMALL:
        first, picture = _below(below)
        name = f"multiply_adds([{layer}], {picture})"
        found = listed(ask(multiply_adds, [*first, layer], picture), len(first) + 1, name)
        got = read_number(found[-1], "a number of multiply-adds")
        mistakes = []
        if layer[0] == "conv":
            maps, k, _, _, groups = layer[1:]
            weights, places = maps * k * k * below[0] // groups, above[1] * above[2]
            mistakes = [
                (weights * groups * places, "multiply_adds ignores the groups: with g groups a kernel sees C / g maps"),
                (weights, "multiply_adds counts each weight once: it is used at every place of the map"),
                (
                    weights * below[1] * below[2],
                    "multiply_adds takes the places of the map below: count output numbers",
                ),
                ((weights + maps) * places, "multiply_adds counts the biases: only the products"),
                (
                    2 * weights * places,
                    "multiply_adds counts multiplications and additions apart: a product with its sum is one",
                ),
                (maps * k * k * places, "multiply_adds forgets that a kernel is as deep as the maps below"),
                (weights * above[1], "multiply_adds counts the rows of the map alone: rows times columns"),
            ]
        if layer[0] == "linear":
            mistakes = [
                (125, "multiply_adds counts the biases: only the products"),
                (240, "multiply_adds counts multiplications and additions apart"),
            ]
        otherwise = f"multiply_adds: {layer} on {below} has {want}, yours is {got:g}"
        compare(got, want, mistakes, f"{otherwise}{_why_none(layer)}")
    _in_a_stack(multiply_adds, MULTIPLY_ADDS, "multiply_adds")


def _why_none(layer):
    return "" if layer[0] in ("conv", "linear") else ": it has no weights"


def _in_a_stack(function, right, name):
    found = listed(ask(function, STACK, PICTURE), 9, f"{name}(layers, shape)")
    for number, (value, want) in enumerate(zip(found, right)):
        got = read_number(value, f"entry {number} of {name}(layers, shape)")
        otherwise = (
            f"{name} is not right in a stack: each layer starts from the shape below it. Layer {number}, {STACK[number]}, has "
            f"{want}, yours is {got:g}"
        )
        compare(got, want, otherwise=otherwise)
    if listed(ask(function, [], PICTURE), 0, f"{name}([], shape)"):
        raise Wrong(f"{name} of no layer at all is an empty list")
