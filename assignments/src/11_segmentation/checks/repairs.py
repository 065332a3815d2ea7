"""Exercise 6: the repair of a segmenter."""

import numpy as np
from torch import nn

from course_utils.grading.answers import Wrong, compare, passed, read_array, read_tuple

from .asking import asked, first_wrong, load, numbers

X = numbers([[[[1.0, 3, 0, 8], [5, 7, 4, 4]], [[0, 0, 2, 2], [0, 8, 2, 6]]]])
MEANS = np.array([[[[4.0, 4.0]], [[2.0, 3.0]]]])
FOURS = np.array([[[0, 2, 1, 7], [0, 0, 7, 7]], [[1, 3, 255, 255], [3, 1, 255, 0]]])
VOTES = np.array([[[0, 7]], [[1, 255]]])


def repair(shrink, predict) -> None:
    """Exercise 6."""
    _shrink(shrink)
    _predict(predict)
    passed(
        6,
        "Mixed labels: the interpolated mask. Columns: every factor-th pixel is a corner. Sums: dim=-1. Logits: align_corners.",
    )


def _shrink(shrink):
    both = numbers(np.concatenate([X, X + 1]))
    x, target = read_tuple(asked(shrink, both, FOURS, 2), 2, "shrink")
    x = read_array(x, (2, 2, 1, 2), "the pictures that shrink returns")
    want = np.concatenate([MEANS, MEANS + 1])
    mistakes = [
        (
            both[:, :, ::2, ::2],
            "shrink takes a corner of each window: that moves the picture by half a pixel against its mask. Take the mean",
        ),
        (
            both[:, :, 1::2, 1::2],
            "shrink takes a corner of each window: that moves the picture by half a pixel against its mask. Take the mean",
        ),
        (both.reshape(2, 2, 1, 2, 2, 2).max(axis=(3, 5)), "shrink takes the largest number of each window: the mean"),
        (4 * want, "shrink adds each window up: the mean"),
    ]
    compare(x, want, mistakes, f"the pictures that shrink returns are not right: {first_wrong(x, want)}")
    got = read_array(target, (2, 1, 2), "the masks that shrink returns")
    means = FOURS.reshape(2, 1, 2, 2, 2).mean(axis=(2, 4))
    mixed = "shrink mixes labels: between class 0 and class 2 does not lie class 1. A label has to be one that is there: the most frequent"
    mistakes = [
        (np.round(means), mixed),
        (np.floor(means), mixed),
        (means, mixed),
        (FOURS[:, ::2, ::2], "shrink takes the label of a corner: that of most pixels of the window"),
        (FOURS[:, 1::2, 1::2], "shrink takes the label of a corner: that of most pixels of the window"),
        (np.array([[[0, 7]], [[3, 255]]]), "shrink takes another label at a tie: the smallest of the most frequent"),
        (
            FOURS.reshape(2, 1, 2, 2, 2).max(axis=(2, 4)),
            "shrink takes the largest label: that of most pixels of the window",
        ),
        (
            FOURS.reshape(2, 1, 2, 2, 2).min(axis=(2, 4)),
            "shrink takes the smallest label: that of most pixels of the window",
        ),
        (
            np.median(FOURS.reshape(2, 1, 2, 2, 2).swapaxes(2, 3).reshape(2, 1, 2, 4), axis=3),
            "shrink takes the middle label: labels have no order",
        ),
    ]
    compare(
        got,
        VOTES,
        mistakes,
        f"the masks that shrink returns are not right for {FOURS.tolist()} and factor 2: {first_wrong(got, VOTES)}",
    )
    middle = np.array([[[0, 1, 0, 0], [2, 2, 1, 2]]])
    _, label = read_tuple(asked(shrink, numbers(middle[:, None]), middle, 2), 2, "shrink")
    got = read_array(label, (1, 1, 2), "the masks that shrink returns")
    ordered = "shrink takes the middle label (the median): labels have no order, take the most frequent"
    mistakes = [([[value]], ordered) for value in ([1, 0], [2, 1], [1.5, 0.5], [1, 1], [2, 0.5], [1, 0.5])]
    compare(
        got, [[[2, 0]]], mistakes, f"the masks that shrink returns are not right for {middle[0].tolist()} and factor 2"
    )
    wide = np.zeros((1, 3, 6), dtype=np.int64)
    wide[0, :, 3:] = [[0, 9, 9], [9, 4, 9], [4, 4, 9]]
    small, label = read_tuple(asked(shrink, numbers(wide[:, None]), wide, 3), 2, "shrink")
    compare(
        read_array(label, (1, 1, 2), "the masks that shrink returns"),
        [[[0, 9]]],
        otherwise="shrink is not right for factor 3",
    )
    compare(
        read_array(small, (1, 1, 1, 2), "the pictures that shrink returns"),
        [[[[0, 57 / 9]]]],
        otherwise="shrink is not right for factor 3",
        tolerance=1e-4,
    )


