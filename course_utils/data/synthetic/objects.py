"""What a synthetic scene contains: every factor of every object, as tensors that can be read and changed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.shapes import ALL_SHAPES, CLASSES
from course_utils.data.synthetic.textures import hsv_to_rgb

BACKGROUND_DEPTH = 10.0
NEAREST, FARTHEST = 1.0, 9.0
CANDIDATES = 12


@dataclass(frozen=True, eq=False)
class Objects:
    """Known factors of K object slots in N scenes; every tensor has shape (N, K), colours (N, K, 3).

    Change a factor with ``dataclasses.replace`` and render again to see what it alone does.

    Args:
        kind: int64, position in the list of shapes; clutter has kinds past the classes.
        present: bool, False for an empty slot.
        x, y: centre in pixels from the left and upper edge of the image.
        radius: radius of the circle around the shape, in pixels.
        angle: radians, growing clockwise as seen on the screen.
        depth: distance from the viewer, 1..9; the background is at 10.
        texture: int64, position in ``TEXTURES``.
        frequency: of the texture, radians per radius.
        phase: how far the texture is slid along both axes of the object, in periods, 0..1.
        hue: of the first colour, 0..1.
        color, color2: the pattern's two colours, RGB 0..1.
    """

    kind: Tensor
    present: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor
    angle: Tensor
    depth: Tensor
    texture: Tensor
    frequency: Tensor
    phase: Tensor
    hue: Tensor
    color: Tensor
    color2: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    def subset(self, index: Any) -> Objects:
        """Return the objects of the chosen scenes."""
        return replace(self, **{field.name: getattr(self, field.name)[index] for field in fields(self)})


def place(draws: Draws, radius: Tensor, present: Tensor, size: int, overlap: float) -> tuple[Tensor, ...]:
    """Choose centres so that the circles around objects overlap no more than allowed.

    Objects are placed one slot after another: of twelve random places, the first where the overlap is
    allowed. Where no place is free, the slot stays empty.

    Args:
        draws: source of random numbers.
        radius: (N, K) in pixels.
        present: bool (N, K), slots to fill.
        size: side of the image in pixels.
        overlap: how deep two circles may run into each other, as a fraction of the smaller diameter.

    Returns:
        ``(x, y, present)``, each (N, K).
    """
    count, slots = radius.shape
    spots = draws.uniform(slots, CANDIDATES, 2)
    room = (size - 2 * radius).clamp_min(0)[..., None, None]
    spots = radius[..., None, None].clamp(max=size / 2) + spots * room
    x, y = torch.zeros(count, slots), torch.zeros(count, slots)
    present = present.clone()
    for slot in range(slots):
        across, down = spots[:, slot, :, 0], spots[:, slot, :, 1]  # (N, candidates)
        worst = torch.zeros(count, CANDIDATES)
        for other in range(slot):
            apart = torch.hypot(across - x[:, other, None], down - y[:, other, None])
            depth = (radius[:, slot] + radius[:, other])[:, None] - apart
            share = depth / (2 * torch.minimum(radius[:, slot], radius[:, other]))[:, None]
            worst = torch.maximum(worst, share * present[:, other, None])
        allowed = worst <= overlap
        chosen = allowed.int().argmax(1, keepdim=True)
        x[:, slot], y[:, slot] = across.gather(1, chosen)[:, 0], down.gather(1, chosen)[:, 0]
        present[:, slot] &= allowed.any(1)
    return x, y, present


def draw_objects(
    draws: Draws,
    size: int,
    *,
    objects: tuple[int, int],
    clutter: int,
    scale: tuple[float, float],
    overlap: float,
    rotation: float,
    textures: tuple[int, ...],
    kinds: tuple[int, ...] | None = None,
) -> Objects:
    """Draw the objects of N scenes.

    Args:
        draws: source of random numbers, for N scenes.
        size: side of the image in pixels.
        objects: fewest and most class objects in a scene.
        clutter: pieces of clutter in a scene; they take the last slots and hide what is behind them.
        scale: smallest and largest diameter, as a fraction of the image's side.
        overlap: see `place`.
        rotation: largest turn in degrees, either way.
        textures: positions in ``TEXTURES`` to choose from.
        kinds: classes to choose from; None for all.

    Returns:
        Objects with ``objects[1] + clutter`` slots.
    """
    low, high = objects
    slots = high + clutter
    allowed = torch.tensor(kinds if kinds is not None else range(len(CLASSES)))
    kind = torch.cat(
        [
            allowed[draws.balanced(len(allowed), high)],
            len(CLASSES) + draws.choice(len(ALL_SHAPES) - len(CLASSES), clutter),
        ],
        dim=1,
    )
    wanted = low + draws.choice(high - low + 1)
    present = torch.arange(slots)[None] < wanted[:, None]
    present[:, high:] = True
    radius = draws.uniform(slots, low=scale[0], high=scale[1]) * (size / 2)
    radius[:, high:] *= 0.6
    # A lattice with a random offset and order keeps depths apart, so the nearer object is never in doubt.
    rank = draws.uniform(slots).argsort(dim=1, stable=True)
    step = (FARTHEST - NEAREST) / max(slots, 1)
    depth = NEAREST + (rank + draws.uniform(slots, high=0.8)) * step
    x, y, present = place(draws, radius, present, size, overlap)
    angle = draws.uniform(slots, low=-1, high=1) * (rotation * torch.pi / 180)
    texture = torch.tensor(textures)[draws.choice(len(textures), slots)]
    frequency = draws.uniform(slots, low=5, high=9)
    phase = draws.uniform(slots)
    hue = draws.uniform(slots)
    value = draws.uniform(slots, low=0.65, high=1)
    saturation = draws.uniform(slots, low=0.55, high=1)
    color = hsv_to_rgb(hue, saturation, value)
    # The second colour is a related hue, much lighter or much darker than the first.
    lighter = draws.uniform(slots) < 0.5
    second = torch.where(lighter, torch.tensor(1.0), value * 0.35)
    color2 = hsv_to_rgb((hue + draws.uniform(slots, low=-0.1, high=0.1)) % 1, saturation * 0.4, second)
    return Objects(
        kind, present, x, y, radius, angle, depth, texture, frequency, phase, hue, color, color2
    )  # fmt: skip
