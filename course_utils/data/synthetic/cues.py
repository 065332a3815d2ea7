"""Pictures in which it is known what decides: planted shortcuts, and figures made of parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.image_set import ImageSet
from course_utils.data.synthetic.backgrounds import draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.objects import Objects, draw_objects
from course_utils.data.synthetic.render import render
from course_utils.data.synthetic.scenes import CHUNK_PIXELS, make_scenes
from course_utils.data.synthetic.shapes import CLASSES
from course_utils.data.synthetic.textures import TEXTURES, hsv_to_rgb

CUES = ("patch", "tint")
TINT = 0.35


@dataclass(frozen=True, eq=False)
class CuedImages:
    """Pictures of one shape with a second, easier hint at the class.

    Args:
        image_set: the pictures, labelled by the shape.
        cues: int64 (N,), the class that the hint speaks for.
        cue_masks: bool (N, H, W), pixels that the hint has coloured.
        object_masks: bool (N, H, W), pixels that show the shape.
    """

    image_set: ImageSet
    cues: Tensor
    cue_masks: Tensor
    object_masks: Tensor


def make_cued_images(
    n: int,
    size: int = 32,
    seed: int = 0,
    *,
    agreement: float = 1.0,
    cue: str = "patch",
    difficulty: str = "medium",
) -> CuedImages:
    """Make pictures with a planted shortcut: a colour that tells the class without the shape.

    Train where the cue agrees and test where it does not: the fall in accuracy says how much a network
    relied on it, and ``cue_masks`` says where an explanation should have pointed.

    Args:
        n: number of images, at least 1.
        size: side in pixels, at least 16.
        seed: at least 0.
        agreement: share of images whose cue speaks for the true class, 0..1; in the others it speaks for
            one of the wrong classes. 0.1 makes a cue that says nothing.
        cue: ``"patch"``, a small square of the class's colour in a random corner, or ``"tint"``, a veil of
            that colour over everything but the shape.
        difficulty: of the shapes, see `make_scenes`.

    Returns:
        CuedImages.

    Raises:
        ValueError: an argument is out of range.
    """
    check_number("agreement", agreement, minimum=0, maximum=1)
    check_choice("cue", cue, CUES)
    scenes = make_scenes(n, size, seed, difficulty, objects=1, scale=(0.5, 0.75), clutter=0)
    labels = scenes.labels[:, 0]
    draws = Draws(n, seed, "cues")
    # Exactly the asked share agrees, within one image.
    agrees = draws.balanced(n) < round(agreement * n)
    other = (labels + 1 + draws.choice(len(CLASSES) - 1)) % len(CLASSES)
    cues = torch.where(agrees, labels, other)
    color = hsv_to_rgb(cues / len(CLASSES), torch.full((n,), 0.9), torch.full((n,), 0.95)) * 255
    object_masks = scenes.instances > 0
    if cue == "tint":
        cue_masks, strength = ~object_masks, TINT
    else:
        side = max(3, size // 6)
        line = torch.arange(size)
        right, low = draws.choice(2), draws.choice(2)
        columns = ((line[None] - right[:, None] * (size - side)) % size) < side
        rows = ((line[None] - low[:, None] * (size - side)) % size) < side
        cue_masks, strength = rows[:, :, None] & columns[:, None, :], 1.0
    images = scenes.images.clone()
    step = max(1, CHUNK_PIXELS // size**2)
    for start in range(0, n, step):
        part = slice(start, start + step)
        weight = cue_masks[part, None] * strength
        mixed = torch.lerp(images[part].float(), color[part, :, None, None], weight)
        images[part] = mixed.round_().to(torch.uint8)
    name = f"synthetic/{cue}-{agreement:g}-{size}-seed{seed}"
    return CuedImages(ImageSet(images, labels, CLASSES, name), cues, cue_masks, object_masks & ~cue_masks)


PARTS = ("background", "body", "head", "tail")
HEADS, TAILS = ("triangle", "star"), ("ring", "cross")
FIGURES = tuple(f"{head} head, {tail} tail" for head in HEADS for tail in TAILS)


@dataclass(frozen=True, eq=False)
class PartImages:
    """Pictures of figures, with the part that each pixel shows.

    Args:
        image_set: the pictures; a class is one pair of head and tail.
        parts: uint8 (N, H, W), positions in ``PARTS``.
        objects: the factors; slot 0 is the body, 1 the head, 2 the tail.
    """

    image_set: ImageSet
    parts: Tensor
    objects: Objects


def make_part_images(n: int, size: int = 48, seed: int = 0, *, background: str = "photo") -> PartImages:
    """Make figures of a body, a head and a tail, of which head and tail alone decide the class.

    The body's shape, all colours and textures are drawn without regard to the class. A network must
    read two places; a faithful explanation points at both, and not at the body between them.

    Args:
        n: number of images, at least 1.
        size: side in pixels, at least 24.
        seed: at least 0.
        background: ``"plain"``, ``"gradient"`` or ``"photo"``.

    Returns:
        PartImages with four balanced classes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=24)
    draws = Draws(n, seed, "parts")
    drawn = draw_objects(
        draws,
        size,
        objects=(3, 3),
        clutter=0,
        scale=(0.2, 0.2),
        overlap=1,
        rotation=20,
        textures=tuple(range(len(TEXTURES))),
    )
    labels = draws.balanced(len(FIGURES))
    numbers = {name: number for number, name in enumerate(CLASSES)}
    bodies = torch.tensor([numbers[name] for name in ("circle", "square")])[draws.choice(2)]
    heads = torch.tensor([numbers[name] for name in HEADS])[labels // len(TAILS)]
    tails = torch.tensor([numbers[name] for name in TAILS])[labels % len(TAILS)]
    radius = draws.uniform(low=0.22, high=0.28) * size
    angle = drawn.angle[:, 0]
    cos, sin = angle.cos(), angle.sin()
    reach, small = 1.1 * radius, 0.6 * radius
    # The figure's frame: the head sits above the body, the tail to its right.
    x = (0.36 + draws.uniform(high=0.1)) * size
    y = (0.54 + draws.uniform(high=0.1)) * size
    objects = replace(
        drawn,
        kind=torch.stack([bodies, heads, tails], 1),
        present=torch.ones(n, 3, dtype=torch.bool),
        x=torch.stack([x, x + reach * sin, x + reach * cos], 1),
        y=torch.stack([y, y - reach * cos, y + reach * sin], 1),
        radius=torch.stack([radius, small, small], 1),
        angle=angle[:, None].repeat(1, 3),
        depth=torch.tensor([5.0, 3.0, 4.0]).repeat(n, 1),
    )
    grounds = draw_backgrounds(draws, size, background)
    images = torch.empty(n, 3, size, size, dtype=torch.uint8)
    parts = torch.empty(n, size, size, dtype=torch.uint8)
    step = max(1, CHUNK_PIXELS // size**2)
    for start in range(0, n, step):
        chunk = slice(start, start + step)
        made = render(objects.subset(chunk), grounds.subset(chunk).paint())
        images[chunk], parts[chunk] = made.images, made.instances
    name = f"synthetic/figures-{size}-seed{seed}"
    return PartImages(ImageSet(images, labels, FIGURES, name), parts, objects)
