# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: training, and scores near boundaries."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_numbers
from .asking import NONE, asked, first_wrong, load, maps, numbers, plain, read, read_scores, shown, watched
from .examples import example_network

RNG = np.random.default_rng(3)
X = numbers(RNG.normal(size=(4, 2, 3, 3)))
TARGET = RNG.integers(0, 3, size=(4, 3, 3))
TARGET[:, 0, 1] = 7
TARGET[3] = np.where(TARGET[3] == 7, 7, 1)  # a picture of one class
START = {"weight": numbers([[0.3, -0.2], [-0.4, 0.1], [0.2, 0.5]]), "bias": numbers([0.1, 0.0, -0.2])}
BATCHES = [[0, 1], [2], [3, 0], [1, 2, 3], [0]]
WEIGHTS = numbers([0.5, 1.0, 3.0])
LR, IGNORE = 0.15, 7

DOT = maps([0] * 7, [0] * 7, [0, 0, 2, 0, 0, 0, 0], [0] * 7, [0, 0, 0, 0, 0, 0, 9])
HALVES = maps(*[[0, 0, 0, 1, 1, 1]] * 4)
GUESS = maps([0, 0, 0, 1, 1, 1], *[[0, 0, 0, 0, 0, 1]] * 3)


def training(train, near_boundary, boundary_iou) -> None:
    """Exercise 5."""
    _train(train)
    _near(near_boundary)
    _boundary_iou(boundary_iou)
    passed(5, "The prediction: the second. The ring is a fifth of the disc, and half of what lies near its boundary.")


def linear_loss(w, batch, weights, ignore):
    """The loss of a linear answer at each pixel, and its gradient."""
    x, y = np.float64(X[batch]).transpose(0, 2, 3, 1).reshape(-1, 2), TARGET[batch].ravel()
    x, label = np.concatenate([x, np.ones((len(x), 1))], axis=1), np.where(y == IGNORE, 0, y)
    each = np.float64(weights)[label] * (y != ignore)
    powers = np.exp(x @ w.T)
    shares, each = powers / powers.sum(axis=1, keepdims=True), each / each.sum()
    return -(each * np.log(shares[np.arange(len(y)), label])).sum(), ((shares - np.eye(3)[label]) * each[:, None]).T @ x


def adam(batches=BATCHES, lr=LR, weights=WEIGHTS, ignore=IGNORE, keep=False, plain_steps=False, late=False):
    """Adam by numpy: the losses before the steps (or after them, if late), and the weights in the end."""
    w = np.concatenate([np.float64(START["weight"]), np.float64(START["bias"])[:, None]], axis=1)
    losses, total, mean, square = [], 0 * w, 0 * w, 0 * w
    for step, batch in enumerate(batches, start=1):
        loss, g = linear_loss(w, batch, weights, ignore)
        total = total + g if keep else g
        mean, square = 0.9 * mean + 0.1 * total, 0.999 * square + 0.001 * total**2
        bar = np.sqrt(square / (1 - 0.999**step)) + 1e-8
        w = w - lr * (total if plain_steps else mean / (1 - 0.9**step) / bar)
        losses.append(linear_loss(w, batch, weights, ignore)[0] if late else loss)
    return np.array(losses), w


