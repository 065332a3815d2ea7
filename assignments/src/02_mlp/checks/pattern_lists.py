"""Exercise 2: one unit a pattern."""

from itertools import product

import numpy as np

from course_utils.grading.answers import Wrong, ask, passed, read_array, read_number, read_tuple

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
        fires = _fires(found, *listed.shape)
        silent = [row for row in rows if not fires(row)]
        if len(rows) == 2 and len(silent) == 2:
            raise Wrong(
                f"pattern_network is silent for {rows}: the output unit asks every hidden unit to fire, but each input makes at "
                "most one of them fire. An OR fires when at least one does"
            )
        if silent:
            raise Wrong(f"pattern_network is silent for a pattern on the list: {silent[0]}, the list being {rows}")
        others = [list(other) for other in product((-1, 1), repeat=listed.shape[1]) if list(other) not in rows]
        loud = [other for other in others if fires(other)]
        if loud:
            raise Wrong(
                f"pattern_network fires for {loud[0]}, a pattern that is not on the list {rows}. For the pattern itself p.x is "
                f"{listed.shape[1]}, for one wrong sign {listed.shape[1] - 2}; and a sum of 0 fires"
            )
    passed(2, "Every function of binary inputs, learned by heart.")


def _fires(found, m, d):
    w, b = read_array(found[0], (m, d), "w"), read_array(found[1], (m,), "b")
    v, c = read_array(found[2], (m,), "v"), read_number(found[3], "c")
    return lambda x: v @ np.where(w @ np.array(x) + b >= 0, 1.0, -1.0) + c >= 0
