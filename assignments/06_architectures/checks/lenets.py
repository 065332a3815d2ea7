# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 1: LeNet-5."""

import numpy as np

from .answers import Wrong, compare, passed
from .networks import load, made, output, silent, weights

LAYERS = {  # name: shape of its weight
    "c1": (6, 1, 5, 5),
    "c3": (16, 6, 5, 5),
    "c5": (120, 16, 5, 5),
    "f6": (84, 120, 1, 1),
    "output": (3, 84, 1, 1),
}


def lenet(subsampling, network) -> None:
    """Exercise 1."""
    _subsampling(subsampling)
    net = made(network, 3)
    _parameters(weights(net))
    _values(net)
    _places(net)
    _learns(net)
    passed(1, "The prediction: c5, with 48,120 of 61,155 for three classes; a network for the post office.")


def _subsampling(subsampling):
    layer = made(subsampling, 2)
    found = weights(layer)
    for name in ("coefficient", "bias"):
        if name not in found:
            raise Wrong(
                f"Subsampling has no parameter {name}, it has {', '.join(found) or 'none'}: only what is wrapped in "
                "nn.Parameter and made an attribute in __init__ is trained"
            )
        if found[name] != (2,):
            raise Wrong(
                f"Subsampling: {name} of Subsampling(2) should have shape (2,), got {found[name]}: one number for "
                "each map"
            )
    if len(found) > 2:
        raise Wrong(f"Subsampling has other parameters than coefficient and bias: {', '.join(found)}")
    start = {name: p.detach().double().numpy() for name, p in layer.named_parameters()}
    compare(
        start["coefficient"],
        [0.25, 0.25],
        [([1, 1], "Subsampling starts with coefficients of 1: at 0.25 the layer takes the mean at first")],
        "Subsampling: the coefficients start at 0.25 each",
    )
    compare(start["bias"], [0, 0], otherwise="Subsampling: the biases start at 0")
    load(layer, {"coefficient": [0.5, -2.0], "bias": [10.0, -20.0]})
    x = np.array(
        [[[1, 2, 4, 0, 3], [3, 0, -2, 6, 1], [5, 7, 1, 1, 2]], [[0, 1, 2, 2, 9], [1, 1, 3, 0, 4], [6, 5, 8, 7, 1]]]
    )
    why = "windows of 2 x 2 in steps of 2, and a last row or column that fills no window is left out"
    got = output(layer, x[None], (1, 2, 1, 2), "Subsampling(2), on a picture of 2 x 3 x 5,", why)[0]
    total = np.array([[[6.0, 8.0]], [[3.0, 7.0]]])
    factor, bias = np.array([0.5, -2.0])[:, None, None], np.array([10.0, -20.0])[:, None, None]
    largest = np.array([[[3.0, 6.0]], [[1.0, 3.0]]])
    mistakes = [
        (
            factor * total / 4 + bias,
            "Subsampling takes the mean of the window: it adds the four up, times the coefficient",
        ),
        (factor * largest + bias, "Subsampling takes the largest of the window: it adds the four up"),
        (factor * total, "Subsampling forgets the bias"),
        (total + bias, "Subsampling forgets the coefficient"),
        (factor * (total + bias), "Subsampling multiplies the bias by the coefficient: the bias is added last"),
        (factor * total + 4 * bias, "Subsampling adds the bias to each pixel: once for each window"),
        (0.5 * total + 10, "Subsampling uses the coefficient and bias of map 0 for every map"),
        (
            1.7159 * np.tanh(2 / 3 * (factor * total + bias)),
            "Subsampling squashes: the network applies the tanh, the layer does not",
        ),
    ]
    want = factor * total + bias
    otherwise = (
        "Subsampling is not right: the first window of map 0 holds 1, 2, 3 and 0, so with coefficient 0.5 and bias 10 it "
        f"gives 0.5 * 6 + 10 = 13, yours is {got[0, 0, 0]:g}"
    )
    compare(got, want, mistakes, otherwise)


def _parameters(found):
    for name, shape in LAYERS.items():
        for part, want in (("weight", shape), ("bias", shape[:1])):
            got = found.get(f"{name}.{part}")
            if got == want:
                continue
            if got is None and part == "bias":
                raise Wrong(f"LeNet: {name} has no bias: every convolution of this network has one")
            if got is None:
                raise Wrong(
                    f"LeNet has no parameter {name}.{part}: make the layer an attribute self.{name} in __init__. It has "
                    f"{', '.join(found) or 'none at all'}"
                )
            if len(got) == 2 and part == "weight":
                raise Wrong(
                    f"LeNet: {name} is a linear layer. It has to be a convolution, or the network works on 32 x 32 pixels "
                    "alone"
                )
            if name == "output" and got[0] == 10:
                raise Wrong("LeNet ignores `classes`: LeNet(3) has 10 outputs")
            if name == "c3" and got[1:2] == (1,):
                raise Wrong("LeNet: c3 sees one map each (groups): here every map of C3 sees all six below it")
            raise Wrong(f"LeNet: {name}.{part} should have shape {want}, got {got}")
    for name, maps in (("s2", 6), ("s4", 16)):
        if found.get(f"{name}.coefficient") is None:
            raise Wrong(f"LeNet: {name} is no Subsampling: it has no parameter {name}.coefficient")
        if found[f"{name}.coefficient"] != (maps,):
            raise Wrong(f"LeNet: {name} should be a Subsampling of {maps} maps, got {found[f'{name}.coefficient']}")
    if len(found) != 14:
        raise Wrong(
            f"LeNet has {len(found)} parameter tensors, 14 are wanted: a weight and a bias for each of 7 layers"
        )