def _network():
    """Logits of a window of 2 x 2: twice its upper left pixel, and minus its lower right one."""
    weight = np.zeros((2, 1, 2, 2))
    weight[0, 0, 0, 0], weight[1, 0, 1, 1] = 2.0, -1.0
    return load(nn.Conv2d(1, 2, 2, stride=2), {"weight": weight, "bias": [0.0, 1.0]})


PICTURE = numbers([[[[0.5, 0, 1, 0], [0, 2, 0, -3]]]])
SMALL = np.array([[1.0, 2.0], [-1.0, 4.0]])  # class, column of windows


def softmax(z, axis=1):
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _rows(left, right):
    """The two columns of windows at four columns of pixels, from shares of the left and of the right one."""
    z = SMALL[:, :1] * np.array(left) + SMALL[:, 1:] * np.array(right)
    return np.broadcast_to(z[None, :, None], (1, 2, 2, 4))


def _predict(predict):
    p, labels = read_tuple(asked(predict, _network(), PICTURE), 2, "predict")
    if getattr(p, "shape", None) == (1, 2, 1, 2):
        raise Wrong("predict stays at the size of the network's answer: enlarge the logits to the picture's size")
    p = read_array(p, (1, 2, 2, 4), "the probabilities that predict returns")
    z = _rows([1, 0.75, 0.25, 0], [0, 0.25, 0.75, 1])
    corners = _rows([1, 2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3, 1])
    nearest = _rows([1, 1, 0, 0], [0, 0, 1, 1])
    early = softmax(SMALL[None], axis=1)
    share = early[0][:, :1] * np.array([1, 0.75, 0.25, 0]) + early[0][:, 1:] * np.array([0, 0.25, 0.75, 1])
    axis = (
        "predict takes the softmax over another axis: over the classes, axis 1. The classes of a pixel have to sum to 1"
    )
    lie = "predict stretches the map so that the middles of the outer pixels lie on each other (align_corners=True): their edges should"
    mistakes = [
        *((softmax(maps, a), axis) for maps in (z, corners, nearest) for a in (0, 2, 3)),
        (softmax(corners), lie),
        (softmax(nearest), "predict repeats the logits: enlarge them bilinearly"),
        (
            np.broadcast_to(share[None, :, None], (1, 2, 2, 4)),
            "predict enlarges the probabilities: enlarge the logits, then take the softmax",
        ),
        (z, "predict returns logits in place of probabilities"),
        (1 / (1 + np.exp(-z)), "predict takes a sigmoid of each class: the softmax over the classes"),
        (np.log(softmax(z)), "predict returns logarithms of probabilities"),
    ]
    want = softmax(z)
    compare(
        p,
        want,
        mistakes,
        f"the probabilities that predict returns are not right: {first_wrong(p, want)}",
        tolerance=1e-4,
    )
    got = read_array(labels, (1, 2, 4), "the labels that predict returns")
    best = want.argmax(axis=1)
    compare(
        got,
        best,
        [(1 - best, "predict takes the least probable class")],
        f"the labels that predict returns are not right: {first_wrong(got, best)}",
    )
    _thirds(predict)


def _thirds(predict):
    """A network whose answer is three times smaller than the picture."""
    weight = np.zeros((2, 1, 3, 3))
    weight[0, 0, 1, 1], weight[1, 0, 1, 1] = 2.0, -1.0
    network = load(nn.Conv2d(1, 2, 3, stride=3), {"weight": weight, "bias": [0.0, 1.0]})
    picture = np.zeros((1, 1, 3, 6))
    picture[0, 0, 1, [1, 4]] = 0.5, -1.0
    p, _ = read_tuple(asked(predict, network, numbers(picture)), 2, "predict")
    if getattr(p, "shape", None) == (1, 2, 2, 4):
        raise Wrong("predict enlarges by 2, whatever the network: to the picture's size, x.shape[2:]")
    p = read_array(p, (1, 2, 3, 6), "the probabilities that predict returns")
    right = np.array([0, 0, 1 / 3, 2 / 3, 1, 1])
    z = np.array([[1.0], [0.5]]) * (1 - right) + np.array([[-2.0], [2.0]]) * right
    want = np.broadcast_to(softmax(z, axis=0)[None, :, None], (1, 2, 3, 6))
    otherwise = f"the probabilities that predict returns are not right for a network whose answer is 3 times smaller: {first_wrong(p, want)}"
    compare(p, want, otherwise=otherwise, tolerance=1e-4)
