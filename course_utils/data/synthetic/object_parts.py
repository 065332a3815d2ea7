"""What cars, houses, birds and faces are drawn of: ten kinds of objects that share parts.

Objects are drawn in their own frame: x right, y down, both about -1..1, facing right. A kind is one function that puts
part over part, back to front, with a `Pen` that draws all its pictures at once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import torch
from torch import Tensor

from course_utils.data.synthetic.outlines import Measure, box, capsule, ellipse, polygon
from course_utils.data.synthetic.textures import hsv_to_rgb, pattern

PARTS = (
    "background", "body", "wheel", "window", "light", "door", "wall", "roof", "chimney", "frame", "wing", "tail",
    "trunk", "crown", "head", "eye", "beak", "leg", "ear", "hair", "nose", "mouth",
)  # fmt: skip
Point = tuple[Measure, Measure]
NUMBERS = 40  # random numbers that one picture may use
EDGE = 0.7


class Pen:
    """Draws the parts of M pictures of one kind, and remembers which part each pixel shows.

    Args:
        canvas: (M, 3, H, W), 0..1; drawn on.
        x, y: (M, H, W), the pixels' places in the object's frame.
        pixels: (M,), how many pixels one unit of the frame is long.
        numbers: (M, NUMBERS), uniform in 0..1, used up one after another.

    ``parts``, uint8 (M, H, W), holds positions in ``PARTS``.
    """

    def __init__(self, canvas: Tensor, x: Tensor, y: Tensor, pixels: Tensor, numbers: Tensor) -> None:
        self.canvas, self.x, self.y, self.pixels = canvas, x, y, pixels[:, None, None]
        self.parts = torch.zeros(x.shape, dtype=torch.uint8)
        self._numbers, self._next = numbers, count()

    def number(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return one random number a picture, (M,)."""
        return low + (high - low) * self._numbers[:, next(self._next)]

    def paint(self, hue: tuple[float, float] = (0, 1), *, bright: tuple[float, float] = (0.45, 1), pale: float = 0.35,
              vivid: float = 0.9) -> Tensor:  # fmt: skip
        """Return a random colour a picture, (M, 3): hue in a range, saturation from ``pale`` to ``vivid``."""
        return hsv_to_rgb(self.number(*hue) % 1, self.number(pale, vivid), self.number(*bright))

    def textured(self, color: Tensor, strength: float = 0.45, kinds: tuple[int, ...] = (0, 1, 2, 3, 5)) -> Tensor:
        """Return a random pattern in a colour and a darker or lighter one, (M, 3, H, W)."""
        kind = torch.tensor(kinds)[(self.number() * len(kinds)).long().clamp_max_(len(kinds) - 1)]
        frequency, turn = self.number(9, 20), self.number(0, torch.pi)
        cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
        along, across = self.x * cos + self.y * sin, self.y * cos - self.x * sin
        share = pattern(kind, frequency, self.number(), torch.ones(len(kind)), along, across)
        other = torch.where(
            (self.number() < 0.5)[:, None], color * (1 - strength), torch.lerp(color, torch.ones(3), strength)
        )
        return torch.lerp(color[:, :, None, None], other[:, :, None, None], share[:, None])

    def put(self, part: str, distance: Tensor, color: Tensor | float, *, edge: float = EDGE, see: float = 1.0) -> None:
        """Draw one part over all that is there.

        Args:
            part: one of ``PARTS``; it owns every pixel whose centre lies inside.
            distance: (M, H, W), from its outline, in the object's frame.
            color: (M, 3), (M, 3, H, W) or a gray level.
            edge: brightness of its rim, 1 for none.
            see: how solid it is drawn: 0 leaves what is behind, and still owns the pixels.
        """
        distance = distance * self.pixels
        if not isinstance(color, Tensor):
            color = torch.full((1, 3), float(color))
        color = color if color.ndim == 4 else color[:, :, None, None]
        if edge != 1:
            color = color * (edge + (1 - edge) * (-distance - 0.6).clamp_(0, 1))[:, None]
        alpha = (0.5 - distance).clamp_(0, 1).mul_(see)
        self.canvas.lerp_(color.expand_as(self.canvas), alpha[:, None])
        self.parts[distance < 0] = PARTS.index(part)

    def wheel(self, cx: Measure, cy: Measure, radius: Measure, tyre: Tensor, rim: Tensor) -> None:
        """A tyre with a lighter rim and a dark hub."""
        self.put("wheel", ellipse(self.x, self.y, cx, cy, radius, radius), tyre, edge=1)
        self.put("wheel", ellipse(self.x, self.y, cx, cy, 0.58 * radius, 0.58 * radius), rim, edge=1)
        self.put("wheel", ellipse(self.x, self.y, cx, cy, 0.2 * radius, 0.2 * radius), tyre, edge=1)

    def eye(self, cx: Measure, cy: Measure, rx: Measure, ry: Measure) -> None:
        """A white with a dark pupil."""
        self.put("eye", ellipse(self.x, self.y, cx, cy, rx, ry), 0.97, edge=1)
        self.put("eye", ellipse(self.x, self.y, cx, cy, 0.62 * ry, 0.62 * ry), 0.07, edge=1)

    def glass(self) -> Tensor:
        """Return the colour of window panes: bluish, from dark to light."""
        return self.paint((0.48, 0.62), bright=(0.25, 1), pale=0.1, vivid=0.45)

    def rubber(self) -> tuple[Tensor, Tensor]:
        """Return the colours of tyre and rim."""
        tyre, rim = self.number(0.03, 0.2), self.number(0.6, 0.95)
        return tyre[:, None].expand(-1, 3), rim[:, None].expand(-1, 3)


