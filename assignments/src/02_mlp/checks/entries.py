"""What helps to follow up a wrong answer: the first number that is wrong, the shapes that met, a number too large."""

import numpy as np

from course_utils.grading.answers import Wrong, ask


def first_wrong(got, want) -> str:
    """Name the first entry in reading order that is not right, or nothing if all are."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    wrong = np.argwhere(~np.isclose(got, want, rtol=1e-5, atol=1e-5))
    if not len(wrong):
        return ""
    place = tuple(int(i) for i in wrong[0])
    return f"at [{', '.join(map(str, place))}] it should be {want[place]:.6g}, yours is {got[place]:.6g}"


def overflowed(wrong) -> bool:
    """Whether an answer was refused for NaN, an infinity or an exception of arithmetic, and not for its shape, say."""
    signs = ("NaN", "infinity", "OverflowError", "ZeroDivisionError", "FloatingPointError", "ValueError: math domain")
    return any(sign in str(wrong) for sign in signs)


def ask_with_shapes(function, **arguments):
    """Call a student's function; where a product of arrays fails, name the shapes that went in."""
    try:
        return ask(function, *arguments.values())
    except Wrong as wrong:
        if "stops with ValueError" not in str(wrong):
            raise
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in arguments.items())
        raise Wrong(f"{wrong}. The shapes here: {shapes}") from None
