"""Exercise 4: a U-Net."""

import numpy as np

from course_utils.grading.answers import Wrong, compare, passed

from .asking import first_wrong, load, made, output, silent, weights


def unet(definition) -> None:
    """Exercise 4."""
    _parameters(definition)
    _one_level(definition)
    _two_levels(definition)
    _rectified(definition)
    _any_size(definition)
    _without(definition)
    _learns(definition)
    passed(
        4,
        "The prediction: only the map of `down.0`, handed across at full size: a small neighbourhood of each pixel. "
        "Everything lower has to come through `up.(D-1)`.",
    )


def wanted(channels, classes, width, depth):
    """Names and shapes of all parameters."""
    found, below = {}, channels
    for level in range(depth + 1):
        w = width * 2**level
        found |= _block(f"down.{level}", below, w)
        below = w
    for step in range(depth):
        w = width * 2 ** (depth - 1 - step)
        found |= {f"up.{step}.weight": (2 * w, w, 2, 2), f"up.{step}.bias": (w,)}
        found |= _block(f"merge.{step}", 2 * w, w)
    return found | {"last.weight": (classes, width, 1, 1), "last.bias": (classes,)}


def _block(name, a, b):
    return {
        f"{name}.0.weight": (b, a, 3, 3),
        f"{name}.0.bias": (b,),
        f"{name}.2.weight": (b, b, 3, 3),
        f"{name}.2.bias": (b,),
    }


def _parameters(definition):
    for arguments in ((3, 5, 4, 1), (1, 2, 2, 3), (2, 3, 3, 2, False)):
        name = f"UNet({', '.join(map(str, arguments))})"
        got, want = weights(made(definition, *arguments)), wanted(*arguments[:4])
        if not arguments[-1] and len(arguments) == 5 and got.get("merge.0.0.weight", (0, 12))[1] == 6:
            raise Wrong(
                f"{name}: without skips the twin keeps its layers, `merge` too; zeros take the place of what is handed across"
            )
        missing = [key for key in want if key not in got]
        if missing and not any(key.split(".")[0] == missing[0].split(".")[0] for key in got):
            raise Wrong(
                f"{name} has no layers `{missing[0].split('.')[0]}` that its parameters() would find: make it an attribute, lists as "
                f"nn.ModuleList. It has {', '.join(got) or 'none'}"
            )
        if missing:
            raise Wrong(f"{name} has no parameter {missing[0]}: look at the table of layers")
        for key, shape in want.items():
            if got[key] == shape:
                continue
            if key.startswith("merge") and key.endswith("0.weight") and 2 * got[key][1] == shape[1]:
                raise Wrong(
                    f"{name}: {key} should have shape {shape}, got {got[key]}: it sees two maps, side by side as channels"
                )
            raise Wrong(f"{name}: {key} should have shape {shape}, got {got[key]}")
        extra = [key for key in got if key not in want]
        if extra:
            raise Wrong(f"{name} has other parameters than it should: {', '.join(extra)}")


def seen(network, values):
    """A network in which everything is 0 but these: an index of a kernel's middle (or of a bias), and its number."""
    full = {name: np.zeros(shape) for name, shape in weights(network).items()}
    for (name, *index), value in values.items():
        full[name][tuple(index)] = value
    return load(network, full)


def passing(name, first=1.0, second=1.0, a=0):
    """Two convolutions that hand channel `a` on as channel 0, pixel by pixel."""
    return {(f"{name}.0.weight", 0, a, 1, 1): first, (f"{name}.2.weight", 0, 0, 1, 1): second}


def stamped(name):
    """An upsampling whose stamp is 1, 2, 3, 4."""
    return {(f"{name}.weight", 0, 0, i, j): 1.0 + 2 * i + j for i in range(2) for j in range(2)}


X = np.array([[1.0, 5, 2, 9, 3, 4], [7, 3, 8, 1, 6, 2], [4, 6, 4, 2, 5, 7], [5, 1, 9, 3, 8, 1]])
ACROSS, BELOW = 2.0, 0.5


def largest(x):
    return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).max(axis=(1, 3))


def up(x, stamp=((1, 2), (3, 4))):
    return np.kron(x, np.array(stamp, dtype=float))


