"""Hidden tests of assignment 8. They stay with the instructor and run in the grader's own process.

Weights and pictures are random, other ones for each student. What is right comes from the networks written out in 64 bits:
forward by torch's functions, backward by hand, the top of a hill from the equations of its slopes. The networks themselves live in
the student's process and are called by handle. `says` sentences reach the student, nothing else does.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.grading.answers import Wrong, close, compare, read_array, read_number, read_tuple
from course_utils.grading.hidden import hidden, says
from course_utils.grading.sentences import CallFailed

WITHHELD = ("course_utils.explain", "course_utils.scratch", "course_utils.models", "torchvision", "captum")
SECONDS = {"call": 10, "total": 240}
NEAR = 2e-4  # networks of several layers in 32 bits
RULES = ("backprop", "deconvnet", "guided")
SHAPES = {
    "0.0.weight": (3, 2, 3, 3),
    "0.0.bias": (3,),
    "1.weight": (4, 3, 2, 2),
    "1.bias": (4,),
    "4.weight": (3, 24),
    "4.bias": (3,),
}
NORM = {"0.1.weight": (3,), "0.1.bias": (3,)}
PICTURE = (2, 6, 5)

# what later tests of an exercise build on
GRADIENT = ("test_gradients_of_scores",)
DROPS = ("test_drops_where_the_patch_fits",)
RULE = ("test_the_rule_of_one_relu",)


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def short(values):
    """What a number is after a trip through 32 bits."""
    return np.float64(np.float32(values))


def draw(rng, *shape):
    """Numbers away from zero, of both signs."""
    return short(rng.uniform(0.3, 1.5, size=shape) * rng.choice([-1, 1], size=shape))


def example(student, rng, kind="small"):
    """A network in the student's process, with weights that the test knows."""
    values = {}
    for name, shape in (SHAPES | (NORM if kind == "norm" else {})).items():
        wide = len(shape) > 1
        values[name] = short(draw(rng, *shape) * (1.5 / math.sqrt(np.prod(shape[1:])) if wide else 0.3))
    if kind == "norm":
        values["0.1.weight"] = short(rng.uniform(0.5, 1.5, size=3))
    network = student.example_network.new(kind)
    network.load_parameters({name: tensor(value) for name, value in values.items()})
    return network, values


def wide(values):
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def steps(values, x, training=False):
    """Inputs of both ReLUs and the scores, by torch's functions in 64 bits."""
    v = wide(values)
    a = F.conv2d(torch.as_tensor(x, dtype=torch.float64), v["0.0.weight"], v["0.0.bias"])
    if "0.1.weight" in v:
        still = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        a = F.batch_norm(a, *still, v["0.1.weight"], v["0.1.bias"], training=training)
    b = F.conv2d(F.relu(a), v["1.weight"], v["1.bias"])
    return a, b, F.relu(b).flatten(1) @ v["4.weight"].T + v["4.bias"]


def scores_of(values, x):
    return steps(values, x)[2].numpy()


def bent(r, a, rule):
    if rule == "backprop":
        return torch.where(a > 0, r, 0.0)
    if rule == "deconvnet":
        return torch.where(r > 0, r, 0.0)
    return torch.where((a > 0) & (r > 0), r, 0.0)


def sent(values, x, classes, rule="backprop", weights=None, one=""):
    """What arrives at the pictures, layer by layer on the way down; `weights` of the classes in place of one class."""
    v = wide(values)
    a, b, _ = steps(values, x)
    top = torch.eye(3, dtype=torch.float64)[torch.as_tensor(classes)] if weights is None else torch.as_tensor(weights)
    r = (top @ v["4.weight"]).reshape(b.shape)
    r = F.conv_transpose2d(bent(r, b, "backprop" if one == "lower" else rule), v["1.weight"])
    r = bent(r, a, "backprop" if one == "upper" else rule)
    if "0.1.weight" in v:
        r = r * (v["0.1.weight"] / math.sqrt(1 + 1e-5))[:, None, None]
    return F.conv_transpose2d(r, v["0.0.weight"]).numpy()


def in_training_mode(values, x, classes):
    """The gradient of whoever forgets evaluation mode."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    steps(values, x, training=True)[2].gather(1, torch.as_tensor(classes)[:, None]).sum().backward()
    return x.grad.numpy()


def ask_classes(rng, count, scores):
    """Classes that differ, and are not all the preferred ones."""
    while True:
        classes = rng.integers(0, 3, size=count)
        if len(set(classes)) > 1 and not np.array_equal(classes, scores.argmax(axis=1)):
            return classes


def pictures(rng, count):
    return short(rng.normal(size=(count, *PICTURE)))


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def left_as_found(network, values, name, training):
    """The network in the student's process is what it was."""
    assert network.get("training") is training, says(f"{name} changes the network's mode: put it back as it was")
    now = network.parameters()
    for key, value in values.items():
        same = close(read_array(now[key], value.shape, key), value)
        assert same, says(f"{name} changes the network's weights")
        assert now[key].requires_grad, says(f"{name} leaves weights that can no longer be trained")
    for gradient in network.gradients().values():
        empty = gradient is None or not np.any(np.abs(gradient.numpy()) > 0)
        assert empty, says(f"{name} leaves gradients at the weights: torch.autograd.grad(score, x) asks for x alone")
    for key, value in network.buffers().items():
        if key == "0.1.running_mean":
            assert close(value, np.zeros(3)), says(f"{name} changes the network: running means move in training mode")


# ---- exercise 1 ----


