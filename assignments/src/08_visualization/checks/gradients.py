"""Exercise 1: the gradient of a score with respect to the picture."""

import numpy as np
from torch import nn

from course_utils.grading.answers import compare, passed

from .asking import first_wrong, load, pictures, read

W = np.array([[1.0, -2, 3, 0, 4, 1, -5, 2], [0, -1, -1, 2, -3, -2, 2, 1], [2, 2, -1, 1, 0, -3, 1, 1]])
X = pictures(
    [[[0.5, 0.0], [1.0, 0.5]], [[0.5, -0.5], [0.0, 1.0]]],
    [[[0.0, 1.0], [-0.5, 0.0]], [[-1.0, 0.5], [0.5, 0.0]]],
)
ASKED = np.array([1, 0])
BIAS = [0.2, 0.1, 0.4]


def saliency(input_gradient, saliency_map) -> None:
    """Exercise 1."""
    network = load(nn.Sequential(nn.Flatten(), nn.Linear(8, 3)), {"1.weight": W, "1.bias": BIAS})
    got = read(input_gradient, (2, 2, 2, 2), network.eval(), X, ASKED)
    _linear(got)
    network = load(nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(2, 2)), {"2.weight": [[3, -1], [2, 5]]})
    got = read(input_gradient, (2, 1, 1, 2), network.train(), pictures([[[1.0, 3.0]]], [[[2.0, -4.0]]]), ASKED)
    want = np.array([[[[2.0, 5.0]]], [[[3.0, -1.0]]]]) / np.sqrt(1 + 1e-5)
    otherwise = (
        "input_gradient is not right where the network came in training mode: there batch normalisation mixes the pictures of a batch. Switch to "
        "evaluation mode, and back afterwards"
    )
    compare(got, want, otherwise=otherwise)
    _map(saliency_map)
    passed(
        1, "The prediction: divided by N the map in a batch of 100 is a hundred times fainter; the sum does not mix."
    )


def _linear(got):
    want = W[ASKED].reshape(2, 2, 2, 2)
    scores = X.reshape(2, 8) @ W.T + BIAS
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    logs = (W[ASKED] - p @ W).reshape(2, 2, 2, 2)
    mistakes = [
        (want / 2, "input_gradient is divided by the number of pictures: take the sum of the scores, not their mean"),
        (
            logs * p[[0, 1], ASKED][:, None, None, None],
            "input_gradient is that of the probability: leave the softmax out, ask for the score",
        ),
        (logs, "input_gradient is that of the logarithm of the probability: ask for the score"),
        (-logs, "input_gradient is that of the loss: ask for the score"),
        (-logs / 2, "input_gradient is that of the loss: ask for the score"),
        (-want, "input_gradient has the wrong sign"),
        (
            W[scores.argmax(axis=1)].reshape(2, 2, 2, 2),
            "input_gradient asks about the class with the largest score: `classes` says which",
        ),
        (
            np.array([W.sum(axis=0)] * 2).reshape(2, 2, 2, 2),
            "input_gradient takes the sum of all classes' scores: one class for each picture",
        ),
        (
            W[[1, 1]].reshape(2, 2, 2, 2),
            "input_gradient asks about one class in all pictures: `classes` has one for each",
        ),
        (
            2 * W[[0, 0]].reshape(2, 2, 2, 2),
            "input_gradient asks about one class in all pictures: `classes` has one for each",
        ),
        (
            np.array([W[ASKED].sum(axis=0)] * 2).reshape(2, 2, 2, 2),
            "input_gradient asks about every class of `classes` in each picture: use gather, or network(x)[range(N), classes]",
        ),
        (np.abs(want), "input_gradient has lost its signs: only the map takes absolute values"),
        (want * X, "input_gradient is multiplied by the picture: the gradient alone"),
        (want * [[[[1]]], [[[0]]]], "input_gradient is zero for all pictures but the first"),
    ]
    otherwise = f"input_gradient is not right for a linear network, where it is the row of weights of the class: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise)


def _map(saliency_map):
    network = load(nn.Sequential(nn.Flatten(), nn.Linear(8, 3)), {"1.weight": W, "1.bias": BIAS}).eval()
    got = read(saliency_map, (2, 2, 2), network, X, ASKED, why="one number for each pixel, so no axis of channels")
    g = W[ASKED].reshape(2, 2, 2, 2)
    want = np.abs(g).max(axis=1)
    mistakes = [
        (g.max(axis=1), "saliency_map takes the largest value of the channels: the largest absolute value"),
        (
            np.abs(g.max(axis=1)),
            "saliency_map takes absolute values after the maximum: a large negative slope is lost. First abs, then the maximum",
        ),
        (np.abs(g).sum(axis=1), "saliency_map adds the channels up: the largest absolute value"),
        (np.abs(g).mean(axis=1), "saliency_map takes the mean of the channels: the largest absolute value"),
        (g.sum(axis=1), "saliency_map adds the channels up, with their signs: the largest absolute value"),
        (np.abs(g.sum(axis=1)), "saliency_map adds up before it takes absolute values: slopes of two channels cancel"),
        (g.mean(axis=1), "saliency_map takes the mean of the channels: the largest absolute value"),
        (np.abs(g.mean(axis=1)), "saliency_map takes the mean of the channels: the largest absolute value"),
        (np.sqrt((g**2).sum(axis=1)), "saliency_map takes the length over the channels: the largest absolute value"),
        (want / want.max(axis=(1, 2), keepdims=True), "saliency_map is scaled to 1: leave the values as they are"),
        (want / want.max(), "saliency_map is scaled to 1: leave the values as they are"),
    ]
    otherwise = f"saliency_map is not the largest absolute gradient over the channels: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise)