def level(network):
    """Depth 1, one map: output = 10 - (2 x across + 0.5 x from below)."""
    values = passing("down.0") | passing("down.1") | stamped("up.0") | passing("merge.0")
    values |= {("merge.0.0.weight", 0, 0, 1, 1): ACROSS, ("merge.0.0.weight", 0, 1, 1, 1): BELOW}
    return seen(network, values | {("last.weight", 0, 0, 0, 0): -1.0, ("last.bias", 0): 10.0})


def _one_level(definition):
    net = level(made(definition, 1, 1, 1, 1))
    try:
        got = output(net, X[None, None], (1, 1, 4, 6), "UNet(1, 1, 1, 1), on a picture of 4 x 6,")[0, 0]
    except Wrong as wrong:
        if "to have 2 channels, but got 1 channels" not in str(wrong):
            raise
        raise Wrong(
            "UNet gives `merge` one map where it has to see two: it adds; join as channels, torch.cat([kept, below], dim=1)"
        ) from None
    low = up(largest(X))
    want = 10 - ACROSS * X - BELOW * low
    mean = up(X.reshape(2, 2, 3, 2).mean(axis=(1, 3)))
    pooled = np.kron(largest(X), np.ones((2, 2)))
    mistakes = [
        (10 - BELOW * X - ACROSS * low, "UNet joins in the other order: first the kept map, then the one from below"),
        (10 - BELOW * low, "UNet hands nothing across: join the kept map with the one from below"),
        (10 - ACROSS * low - BELOW * low, "UNet joins the map from below with itself: the kept one comes first"),
        (10 - ACROSS * pooled - BELOW * low, "UNet keeps a map after it was pooled: keep it before"),
        (10 - ACROSS * X - BELOW * mean, "UNet pools by the mean: by the maximum"),
        (
            10 - ACROSS * X - BELOW * up(X[::2, ::2]),
            "UNet halves by leaving out every second pixel: by the maximum of 2 x 2",
        ),
        (np.maximum(want, 0), "UNet has a ReLU behind `last`: logits may be any number"),
        (np.ones_like(want), "UNet has a softmax behind `last`: it gives logits, the loss has the softmax"),
        (1 / (1 + np.exp(-want)), "UNet has a sigmoid behind `last`: it gives logits"),
        (10 - ACROSS * X, "UNet takes nothing from below: join the kept map with what `up` gives"),
    ]
    otherwise = (
        f"UNet of depth 1 is not right, with weights of which each hands on one number: {first_wrong(got, want)}"
    )
    compare(got, want, mistakes, otherwise, tolerance=1e-4)


def _rectified(definition):
    """Depth 1, where numbers below 0 come out of the convolutions of the first block."""
    net = level(made(definition, 1, 1, 1, 1))
    minus = -np.pad([[1.0]], 1)
    load(net, {"down.0.0.bias": [-4.0], "down.0.2.weight": minus, "down.0.2.bias": [3.0]})
    got = output(net, X[None, None], (1, 1, 4, 6), "UNet(1, 1, 1, 1), on a picture of 4 x 6,")[0, 0]

    def answer(first=True, last=True):
        def relu(z, there):
            return np.maximum(z, 0) if there else z

        kept = relu(3 - relu(X - 4, first), last)
        below = relu(relu(largest(kept), first), last)
        return 10 - relu(relu(ACROSS * kept + BELOW * up(below), first), last)

    want = answer()
    behind = "UNet has a block without the ReLU behind its second convolution: convolution, ReLU, convolution, ReLU, as two_convolutions has it"
    between = "UNet has a block without the ReLU between its convolutions: convolution, ReLU, convolution, ReLU, as two_convolutions has it"
    mistakes = [(answer(last=False), behind), (answer(first=False), between), (answer(False, False), between)]
    otherwise = f"UNet of depth 1 is not right where a convolution gives numbers below 0: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)


def beside(network):
    """What is kept at full size is 10 - x here, at the right and below, added up: so it shows where padding ends."""
    kernel = np.zeros((3, 3))
    kernel[1, 1] = kernel[1, 2] = kernel[2, 1] = 1
    return load(network, {"down.0.0.weight": -np.pad([[1.0]], 1), "down.0.0.bias": [10.0], "down.0.2.weight": kernel})