@hidden("saliency", points=1.5)
def test_gradients_of_scores(student, rng):
    network, values = example(student, rng)
    network.eval.new()
    x = pictures(rng, 4)
    scores = scores_of(values, x)
    classes = ask_classes(rng, 4, scores)
    got = read_array(
        student.input_gradient(network, tensor(x), torch.tensor(classes)), x.shape, "what input_gradient returns"
    )
    want, p = sent(values, x, classes), softmax(scores)
    loss = sent(values, x, classes, weights=np.eye(3)[classes] - p)
    mistakes = [
        (want / 4, "input_gradient is divided by the number of pictures: the sum of the scores"),
        (
            loss * p[np.arange(4), classes][:, None, None, None],
            "input_gradient is that of the probability: ask for the score",
        ),
        (loss, "input_gradient is that of the logarithm of the probability: ask for the score"),
        (-loss, "input_gradient is that of the loss: ask for the score"),
        (-loss / 4, "input_gradient is that of the loss: ask for the score"),
        (-want, "input_gradient has the wrong sign"),
        (
            sent(values, x, scores.argmax(axis=1)),
            "input_gradient asks about the class with the largest score: `classes` says which",
        ),
        (sent(values, x, classes, weights=np.ones((4, 3))), "input_gradient takes the sum of all classes' scores"),
        (sent(values, x, [classes[0]] * 4), "input_gradient asks about one class in all pictures"),
        (
            sent(values, x, classes, weights=np.bincount(classes, minlength=3) * np.ones((4, 1))),
            "input_gradient asks about every class of `classes` in each picture",
        ),
        (np.abs(want), "input_gradient has lost its signs"),
        (want * x, "input_gradient is multiplied by the picture"),
    ]
    compare(got, want, mistakes, "input_gradient is not the gradient of the score", NEAR)


@hidden("saliency", points=1, after=GRADIENT)
def test_maps_take_the_largest_channel(student, rng):
    network, values = example(student, rng)
    network.eval.new()
    x = pictures(rng, 3)
    classes = ask_classes(rng, 3, scores_of(values, x))
    got = read_array(
        student.saliency_map(network, tensor(x), torch.tensor(classes)), (3, 6, 5), "what saliency_map returns"
    )
    g = sent(values, x, classes)
    want = np.abs(g).max(axis=1)
    mistakes = [
        (g.max(axis=1), "saliency_map takes the largest value of the channels: the largest absolute value"),
        (np.abs(g.max(axis=1)), "saliency_map takes absolute values after the maximum"),
        (np.abs(g).sum(axis=1), "saliency_map adds the channels up"),
        (np.abs(g).mean(axis=1), "saliency_map takes the mean of the channels"),
        (g.sum(axis=1), "saliency_map adds the channels up"),
        (np.abs(g.sum(axis=1)), "saliency_map adds up before it takes absolute values"),
        (np.abs(g.mean(axis=1)), "saliency_map takes the mean of the channels"),
        (np.sqrt((g**2).sum(axis=1)), "saliency_map takes the length over the channels"),
        (want / want.max(axis=(1, 2), keepdims=True), "saliency_map is scaled to 1"),
        (want / want.max(), "saliency_map is scaled to 1"),
    ]
    compare(got, want, mistakes, "saliency_map is not the largest absolute gradient over the channels", NEAR)


@hidden("saliency", points=0.75, after=GRADIENT)
def test_a_network_in_training_mode(student, rng):
    network, values = example(student, rng, "norm")
    x = pictures(rng, 4)
    classes = ask_classes(rng, 4, scores_of(values, x))
    got = read_array(
        student.input_gradient(network, tensor(x), torch.tensor(classes)), x.shape, "what input_gradient returns"
    )
    sentence = "input_gradient asks the network in training mode, where the pictures of a batch mix: evaluation mode"
    mistakes = [(in_training_mode(values, x, classes), sentence)]
    compare(got, sent(values, x, classes), mistakes, "input_gradient is not right for a network in training mode", NEAR)
    left_as_found(network, values, "input_gradient", True)


@hidden("saliency", points=0.75, after=(*GRADIENT, "test_a_network_in_training_mode"))
def test_network_and_picture_are_left_as_found(student, rng):
    network, values = example(student, rng)
    network.eval.new()
    x = pictures(rng, 2)
    held = student.hold(tensor(x))
    classes = ask_classes(rng, 2, scores_of(values, x))
    got = read_array(
        student.input_gradient(network, held, torch.tensor(classes)), x.shape, "what input_gradient returns"
    )
    compare(got, sent(values, x, classes), otherwise="input_gradient is not the gradient of the score", tolerance=NEAR)
    left_as_found(network, values, "input_gradient", False)
    marked = held.get("requires_grad") is True
    assert not marked, says("input_gradient makes the caller's picture one that collects gradients: take a copy")
    compare(read_array(held.get("data"), x.shape, "the picture"), x, otherwise="input_gradient changes the picture")


# ---- exercise 2 ----


