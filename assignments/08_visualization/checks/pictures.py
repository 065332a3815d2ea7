# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 4: the picture that a class likes best."""

import numpy as np
import torch
from torch import nn

from .answers import Wrong, compare, passed
from .asking import first_wrong, load, pictures, read
from .examples import example_network

PAIR = pictures([[[1.0, 2, 4], [0, 2, 7]], [[1, 1, 1], [3, 3, 3]]], [[[0, 0, 0], [0, 0, 5]], [[2, 2, 2], [2, 2, 2]]])


def image(total_variation, class_image) -> None:
    """Exercise 4."""
    _variation(total_variation)
    weights = np.array([[2.0, -1, 0.5, 1, 3, -2], [-1, 2, 1, -2, 0.5, 1]])
    network = load(nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), {"1.weight": weights, "1.bias": [0.3, 0]}).eval()
    for decay, smooth in ((0.25, 0.0), (0.1, 0.4), (0.5, 0.5)):
        _linear(class_image, network, weights, decay, smooth)
    _curved(class_image)
    passed(4, "The prediction: w / (2 decay), the weights themselves.")


def _variation(total_variation):
    got = read(total_variation, (2,), PAIR, why="one number for each picture")
    down, right = np.diff(PAIR, axis=2), np.diff(PAIR, axis=3)

    def sums(a, b):
        return a.sum(axis=(1, 2, 3)) + b.sum(axis=(1, 2, 3))

    want = sums(down**2, right**2)
    around = [(np.roll(PAIR, 1, axis=axis) - PAIR) ** 2 for axis in (2, 3)]
    mistakes = [
        (sums(abs(down), abs(right)), "total_variation takes absolute values: squares of the differences"),
        (want.sum() * np.ones(2), "total_variation adds the pictures up: one sum for each"),
        (sums(down**2, 0 * right), "total_variation looks down alone: neighbours to the right too"),
        (sums(0 * down, right**2), "total_variation looks to the right alone: neighbours below too"),
        (
            sums(*around),
            "total_variation takes the last row and the first for neighbours: the picture does not close to a ring",
        ),
        ((down**2).mean(axis=(1, 2, 3)) + (right**2).mean(axis=(1, 2, 3)), "total_variation takes means: sums"),
        (want / 12, "total_variation takes means: sums"),
        (np.sqrt(want), "total_variation takes a root: the sum of squares as it is"),
        (
            np.sqrt(
                np.pad(down**2, ((0, 0), (0, 0), (0, 1), (0, 0))) + np.pad(right**2, ((0, 0),) * 3 + ((0, 1),))
            ).sum(axis=(1, 2, 3)),
            "total_variation takes a root at each pixel, as chapter 8c does: plain squares here",
        ),
        (
            sums(down**2, right**2) + (np.diff(PAIR, axis=1) ** 2).sum(axis=(1, 2, 3)),
            "total_variation compares channels: neighbours in rows and columns alone",
        ),
        (want / 2, "total_variation takes half: each pair of neighbours once, with its whole square"),
        (2 * want, "total_variation counts each pair of neighbours twice"),
    ]
    compare(got, want, mistakes, f"total_variation is not right: {first_wrong(got, want)}")


def best(w, decay, smooth, shape):
    """The top of the hill of a linear score, from the equations that say that every slope is zero."""
    rows, columns = shape
    place = np.arange(rows * columns).reshape(shape)
    table = 2 * decay * np.eye(rows * columns)
    for a, b in [*zip(place[1:].ravel(), place[:-1].ravel()), *zip(place[:, 1:].ravel(), place[:, :-1].ravel())]:
        for i, j in ((a, b), (b, a)):
            table[i, i] += 2 * smooth
            table[i, j] -= 2 * smooth
    return np.linalg.solve(table, w).reshape(shape)


def _variation_of(x):
    return (np.diff(x, axis=0) ** 2).sum() + (np.diff(x, axis=1) ** 2).sum()


