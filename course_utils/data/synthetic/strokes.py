"""Digits drawn by rule: pen strokes along known curves, to train on where no real digits may be used."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.check import check_int, check_number
from course_utils.data.image_set import ImageSet
from course_utils.data.synthetic.draws import Draws

CLASSES = tuple("0123456789")
POINTS = 36  # points of every template, so that a batch of different digits is one tensor
CHUNK_PIXELS = 2**17

Point = tuple[float, float]


def arc(x: float, y: float, across: float, down: float, start: float, stop: float) -> list[Point]:
    """Return points on an ellipse around (x, y), from ``start`` to ``stop`` degrees, clockwise from the right."""
    steps = max(3, int(abs(stop - start) / 24))
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


# One or more ways to write each digit: strokes in the square from (-1, -1), upper left, to (1, 1).
# Each way is one list of strokes; between two strokes the pen is lifted.
WAYS: tuple[tuple[list[list[Point]], ...], ...] = (
    ([arc(0, 0, 0.62, 0.95, -90, 270)], [arc(0, 0, 0.5, 0.95, -60, 300)]),
    ([[(0, -0.95), (0, 0.95)]], [[(-0.38, -0.5), (0.08, -0.95), (0.08, 0.95)]],
     [[(-0.38, -0.55), (0.05, -0.95), (0.05, 0.95)], [(-0.4, 0.95), (0.5, 0.95)]],
     [[(-0.6, -0.1), (0.15, -0.95), (0.15, 0.95)]]),
    ([[*arc(0, -0.42, 0.58, 0.53, -165, 35), (-0.62, 0.95), (0.66, 0.95)]],
     [[*arc(0, -0.45, 0.5, 0.5, -170, 50), (-0.45, 0.8), (-0.1, 0.75), (0.3, 0.95), (0.66, 0.85)]]),
    ([[*arc(-0.02, -0.48, 0.5, 0.47, -150, 90), *arc(-0.02, 0.47, 0.6, 0.48, -90, 150)]],
     [[*arc(-0.1, -0.48, 0.55, 0.45, -120, 80), *arc(-0.1, 0.45, 0.65, 0.5, -80, 130)]]),
    ([[(0.1, -0.95), (-0.62, 0.3), (0.68, 0.3)], [(0.3, -0.25), (0.3, 0.95)]],
     [[(-0.5, -0.9), (-0.52, 0.1), (0.6, 0.1)], [(0.5, -0.9), (0.42, 0.95)]],
     [[(0.35, 0.95), (0.35, -0.95), (-0.62, 0.35), (0.68, 0.35)]]),
    ([[(0.55, -0.92), (-0.42, -0.92), (-0.5, -0.1), *arc(-0.05, 0.36, 0.6, 0.58, -130, 150)]],
     [[(0.6, -0.9), (-0.35, -0.85), (-0.4, -0.15), *arc(-0.1, 0.4, 0.6, 0.52, -100, 130)]]),
    ([[(0.32, -0.95), (-0.25, -0.45), *arc(0, 0.42, 0.55, 0.52, 190, -170)]],
     [[(0.05, -0.95), (-0.42, -0.2), *arc(-0.02, 0.45, 0.46, 0.48, 200, -150)]]),
    ([[(-0.6, -0.9), (0.6, -0.9), (-0.12, 0.95)]],
     [[(-0.6, -0.9), (0.6, -0.9), (0.05, 0.95)], [(-0.3, 0.02), (0.52, 0.02)]],
     [[(-0.45, -0.75), (-0.1, -0.95), (0.45, -0.9), (0.15, 0), (0, 0.95)], [(-0.5, 0.15), (0.6, -0.05)]]),
    ([[*arc(0, -0.48, 0.45, 0.45, 90, 450), *arc(0, 0.47, 0.55, 0.48, -90, 270)]],
     [[(0.4, -0.7), *arc(0, -0.52, 0.42, 0.4, -30, -250), (0.4, 0.35), *arc(0, 0.5, 0.45, 0.44, -20, 200),
       (0.4, -0.7)]],
     [[*arc(0, -0.5, 0.5, 0.44, 90, 450), *arc(-0.05, 0.5, 0.3, 0.44, -90, 270)]]),
    ([[*arc(-0.02, -0.42, 0.52, 0.5, 0, -350), (0.5, -0.4), (0.36, 0.95)]],
     [[*arc(0, -0.42, 0.5, 0.5, 0, -350), (0.5, -0.4), *arc(0, 0.42, 0.5, 0.52, 0, 130)]],
     [[*arc(-0.1, -0.5, 0.4, 0.42, 0, -350), (0.3, -0.5), *arc(-0.05, 0.42, 0.6, 0.52, -45, 140)]]),
)  # fmt: skip


def _spread(strokes: list[list[Point]]) -> tuple[list[Point], list[Point]]:
    """Cut strokes into POINTS pieces, longer ones into more: starts and ends of the pieces."""
    pieces = [(a, b) for stroke in strokes for a, b in pairwise(stroke)]
    while len(pieces) < POINTS:
        lengths = [math.dist(a, b) for a, b in pieces]
        longest = lengths.index(max(lengths))
        a, b = pieces[longest]
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        pieces[longest : longest + 1] = [(a, middle), (middle, b)]
    if len(pieces) > POINTS:
        raise ValueError(f"a template may have at most {POINTS} pieces, got {len(pieces)}")
    return [a for a, _ in pieces], [b for _, b in pieces]


def _bend(points: Tensor, draws: tuple[Tensor, ...]) -> Tensor:
    """Move points (N, P, 2) as one hand differs from another: slant, size, turn, and a smooth wobble."""
    turn, slant, width, height, phase, wobble = draws
    x, y = points[..., 0], points[..., 1]
    x = x + wobble[:, 0, None] * torch.sin(2.2 * y + phase[:, 0, None])
    y = y + wobble[:, 1, None] * torch.sin(2.2 * x + phase[:, 1, None])
    x, y = width[:, None] * x - slant[:, None] * y, height[:, None] * y
    cos, sin = turn.cos()[:, None], turn.sin()[:, None]
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def make_digits(
    n: int,
    size: int = 28,
    seed: int = 0,
    *,
    pen: tuple[float, float] = (0.05, 0.13),
    margin: float = 0.25,
    width: tuple[float, float] = (0.75, 1.1),
    variety: float = 1.0,
    ways: int | None = None,
) -> ImageSet:
    """Make digits drawn with a pen of random width, slant and hand: ink bright on black, like MNIST.

    They are no handwriting: each digit has one to three ways to be written, bent smoothly. What they
    lack (real hands, broken strokes, joined loops) is what a network trained on them gets wrong.

    Args:
        n: number of images, at least 1.
        size: side in pixels, at least 8. Small sizes are averaged down from at least 24 pixels.
        seed: at least 0.
        pen: thinnest and thickest half width of a line, as a fraction of half the side.
        margin: free border, as a fraction of half the side, 0..0.5. The defaults look like MNIST; the 8x8
            digits of scikit-learn fill their frame with a thick pen: ``pen=(0.1, 0.2), margin=0``.
        width: narrowest and widest hand, as a factor on the template's width.
        variety: how far hands differ from the middle one: 0 draws all alike (but for the pen), 1 as above, more
            exaggerates; at least 0.
        ways: how many of the ways to write a digit are used, from the first; None for all.

    Returns:
        ImageSet with images (N, 1, size, size) and ten balanced classes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=8)
    check_number("margin", margin, minimum=0, maximum=0.5)
    thin = check_number("pen[0]", pen[0], above=0, maximum=0.5)
    thick = check_number("pen[1]", pen[1], minimum=thin, maximum=0.5)
    narrow = check_number("width[0]", width[0], above=0)
    wide = check_number("width[1]", width[1], minimum=narrow)
    check_number("variety", variety, minimum=0)
    if ways is not None:
        check_int("ways", ways, minimum=1)
    draws = Draws(n, seed, "digits")
    labels = draws.balanced(10)
    templates = [[_spread(way) for way in written[:ways]] for written in WAYS]
    most = max(len(written) for written in templates)
    table = torch.tensor([[every[i % len(every)] for i in range(most)] for every in templates])  # (10, W, 2, P, 2)
    pieces = table[labels, draws.choice(most)]  # (N, 2, P, 2)

    def differing(low: float, high: float) -> Tensor:
        middle = (1 - variety) * (low + high) / 2  # exactly 0 at variety 1, so that pictures stay what they were
        return draws.uniform(low=variety * low + middle, high=variety * high + middle)

    hand = (
        differing(-0.2, 0.2),
        differing(-0.1, 0.4),
        differing(narrow, wide).clamp_min(0.2),
        differing(0.9, 1.05),
        draws.uniform(2, high=2 * torch.pi),
        draws.uniform(2, high=0.14 * variety),
    )
    half_width = draws.uniform(low=thin, high=thick)
    offset = draws.uniform(2, low=-0.06 * variety, high=0.06 * variety)
    bent = _bend(pieces.flatten(1, 2), hand)
    # Fit height and width into the frame, as MNIST and the 8x8 digits do, then move a little.
    low, high = bent.amin(1, keepdim=True), bent.amax(1, keepdim=True)
    reach = (high - low).amax(2, keepdim=True) / 2
    room = (1 - margin - half_width)[:, None, None]
    bent = (bent - (low + high) / 2) / reach * room + offset[:, None]
    starts, ends = bent.view(n, 2, POINTS, 2).unbind(1)
    factor = 1 if size >= 24 else math.ceil(24 / size)
    side = size * factor
    steps = (torch.arange(side) + 0.5) / side * 2 - 1
    images = torch.empty(n, 1, size, size, dtype=torch.uint8)
    chunk = max(1, CHUNK_PIXELS // side**2)
    for begin in range(0, n, chunk):
        part = slice(begin, begin + chunk)
        distance = _distance_to_pieces(steps, starts[part], ends[part])[:, None]
        ink = ((half_width[part, None, None, None] - distance) * (side / 2) + 0.5).clamp_(0, 1)
        ink = torch.nn.functional.avg_pool2d(ink, factor)
        images[part] = (ink * 255).round_().to(torch.uint8)
    return ImageSet(images, labels, CLASSES, f"synthetic/digits-{size}-seed{seed}")


def _distance_to_pieces(steps: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Return the distance (N, S, S) from each point of the grid ``steps`` x ``steps`` to the nearest piece.

    Args:
        steps: (S,), coordinates of rows and of columns.
        starts, ends: (N, P, 2), the pieces.
    """
    nearest = torch.full((len(starts), len(steps), len(steps)), torch.inf)
    for start, end in zip(starts.unbind(1), ends.unbind(1)):
        along = end - start
        across, down = along[:, 0, None, None], along[:, 1, None, None]
        x = (steps - start[:, :1])[:, None, :]  # (N, 1, S)
        y = (steps - start[:, 1:])[:, :, None]  # (N, S, 1)
        length = (across**2 + down**2).clamp_min(1e-9)
        share = (x * (across / length) + y * (down / length)).clamp_(0, 1)
        away_x = torch.addcmul(x, share, across, value=-1)
        away_y = torch.addcmul(y, share, down, value=-1)
        torch.minimum(nearest, away_x.square_().addcmul_(away_y, away_y), out=nearest)
    return nearest.sqrt_()