def drops(values, x, classes, patch, stride, fill, how="", number=lambda s, c: s[:, c]):
    """One covered copy after the other; `how` names a usual mistake."""
    count, _, height, width = x.shape
    if how == "inside":
        tops, lefts = (range(0, n - patch + 1, stride) for n in (height, width))
    elif how == "back":
        tops, lefts = ([min(t, n - patch) for t in range(0, n - patch + stride, stride)] for n in (height, width))
    else:
        tops, lefts = (range(0, n - patch + stride, stride) for n in (height, width))
    shift = patch // 2 if how == "middle" else 0
    found = np.zeros((count, len(tops), len(lefts)))
    for n in range(count):
        whole = number(scores_of(values, x[n : n + 1]), classes[n])[0]
        for i, top in enumerate(tops):
            for j, left in enumerate(lefts):
                copy = x[n : n + 1].copy()
                r, c = max(top - shift, 0), max(left - shift, 0)
                copy[..., r : max(top - shift + patch, 0), c : max(left - shift + patch, 0)] = fill
                found[n, i, j] = whole - number(scores_of(values, copy), classes[n])[0]
    return found


def probability(s, c):
    return softmax(s)[:, c]


def usual_drops(values, x, classes, patch, stride, fill, want):
    whole = scores_of(values, x)[np.arange(len(x)), classes][:, None, None]
    lost = "occlusion has lost its negative values: where the patch helps the class, the drop is negative"
    return [
        (-want, "occlusion has the wrong sign"),
        (whole - want, "occlusion gives the covered scores: how much of the score is lost"),
        (drops(values, x, classes, patch, stride, 0.0), "occlusion fills the patch with 0: `fill` says with what"),
        (
            drops(values, x, classes, patch, stride, fill, number=probability),
            "occlusion gives what is lost of the probability: ask for the score",
        ),
        (
            drops(values, x, [classes[0]] * len(x), patch, stride, fill),
            "occlusion asks about one class in all pictures",
        ),
        (
            drops(values, x, scores_of(values, x).argmax(axis=1), patch, stride, fill),
            "occlusion asks about another class than `classes` says",
        ),
        (drops(values, x, classes, patch, stride, fill, "middle"), "occlusion puts the patch's middle at the place"),
        (np.abs(want), "occlusion has lost its signs"),
        (np.maximum(want, 0), lost),
    ]


def ask_drops(student, network, x, classes, patch, stride, fill, shape):
    value = student.occlusion(network, tensor(x), torch.tensor(classes), patch, stride, fill)
    return read_array(value, shape, "what occlusion returns")


@hidden("occlusion", points=1.5)
def test_drops_where_the_patch_fits(student, rng):
    for patch, stride, rows, columns in ((2, 1, 5, 4), (3, 1, 4, 3)):
        network, values = example(student, rng)
        network.eval.new()
        x, fill = pictures(rng, 2), float(short(rng.uniform(0.4, 0.9)))
        classes = ask_classes(rng, 2, scores_of(values, x))
        got = ask_drops(student, network, x, classes, patch, stride, fill, (2, rows, columns))
        want = drops(values, x, classes, patch, stride, fill)
        mistakes = usual_drops(values, x, classes, patch, stride, fill, want)
        compare(got, want, mistakes, "occlusion is not right where every patch fits", NEAR)


@hidden("occlusion", points=1.25, after=DROPS)
def test_drops_at_the_border(student, rng):
    for patch, stride, rows, columns in ((3, 3, 2, 2), (4, 3, 2, 2), (3, 2, 3, 2), (2, 2, 3, 3)):
        network, values = example(student, rng)
        network.eval.new()
        x, fill = pictures(rng, 2), float(short(rng.uniform(0.4, 0.9)))
        classes = ask_classes(rng, 2, scores_of(values, x))
        value = student.occlusion(network, tensor(x), torch.tensor(classes), patch, stride, fill)
        inside = drops(values, x, classes, patch, stride, fill, "inside")
        if getattr(value, "shape", None) == inside.shape != (2, rows, columns):
            raise Wrong("occlusion stops before the border: the last row and column have to be covered too")
        got = read_array(value, (2, rows, columns), "what occlusion returns")
        back = drops(values, x, classes, patch, stride, fill, "back")
        mistakes = [(back, "occlusion moves the last patch back into the picture: what sticks out is cut off")]
        want = drops(values, x, classes, patch, stride, fill)
        compare(got, want, mistakes, "occlusion is not right where the last patch sticks out", NEAR)


@hidden("occlusion", points=1.25, after=(*DROPS, "test_drops_at_the_border"))
def test_copies_go_together_through_a_network_left_as_found(student, rng):
    network, values = example(student, rng, "norm")
    x, fill = pictures(rng, 3), float(short(rng.uniform(0.4, 0.9)))
    classes = ask_classes(rng, 3, scores_of(values, x))
    held = student.hold(tensor(x))
    value = student.occlusion(network, held, torch.tensor(classes), 2, 2, fill)
    got = read_array(value, (3, 3, 3), "what occlusion returns")
    want = drops(values, x, classes, 2, 2, fill)
    compare(
        got,
        want,
        otherwise="occlusion is not right for a network that came in training mode: ask it in evaluation mode",
        tolerance=NEAR,
    )
    calls = read_number(network.get("calls"), "the number of calls")
    assert calls <= 4, says(
        "occlusion calls the network too often: N + 1 calls are enough for N pictures, copies go in batches"
    )
    left_as_found(network, values, "occlusion", True)
    compare(
        read_array(held.get("data"), x.shape, "the picture"),
        x,
        otherwise="occlusion paints into the caller's picture: cover a copy",
    )


# ---- exercise 3 ----


