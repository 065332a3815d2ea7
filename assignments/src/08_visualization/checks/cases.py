"""Exercise 6: two networks, one of which looks at what it should not."""

import numpy as np

from course_utils.grading.answers import Wrong, compare, passed, read_array, read_number, read_tuple

from .asking import asked, first_wrong, load, read
from .examples import example_network

COUNT, SIDE, FILL = 8, 4, -0.5
Y = np.array([0, 1, 0, 1, 0, 1, 1, 1])


def suspect(things, cues, size=1.0, first=0.5):
    """A network made by hand: maps that see one pixel of one channel, and so much weight on things and on cues.

    A thing is a pixel of the first channel, 1 for class 0 and -1 for class 1; a cue is a pixel of the second or third.
    """
    kernels = np.zeros((4, 3, 3, 3))
    kernels[0, 0, 1, 1], kernels[1, 0, 1, 1], kernels[2, 1, 1, 1], kernels[3, 2, 1, 1] = 1, -1, 1, 1
    last = size * np.array([[things, -things, cues, 0], [-things, things, 0, 2 * cues]])
    values = {"0.weight": kernels, "0.bias": np.zeros(4), "4.weight": last, "4.bias": [size * first, 0]}
    return load(example_network("suspect"), values).eval()


def collection():
    """Eight pictures: a thing in one row, a cue in another."""
    x, masks = np.zeros((COUNT, 3, SIDE, SIDE), dtype=np.float32), np.zeros((COUNT, SIDE, SIDE), dtype=bool)
    for n, c in enumerate(Y):
        x[n, 0, 1, n % SIDE] = 1 - 2 * c
        x[n, 1 + c, 3, (n + 1) % SIDE] = 1
        masks[n, 3, (n + 1) % SIDE] = True
    return x, masks


def detective(cover, evidence, find_cheat) -> None:
    """Exercise 6."""
    x, masks = collection()
    _cover(cover, x, masks)
    _evidence(evidence, x, masks)
    _find(find_cheat, x, masks)
    passed(
        6,
        "The prediction: the honest one's gradient may be larger everywhere, on the square too; the cheat's share is.",
    )


def _cover(cover, x, masks):
    got = read(cover, x.shape, x, masks, FILL)
    here = masks[:, None] & np.ones((1, 3, 1, 1), dtype=bool)
    want = np.where(here, FILL, x)
    mistakes = [
        (np.where(here, 0, x), "cover fills with 0: `fill` says with what"),
        (np.where(here, x, FILL), "cover covers all but the mask: what is True is covered"),
        (np.where(here, x + FILL, x), "cover adds fill: it takes the pixel's place"),
        (np.where(here, x * FILL, x), "cover multiplies by fill: it takes the pixel's place"),
        (np.where(masks[:1, None], FILL, x), "cover uses the first picture's mask for all: each has its own"),
        (
            np.where(masks.any(axis=0), FILL, x),
            "cover covers in each picture what is masked in any: each has its own mask",
        ),
        (np.where(here & (np.arange(3) == 0)[:, None, None], FILL, x), "cover covers one channel: all of them"),
        (x, "cover covers nothing"),
    ]
    compare(got, want, mistakes, f"cover is not right: {first_wrong(got, want)}")


def _pair(value):
    value = tuple(value) if getattr(value, "shape", None) == (2,) else value
    return [read_number(n, name) for n, name in zip(read_tuple(value, 2, "evidence"), ("the drop", "the gap"))]


def _evidence(evidence, x, masks):
    """A cheat that answers class 0 without its cues; and one that looks at both, by a third and two fifths."""
    size = 1 / SIDE**2
    for network, drop, share, before, after in (
        (suspect(0.0, 1.0), 5 / 8, 1.0, 1.0, 3 / 8),
        (
            suspect(2.0, 1.0, first=0.0),
            0.0,
            np.mean([1 / 3, 1 / 2, 1 / 3, 1 / 2, 1 / 3, 1 / 2, 1 / 2, 1 / 2]),
            1.0,
            1.0,
        ),
    ):
        got = _pair(asked(evidence, network, x, Y, masks, FILL))
        mistakes = [
            (
                before,
                "evidence gives the accuracy on the pictures as they are: the drop is what is lost when the mask is covered",
            ),
            (-drop, "the drop has the wrong sign: the accuracy before minus the one after"),
            (after, "evidence gives the accuracy when the mask is covered: the drop is what is lost of it"),
            (drop * len(Y), "the drop counts pictures: a share of them"),
            (drop * 100, "the drop is in per cent: a share from 0 to 1"),
            (drop / before, "the drop is a share of the accuracy before: the difference"),
        ]
        compare(
            got[0],
            drop,
            mistakes,
            f"the drop is not right for a network made by hand: it should be {drop:g}, yours is {got[0]:g}",
        )
        want = share - size
        mistakes = [
            (
                share,
                "the gap is the share of the map alone: a map that is the same everywhere has a share too, take it away",
            ),
            (share / size, "the gap is a quotient: the difference"),
            (-want, "the gap has the wrong sign: the map's share minus the mask's"),
            (100 * want, "the gap is in per cent: a share from 0 to 1"),
            (want * len(Y), "the gap is summed over the pictures: the mean"),
        ]
        compare(
            got[1],
            want,
            mistakes,
            f"the gap is not right for a network made by hand: it should be {want:g}, yours is {got[1]:g}",
        )


def _find(find_cheat, x, masks):
    honest, cheat = suspect(2.0, 0.1, size=20.0, first=0.0), suspect(0.0, 1.0)
    for pair, right in (([honest, cheat], 1), ([cheat, honest], 0)):
        value = asked(find_cheat, pair, x, Y, masks, FILL)
        if isinstance(value, bool | np.bool_):
            value = int(value)
        got = float(read_array(value, (), "what find_cheat returns"))
        if got == right:
            continue
        if got not in (0, 1):
            raise Wrong(f"find_cheat returns the place in the list, 0 or 1: yours is {got:g}")
        raise Wrong(
            "find_cheat accuses the wrong one of two networks made by hand. Accuracy does not tell; nor does the sheer size of a gradient, for the honest one has weights twenty "
            "times as large. Compare the drops, and the gaps"
        )