def _train(train):
    if not callable(train):
        ask(train)
    box = []

    def call(x, target, batches, weights):
        import torch

        network = load(example_network("pixels"), START)
        box.append(network)
        given = [torch.from_numpy(value) for value in (x, target, weights)]
        value = train(network, given[0], given[1], batches, LR, given[2], IGNORE)
        return [plain(loss) for loss in value] if isinstance(value, list | tuple) else plain(value)

    call.__name__ = "train"
    losses = read_numbers(watched(call, X, TARGET, BATCHES, WEIGHTS), "the losses that train returns")
    right, end = adam()
    count = len(BATCHES)
    if len(losses) != count:
        raise Wrong(f"train returns {len(losses)} losses for {count} batches: one before each step")
    everything = [[0, 1, 2, 3]] * count
    mistakes = [
        (adam(late=True)[0], "train returns the loss after each step: the one before it"),
        (
            adam(keep=True)[0],
            "train adds each step's gradient to those of all steps before: set the gradients to zero before each backward pass",
        ),
        (adam(everything)[0], "train takes all pictures in each step: those of the batch"),
        (adam([BATCHES[0]] * count)[0], "train takes the first batch in each step: one after the other"),
        (adam(weights=np.ones(3))[0], "train does not use the weights"),
        (adam(ignore=-1)[0], "train counts the pixels with `ignore`"),
        (adam(plain_steps=True)[0], "train takes plain gradient steps: torch.optim.Adam"),
        (adam(lr=1e-3)[0], "train does not use lr"),
        (adam(lr=-LR)[0], "train climbs"),
        (adam(lr=0.0)[0], "train changes nothing: is there a step, with the gradient still there?"),
        (np.cumsum(right), "train returns sums over the steps: the loss of each step"),
    ]
    otherwise = (
        "train is not right: the losses before the steps should be "
        + ", ".join(f"{v:.4f}" for v in right)
        + "; yours are "
        + ", ".join(f"{v:.4f}" for v in losses)
    )
    compare(losses, right, mistakes, otherwise, tolerance=2e-4)
    got = np.concatenate(
        [box[-1].weight.detach().double().numpy()[:, :, 0, 0], box[-1].bias.detach().double().numpy()[:, None]], axis=1
    )
    mistakes = [
        (
            adam(lr=0.0)[1],
            "train leaves the weights of the network that it was given as they were: train that one, no copy of it",
        ),
        (adam(BATCHES[:-1])[1], "train leaves out the last step"),
    ]
    compare(got, end, mistakes, "train: the weights in the end are not right", tolerance=2e-4)


def _near(near_boundary):
    for reach in (1, 2):
        want = np.zeros((5, 7))
        want[2 - reach : 3 + reach, 2 - reach : 3 + reach] = 1
        got = read(near_boundary, (1, 5, 7), DOT, reach, 9)[0]
        rows, columns = np.mgrid[:5, :7]
        four = np.abs(rows - 2) + np.abs(columns - 2) <= reach
        rim = np.maximum(want, (rows < reach) | (columns < reach) | (rows >= 5 - reach) | (columns >= 7 - reach))
        rim[4, 6] = 0
        other = np.maximum(want, (rows >= 4 - reach) & (columns >= 6 - reach))
        other_side = other.copy()
        other_side[4, 6] = 0
        own, hollow = DOT[0] == 2, want.copy()
        hollow[2, 2] = 0
        mistakes = [
            (four, "near_boundary takes four neighbours: a step may go to any of the eight"),
            (rim, "near_boundary takes the rim of the picture for a boundary: it makes none"),
            (
                other,
                "near_boundary takes pixels with `ignore` for another class: they make no boundary, and are not near one",
            ),
            (other_side, "near_boundary takes pixels with `ignore` for another class: they make no boundary"),
            (1 - want, "near_boundary is True far from boundaries"),
            (own, "near_boundary finds the small thing alone: both sides of a boundary are near it"),
            (hollow, "near_boundary finds one side: both sides of a boundary are near it"),
            (0 * want, "near_boundary finds nothing"),
        ]
        if reach == 2:
            small = np.zeros((5, 7))
            small[1:4, 1:4] = 1
            mistakes.append((small, "near_boundary does not use reach"))
        otherwise = f"near_boundary is not right for one pixel of class 2 on a ground of class 0, and one ignored in the corner, reach {reach}: {first_wrong(got, want)}"
        compare(got, want, mistakes, otherwise)
    if np.asarray(asked(near_boundary, DOT, 1, 9)).dtype.kind != "b":
        raise Wrong(
            "near_boundary returns numbers, which can not choose pixels or stand in `torch.where`: True and False, `.bool()`"
        )
    pictures = np.concatenate([maps([0, 0, 0, 0, 1]), maps([2, 0, 0, 0, 0])])
    want = np.array([[[0, 0, 0, 1, 1]], [[1, 1, 0, 0, 0]]])
    got = read(near_boundary, (2, 1, 5), pictures, 1, 9)
    mistakes = [
        (
            np.stack([want[0], 0 * want[1]]),
            "near_boundary looks at the first picture alone: every picture has boundaries",
        ),
        (want[[0, 0]], "near_boundary gives the first picture's boundaries to every picture"),
        (
            np.broadcast_to(want.any(axis=0), want.shape),
            "near_boundary mixes the pictures: each has its own boundaries",
        ),
    ]
    otherwise = (
        f"near_boundary is not right for two pictures of one row, {pictures[:, 0].tolist()}: {first_wrong(got, want)}"
    )
    compare(got, want, mistakes, otherwise)
    many = maps([3, 3, 1, 1, 0, 4, 4])
    got = read(near_boundary, (1, 1, 7), many, 1, 0)[0, 0]
    want = [0, 1, 1, 0, 0, 0, 0]
    compare(
        got,
        want,
        otherwise=f"near_boundary is not right for the row {many[0, 0].tolist()} with ignore = 0: {first_wrong(got, want)}",
    )
    flat = read(near_boundary, (1, 2, 2), maps([5, 5], [5, 6]), 1, 6)
    compare(
        flat,
        np.zeros((1, 2, 2)),
        otherwise="near_boundary finds a boundary where only one class is left, the rest is ignored",
    )