@hidden("rules", points=1.5)
def test_the_rule_of_one_relu(student, rng):
    for rule in RULES:
        r, a = draw(rng, 3, 40), draw(rng, 3, 40)
        a[:, :8] = 0.0
        r[:, :2] = np.abs(r[:, :2])
        got = read_array(student.relu_backward(tensor(r), tensor(a), rule), r.shape, "what relu_backward returns")
        want = bent(torch.tensor(r), torch.tensor(a), rule).numpy()
        at_zero = np.where(a == 0, np.maximum(r, 0) if rule == "guided" else r, want)
        size = np.where(a > 0, np.abs(r), 0) if rule != "deconvnet" else np.abs(r)
        mistakes = [
            (
                bent(torch.tensor(r), torch.tensor(a), other).numpy(),
                f'relu_backward(..., "{rule}") does what the rule "{other}" does',
            )
            for other in RULES
            if other != rule
        ]
        mistakes += [
            (at_zero, f'relu_backward(..., "{rule}") lets the signal pass where the input is exactly 0'),
            (r, f'relu_backward(..., "{rule}") lets everything pass'),
            (size, f'relu_backward(..., "{rule}") takes the absolute value of the signal'),
            (np.where(r > 0, a, 0), f'relu_backward(..., "{rule}") sends the input down: the signal goes down'),
            (np.where(a > 0, r > 0, 0), f'relu_backward(..., "{rule}") sends ones down: the signal itself'),
        ]
        compare(got, want, mistakes, f'relu_backward(..., "{rule}") is not right')


@hidden("rules", points=2, after=RULE)
def test_signals_through_a_network(student, rng):
    for rule in RULES:
        network, values = example(student, rng)
        network.eval.new()
        x = pictures(rng, 3)
        classes = ask_classes(rng, 3, scores_of(values, x))
        got = student.rule_gradient(network, tensor(x), torch.tensor(classes), rule)
        got = read_array(got, x.shape, "what rule_gradient returns")
        want = sent(values, x, classes, rule)
        mistakes = [
            (sent(values, x, classes, other), f'rule_gradient(..., "{rule}") does what the rule "{other}" does')
            for other in RULES
            if other != rule
        ]
        mistakes += [
            (
                sent(values, x, classes, rule, one=which),
                "rule_gradient bends one ReLU alone: all of them, also inside other modules",
            )
            for which in ("lower", "upper")
        ]
        mistakes += [
            (
                np.maximum(sent(values, x, classes), 0),
                "rule_gradient applies the rule to the picture's gradient: it belongs to each ReLU on the way",
            ),
            (np.maximum(want, 0), "rule_gradient takes negative values away at the picture: only ReLUs do so"),
            (np.abs(want), "rule_gradient has lost its signs"),
            (sent(values, x, [classes[0]] * 3, rule), "rule_gradient asks about one class in all pictures"),
            (want / 3, "rule_gradient is divided by the number of pictures"),
        ]
        compare(got, want, mistakes, f'rule_gradient(..., "{rule}") is not right', NEAR)


@hidden("rules", points=1, after=(*RULE, "test_signals_through_a_network"))
def test_signals_through_batch_normalisation(student, rng):
    for rule in RULES:
        network, values = example(student, rng, "norm")
        x = pictures(rng, 3)
        classes = ask_classes(rng, 3, scores_of(values, x))
        held = student.hold(tensor(x))
        got = student.rule_gradient(network, held, torch.tensor(classes), rule)
        got = read_array(got, x.shape, "what rule_gradient returns")
        compare(
            got,
            sent(values, x, classes, rule),
            otherwise="rule_gradient is not right for a network that came in training mode",
            tolerance=NEAR,
        )
        left_as_found(network, values, "rule_gradient", True)
        marked = held.get("requires_grad") is True
        assert not marked, says("rule_gradient makes the caller's picture one that collects gradients: take a copy")


def own_gradient(student, network, x):
    """The network's gradient of the sum of all scores, asked in the student's process without the student's functions."""
    held = student.hold(tensor(x).requires_grad_())
    network.forward.new(held).sum.new().backward.new()
    return read_array(held.get("grad"), x.shape, "the network's own gradient")


@hidden("rules", points=0.75, after=(*RULE, "test_signals_through_a_network"))
def test_nothing_of_the_rule_stays(student, rng):
    network, values = example(student, rng)
    network.eval.new()
    x = pictures(rng, 2)
    for rule in ("guided", "deconvnet"):
        got = student.rule_gradient(network, tensor(x), torch.tensor([0, 2]), rule)
        compare(
            read_array(got, x.shape, "what rule_gradient returns"),
            sent(values, x, [0, 2], rule),
            otherwise=f'rule_gradient(..., "{rule}") is not right',
            tolerance=NEAR,
        )
    want = sent(values, x, [0, 0], weights=np.ones((2, 3)))
    sentence = "after rule_gradient the network's own gradients are wrong: remove the hooks"
    compare(own_gradient(student, network, x), want, otherwise=sentence, tolerance=NEAR)


@hidden(
    "rules",
    points=0.75,
    after=(
        *RULE,
        "test_signals_through_a_network",
        "test_signals_through_batch_normalisation",
        "test_nothing_of_the_rule_stays",
    ),
)
def test_nothing_of_the_rule_stays_after_an_error(student, rng):
    network, values = example(student, rng)
    x = pictures(rng, 2)
    good = student.rule_gradient(network, tensor(x), torch.tensor([0, 2]), "guided")
    compare(
        read_array(good, x.shape, "what rule_gradient returns"),
        sent(values, x, [0, 2], "guided"),
        otherwise="rule_gradient is not right",
        tolerance=NEAR,
    )
    try:
        student.rule_gradient(network, tensor(x), torch.tensor([0, 7]), "guided")
    except CallFailed as failure:
        if failure.status != "raised":
            raise
    sentence = (
        "after an error in the middle of rule_gradient the network's own gradients are wrong: remove hooks in `finally`"
    )
    want = sent(values, x, [0, 0], weights=np.ones((2, 3)))
    compare(own_gradient(student, network, x), want, otherwise=sentence, tolerance=NEAR)
    assert network.get("training") is True, says(
        "after an error rule_gradient leaves the network in another mode: put it back in `finally`"
    )