def car(pen: Pen) -> None:
    """Body with a cabin, two windows, two wheels, a headlight."""
    x, y, color = pen.x, pen.y, pen.textured(pen.paint(), 0.35)
    tall, back, front = pen.number(0.42, 0.55), pen.number(-0.72, -0.5), pen.number(0.4, 0.6)
    pen.put("body", polygon(x, y, [(back, 0.0), (back + 0.18, -tall), (front - 0.3, -tall), (front, 0.0)]), color)
    pen.put("body", box(x, y, 0, 0.12, 0.96, 0.22, 0.12), color)
    glass, middle = pen.glass(), (back + front) / 2 - 0.02
    top, low = 0.1 - tall, -0.08
    pen.put(
        "window",
        polygon(x, y, [(back + 0.1, low), (back + 0.22, top), (middle - 0.04, top), (middle - 0.04, low)]),
        glass,
    )
    pen.put(
        "window",
        polygon(x, y, [(middle + 0.04, low), (middle + 0.04, top), (front - 0.34, top), (front - 0.1, low)]),
        glass,
    )
    pen.put(
        "light", ellipse(x, y, 0.86, 0.08, 0.09, 0.08), pen.paint((0.1, 0.17), bright=(0.9, 1), pale=0.2, vivid=0.6)
    )
    tyre, rim = pen.rubber()
    radius = pen.number(0.2, 0.26)
    for cx in (pen.number(-0.62, -0.5), pen.number(0.48, 0.6)):
        pen.wheel(cx, 0.34, radius, tyre, rim)


def bus(pen: Pen) -> None:
    """High body with a row of windows, a door, two wheels, a headlight."""
    x, y, color = pen.x, pen.y, pen.textured(pen.paint(), 0.35)
    tall = pen.number(0.44, 0.56)
    pen.put("body", box(x, y, 0, -0.04, 0.96, tall, 0.1), color)
    glass, row = pen.glass(), -0.04 - 0.45 * tall
    for cx in (-0.72, -0.36, 0.0, 0.36):
        pen.put("window", box(x, y, cx, row, 0.14, 0.34 * tall), glass)
    pen.put("door", box(x, y, 0.74, 0.06 - 0.1 * tall, 0.13, 0.8 * tall), pen.paint(pale=0.1, bright=(0.3, 0.9)))
    pen.put("window", box(x, y, 0.74, row, 0.08, 0.3 * tall), glass)
    pen.put(
        "light",
        ellipse(x, y, 0.9, tall - 0.14, 0.07, 0.07),
        pen.paint((0.1, 0.17), bright=(0.9, 1), pale=0.2, vivid=0.6),
    )
    tyre, rim = pen.rubber()
    radius = pen.number(0.17, 0.22)
    for place in (pen.number(-0.62, -0.45), pen.number(0.3, 0.45)):
        pen.wheel(place, tall - 0.03, radius, tyre, rim)


