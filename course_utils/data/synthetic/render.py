"""Draw objects over backgrounds: the picture, and which object each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.data.synthetic.objects import Objects
from course_utils.data.synthetic.shapes import signed_distance
from course_utils.data.synthetic.textures import pattern

OUTLINE = 0.72
WINDOW_STEP = 8


@dataclass(frozen=True, eq=False)
class Rendered:
    """A rendered chunk.

    Args:
        images: uint8 (N, 3, H, W).
        instances: uint8 (N, H, W): 0 background, k + 1 where object slot k is in front.
        full_boxes: float32 (N, K, 4), xyxy, tight around the whole shape inside the image, hidden parts included.
        full_areas: int64 (N, K), pixels of the whole shape inside the image.
    """

    images: Tensor
    instances: Tensor
    full_boxes: Tensor
    full_areas: Tensor


def _spans(covered: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return first and one past last True along dim 1, counted from ``start``; (0, 0) where there is none."""
    first = covered.int().argmax(1)
    last = covered.shape[1] - covered.flip(1).int().argmax(1)
    some = covered.any(1)
    return (first + start) * some, (last + start) * some


def render(objects: Objects, background: Tensor) -> Rendered:
    """Draw objects from back to front.

    A pixel belongs to an object where its centre lies inside the shape. Colour is blended over one
    pixel around the outline, so that edges are smooth and small motions show.

    Args:
        objects: K slots in each of N scenes; K at most 254.
        background: float32 (N, 3, H, W), 0..1; it is not changed.

    Returns:
        Pictures and truth.
    """
    count, slots = objects.kind.shape
    height, width = background.shape[-2:]
    boxes = torch.zeros(count, slots, 4)
    areas = torch.zeros(count, slots, dtype=torch.int64)
    scene_of, slot_of = objects.present.nonzero(as_tuple=True)
    if not len(scene_of):
        return Rendered(_to_bytes(background), torch.zeros(count, height, width, dtype=torch.uint8), boxes, areas)

    # Each object is drawn in a window just large enough for it. Windows of like size go together, and
    # inside such a group shapes of one kind, so that every formula runs on whole blocks.
    side = ((2 * objects.radius + 4) / WINDOW_STEP).ceil().long() * WINDOW_STEP
    flat_side = side[objects.present]
    border = int(flat_side.max())
    canvas = torch.nn.functional.pad(background, (border,) * 4)
    seen = torch.zeros(count, height + 2 * border, width + 2 * border, dtype=torch.uint8)
    place_in_order = (
        (-objects.depth.masked_fill(~objects.present, -torch.inf)).argsort(dim=1, stable=True).argsort(dim=1)
    )

    groups = []
    for window in flat_side.unique().tolist():
        of_size = flat_side == window
        scene, slot = scene_of[of_size], slot_of[of_size]
        order = objects.kind[scene, slot].argsort(stable=True)
        scene, slot = scene[order], slot[order]
        x, y = objects.x[scene, slot], objects.y[scene, slot]
        left, top = (x - window / 2).round().long(), (y - window / 2).round().long()
        # A window may leave the image by at most its own side, whatever the object's place.
        left, top = left.clamp(-window, width), top.clamp(-window, height)
        inside, alpha, paint = _draw(objects, scene, slot, left, top, window)
        columns, rows = left[:, None] + torch.arange(window), top[:, None] + torch.arange(window)
        inside &= ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
        x1, x2 = _spans(inside.any(1), left)
        y1, y2 = _spans(inside.any(2), top)
        boxes[scene, slot] = torch.stack([x1, y1, x2, y2], dim=1).float()
        areas[scene, slot] = inside.sum((1, 2))
        layer = place_in_order[scene, slot]
        groups.append((window, scene, slot, top + border, left + border, layer, inside, alpha, paint))

    for turn in range(slots):
        for side_length, scene, slot, top, left, layers, inside, alpha, paint in groups:
            pick = (layers == turn).nonzero()[:, 0]
            if not len(pick):
                continue
            where = (scene[pick], top[pick], left[pick])
            colors = canvas.permute(0, 2, 3, 1).unfold(1, side_length, 1).unfold(2, side_length, 1)
            colors[where] = torch.lerp(colors[where], paint[pick], alpha[pick][:, None])
            numbers = seen.unfold(1, side_length, 1).unfold(2, side_length, 1)
            number = (slot[pick] + 1).to(torch.uint8)[:, None, None]
            numbers[where] = torch.where(inside[pick], number, numbers[where])
    cut = (..., slice(border, border + height), slice(border, border + width))
    return Rendered(_to_bytes(canvas[cut]), seen[cut].contiguous(), boxes, areas)


def _draw(
    objects: Objects, scene: Tensor, slot: Tensor, left: Tensor, top: Tensor, window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mask (M, S, S), opacity (M, S, S) and colour (M, 3, S, S) of objects in their windows."""
    chosen = (scene, slot)
    radius = objects.radius[chosen]
    steps = torch.arange(window) + 0.5
    across = ((left - objects.x[chosen])[:, None] + steps) / radius[:, None]
    down = ((top - objects.y[chosen])[:, None] + steps) / radius[:, None]
    cos, sin = objects.angle[chosen].cos()[:, None], objects.angle[chosen].sin()[:, None]
    x = (across * cos)[:, None, :] + (down * sin)[:, :, None]
    y = (-across * sin)[:, None, :] + (down * cos)[:, :, None]
    distance = signed_distance(objects.kind[chosen], x, y).mul_(radius[:, None, None])  # pixels
    frequency = objects.frequency[chosen]
    sharpness = (0.7 * radius / frequency).clamp(0.5, 3)
    share = pattern(objects.texture[chosen], frequency, objects.phase[chosen], sharpness, x, y)
    # A darker rim, two pixels or a tenth of the radius wide, sets an object off from what is behind it.
    rim = (radius * 0.1).clamp(max=2)[:, None, None]
    shade = OUTLINE + (1 - OUTLINE) * (-distance - rim + 0.5).clamp(0, 1)
    color, color2 = objects.color[chosen][:, :, None, None], objects.color2[chosen][:, :, None, None]
    paint = torch.lerp(color, color2, share[:, None]).mul_(shade[:, None])
    return distance < 0, (0.5 - distance).clamp_(0, 1), paint


def _to_bytes(canvas: Tensor) -> Tensor:
    return (canvas * 255).round_().clamp_(0, 255).to(torch.uint8)
