"""Exercise 2: occlusion."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.answers import Wrong, compare, passed

from .asking import asked, first_wrong, load, pictures, read
from .examples import Counted, example_network


def occlusion(occlusion) -> None:
    """Exercise 2."""
    network = load(Counted(nn.Flatten(), nn.Linear(8, 2)), {"1.weight": np.zeros((2, 8)), "1.bias": [0.0, 0.5]}).eval()
    weights = np.array([[1.0, 2, -10, 1, 0.5, 1, 0.5, -1], [0, 1, 1, 1, 2, 0, 1, 1]])
    load(network, {"1.weight": weights})
    x = pictures([[[2.0, 1.0, 1.0, 4.0], [1.0, -1.0, 3.0, 2.0]]])
    _places(occlusion, network, x, weights, 2, 2, 0.5)
    _places(occlusion, network, x, weights, 2, 1, 0.0)
    _border(occlusion)
    _two_pictures(occlusion)
    passed(2, "The prediction: negative. Without what spoke against it, the score rises.")


def _covered(x, top, left, patch, fill):
    x = np.array(x, dtype=float)
    x[..., max(top, 0) : max(top + patch, 0), max(left, 0) : max(left + patch, 0)] = fill
    return x


def _drops(x, scores, places, patch, fill):
    """By hand: one covered copy after the other; `scores` is a function of one picture."""
    tops, lefts = places
    whole = scores(x)
    return np.array([[whole - scores(_covered(x, top, left, patch, fill)) for left in lefts] for top in tops])


def _softmax(s):
    e = np.exp(s - s.max())
    return e / e.sum()


def _places(occlusion, network, x, weights, patch, stride, fill):
    def all_scores(picture):
        return weights @ picture.ravel() + [0.0, 0.5]

    def score(picture):
        return all_scores(picture)[0]

    lefts = range(0, 4 - patch + 1, stride)
    want = _drops(x[0], score, ([0], lefts), patch, fill)[None]
    why = f"for a picture of 2 x 4, a patch of {patch} and stride {stride}"
    got = read(occlusion, want.shape, network, x, np.array([0]), patch, stride, fill, why=why)
    mistakes = [
        (-want, "occlusion has the wrong sign: the score of the whole picture minus that of the covered one"),
        (score(x[0]) - want, "occlusion gives the covered scores: how much of the score is lost"),
        (
            _drops(x[0], score, ([0], lefts), patch, 0.0)[None],
            "occlusion fills the patch with 0: `fill` says with what",
        ),
        (
            _drops(x[0], lambda z: _softmax(all_scores(z))[0], ([0], lefts), patch, fill)[None],
            "occlusion gives what is lost of the probability: leave the softmax out, ask for the score",
        ),
        (
            _drops(x[0], lambda z: all_scores(z)[1], ([0], lefts), patch, fill)[None],
            "occlusion asks about another class than `classes` says",
        ),
        (
            _drops(x[0], score, ([-(patch // 2)], [n - patch // 2 for n in lefts]), patch, fill)[None],
            "occlusion puts the patch's middle at the place: its upper left corner",
        ),
        (np.abs(want), "occlusion has lost its signs: where the patch helps the class, the drop is negative"),
        (
            np.maximum(want, 0),
            "occlusion has lost its negative values: where the patch helps the class, the drop is negative",
        ),
        (want / abs(score(x[0])), "occlusion gives the drop as a share of the score: the drop itself"),
        (want - want.max(), "occlusion shifts the drops: leave them as they are"),
        (score(x[0]) * np.ones(want.shape) * 0, "occlusion gives zeros: is the picture covered at all?"),
    ]
    compare(got, want, mistakes, f"occlusion is not right {why}: {first_wrong(got, want)}")


def _border(occlusion):
    """A picture of 5 x 4, a patch of 2, stride 2: the third place hangs over."""
    network = load(
        nn.Sequential(nn.Flatten(), nn.Linear(20, 2)), {"1.weight": [np.arange(20.0), np.zeros(20)], "1.bias": [1.0, 0]}
    )
    x = pictures([np.ones((5, 4))])
    got = asked(occlusion, network.eval(), x, np.array([0]), 2, 2, 0.0)
    shape = getattr(got, "shape", None)
    if shape == (1, 2, 2):
        raise Wrong(
            "occlusion stops before the border: the last row of a picture of 5 rows is never covered by a patch of 2 with stride 2. The last patch sticks out"
        )
    if shape == (1, 3, 3):
        raise Wrong("occlusion has a place too many where the patch fits: 4 columns, patch 2, stride 2 make 2 places")
    got = read(
        occlusion, (1, 3, 2), network, x, np.array([0]), 2, 2, 0.0, why="5 rows and 4 columns, patch 2, stride 2"
    )
    want = np.array([[[10.0, 18], [42, 50], [33, 37]]])
    back = np.array([[[10.0, 18], [42, 50], [58, 66]]])
    mistakes = [
        (
            back,
            "occlusion moves the last patch back into the picture: it stays where the stride puts it, and what sticks out is cut off",
        )
    ]
    compare(got, want, mistakes, f"occlusion is not right where the last patch sticks out: {first_wrong(got, want)}")


def _two_pictures(occlusion):
    """Two pictures with a class each, a network in training mode, and a count of its calls."""
    torch.manual_seed(3)
    network = example_network("norm").train()
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 5)).astype(np.float32)
    got = read(occlusion, (2, 2, 2), network, x, np.array([2, 0]), 4, 2, 0.3)
    calls = network.calls / 2  # asked twice
    network.eval()

    def score_of(c):
        return lambda picture: network(torch.tensor(picture[None], dtype=torch.float32))[0, c].item()

    want, turned, mixed = (
        [_drops(x[n], score_of(c), ([0, 2], [0, 2]), 4, 0.3) for n, c in enumerate(cs)]
        for cs in ((2, 0), (0, 2), (2, 2))
    )
    mistakes = [
        (
            turned,
            "occlusion asks about the classes of the other pictures: the first of `classes` belongs to the first picture",
        ),
        (mixed, "occlusion asks about one class in all pictures: `classes` has one for each"),
    ]
    otherwise = "occlusion is not right for two pictures and a network that came in training mode: ask it in evaluation mode, and put the mode back"
    compare(got, want, mistakes, otherwise, tolerance=1e-4)
    if calls > 3:
        raise Wrong(
            f"occlusion called the network {calls:g} times for 2 pictures with 4 places each: put the copies into batches, so that N + 1 calls are enough"
        )
