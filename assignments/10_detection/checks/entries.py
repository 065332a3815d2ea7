# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Which number is the first that is wrong: a sentence with two values in it is easier to follow up than "not right"."""

import numpy as np


def first_wrong(got, want) -> str:
    """Name the first entry in reading order that is not right, or nothing if all are."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    wrong = np.argwhere(~np.isclose(got, want, rtol=1e-5, atol=1e-5))
    if not len(wrong):
        return ""
    place = tuple(int(i) for i in wrong[0])
    return f"at [{', '.join(map(str, place))}] it should be {want[place]:g}, yours is {got[place]:g}"