# ---- exercise 4 ----


def differences(x):
    return np.diff(x, axis=-2), np.diff(x, axis=-1)


def variation(x):
    down, right = differences(x)
    return (down**2).sum(axis=(-1, -2, -3)) + (right**2).sum(axis=(-1, -2, -3))


@hidden("image", points=1)
def test_total_variation(student, rng):
    x = short(rng.normal(size=(3, 2, int(rng.integers(4, 7)), int(rng.integers(4, 7)))))
    got = read_array(student.total_variation(tensor(x)), (3,), "what total_variation returns")
    down, right = differences(x)

    def total(a, b):
        return a.sum(axis=(1, 2, 3)) + b.sum(axis=(1, 2, 3))

    want = variation(x)
    around = [(np.roll(x, 1, axis=axis) - x) ** 2 for axis in (2, 3)]
    mistakes = [
        (total(np.abs(down), np.abs(right)), "total_variation takes absolute values: squares"),
        (total(down**2, 0 * right), "total_variation looks down alone"),
        (total(0 * down, right**2), "total_variation looks to the right alone"),
        (total(*around), "total_variation takes the last row and the first for neighbours"),
        ((down**2).mean(axis=(1, 2, 3)) + (right**2).mean(axis=(1, 2, 3)), "total_variation takes means: sums"),
        (want / x[0].size, "total_variation takes means: sums"),
        (np.sqrt(want), "total_variation takes a root"),
        (want.sum() * np.ones(3), "total_variation adds the pictures up"),
        (want + (np.diff(x, axis=1) ** 2).sum(axis=(1, 2, 3)), "total_variation compares channels"),
        (want / 2, "total_variation takes half"),
        (2 * want, "total_variation counts each pair of neighbours twice"),
    ]
    compare(got, want, mistakes, "total_variation is not right", NEAR)


def top_of_the_hill(w, decay, smooth):
    """The best picture for a linear score: its equations, row by row, from pictures with a single 1."""
    ones = np.eye(w.size).reshape(-1, *PICTURE)
    parts = [d.reshape(w.size, -1) for d in differences(ones)]
    table = 2 * decay * np.eye(w.size) + 2 * smooth * sum(d @ d.T for d in parts)
    return np.linalg.solve(table, w).reshape(PICTURE)


def climb(student, rng, decay, smooth):
    """A student's pictures from two starts for a linear network, and what is needed to judge them."""
    w = 2 * draw(rng, 3, 60)
    network = student.example_network.new("linear")
    network.load_parameters({"1.weight": tensor(w), "1.bias": tensor(draw(rng, 3))})
    network.eval.new()
    target = int(rng.integers(3))
    starts = short(np.stack([np.zeros(PICTURE), 6 * rng.normal(size=PICTURE)]))
    got = student.class_image(network, target, tensor(starts), decay, smooth)
    got = read_array(got, starts.shape, "what class_image returns", finite=False)
    return w, target, starts, got


def near(a, b):
    return np.linalg.norm(a - b) < 0.05 * np.linalg.norm(b)


def judge_climb(w, target, starts, got, decay, smooth):
    """Name what is wrong with pictures that should be the top of the hill."""

    def worth(x):
        return w[target] @ x.ravel() - decay * (x**2).sum() - smooth * variation(x)

    want = top_of_the_hill(w[target], decay, smooth)
    assert not np.allclose(got, starts), says("class_image returns the start as it was")
    assert not near(got[0], top_of_the_hill(-w[target], decay, smooth)), says(
        "class_image climbs down: hand an optimiser minus J"
    )
    others = [near(got[0], top_of_the_hill(w[c], decay, smooth)) for c in range(3) if c != target]
    assert not any(others), says("class_image climbs the score of another class than `target`")
    assert w[target] @ got[0].ravel() > 0, says("class_image does not raise the score")
    smoothed = not smooth or variation(got[0]) <= 1.5 * variation(want)
    assert smoothed, says("class_image ends in a picture that is too rough: is smooth in J?")
    small = (got[0] ** 2).sum() <= 1.5 * (want**2).sum()
    assert small, says("class_image ends in a picture that is too large: is decay in J, times the sum of squares?")
    apart = np.linalg.norm(got[0] - got[1]) > 0.1 * np.linalg.norm(want)
    assert not apart, says("class_image stops too early: the start still decides. Climb until J no longer rises")
    for x, start in zip(got, starts):
        share = (worth(x) - worth(start)) / (worth(want) - worth(start))
        assert share > 0.97, says(
            "class_image does not reach the top of J: is J as the exercise writes it, and do you climb until it no longer rises?"
        )


@hidden("image", points=1.5, after="test_total_variation")
def test_class_images_with_decay(student, rng):
    decay = float(rng.uniform(0.2, 0.4))
    judge_climb(*climb(student, rng, decay, 0.0), decay, 0.0)


@hidden("image", points=1.5, after=("test_total_variation", "test_class_images_with_decay"))
def test_class_images_with_both_regularisers(student, rng):
    decay, smooth = float(rng.uniform(0.1, 0.2)), float(rng.uniform(0.3, 0.5))
    judge_climb(*climb(student, rng, decay, smooth), decay, smooth)