def bicycle(pen: Pen) -> None:
    """Two large wheels, a frame with saddle and handlebar; what is seen between the spokes counts as wheel."""
    x, y, color = pen.x, pen.y, pen.paint()
    tyre, rim = pen.rubber()
    radius, apart = pen.number(0.38, 0.46), pen.number(0.5, 0.58)
    for cx in (-apart, apart):
        disc = ellipse(x, y, cx, 0.28, radius, radius)
        pen.put("wheel", disc, 0.5, see=0.0)
        turn = pen.number(0, 1.5)
        for step in range(3):
            angle = turn + step * torch.pi / 3
            dx, dy = 0.95 * radius * angle.cos(), 0.95 * radius * angle.sin()
            pen.put("wheel", capsule(x, y, (cx - dx, 0.28 - dy), (cx + dx, 0.28 + dy), 0.012), rim, edge=1)
        pen.put("wheel", (disc + 0.055).abs() - 0.055, tyre, edge=1)
    crank: Point = (-0.06, 0.3)
    seat: Point = (-0.26, -0.22)
    head: Point = (0.34, -0.22)
    rods: list[tuple[Point, Point]] = [
        ((-apart, 0.28), crank),
        (crank, seat),
        (crank, head),
        (seat, head),
        ((-apart, 0.28), seat),
        (head, (apart, 0.28)),
    ]
    for start, stop in rods:
        pen.put("frame", capsule(x, y, start, stop, 0.045), color, edge=1)
    pen.put("frame", capsule(x, y, seat, (-0.3, -0.36), 0.04), color, edge=1)
    pen.put("frame", capsule(x, y, (-0.44, -0.4), (-0.18, -0.38), 0.06), 0.1, edge=1)
    pen.put("frame", capsule(x, y, head, (0.3, -0.44), 0.04), color, edge=1)
    pen.put("frame", capsule(x, y, (0.22, -0.5), (0.46, -0.44), 0.05), 0.1, edge=1)


def plane(pen: Pen) -> None:
    """Long body with a row of windows, two wings, a tail."""
    x, y, color = pen.x, pen.y, pen.textured(pen.paint(pale=0.05), 0.3, (0, 0, 1, 2))
    wing, thick = pen.paint(pale=0.05), pen.number(0.16, 0.23)
    sweep, span = pen.number(0.25, 0.5), pen.number(0.5, 0.72)
    pen.put("wing", polygon(x, y, [(-0.12 - sweep, -span), (0.04 - sweep, -span), (0.24, -0.06), (-0.14, -0.06)]), wing)
    rise = pen.number(0.42, 0.58)
    pen.put("tail", polygon(x, y, [(-0.95, -rise), (-0.74, -rise), (-0.5, 0.0), (-0.86, 0.0)]), wing)
    pen.put("body", capsule(x, y, (-0.76, 0.0), (0.74, 0.02), thick), color)
    glass = pen.glass()
    for cx in (-0.4, -0.22, -0.04, 0.14, 0.32):
        pen.put("window", ellipse(x, y, cx, -0.06, 0.055, 0.055), glass, edge=1)
    pen.put("window", polygon(x, y, [(0.64, -0.02), (0.66, -0.13), (0.78, -0.12), (0.86, -0.02)]), glass, edge=1)
    pen.put("tail", polygon(x, y, [(-0.9, 0.0), (-0.6, 0.0), (-0.82, 0.22), (-0.98, 0.22)]), wing)
    pen.put("wing", polygon(x, y, [(-0.12, 0.08), (0.26, 0.08), (0.02 - sweep, span), (-0.18 - sweep, span)]), wing)


def ship(pen: Pen) -> None:
    """Hull, a cabin with round windows, one or two chimneys."""
    x, y, hull = pen.x, pen.y, pen.textured(pen.paint(), 0.35)
    deck, upper = pen.number(0.08, 0.2), pen.paint(pale=0.02, vivid=0.3, bright=(0.75, 1))
    funnel, left = pen.paint(), pen.number(-0.5, -0.35)
    for cx in (left + 0.25, left + 0.6):
        pen.put("chimney", box(x, y, cx, -0.5, 0.1, 0.24), funnel)
    pen.put("wall", box(x, y, left + 0.42, -0.12, 0.55, deck + 0.14), upper)
    pen.put("body", polygon(x, y, [(-0.97, deck), (0.97, deck), (0.66, 0.62), (-0.72, 0.62)]), hull)
    glass = pen.glass()
    for step in (0.04, 0.3, 0.56, 0.82):
        pen.put("window", ellipse(x, y, left + step, -0.1, 0.09, 0.09), glass)


