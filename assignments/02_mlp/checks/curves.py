# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: bumps."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong, overflowed


def bumps(bump, draw_curve) -> None:
    """Exercise 3."""
    _soft_bump(bump)
    _steep_bump(bump)
    _steep_curve(draw_curve)
    _soft_curve(draw_curve)
    passed(3, "A theorem, made of bumps.")


def _soft_bump(bump) -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    up = 1 / (1 + np.exp(-2 * (x - 1)))
    down = 1 / (1 + np.exp(-2 * (x - 3)))
    got = read_array(ask(bump, x, 1.0, 3.0, 5.0, 2.0), (5,), "bump(x, 1, 3, 5, 2)")
    late = 1 / (1 + np.exp(1 - 2 * x)) - 1 / (1 + np.exp(3 - 2 * x))
    gentle = 1 / (1 + np.exp(1 - x)) - 1 / (1 + np.exp(3 - x))
    hasty = 1 / (1 + np.exp(4 - 4 * x)) - 1 / (1 + np.exp(12 - 4 * x))
    right = 5 * (up - down)
    mistakes = [
        (5 * (up + down), "bump goes up twice: at the right edge it needs a step down, a minus"),
        (5 * up, "bump never comes back: at the right edge it needs a step down"),
        (5 * late, "bump lets the steepness multiply x alone: it multiplies the whole distance, k (x - l)"),
        (5 * gentle, "bump forgets the steepness: it multiplies the distance, k (x - l)"),
        (
            5 * hasty,
            "bump is twice as steep as it should be: the sigmoid is (1 + tanh(a / 2)) / 2, with half of a inside",
        ),
        (2 * right, "bump is twice as high as it should be: tanh goes from -1 to 1, the sigmoid from 0 to 1"),
        (-right, "bump is upside down: the step up is at the left edge, and the sigmoid rises"),
        (up - down, "bump forgets the height"),
        (5 * up - down, "bump gives the height to the first step only: both steps have it"),
        (5 * up * (1 - down), "bump multiplies the two steps: it is their difference"),
    ]
    otherwise = f"bump is not right for the edges 1 and 3, height 5 and steepness 2: {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)


def _steep_bump(bump) -> None:
    try:
        got = read_array(ask(bump, np.array([-9.0, 2.0, 9.0]), 1.0, 3.0, 5.0, 1000.0), (3,), "bump with steepness 1000")
    except Wrong as wrong:
        if not overflowed(wrong):
            raise
        raise Wrong(
            "bump fails where steepness times distance is large: write the sigmoid so that no exponential overflows"
        ) from None
    otherwise = f"bump is not right for a steepness of 1000: {first_wrong(got, [0, 5, 0])}; 0 outside, 5 inside"
    compare(got, [0, 5, 0], otherwise=otherwise)


def _steep_curve(draw_curve) -> None:
    edges, heights = np.array([0.0, 1.0, 2.0, 4.0]), np.array([2.0, -1.0, 3.0])
    got = read_array(ask(draw_curve, np.array([-1.0, 0.5, 1.5, 3.0, 5.0]), edges, heights, 200.0), (5,), "draw_curve")
    right = np.array([0, 2, -1, 3, 0])
    mistakes = [
        (
            [0, 2, 0, 3, 0],
            "draw_curve takes the largest bump: the curve is the sum of the bumps, and one of them is negative",
        ),
        ([0, 2, -1, 0, 0], "draw_curve leaves out the last bump: n + 1 edges make n bumps"),
        ([0, 0, -1, 3, 0], "draw_curve leaves out the first bump: bump 0 lies between edge 0 and edge 1"),
        (right / 3, "draw_curve takes the mean of the bumps: take their sum"),
        (
            [0, 4, 2, 3, 0],
            "draw_curve starts every bump at the first edge: bump i lies between edge i and edge i + 1",
        ),
    ]
    otherwise = (
        f"draw_curve is not right: {first_wrong(got, right)}. The heights are 2, -1, 3 between the edges 0, 1, 2, 4, and 0 "
        "outside"
    )
    compare(got, right, mistakes, otherwise)


def _soft_curve(draw_curve) -> None:
    """Heights 4 and -1: the curve goes up by 4 at edge 0, down by 5 at edge 1, up by 1 at edge 3."""
    x, edges, heights = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 3.0]), np.array([4.0, -1.0])
    got = read_array(ask(draw_curve, x, edges, heights, 1.0), (4,), "draw_curve with 3 edges, at 4 places,")
    s = {1: 0.7310585786, 2: 0.8807970780, 3: 0.9525741268}  # the sigmoid
    right = [
        4 * 0.5 - 5 * (1 - s[1]) + (1 - s[3]),
        4 * s[1] - 5 * 0.5 + (1 - s[2]),
        4 * s[2] - 5 * s[1] + (1 - s[1]),
        4 * s[3] - 5 * s[2] + 0.5,
    ]
    hard = "draw_curve does not use the steepness it is given: with k = 1 the bumps are soft, and each reaches into the others"
    mistakes = [([2, 1.5, -1, -0.5], hard), ([4, -1, -1, 0], hard), ([4, -1, -1, -1], hard)]
    otherwise = (
        f"draw_curve is not right with steepness 1, edges 0, 1, 3 and heights 4, -1: {first_wrong(got, right)}. It is "
        "the sum of all bumps at every place, outside of their edges, too"
    )
    compare(got, right, mistakes, otherwise)