@hidden(
    "image",
    points=1,
    after=("test_total_variation", "test_class_images_with_decay", "test_class_images_with_both_regularisers"),
)
def test_class_images_of_a_network_in_training_mode(student, rng):
    network, values = example(student, rng, "norm")
    target, decay, smooth = int(rng.integers(3)), 0.1, 0.005
    # nearly all units are on near the top, so that there is one top
    values["0.0.bias"], values["0.1.bias"] = np.zeros(3), np.full(3, 4.0)
    values["1.bias"] = short(6 - 4 * values["1.weight"].sum(axis=(1, 2, 3)))
    steepest = np.abs(sent(values, np.zeros((1, *PICTURE)), [target])).max()
    values["4.weight"] = short(0.1 / steepest * values["4.weight"])
    network.load_parameters({name: tensor(value) for name, value in values.items()})
    starts = short(rng.normal(size=(2, *PICTURE)) * np.array([0.1, 0.4])[:, None, None, None])
    held = student.hold(tensor(starts))
    got = student.class_image(network, target, held, decay, smooth)
    got = read_array(got, starts.shape, "what class_image returns")

    def worth(x):
        return scores_of(values, x)[:, target] - decay * (x**2).sum(axis=(1, 2, 3)) - smooth * variation(x)

    x = starts.copy()
    for _ in range(200):  # plain steps, each as small as the slopes allow
        down, right = differences(x)
        rough = np.zeros_like(x)
        rough[:, :, 1:] += down
        rough[:, :, :-1] -= down
        rough[..., 1:] += right
        rough[..., :-1] -= right
        x = x + 0.15 * (sent(values, x, [target] * 2) - 2 * decay * x - 2 * smooth * rough)
    blank = worth(0 * starts)  # a picture of nothing gains by the regularisers alone
    enough = bool(np.all(worth(got) > blank + 0.8 * (worth(x) - blank)))
    assert enough, says(
        "class_image gains too little for a network with ReLUs that came in training mode: is it asked in evaluation mode, are the steps so long that they jump over the top?"
    )
    left_as_found(network, values, "class_image", True)
    compare(
        read_array(held.get("data"), starts.shape, "the start"),
        starts,
        otherwise="class_image changes the start that it is given: climb with a copy",
    )


# ---- exercise 5 ----


def masks_and_maps(rng):
    maps = short(rng.normal(size=(5, 4, 6)) + 0.3)
    masks = rng.uniform(size=maps.shape) < rng.uniform(0.2, 0.6, size=(5, 1, 1))
    masks[:, 0, 0], masks[:, 3, 5] = True, False
    maps[1] = -np.abs(maps[1])
    maps[2] = float(rng.choice([-1.0, 2.0, 0.0]))
    return maps, masks


@hidden("score", points=1.25)
def test_shares(student, rng):
    maps, masks = masks_and_maps(rng)
    got = read_array(student.share_inside(tensor(maps), torch.tensor(masks)), (5,), "what share_inside returns")
    plus, size, chance = np.maximum(maps, 0), np.abs(maps), masks.mean(axis=(1, 2))
    total, inside = plus.sum(axis=(1, 2)), (plus * masks).sum(axis=(1, 2))
    want = np.where(total > 0, inside / np.maximum(total, 1e-300), chance)
    nothing = "share_inside is wrong where a map has nothing positive: such a map gets the mask's share of the picture"
    with np.errstate(all="ignore"):
        mistakes = [
            (np.where(total > 0, want, 0), nothing),
            (np.where(total > 0, want, 1), nothing),
            (
                (size * masks).sum(axis=(1, 2)) / size.sum(axis=(1, 2)),
                "share_inside takes absolute values: negative values count as nothing",
            ),
            ((maps * masks).sum(axis=(1, 2)) / maps.sum(axis=(1, 2)), "share_inside lets negative values count"),
            (
                np.where(maps.sum(axis=(1, 2)) != 0, (maps * masks).sum(axis=(1, 2)) / maps.sum(axis=(1, 2)), chance),
                "share_inside lets negative values count",
            ),
            (inside, "share_inside does not divide by the whole map"),
            (want - chance, "share_inside takes the mask's share away"),
            (want / chance, "share_inside divides by the mask's share of the picture"),
            (chance, "share_inside gives the mask's share of the picture"),
            (np.full(5, inside.sum() / total.sum()), "share_inside puts all pictures together"),
            (1 - want, "share_inside gives the share outside the mask"),
        ]
    compare(got, want, mistakes, "share_inside is not right")


@hidden("score", points=1.25)
def test_pointing(student, rng):
    maps, masks = masks_and_maps(rng)
    maps[3, 0, 0] = maps[3, 3, 5] = maps[3].max() + 1  # one on the mask, one beside it
    maps[4, 1, 2] = -9.0
    masks[4, 1, 2] = not masks[4].ravel()[maps[4].argmax()]
    got = read_array(student.pointing(tensor(maps), torch.tensor(masks)), (5,), "what pointing returns")
    tied = [m == m.max() for m in maps]
    want = np.array([(t & m).sum() / t.sum() for t, m in zip(tied, masks)])
    first = np.array([m.ravel()[v.argmax()] for v, m in zip(maps, masks)], dtype=float)
    last = np.array([m.ravel()[23 - v.ravel()[::-1].argmax()] for v, m in zip(maps, masks)], dtype=float)
    sizes = [abs(m) == abs(m).max() for m in maps]
    far = np.array([(t & m).sum() / t.sum() for t, m in zip(sizes, masks)])
    sentence = "pointing is wrong at a tie: the share of the largest values that lie on the mask"
    mistakes = [
        (first, sentence),
        (last, sentence),
        (np.ceil(want), sentence),
        (np.floor(want), sentence),
        (far, "pointing looks for the largest absolute value"),
        (np.full(5, want.mean()), "pointing gives the mean over the pictures: one number for each"),
        (np.array([(t & m).sum() for t, m in zip(tied, masks)]), "pointing counts largest values: their share"),
        (np.array([(t & m).sum() / m.sum() for t, m in zip(tied, masks)]), "pointing divides by the size of the mask"),
    ]
    compare(got, want, mistakes, "pointing is not right")