def house(pen: Pen) -> None:
    """Wall, pointed roof, a chimney, a door, two windows with bars."""
    x, y, wall = pen.x, pen.y, pen.textured(pen.paint(vivid=0.6), 0.35)
    wide, eaves, peak = pen.number(0.6, 0.78), pen.number(-0.2, 0.0), pen.number(-0.9, -0.65)
    pen.put("chimney", box(x, y, 0.55 * wide, peak + 0.18, 0.1, 0.24), pen.paint((-0.03, 0.08), bright=(0.3, 0.8)))
    pen.put("wall", box(x, y, 0, (0.8 + eaves) / 2, wide, (0.8 - eaves) / 2), wall)
    roof = pen.textured(pen.paint((-0.05, 0.1), bright=(0.3, 0.8)), 0.4)
    pen.put("roof", polygon(x, y, [(-wide - 0.18, eaves), (0.0, peak), (wide + 0.18, eaves)]), roof)
    at = pen.number(-0.15, 0.15)
    pen.put("door", box(x, y, at, 0.53, 0.13, 0.27), pen.paint(bright=(0.2, 0.8)))
    glass, sill = pen.glass(), eaves + 0.27
    for cx in (at - 0.36, at + 0.36):
        pen.put("window", box(x, y, cx, sill, 0.14, 0.14), 0.95, edge=1)
        for dx in (-0.056, 0.056):
            for dy in (-0.056, 0.056):
                pen.put("window", box(x, y, cx + dx, sill + dy, 0.042, 0.042), glass, edge=1)


def tree(pen: Pen) -> None:
    """Trunk and crown: a round crown of four lobes, or the three tiers of a fir."""
    x, y = pen.x, pen.y
    bark = pen.textured(pen.paint((0.04, 0.1), bright=(0.25, 0.6)), 0.4)
    pen.put("trunk", polygon(x, y, [(-0.1, 0.0), (0.1, 0.0), (0.16, 0.95), (-0.16, 0.95)]), bark)
    leaves = pen.textured(pen.paint((0.05, 0.42), bright=(0.35, 0.85), pale=0.5), 0.5, (2, 3, 3, 4, 5))
    lobes = [
        ellipse(x, y, pen.number(-0.45, -0.3), pen.number(-0.15, 0.0), 0.44, 0.4),
        ellipse(x, y, pen.number(0.3, 0.45), pen.number(-0.15, 0.0), 0.44, 0.4),
        ellipse(x, y, pen.number(-0.1, 0.1), -0.5, pen.number(0.42, 0.52), 0.42),
    ]
    tiers = [
        polygon(x, y, [(-0.68, 0.4), (0.0, -0.35), (0.68, 0.4)]),
        polygon(x, y, [(-0.54, 0.02), (0.0, -0.66), (0.54, 0.02)]),
        polygon(x, y, [(-0.4, -0.36), (0.0, -0.97), (0.4, -0.36)]),
    ]
    fir = (pen.number() < 0.4)[:, None, None]
    rounded, pointed = (torch.stack(shapes).amin(0) for shapes in (lobes, tiers))
    pen.put("crown", torch.where(fir, pointed, rounded), leaves)


def bird(pen: Pen) -> None:
    """Body, head with eye and beak, a folded wing, a tail, two thin legs."""
    x, y, color = pen.x, pen.y, pen.paint()
    feathers, orange = pen.textured(color, 0.3), pen.paint((0.04, 0.13), bright=(0.75, 1), pale=0.7, vivid=1)
    fat, high = pen.number(0.34, 0.46), pen.number(-0.55, -0.42)
    for cx in (-0.12, 0.14):
        pen.put("leg", capsule(x, y, (cx, 0.3), (cx + 0.02, 0.82), 0.045), orange, edge=1)
        pen.put("leg", capsule(x, y, (cx, 0.84), (cx + 0.16, 0.84), 0.045), orange, edge=1)
    lift = pen.number(-0.3, 0.1)
    pen.put(
        "tail", polygon(x, y, [(-0.98, lift - 0.1), (-0.4, -0.05), (-0.4, 0.22), (-0.92, lift + 0.16)]), color * 0.7
    )
    pen.put("body", ellipse(x, y, -0.05, 0.08, 0.58, fat), feathers)
    pen.put("beak", polygon(x, y, [(0.68, high - 0.12), (1.02, high + 0.03), (0.68, high + 0.15)]), orange)
    pen.put("head", ellipse(x, y, 0.5, high, 0.28, 0.27), feathers)
    pen.eye(0.58, high - 0.05, 0.095, 0.095)
    wing = pen.textured(pen.paint(), 0.4, (1, 2, 3, 5))
    pen.put("wing", ellipse(x, y, -0.2, 0.06, 0.36, 0.58 * fat), wing)


