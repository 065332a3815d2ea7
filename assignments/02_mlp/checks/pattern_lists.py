# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 2: one unit a pattern."""

from itertools import product

import numpy as np

from .answers import Wrong, ask, passed, read_array, read_number, read_tuple

LISTS = (
    [[1, -1, 1]],
    [[1, 1, 1], [-1, 1, -1]],
    [[1, 1], [1, -1], [-1, -1]],
    [[1, 1, -1, 1], [-1, -1, -1, -1], [1, 1, 1, 1], [-1, 1, -1, 1], [1, -1, -1, -1]],
)


def patterns(pattern_network) -> None:
    """Exercise 2."""
    for rows in LISTS:
        listed = np.array(rows)
        found = read_tuple(ask(pattern_network, listed), 4, "pattern_network(patterns)")
        hear = _network(found, *listed.shape)
        silent = [row for row in rows if hear(row)[1] < 0]
        if len(rows) == 2 and len(silent) == 2 and any((hear(row)[0] > 0).any() for row in rows):
            raise Wrong(
                f"pattern_network is silent for {rows}: the output unit asks every hidden unit to fire, but each input makes at "
                "most one of them fire. An OR fires when at least one does; a silent unit counts -1 in its sum, not 0"
            )
        if silent:
            raise Wrong(
                f"pattern_network is silent for a pattern on the list: {silent[0]}, the list being {rows}. "
                + _why_silent(*hear(silent[0]), listed.shape[1])
            )
        others = [list(other) for other in product((-1, 1), repeat=listed.shape[1]) if list(other) not in rows]
        loud = [other for other in others if hear(other)[1] >= 0]
        if loud:
            raise Wrong(
                f"pattern_network fires for {loud[0]}, a pattern that is not on the list {rows}. "
                + _why_loud(*hear(loud[0]), listed.shape[1])
            )
    passed(
        2,
        "The prediction: the longest list has all 2^10 = 1024 patterns, so 1024 units, and one more sign doubles that. "
        "Every function of binary inputs, learned by heart.",
    )


def _why_silent(z, total, d):
    if (z > 0).any():
        return f"The hidden units say z = {_signs(z)}, one fires, and still v.z + c is {total:g}, below 0: one has to be enough"
    return f"No hidden unit fires there: for the pattern itself p.x is {d}, and a sum of 0 fires"


def _why_loud(z, total, d):
    if (z > 0).any():
        return f"A hidden unit fires there: for the pattern itself p.x is {d}, for one wrong sign {d - 2}; and a sum of 0 fires"
    return (
        f"All hidden units are silent there, z = {_signs(z)}, and still v.z + c is {total:g}, not below 0: a silent unit "
        "counts -1, not 0"
    )


def _signs(z):
    return [int(sign) for sign in z]


def _network(found, m, d):
    """A function that returns the signs of the hidden units, and the sum of the output unit."""
    w, b = read_array(found[0], (m, d), "w"), read_array(found[1], (m,), "b")
    v, c = read_array(found[2], (m,), "v"), read_number(found[3], "c")

    def hear(x):
        z = np.where(w @ np.array(x) + b >= 0, 1.0, -1.0)
        return z, v @ z + c

    return hear