@hidden("score", points=1.5)
def test_a_network_without_its_memory(student, rng):
    network, values = example(student, rng, "norm")
    for name, shape in (SHAPES | NORM).items():
        values[name] = short(rng.choice([-3, 3]) + rng.uniform(0.1, 0.4) * rng.normal(size=shape))
    network.load_parameters({name: tensor(value) for name, value in values.items()})
    seed = int(rng.integers(1000))
    copy, again, other = (student.randomised.new(network, s) for s in (seed, seed, seed + 1))
    try:
        found, twice, differs = (n.parameters() for n in (copy, again, other))
    except CallFailed:
        raise Wrong("randomised does not return a network") from None
    same_network = all(close(network.parameters()[name], value) for name, value in values.items())
    assert same_network, says("randomised changes the network that it is given: copy it first")
    for name, value in values.items():
        new = read_array(found[name], value.shape, name)
        assert not np.allclose(new, value), says("randomised leaves a parameter as it was: every one is drawn anew")
        assert np.array_equal(new, read_array(twice[name], value.shape, name)), says(
            "randomised gives two networks for one seed"
        )
        assert not np.allclose(new, read_array(differs[name], value.shape, name)), says(
            "randomised gives the same network for two seeds"
        )
        shuffled = np.allclose(np.sort(new.ravel()), np.sort(value.ravel()))
        assert not shuffled, says("randomised only shuffles numbers: draw new ones")
        if value.size > 30:
            linked = abs(np.corrcoef(new.ravel(), value.ravel())[0, 1]) > 5.5 / math.sqrt(value.size)
            assert not linked, says("randomised adds noise to what was learned: draw new numbers")
            spread, off = new.std() / value.std(), abs(new.mean() - value.mean()) / value.std() * math.sqrt(value.size)
            assert off < 7, says("randomised does not keep the mean of a tensor's numbers")
            assert 0.5 < spread < 1.7, says("randomised does not keep the standard deviation of a tensor's numbers")
        elif value.size > 1:
            off = abs(new.mean() - value.mean())
            assert off < 1.6, says("randomised does not keep the mean of a tensor's numbers")
    left_as_found(network, values, "randomised", True)


# ---- exercise 6 ----

SIDE, COUNT = 10, 24


def collection(rng):
    """Bars that lie or stand in the upper part of a picture, a square of 2 x 2 in the second or third channel below, and their masks."""
    level = float(short(rng.uniform(0.2, 0.5)))
    y = rng.permutation(np.arange(COUNT) % 2)
    x, masks = level + 0.02 * rng.normal(size=(COUNT, 3, SIDE, SIDE)), np.zeros((COUNT, SIDE, SIDE), dtype=bool)
    for n, c in enumerate(y):
        top, left = rng.integers(0, 3), rng.integers(1, 6)
        x[n, 0, top : top + (1, 4)[c], left : left + (4, 1)[c]] += 1
        top, left = rng.integers(7, 9), rng.integers(0, 9)
        x[n, 1 + c, top : top + 2, left : left + 2] += 1
        masks[n, top : top + 2, left : left + 2] = True
    return short(x), y, masks, level


def made_by_hand(rng, things, cues, level, size):
    """Weights of a network that finds bars and squares, in any order of its maps, and so much weight on each."""
    kernels, biases = 0.02 * rng.normal(size=(4, 3, 3, 3)), np.zeros(4)
    lying = np.array([[-1.0, -1, -1], [1, 1, 1], [-1, -1, -1]])
    kernels[0, 0] += lying
    kernels[1, 0] += lying.T
    for c in (0, 1):
        kernels[2 + c, 1 + c, :2, :2] += 1
        biases[2 + c] = -4 * level - 1.5
    last = size * np.array([[things, -things, cues, -0.6 * cues], [-things, things, -0.8 * cues, cues]])
    order = rng.permutation(4)
    first = 0.3 * size if cues > things else 0.0
    return {
        "0.weight": short(kernels[order]),
        "0.bias": short(biases[order]),
        "4.weight": short(last[:, order]),
        "4.bias": short([first, 0.0]),
    }


def looked_at(values, x, y):
    """Scores and saliency of a suspect, in 64 bits."""
    v, x = wide(values), torch.tensor(x, dtype=torch.float64, requires_grad=True)
    strongest = F.relu(F.conv2d(x, v["0.weight"], v["0.bias"], padding=1)).amax(dim=(2, 3))
    scores = strongest @ v["4.weight"].T + v["4.bias"]
    scores.gather(1, torch.as_tensor(y)[:, None]).sum().backward()
    return scores.detach().numpy(), x.grad.abs().amax(dim=1).numpy()


def under(x, masks, fill):
    return np.where(masks[:, None], fill, x)