def kept_beside(padded):
    a = np.pad(10 - padded, ((0, 1), (0, 1)))
    return a[:-1, :-1] + a[:-1, 1:] + a[1:, :-1]


def _size(definition, rows, columns, mistakes, otherwise, stops=""):
    """Depth 1, on the upper left of X."""
    x, name = X[:rows, :columns], f"UNet(1, 1, 1, 1), on a picture of {rows} x {columns},"

    def answer(bottom, right, top=0, left=0, mode="constant"):
        kept = kept_beside(np.pad(x, ((top, bottom), (left, right)), mode=mode))
        return 10 - ACROSS * kept - BELOW * up(largest(kept))

    try:
        got = output(beside(level(made(definition, 1, 1, 1, 1))), x[None, None], (1, 1, rows, columns), name)[0, 0]
    except Wrong as wrong:
        if stops and " stops with " in str(wrong):
            raise Wrong(stops) from None
        raise
    want = answer(rows % 2, columns % 2)[:rows, :columns]
    compare(got, want, mistakes(answer), f"{otherwise}; {first_wrong(got, want)}", tolerance=1e-4)


def _any_size(definition):
    fixed = "UNet pads to multiples of a larger number whatever the depth: of 2^D, which is 2 for depth 1"

    def odd(answer):
        front = answer(0, 0, 1, 1)
        return [
            (front[1:, 1:], "UNet pads at the top and on the left: at the bottom and on the right"),
            (front[:3, :5], "UNet cuts off another side than it has padded"),
            (answer(1, 1, mode="edge")[:3, :5], "UNet repeats the rim in place of zeros"),
            *((answer(-3 % m, -5 % m)[:3, :5], fixed) for m in (4, 8, 16, 32)),
        ]

    fitting = "UNet pads sides that fit: 4 rows and depth 1 need nothing. -4 % 2 is 0, 2 - 4 % 2 is 2"

    def five(answer):
        return [(answer(2, 1)[:4, :5], fitting)]

    def six(answer):
        return [(answer(2, 2)[:4, :6], fitting)]

    pad = "pad with zeros at the bottom and on the right, and cut the logits back"
    _size(definition, 3, 5, odd, f"UNet is not right on a picture of 3 x 5: {pad}")
    stops = (
        "UNet stops on a picture of 4 x 5, though not on one of 3 x 5: it exchanges the sides: F.pad counts from the last axis, "
        "F.pad(x, (left, right, top, bottom))"
    )
    _size(definition, 4, 5, five, f"UNet is not right on a picture of 4 x 5: {pad}", stops)
    _size(definition, 4, 6, six, "UNet is not right on a picture of 4 x 6, which fits and is not padded")
    _deeper(definition)
    output(made(definition, 1, 1, 1, 3), np.ones((1, 1, 1, 9)), (1, 1, 1, 9), "UNet of depth 3, on a picture of 1 x 9,")


def _deeper(definition):
    """Depth 2, where 2 rows and 3 columns are missing."""
    x = np.pad(X, ((0, 2), (0, 0)), mode="reflect")[:, :5]

    def answer(top, left, down, right):
        kept = kept_beside(np.pad(x, ((top, 2 - top), (left, 3 - left))))
        first = largest(kept)
        whole = ACROSS * kept + BELOW * grown(3 * first + BELOW * grown(largest(first), 2), 2)
        return whole[down : down + 6, right : right + 5]

    name = "UNet(1, 1, 1, 2), on a picture of 6 x 5,"
    got = output(beside(two(made(definition, 1, 1, 1, 2))), x[None, None], (1, 1, 6, 5), name)[0, 0]
    want = answer(0, 0, 0, 0)
    split = "UNet splits the padding between both sides: all of it at the bottom and on the right"
    mistakes = [(answer(1, left, *cut), split) for left in (1, 2) for cut in ((1, left), (0, 0))]
    otherwise = f"UNet of depth 2 is not right on a picture of 6 x 5, to be padded to 8 x 8: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)


