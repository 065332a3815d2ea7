"""Lists with one entry a layer, and which number is the first that is wrong: two values say more than "not right"."""

import numpy as np

from course_utils.grading.answers import Wrong


def first_wrong(got, want) -> str:
    """Name the first entry in reading order that is not right, or nothing if all are."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    wrong = np.argwhere(~np.isclose(got, want, rtol=1e-5, atol=1e-5))
    if not len(wrong):
        return ""
    place = tuple(int(i) for i in wrong[0])
    return f"at [{', '.join(map(str, place))}] it should be {want[place]:g}, yours is {got[place]:g}"


def listed(value, length, name):
    """A list with one entry for each layer."""
    if value is None:
        raise Wrong(f"{name} is None: a function without `return` hands back nothing")
    try:
        found = list(value)
    except TypeError:
        raise Wrong(f"{name} should be a list with one entry for each layer, got one {type(value).__name__}") from None
    if len(found) == length + 1:
        raise Wrong(f"{name} has an entry for the picture too: one for each layer, after it")
    if len(found) != length:
        raise Wrong(f"{name} should have {length} entries, one for each layer, got {len(found)}")
    return found
