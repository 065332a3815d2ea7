"""Pictures of things made of parts, before textured grounds, with the truth of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.image_set import ImageSet
from course_utils.data.synthetic.backgrounds import draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.object_parts import KINDS, NUMBERS, PARTS, PARTS_OF, Pen
from course_utils.data.synthetic.textures import hsv_to_rgb

OBJECTS = tuple(KINDS)
# Photos that show no wheel, window or face: what a picture holds of those is in its truth.
GROUNDS = ("brick", "coffee", "flower", "grass", "gravel", "tissue")
CHUNK = 32
BLOBS = 3


@dataclass(frozen=True, eq=False)
class ObjectImages:
    """Pictures of one object each, with what every pixel shows.

    Args:
        image_set: the pictures (N, 3, H, W), labelled by the object; classes are ``OBJECTS``.
        parts: uint8 (N, H, W), positions in ``PARTS``: 0 where the object is not, or is covered.
        boxes: float32 (N, 4), xyxy in pixels, half open, tight around what can be seen of the object.
    """

    image_set: ImageSet
    parts: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def images(self) -> Tensor:
        """The pictures, uint8 (N, 3, H, W)."""
        return self.image_set.images

    @property
    def labels(self) -> Tensor:
        """The objects, int64 (N,), positions in ``classes``."""
        return self.image_set.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.image_set.classes

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts that ``part`` and ``part_masks`` know."""
        return PARTS[1:]

    @property
    def object_masks(self) -> Tensor:
        """Bool (N, H, W): pixels that show the object."""
        return self.parts > 0

    def part(self, name: str) -> Tensor:
        """Return the pixels that show one part, bool (N, H, W); all False in pictures without it.

        Raises:
            ValueError: there is no such part.
        """
        return self.parts == PARTS.index(check_choice("part", name, self.part_names))

    @property
    def part_masks(self) -> dict[str, Tensor]:
        """The masks of all parts by name, each bool (N, H, W). Made anew at every access."""
        return {name: self.part(name) for name in self.part_names}

    def subset(self, index: Tensor | slice | list[int]) -> ObjectImages:
        """Return the pictures chosen by a slice, positions or a mask."""
        return ObjectImages(self.image_set.subset(index), self.parts[index], self.boxes[index])


def parts_of(name: str) -> tuple[str, ...]:
    """Return the parts that an object is made of.

    Raises:
        ValueError: there is no such object.
    """
    return PARTS_OF[check_choice("name", name, OBJECTS)]


def _tight_boxes(seen: Tensor) -> Tensor:
    """Return float32 (N, 4), xyxy half open, around the True pixels of (N, H, W); zeros where there is none."""
    rows, columns = seen.any(2), seen.any(1)
    x1, y1 = columns.int().argmax(1), rows.int().argmax(1)
    x2 = seen.shape[2] - columns.flip(1).int().argmax(1)
    y2 = seen.shape[1] - rows.flip(1).int().argmax(1)
    return (torch.stack([x1, y1, x2, y2], 1) * rows.any(1, keepdim=True)).float()