def _linear(class_image, network, weights, decay, smooth):
    starts = pictures(np.zeros((1, 2, 3)), [[[5.0, -4, 3], [-6, 2, -1]]])
    got = read(class_image, (2, 1, 2, 3), network, 1, starts, decay, smooth, why="one picture for each start")
    w, settings = weights[1], f"for a linear network with decay {decay} and smooth {smooth}"
    want = best(w, decay, smooth, (2, 3))

    def worth(x):
        return w @ x.ravel() - decay * (x**2).sum() - smooth * _variation_of(x)

    def near(a, b):
        return np.linalg.norm(a - b) < 0.05 * np.linalg.norm(b)

    first, second = got[0, 0], got[1, 0]
    if np.allclose(got, starts):
        raise Wrong("class_image returns the start as it was: does the picture change from step to step?")
    if near(first, best(-w, decay, smooth, (2, 3))):
        raise Wrong("class_image climbs down: an optimiser of torch makes things small, so hand it minus J")
    if not np.isfinite(got).all() or np.abs(got).max() > 1e4:
        raise Wrong(f"class_image ends in a picture that grows without end {settings}: its steps are too long")
    if near(first, best(weights[0], decay, smooth, (2, 3))):
        raise Wrong("class_image climbs the score of another class than `target`")
    if not w @ first.ravel() > 0:
        raise Wrong(f"class_image does not raise the score {settings}: it goes from 0 to {w @ first.ravel():.3g}")
    if smooth and _variation_of(first) > 1.5 * _variation_of(want):
        raise Wrong(
            f"class_image ends in a picture that is too rough {settings}: its total variation is {_variation_of(first):.3g}, the best picture has "
            f"{_variation_of(want):.3g}. Is smooth in J?"
        )
    if (first**2).sum() > 1.5 * (want**2).sum() or not np.isfinite(got).all():
        raise Wrong(
            f"class_image ends in a picture that is too large {settings}: is decay in J, times the sum of the squares (not the mean)? Are the steps small enough?"
        )
    for x, start in ((first, starts[0, 0]), (second, starts[1, 0])):
        before, top = worth(np.float64(start)), worth(want)
        share = (worth(x) - before) / (top - before)
        if share < 0.97 and np.linalg.norm(first - second) > 0.1 * np.linalg.norm(want):
            raise Wrong(
                f"class_image stops too early {settings}: the start still decides, two starts end in different pictures. Climb until J no longer rises"
            )
        if share < 0.97:
            raise Wrong(
                f"class_image reaches {share:.0%} of the possible rise of J {settings}: is J as the exercise writes it (the score, not the probability; pixels without limits)? Climb until it no longer rises"
            )
    if np.linalg.norm(first - second) > 0.1 * np.linalg.norm(want):
        raise Wrong(
            f"class_image stops too early {settings}: the start still decides, two starts end in different pictures. Climb until J no longer rises"
        )


TOPS = (1.7446, 1.1650)  # where small plain steps arrive


def curved():
    """A network with ReLUs and batch normalisation, in training mode, and two starts, of which one is strange."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = example_network("norm").train()
        starts = torch.randn(2, 2, 6, 5).numpy() * np.array([0.1, 3.0], dtype=np.float32)[:, None, None, None]
    for p in network.parameters():
        p.data.mul_(2.5 if p.ndim > 1 else 1.0)
    return network, starts


def _curved(class_image):
    network, starts = curved()
    pair = read(class_image, starts.shape, network, 2, starts, 0.1, 0.05)
    network.eval()
    for x, start, top in zip(pair, starts, TOPS):
        before, after = (worth_of(network, z) for z in (start, x))
        if after < before + 0.6 * (top - before):
            raise Wrong(
                f"class_image gains too little for a network with ReLUs that came in training mode: J goes from {before:.2f} to {after:.2f}, small plain "
                f"steps reach {top:.2f}. Is the network in evaluation mode? Does the climb begin at `start`? Are the steps so long that they jump over the top?"
            )


def worth_of(network, x):
    """J of one picture for class 2, decay 0.1 and smooth 0.05."""
    x = torch.tensor(x, dtype=torch.float32)
    s = network(x[None])[0, 2].item()
    return s - 0.1 * x.square().sum().item() - 0.05 * sum(_variation_of(c) for c in x.numpy())
