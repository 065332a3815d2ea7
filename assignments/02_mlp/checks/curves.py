# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: bumps."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array


def bumps(bump, draw_curve) -> None:
    """Exercise 3."""
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    up = 1 / (1 + np.exp(-2 * (x - 1)))
    down = 1 / (1 + np.exp(-2 * (x - 3)))
    got = read_array(ask(bump, x, 1.0, 3.0, 5.0, 2.0), (5,), "bump(x, 1, 3, 5, 2)")
    late = 1 / (1 + np.exp(1 - 2 * x)) - 1 / (1 + np.exp(3 - 2 * x))
    mistakes = [
        (5 * (up + down), "bump goes up twice: at the right edge it needs a step down, a minus"),
        (5 * up, "bump never comes back: at the right edge it needs a step down"),
        (5 * late, "bump lets the steepness multiply x alone: it multiplies the whole distance, k (x - l)"),
        (10 * (up - down), "bump is twice as high as it should be: tanh goes from -1 to 1, the sigmoid from 0 to 1"),
        (5 * (down - up), "bump is upside down: the step up is at the left edge"),
        (up - down, "bump forgets the height"),
    ]
    compare(
        got,
        5 * (up - down),
        mistakes,
        f"bump is not right: at x = 2 it is {5 * (up[2] - down[2]):.4f}, yours is {got[2]:.4f}",
    )
    try:
        got = read_array(ask(bump, np.array([-9.0, 2.0, 9.0]), 1.0, 3.0, 5.0, 1000.0), (3,), "bump with steepness 1000")
    except Wrong:
        raise Wrong(
            "bump fails where steepness times distance is large: write the sigmoid so that no exponential overflows"
        ) from None
    compare(got, [0, 5, 0], otherwise="bump is not right for a steepness of 1000: 0 outside, 5 inside")

    edges, heights = np.array([0.0, 1.0, 2.0, 4.0]), np.array([2.0, -1.0, 3.0])
    got = read_array(ask(draw_curve, np.array([-1.0, 0.5, 1.5, 3.0, 5.0]), edges, heights, 200.0), (5,), "draw_curve")
    mistakes = [
        (
            [0, 2, 0, 3, 0],
            "draw_curve takes the largest bump: the curve is the sum of the bumps, and one of them is negative",
        ),
        ([0, 2, -1, 0, 0], "draw_curve leaves out the last bump: n + 1 edges make n bumps"),
        ([0, 0, -1, 3, 0], "draw_curve leaves out the first bump: bump 0 lies between edge 0 and edge 1"),
    ]
    otherwise = "draw_curve is not right: heights 2, -1, 3 between the edges 0, 1, 2, 4, and 0 outside"
    compare(got, [0, 2, -1, 3, 0], mistakes, otherwise)
    passed(3, "A theorem, made of bumps.")