def horse(pen: Pen) -> None:
    """Body on four legs, neck and head with eye, ear and mane, a tail."""
    x, y, color = pen.x, pen.y, pen.paint((0.0, 1.0), bright=(0.35, 0.95), pale=0.1, vivid=0.7)
    coat, mane = pen.textured(color, 0.35), pen.paint(bright=(0.1, 0.9), pale=0.1)
    swing, belly = pen.number(-0.1, 0.1), pen.number(0.24, 0.31)
    for foot, side in ((-0.5, 1), (-0.3, -1), (0.22, 1), (0.42, -1)):
        shade = color * (0.75 if side < 0 else 1)
        pen.put("leg", capsule(x, y, (foot, 0.2), (foot + side * swing, 0.86), 0.075), shade)
    pen.put("tail", capsule(x, y, (-0.62, -0.02), (-0.88, pen.number(0.3, 0.55)), 0.085), mane)
    nose = pen.number(-0.5, -0.36)
    pen.put("hair", capsule(x, y, (0.28, -0.1), (0.46, -0.72), 0.16), mane)
    pen.put("body", polygon(x, y, [(0.2, 0.05), (0.46, -0.72), (0.68, -0.62), (0.6, 0.12)]), coat)
    pen.put("body", box(x, y, -0.04, 0.08, 0.6, belly, 0.22), coat)
    pen.put("ear", polygon(x, y, [(0.44, -0.66), (0.46, -0.98), (0.6, -0.72)]), color)
    pen.put("head", capsule(x, y, (0.56, -0.62), (0.9, nose), 0.15), coat)
    pen.eye(0.62, -0.64, 0.095, 0.095)


def face(pen: Pen) -> None:
    """Head with hair, two ears, two eyes, nose and mouth."""
    x, y = pen.x, pen.y
    skin = pen.paint((0.03, 0.1), bright=(0.4, 1), pale=0.25, vivid=0.55)
    hair = pen.textured(pen.paint((0.02, 0.16), bright=(0.05, 0.8), pale=0.1), 0.4)
    wide, long, gap = pen.number(0.55, 0.68), pen.number(0.72, 0.82), pen.number(0.22, 0.29)
    pen.put("hair", ellipse(x, y, 0, -0.2, wide + 0.16, pen.number(0.72, 0.9)), hair)
    for cx in (-wide, wide):
        pen.put("ear", ellipse(x, y, 1.06 * cx, 0.06, 0.14, 0.19), skin)
    pen.put("head", ellipse(x, y, 0, 0.1, wide, long), skin[:, :, None, None].expand(-1, -1, *x.shape[1:]))
    fringe = torch.maximum(ellipse(x, y, 0, 0.1, wide, long), y - pen.number(-0.45, -0.25)[:, None, None])
    pen.put("hair", fringe, hair)
    tall = pen.number(0.08, 0.12)
    for cx in (-gap, gap):
        pen.eye(cx, -0.02, 0.15, tall)
    pen.put("nose", polygon(x, y, [(-0.09, 0.3), (0.0, 0.06), (0.09, 0.3)]), skin * 0.75, edge=1)
    pen.put(
        "mouth",
        ellipse(x, y, 0, 0.53, pen.number(0.17, 0.3), pen.number(0.05, 0.11)),
        pen.paint((-0.05, 0.02), bright=(0.5, 0.85), pale=0.6),
    )


KINDS: dict[str, Callable[[Pen], None]] = {
    "car": car, "bus": bus, "bicycle": bicycle, "plane": plane, "ship": ship,
    "house": house, "tree": tree, "bird": bird, "horse": horse, "face": face,
}  # fmt: skip

# Which parts a kind is drawn of; a test holds that the drawings agree.
PARTS_OF: dict[str, tuple[str, ...]] = {
    "car": ("body", "wheel", "window", "light"),
    "bus": ("body", "wheel", "window", "light", "door"),
    "bicycle": ("wheel", "frame"),
    "plane": ("body", "window", "wing", "tail"),
    "ship": ("body", "window", "wall", "chimney"),
    "house": ("window", "door", "wall", "roof", "chimney"),
    "tree": ("trunk", "crown"),
    "bird": ("body", "wing", "tail", "head", "eye", "beak", "leg"),
    "horse": ("body", "tail", "head", "eye", "leg", "ear", "hair"),
    "face": ("head", "eye", "ear", "hair", "nose", "mouth"),
}