def two(network):
    """Depth 2, one map of each level: what is kept there counts 2 and 3, what comes from below 0.5."""
    values = passing("down.0") | passing("down.1") | passing("down.2")
    for step in range(2):
        values |= {(f"up.{step}.weight", 0, 0, i, j): 1.0 for i in range(2) for j in range(2)} | passing(
            f"merge.{step}"
        )
    values |= {("merge.0.0.weight", 0, 0, 1, 1): 3.0, ("merge.0.0.weight", 0, 2, 1, 1): BELOW}
    values |= {("merge.1.0.weight", 0, 0, 1, 1): ACROSS, ("merge.1.0.weight", 0, 1, 1, 1): BELOW}
    return seen(network, values | {("last.weight", 0, 0, 0, 0): 1.0})


def grown(x, factor):
    return np.kron(x, np.ones((factor, factor)))


PICTURE = np.arange(1.0, 33).reshape(4, 8) % 7 + np.arange(4)[:, None]


def _two_levels(definition):
    name = "UNet(1, 1, 1, 2), on a picture of 8 x 8,"
    try:
        output(made(definition, 1, 1, 1, 2), np.ones((1, 1, 8, 8)), (1, 1, 8, 8), name)
    except Wrong as wrong:
        if " stops with " not in str(wrong):
            raise
        text = str(wrong).removeprefix(name).rstrip(".")
        raise Wrong(
            f"UNet{text}. Depth 1 works and depth 2 does not: most likely it takes the kept maps in the wrong order: the last kept comes first"
        ) from None
    got = output(
        two(made(definition, 1, 1, 1, 2)), PICTURE[None, None], (1, 1, 4, 8), "UNet(1, 1, 1, 2), on a picture of 4 x 8,"
    )[0, 0]
    first, second = largest(PICTURE), largest(largest(PICTURE))
    low = 3 * grown(first, 2) + BELOW * grown(second, 4)
    want = ACROSS * PICTURE + BELOW * low
    mistakes = [
        (ACROSS * PICTURE + BELOW * BELOW * grown(second, 4), "UNet hands nothing across on its lower level"),
        (BELOW * low, "UNet hands nothing across on its upper level: the finest detail is lost"),
    ]
    otherwise = f"UNet of depth 2 is not right: at every level the kept map of that size is joined with the one from below; {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)


def _without(definition):
    got = output(
        two(made(definition, 1, 1, 1, 2, False)),
        PICTURE[None, None],
        (1, 1, 4, 8),
        "UNet(1, 1, 1, 2, False), on a picture of 4 x 8,",
    )[0, 0]
    first, second = largest(PICTURE), largest(largest(PICTURE))
    want = BELOW * BELOW * grown(second, 4)
    doubled = (2 + BELOW) * grown((3 + BELOW) * grown(second, 2), 2)
    mistakes = [
        (ACROSS * PICTURE + BELOW * (3 * grown(first, 2) + want / BELOW**1), "UNet ignores skips=False: join zeros"),
        (
            ACROSS * PICTURE + BELOW * (3 * grown(first, 2) + BELOW * grown(second, 4)),
            "UNet ignores skips=False: join zeros",
        ),
        (doubled, "UNet without skips joins the map from below with itself: join zeros"),
        (0 * want, "UNet without skips gives nothing: what comes from below stays"),
        (2 + BELOW * (3 + BELOW * grown(second, 4)), "UNet without skips joins ones: join zeros"),
        (
            BELOW * (3 * grown(first, 2) + BELOW * grown(second, 4)),
            "UNet without skips still hands something across on its lower level",
        ),
    ]
    otherwise = f"UNet without skips is not right: zeros in place of every kept map, first, then what comes from below; {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)


def _learns(definition):
    x = np.random.default_rng(0).normal(size=(2, 2, 8, 8))
    missing = silent(made(definition, 2, 3, 8, 2), x)
    if missing:
        raise Wrong(f"UNet: no gradient reaches {missing[0]}: `.detach()`, `.data` and `no_grad` cut the way back")
    for step, block in enumerate(("down.1", "down.0")):
        net = made(definition, 2, 3, 8, 2)
        own = dict(net.named_parameters())
        load(net, {f"up.{step}.{kind}": np.zeros(own[f"up.{step}.{kind}"].shape) for kind in ("weight", "bias")})
        if any(name.startswith(block) for name in silent(net, x)):
            raise Wrong(
                f"UNet: with `up.{step}` at 0 no gradient reaches {block}: what is handed across has to carry gradients too, so keep the map "
                "itself, without `.detach()`"
            )