NAMES = ("c1", "s2", "c3", "s4", "c5", "f6", "output")
GAINS = (0.9, 0.8, 1.1, 0.7, 1.2, -0.6, 1.3)
BIASES = (0.3, -0.2, 0.4, 0.5, -0.3, 0.2, 0.1)
INPUTS = (25, 4, 25 * 6, 4, 25 * 16, 120, 84)


def _one_number(squash):
    """All weights of a convolution equal, two kinds of maps in the subsamplings: a chain of seven numbers."""
    value = 0.8
    for number, (gain, bias) in enumerate(zip(GAINS, BIASES)):
        kinds = (0.5, 1.5) if number in (1, 3) else (1.0,)
        value = np.mean([squash(number, kind * gain * value + bias) for kind in kinds])
    return value


def _tanh(value):
    return 1.7159 * np.tanh(2 * value / 3)


def _values(net):
    chain = {}
    for name, gain, bias, inputs in zip(NAMES, GAINS, BIASES, INPUTS):
        sort = "coefficient" if name in ("s2", "s4") else "weight"
        shape = weights(net)[f"{name}.{sort}"]
        chain[f"{name}.{sort}"] = np.full(shape, gain / inputs)
        if len(shape) == 1:
            chain[f"{name}.{sort}"] *= np.resize([0.5, 1.5], shape)
        chain[f"{name}.bias"] = np.full(shape[0], bias)
    load(net, chain)
    why = "no convolution is padded, and each subsampling halves the map"
    got = output(net, np.full((2, 1, 32, 32), 0.8), (2, 3, 1, 1), "LeNet(3), on two pictures of 32 x 32,", why)
    want = _one_number(lambda n, a: _tanh(a) if n < 6 else a)
    wrong = {
        "LeNet squashes the output too: the last layer gives plain scores": lambda n, a: _tanh(a),
        "LeNet does not squash after the subsamplings: the tanh comes after s2 and s4 as after the others": (
            lambda n, a: a if n in (1, 3, 6) else _tanh(a)
        ),
        "LeNet does not squash after the convolutions: the tanh comes after every layer but the last": (
            lambda n, a: _tanh(a) if n in (1, 3) else a
        ),
        "LeNet does not squash after f6": lambda n, a: _tanh(a) if n < 5 else a,
        "LeNet does not squash after c5": lambda n, a: a if n in (4, 6) else _tanh(a),
        "LeNet has no tanh at all: without it the seven layers are one": lambda n, a: a,
        "LeNet uses the plain tanh: the paper's is 1.7159 tanh(2 a / 3)": lambda n, a: np.tanh(a) if n < 6 else a,
        "LeNet scales the output of the tanh alone: 1.7159 tanh(2 a / 3)": lambda n, a: (
            1.7159 * np.tanh(a) if n < 6 else a
        ),
        "LeNet scales the input of the tanh alone: 1.7159 tanh(2 a / 3)": lambda n, a: (
            np.tanh(2 * a / 3) if n < 6 else a
        ),
        "LeNet divides by 2/3 inside the tanh: 1.7159 tanh(2 a / 3)": lambda n, a: (
            1.7159 * np.tanh(1.5 * a) if n < 6 else a
        ),
        "LeNet uses the ReLU: in 1998 it was 1.7159 tanh(2 a / 3)": lambda n, a: max(0, a) if n < 6 else a,
        "LeNet uses the sigmoid: it is 1.7159 tanh(2 a / 3)": lambda n, a: 1 / (1 + np.exp(-a)) if n < 6 else a,
        "LeNet turns the scores into probabilities: it returns plain scores": lambda n, a: (
            1 / 3 if n == 6 else _tanh(a)
        ),
    }
    mistakes = [(np.full((2, 3, 1, 1), _one_number(squash)), sentence) for sentence, squash in wrong.items()]
    otherwise = (
        "LeNet is not right where all weights of a convolution are equal, so that the network is a chain of seven numbers: it should "
        f"give {want:.5f}, yours gives {got.ravel()[0]:.5f}"
    )
    compare(got, np.full((2, 3, 1, 1), want), mistakes, otherwise, tolerance=2e-4)


def _places(net):
    rng = np.random.default_rng(0)
    load(
        net,
        {
            name: rng.normal(size=shape) / np.sqrt(np.prod(shape[1:], initial=4.0))
            for name, shape in weights(net).items()
        },
    )
    x = rng.normal(size=(2, 1, 40, 36))
    why = "c5, f6 and output are convolutions, so on 40 x 36 pixels there are 3 x 2 answers; nothing is flattened or averaged"
    wide = output(net, x, (2, 3, 3, 2), "LeNet(3), on two pictures of 40 x 36,", why)
    for row, column in ((0, 0), (1, 1), (2, 0)):
        part = x[:, :, 4 * row : 4 * row + 32, 4 * column : 4 * column + 32]
        alone = output(net, part, (2, 3, 1, 1), "LeNet(3), on two pictures of 32 x 32,")
        compare(
            wide[:, :, row, column],
            alone[:, :, 0, 0],
            otherwise="LeNet on a larger picture does not answer as if it stood at every fourth pixel of it",
            tolerance=1e-4,
        )
    single = output(net, x[:1, :, :32, :32], (1, 3, 1, 1), "LeNet(3), on one picture,")
    both = output(net, x[:, :, :32, :32], (2, 3, 1, 1), "LeNet(3), on two pictures,")
    compare(both[:1], single, otherwise="LeNet mixes the pictures of a batch: each has its own answer", tolerance=1e-4)


def _learns(net):
    x = np.random.default_rng(1).normal(size=(2, 1, 32, 32))
    missing = silent(net, x)
    if missing:
        raise Wrong(
            f"LeNet: no gradient reaches {missing[0]}. `.data`, `.detach()`, `.item()` and NumPy cut the way back; and a layer that "
            "forward does not use learns nothing"
        )
