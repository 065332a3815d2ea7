# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: scores of a map, and a network without its memory."""

import numpy as np
import torch
from torch import nn

from .answers import Wrong, ask, compare, passed
from .asking import Watch, first_wrong, pictures, plain, read

MAPS = pictures(
    [[1.0, 2.0, 3.0], [-4.0, 0.0, 4.0]],
    [[0.0, -1.0, 0.0], [-2.0, 0.0, -3.0]],
    [[5.0, 1.0, 5.0], [0.0, 5.0, 0.0]],
    [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]],
)
MASKS = np.array(
    [
        [[0, 0, 1], [1, 0, 0]],
        [[1, 0, 0], [0, 1, 0]],
        [[1, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [1, 1, 1]],
    ],
    dtype=bool,
)
SHARES = np.array([0.3, 1 / 3, 0.375, 0.5])
POINTS = np.array([0.0, 2 / 3, 1 / 3, 0.5])


def score(share_inside, pointing, randomised) -> None:
    """Exercise 5."""
    got = read(share_inside, (4,), MAPS, MASKS, why="one number for each picture")
    plus = np.maximum(MAPS, 0)
    total = plus.sum(axis=(1, 2))
    inside = (plus * MASKS).sum(axis=(1, 2))
    size = np.abs(MAPS)
    zero = np.where(total > 0, SHARES, 0)
    mistakes = [
        (
            zero,
            "share_inside gives 0 where a map has nothing positive: such a map points nowhere and gets the mask's share of the picture",
        ),
        (
            np.where(total > 0, SHARES, 1),
            "share_inside gives 1 where a map has nothing positive: such a map points nowhere and gets the mask's share of the picture",
        ),
        (
            (size * MASKS).sum(axis=(1, 2)) / size.sum(axis=(1, 2)),
            "share_inside takes absolute values: negative values count as nothing",
        ),
        (
            (MAPS * MASKS).sum(axis=(1, 2)) / MAPS.sum(axis=(1, 2)),
            "share_inside lets negative values count: they count as nothing",
        ),
        (inside, "share_inside does not divide by the whole map: a share"),
        (
            SHARES - MASKS.mean(axis=(1, 2)),
            "share_inside takes the mask's share away: that is for the gap of exercise 6",
        ),
        (
            SHARES / MASKS.mean(axis=(1, 2)),
            "share_inside divides by the mask's share of the picture: the share of the map alone",
        ),
        (MASKS.mean(axis=(1, 2)), "share_inside gives the mask's share of the picture: the map's share on the mask"),
        (np.full(4, inside.sum() / total.sum()), "share_inside puts all pictures together: one share for each"),
        (1 - SHARES, "share_inside gives the share outside the mask"),
    ]
    compare(got, SHARES, mistakes, f"share_inside is not right: {first_wrong(got, SHARES)}")
    got = read(pointing, (4,), MAPS, MASKS, why="one number for each picture")
    first = np.array([MASKS[n].ravel()[MAPS[n].argmax()] for n in range(4)], dtype=float)
    last = np.array([MASKS[n].ravel()[5 - MAPS[n].ravel()[::-1].argmax()] for n in range(4)], dtype=float)
    tied = [MAPS[n] == MAPS[n].max() for n in range(4)]
    some = np.array([float((t & m).any()) for t, m in zip(tied, MASKS)])
    sizes = [abs(m) == abs(m).max() for m in MAPS]
    far = np.array([(t & m).sum() / t.sum() for t, m in zip(sizes, MASKS)])
    mistakes = [
        (first, "pointing takes the first of several largest values: at a tie the share of them that lie on the mask"),
        (last, "pointing takes the last of several largest values: at a tie the share of them that lie on the mask"),
        (some, "pointing is generous at a tie: the share of the largest values that lie on the mask"),
        (np.floor(POINTS), "pointing is strict at a tie: the share of the largest values that lie on the mask"),
        (far, "pointing looks for the largest absolute value: the largest value"),
        (POINTS.mean() * np.ones(4), "pointing gives the mean over the pictures: one number for each"),
        (SHARES, "pointing gives the share of the map: look where its largest value lies"),
        (
            np.array([(t & m).sum() for t, m in zip(tied, MASKS)], dtype=float),
            "pointing counts largest values on the mask: their share of all largest values",
        ),
        (
            np.array([(t & m).sum() / m.sum() for t, m in zip(tied, MASKS)]),
            "pointing divides by the size of the mask: by the number of largest values",
        ),
    ]
    compare(got, POINTS, mistakes, f"pointing is not right: {first_wrong(got, POINTS)}")
    _randomised(randomised)
    passed(5, "Run the next cell for the answer to the prediction.")


IN_PLACE = "randomised changes the network that it is given: copy.deepcopy makes one that shares nothing with it"


def _fresh(draw=0):
    """A network whose weights lie around 3, 0 and -2, with different spreads."""
    network = nn.Sequential(nn.Conv2d(2, 20, 3), nn.BatchNorm2d(20), nn.ReLU(), nn.Flatten(), nn.Linear(20, 40))
    numbers = np.random.default_rng(draw)
    for p, (mean, spread) in zip(network.parameters(), ((3, 0.1), (0, 2), (5, 0.5), (-2, 0.1), (1, 3), (0, 0.2))):
        p.data.copy_(torch.tensor(mean + spread * numbers.normal(size=p.shape)))
    return network


def _randomised(randomised):
    network = _fresh()
    watch = Watch(network)
    box = []

    def call(seed):
        box.append(randomised(network, seed))
        return [plain(p) for p in box[-1].parameters()] if isinstance(box[-1], nn.Module) else None

    call.__name__ = getattr(randomised, "__name__", "randomised")
    if not callable(randomised):
        ask(randomised)
    with torch.random.fork_rng(devices=[]):
        try:
            value = ask(call, 4)
        except Wrong as wrong:
            if box and box[-1] is network:
                raise Wrong(IN_PLACE) from None
            if "different results" in str(wrong):
                raise Wrong(
                    "randomised gives two networks for one seed: the seed decides. torch.Generator().manual_seed(seed) draws the numbers"
                ) from None
            raise
        if not isinstance(box[-1], nn.Module):
            raise Wrong(f"randomised should return a network, got {type(box[-1]).__name__}")
        if box[-1] is network or any(a is b for a, b in zip(box[-1].parameters(), network.parameters())):
            raise Wrong(IN_PLACE)
        watch.look("randomised")
        other = ask(call, 5)
    before, names = [plain(p) for p in network.parameters()], [name for name, _ in network.named_parameters()]
    if [np.shape(v) for v in value] != [v.shape for v in before]:
        raise Wrong("randomised returns a network with other layers: copy it, and change nothing but the numbers")
    for name, old, new, second in zip(names, before, value, other):
        _drawn(name, old, new, second)


def _drawn(name, old, new, second):
    count = old.size
    if not np.isfinite(new).all():
        raise Wrong(f"randomised: {name} contains NaN or infinities")
    if np.allclose(new, old):
        raise Wrong(
            f"randomised leaves {name} as it was: every parameter is drawn anew, in every layer, weights and biases"
        )
    if np.allclose(new, second):
        raise Wrong("randomised gives the same network for two seeds: the seed decides")
    if np.allclose(np.sort(new.ravel()), np.sort(old.ravel())):
        raise Wrong(f"randomised only shuffles {name}: draw new numbers")
    if abs(np.corrcoef(new.ravel(), old.ravel())[0, 1]) > 5 / np.sqrt(count) and count > 30:
        raise Wrong(f"randomised adds noise to {name}: what was learned is still in it. Draw new numbers")
    if abs(new.mean() - old.mean()) > 6 * old.std() / np.sqrt(count):
        raise Wrong(
            f"randomised: the mean of {name} was {old.mean():.2f} and is {new.mean():.2f} now: draw with the mean of the numbers that stood there"
        )
    if not 0.45 < new.std() / old.std() < 1.8:
        raise Wrong(
            f"randomised: the standard deviation of {name} was {old.std():.2f} and is {new.std():.2f} now: draw with that of the numbers that stood there"
        )