def _boundary_iou(boundary_iou):
    got = read_scores(boundary_iou, (), GUESS, HALVES, 2, 1, 255)
    want = (4 / 7 + 1 / 4) / 2
    mistakes = [
        ((12 / 18 + 6 / 12) / 2, "boundary_iou counts all pixels: those near a boundary"),
        (5 / 8, "boundary_iou is the share of right pixels near the boundary: their mean IoU"),
        (_of(GUESS), "boundary_iou takes the boundary of the prediction: that of the target"),
        (_of(HALVES, GUESS), "boundary_iou takes the boundaries of both: those of the target"),
        (1 / 4, "boundary_iou is the IoU of one class: the mean"),
        (4 / 7, "boundary_iou is the IoU of one class: the mean"),
    ]
    otherwise = f"boundary_iou of two halves with a ragged guess is {want:.4f} with reach 1, yours is {shown(got)}"
    compare(got, want, mistakes, otherwise)
    other = np.flip(HALVES, 2).copy()  # every pixel near its boundary is right
    got = read_scores(boundary_iou, (), np.concatenate([GUESS, other]), np.concatenate([HALVES, other]), 2, 1, 255)
    both = (8 / 11 + 5 / 8) / 2
    mistakes = [
        (want, "boundary_iou looks at the first picture alone: all pictures count"),
        (1.0, "boundary_iou looks at the last picture alone: all pictures count"),
        (
            (want + 1) / 2,
            "boundary_iou takes the mean of the pictures' scores: one table of all pictures, divided at the very end",
        ),
    ]
    otherwise = f"boundary_iou of two pictures is {both:.4f}, yours is {shown(got)}"
    compare(got, both, mistakes, otherwise)
    nothing = read_scores(boundary_iou, (), maps([0, 1]), maps([1, 1]), 2, 1, 255)
    compare(
        nothing,
        NONE,
        [(0.0, "boundary_iou gives 0 where there is no boundary: NaN")],
        "boundary_iou is not NaN where there is no boundary",
    )
    three = read_scores(boundary_iou, (), GUESS, HALVES, 4, 1, 255)
    compare(
        three,
        want,
        [(want / 2, "boundary_iou divides by all classes: those that occur")],
        "boundary_iou is not right where two of four classes occur",
    )


def _of(*masks):
    """The mean IoU of the guess over the boundaries of other masks."""
    near = np.zeros((4, 6), dtype=bool)
    for mask in masks:
        m = mask[0]
        for i in range(4):
            for j in range(6):
                near[i, j] |= len(set(m[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].ravel())) > 1
    t, p = HALVES[0][near], GUESS[0][near]
    return np.mean([np.sum((t == c) & (p == c)) / np.sum((t == c) | (p == c)) for c in (0, 1)])