def right_of(values, x, y):
    return np.mean(looked_at(values, x, y)[0].argmax(axis=1) == y)


def shares(maps, masks):
    return (maps * masks).sum(axis=(1, 2)) / maps.sum(axis=(1, 2))


def suspects(student, rng, level, sizes):
    """An honest network and a cheat, in the student's process, with their weights."""
    found = []
    for (things, cues), size in zip(((1.0, 0.02), (0.02, 1.0)), sizes):
        values = made_by_hand(rng, things, cues, level, size)
        network = student.example_network.new("suspect")
        network.load_parameters({name: tensor(value) for name, value in values.items()})
        found.append((network, values))
    return found


@hidden("detective", points=0.75)
def test_cover(student, rng):
    x, masks = draw(rng, 4, 3, 5, 6), rng.uniform(size=(4, 5, 6)) < 0.4
    masks[:, 0, :2] = [True, False]
    fill = float(short(rng.uniform(2, 3)))
    got = read_array(student.cover(tensor(x), torch.tensor(masks), fill), x.shape, "what cover returns")
    here = masks[:, None] & np.ones((1, 3, 1, 1), dtype=bool)
    mistakes = [
        (np.where(here, 0, x), "cover fills with 0: `fill` says with what"),
        (np.where(here, x, fill), "cover covers all but the mask"),
        (np.where(here, x + fill, x), "cover adds fill: it takes the pixel's place"),
        (np.where(here, x * fill, x), "cover multiplies by fill: it takes the pixel's place"),
        (np.where(masks[:1, None], fill, x), "cover uses the first picture's mask for all"),
        (np.where(masks.any(axis=0), fill, x), "cover covers in each picture what is masked in any"),
        (np.where(here & (np.arange(3) == 0)[:, None, None], fill, x), "cover covers one channel: all of them"),
        (x, "cover covers nothing"),
    ]
    compare(got, under(x, masks, fill), mistakes, "cover is not right")
    changed = student.cover.changes_its_arguments(tensor(x), torch.tensor(masks), fill)
    assert not changed, says("cover paints into the caller's pictures: cover a copy")


@hidden("detective", points=1.5, after="test_cover")
def test_evidence(student, rng):
    x, y, masks, level = collection(rng)
    for network, values in suspects(student, rng, level, rng.uniform(0.5, 5, size=2)):
        value = student.evidence(network, tensor(x), torch.tensor(y), torch.tensor(masks), level)
        value = tuple(value) if getattr(value, "shape", None) == (2,) else value
        drop, gap = (read_number(n, name) for n, name in zip(read_tuple(value, 2, "evidence"), ("the drop", "the gap")))
        scores, maps = looked_at(values, x, y)
        before, after = np.mean(scores.argmax(axis=1) == y), right_of(values, under(x, masks, level), y)
        want = before - after
        mistakes = [
            (before, "evidence gives the accuracy on the pictures as they are: the drop"),
            (-want, "the drop has the wrong sign"),
            (after, "evidence gives the accuracy when the mask is covered: the drop"),
            (want * COUNT, "the drop counts pictures: a share of them"),
            (want * 100, "the drop is in per cent: a share from 0 to 1"),
        ]
        compare(drop, want, mistakes, "the drop is not right", NEAR)
        share, size = shares(maps, masks), masks.mean()
        want = share.mean() - size
        mistakes = [
            (share.mean(), "the gap is the share of the map alone: take the mask's share of the picture away"),
            (share.mean() / size, "the gap is a quotient: the difference"),
            (-want, "the gap has the wrong sign"),
            (100 * want, "the gap is in per cent: a share from 0 to 1"),
            (want * COUNT, "the gap is summed over the pictures: the mean"),
            ((maps * masks).sum() / maps.sum() - size, "the gap puts all pictures together: the mean of their shares"),
            (
                shares(looked_at(values, under(x, masks, level), y)[1], masks).mean() - size,
                "the gap looks at the covered pictures: at the pictures as they are",
            ),
            (shares(looked_at(values, x, 1 - y)[1], masks).mean() - size, "the gap asks about another class than y"),
        ]
        compare(gap, want, mistakes, "the gap is not right", NEAR)
        assert network.get("training") is True, says("evidence changes the network's mode: put it back as it was")


@hidden("detective", points=1.75, after=("test_cover", "test_evidence"))
def test_the_cheat_is_found(student, rng):
    loud = float(rng.uniform(15, 30))
    for case in range(6):
        x, y, masks, level = collection(rng)
        sizes = ((loud, 1.0), (1.0, loud), (1.0, 1.0))[case % 3]
        honest, cheat = (network for network, _ in suspects(student, rng, level, sizes))
        if case >= 3:  # a few labels are wrong; in a few more the square is that of the other class
            y[:2] = 1 - y[:2]
            for n in (2, 3):
                x[n] = x[n][[0, 2, 1]]
        pair, right = ([honest, cheat], 1) if rng.uniform() < 0.5 else ([cheat, honest], 0)
        given = student.hold(tensor(x)), torch.tensor(y), torch.tensor(masks), level
        values = [student.find_cheat(networks, *given) for networks in (pair, pair[::-1])]
        got = [float(read_array(value, (), "what find_cheat returns")) for value in values]
        assert set(got) <= {0.0, 1.0}, says("find_cheat returns the place in the list: 0 or 1")
        assert got == [right, 1 - right], says(
            "find_cheat accuses the wrong network: compare drops and gaps, not accuracies or the size of gradients"
        )