def make_object_images(n: int, size: int = 64, seed: int = 0, *, cover: float = 0.5) -> ObjectImages:
    """Make pictures of cars, buses, bicycles, planes, ships, houses, trees, birds, horses and faces.

    The kinds share parts: cars, buses and bicycles have wheels, planes and birds wings, horses and faces eyes and
    ears. So it can be measured whether a unit of a network answers to a part, and whether a map of what mattered
    lies on the object. Size, place, turn, proportions, colours, patterns and grounds are drawn anew for each picture;
    no ground tells the class.

    Args:
        n: number of pictures, at least 1.
        size: side in pixels, at least 32; parts can be told apart from 64 on.
        seed: at least 0. Take another seed for the test set.
        cover: share of pictures in which a strip or blob lies before the object, 0..1.

    Returns:
        ObjectImages with ten balanced classes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=32)
    check_number("cover", cover, minimum=0, maximum=1)
    draws = Draws(n, seed, "object images")
    labels = draws.balanced(len(OBJECTS))
    numbers = draws.uniform(NUMBERS)
    scale = draws.uniform(low=0.3, high=0.47) * size  # pixels of one unit: the object is two units wide
    stretch = draws.uniform(low=0.88, high=1.14)
    turn = draws.uniform(low=-0.22, high=0.22)
    lean = draws.uniform(low=-0.12, high=0.12)
    mirror = 1 - 2.0 * draws.choice(2)
    room = (0.54 * size - scale).clamp_min(0)
    centre = size / 2 + draws.uniform(2, low=-1, high=1) * room[:, None]
    grounds = draw_backgrounds(draws, size, "photo", photos=GROUNDS)
    tint = hsv_to_rgb(draws.uniform(), draws.uniform(high=0.5), torch.ones(n))
    blobs = draws.uniform(BLOBS, 9)
    covered = draws.uniform() < cover
    noise = draws.uniform(low=0.0, high=0.05)

    images = torch.empty(n, 3, size, size, dtype=torch.uint8)
    parts = torch.empty(n, size, size, dtype=torch.uint8)
    steps = torch.arange(size) + 0.5
    for kind, draw in enumerate(KINDS.values()):
        for index in (labels == kind).nonzero()[:, 0].split(CHUNK):
            canvas = grounds.subset(index).paint() * tint[index, :, None, None]
            for number in range(BLOBS - 1):
                _blob(canvas, None, blobs[index, number], steps, size)
            across = (steps - centre[index, :1])[:, None, :] / scale[index, None, None]
            down = (steps - centre[index, 1:])[:, :, None] / scale[index, None, None]
            cos, sin = turn[index].cos()[:, None, None], turn[index].sin()[:, None, None]
            x, y = across * cos + down * sin, down * cos - across * sin
            x = (x + lean[index, None, None] * y) * (mirror / stretch)[index, None, None]
            y = y * stretch[index, None, None]
            pen = Pen(canvas, x, y, scale[index], numbers[index])
            draw(pen)
            _blob(canvas, pen.parts, blobs[index, -1], steps, size, covered[index])
            grain = torch.sin(steps[:, None] * 12.9898 + steps * 78.233) * 43758.5453  # the same for every picture
            canvas += ((grain - grain.floor()) - 0.5) * noise[index, None, None, None]
            images[index] = (canvas * 255).round_().clamp_(0, 255).to(torch.uint8)
            parts[index] = pen.parts
    name = f"synthetic/objects-{size}-seed{seed}"
    return ObjectImages(ImageSet(images, labels, OBJECTS, name), parts, _tight_boxes(parts > 0))


def _blob(
    canvas: Tensor, parts: Tensor | None, numbers: Tensor, steps: Tensor, size: int, present: Tensor | None = None
) -> None:
    """Draw a strip or an oval of one colour that is no object; where ``parts`` is given, it hides them."""
    cx, cy = (numbers[:, i, None, None] * size for i in (0, 1))
    angle = numbers[:, 2, None, None] * torch.pi
    long, thin = size * (0.1 + 0.25 * numbers[:, 3, None, None]), size * (0.025 + 0.06 * numbers[:, 4, None, None])
    dx, dy = steps[None, None, :] - cx, steps[None, :, None] - cy
    along, off = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    oval = (torch.hypot(along / long, off / thin) - 1) * thin
    strip = torch.maximum(along.abs() - long, off.abs() - thin)
    distance = torch.where(numbers[:, 5, None, None] < 0.5, oval, strip)
    if present is not None:
        distance = torch.where(present[:, None, None], distance, float(size))
    color = hsv_to_rgb(numbers[:, 6], 0.8 * numbers[:, 7], 0.2 + 0.8 * numbers[:, 8])
    canvas.lerp_(color[:, :, None, None].expand_as(canvas), (0.5 - distance).clamp_(0, 1)[:, None])
    if parts is not None:
        parts[distance < 0] = 0
