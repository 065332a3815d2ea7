"""Still scenes: one object for classification, many for detection and segmentation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.image_set import ImageSet
from course_utils.data.synthetic.backgrounds import BACKGROUNDS, Backgrounds, draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.objects import BACKGROUND_DEPTH, Objects, draw_objects
from course_utils.data.synthetic.render import render
from course_utils.data.synthetic.shapes import CLASSES
from course_utils.data.synthetic.textures import TEXTURES

CHUNK_PIXELS = 2**19
MAX_SLOTS = 64


@dataclass(frozen=True)
class Difficulty:
    """How hard a scene is to read.

    Args:
        objects: fewest and most class objects.
        scale: smallest and largest diameter as a fraction of the image's side.
        overlap: how deep the circles around two objects may run into each other, as a fraction of the
            smaller diameter: 0 never touches, 1 may hide an object whole.
        clutter: pieces of things that are no class, which hide what is behind them.
        background: one of ``"plain"``, ``"gradient"``, ``"photo"``.
        textures: names of the surface patterns to choose from.
        rotation: largest turn in degrees, either way.
    """

    objects: tuple[int, int]
    scale: tuple[float, float]
    overlap: float
    clutter: int
    background: str
    textures: tuple[str, ...]
    rotation: float


DIFFICULTIES = {
    "easy": Difficulty((1, 3), (0.22, 0.4), 0.0, 0, "gradient", ("plain",), 15),
    "medium": Difficulty((2, 4), (0.2, 0.4), 0.25, 2, "photo", TEXTURES, 180),
    "hard": Difficulty((4, 8), (0.14, 0.4), 0.6, 6, "photo", TEXTURES, 180),
}


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures of several objects with everything that is true about them.

    K is the number of object slots; an unused slot has label -1 and zeros elsewhere. Boxes are
    ``(x1, y1, x2, y2)`` in pixels, half open: ``image[:, y1:y2, x1:x2]`` is what a box encloses.

    Args:
        images: uint8 (N, 3, H, W).
        labels: int64 (N, K), positions in ``classes``; -1 for an empty slot and for clutter.
        boxes: float32 (N, K, 4), tight around what can be seen of an object; zeros where nothing can.
        full_boxes: float32 (N, K, 4), tight around the whole object inside the image, hidden parts too.
        visibility: float32 (N, K), share of the object's pixels inside the image that can be seen.
        instances: uint8 (N, H, W): 0 background, k + 1 where slot k is in front.
        objects: the known factors: position, size, angle, depth, colour, texture.
        classes: names of the labels.
    """

    images: Tensor
    labels: Tensor
    boxes: Tensor
    full_boxes: Tensor
    visibility: Tensor
    instances: Tensor
    objects: Objects
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.images)

    @property
    def masks(self) -> Tensor:
        """Bool (N, K, H, W): where each slot's object is in front. Made anew at every access."""
        number = torch.arange(1, self.labels.shape[1] + 1, dtype=torch.uint8)
        return self.instances[:, None] == number[:, None, None]

    @property
    def depth(self) -> Tensor:
        """Float32 (N, H, W): distance of what a pixel shows, 1..9 for objects and 10 behind them."""
        behind = torch.full((len(self), 1), BACKGROUND_DEPTH)
        table = torch.cat([behind, self.objects.depth], dim=1)
        return table.gather(1, self.instances.flatten(1).long()).view(self.instances.shape)

    @property
    def semantic(self) -> Tensor:
        """Int64 (N, H, W): 0 for background and clutter, class + 1 where an object is in front."""
        table = torch.cat([torch.zeros(len(self), 1, dtype=torch.int64), self.labels + 1], dim=1)
        return table.gather(1, self.instances.flatten(1).long()).view(self.instances.shape)

    def targets(self, i: int, min_visibility: float = 0.1) -> dict[str, Tensor]:
        """Return the truth of scene ``i`` in the form that torchvision's detectors take.

        Args:
            i: number of the scene.
            min_visibility: leave out objects of which less than this share can be seen, 0..1.

        Returns:
            ``boxes`` (n, 4) of what can be seen, ``labels`` (n,) and ``masks`` (n, H, W).
        """
        keep = (self.labels[i] >= 0) & (self.visibility[i] >= min_visibility) & (self.visibility[i] > 0)
        number = keep.nonzero()[:, 0]
        masks = self.instances[i][None] == (number + 1).to(torch.uint8)[:, None, None]
        return {"boxes": self.boxes[i][keep], "labels": self.labels[i][keep], "masks": masks}

    def subset(self, index: Any) -> Scenes:
        """Return the scenes chosen by a slice, a tensor of positions or a mask."""
        tensors: dict[str, Any] = {
            name: value[index] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, objects=self.objects.subset(index), **tensors)


def visible_truth(instances: Tensor, slots: int) -> tuple[Tensor, Tensor]:
    """Return the tight boxes (N, K, 4) and areas (N, K) of what can be seen of each slot."""
    count, height, width = instances.shape
    boxes = torch.zeros(count, slots, 4)
    areas = torch.zeros(count, slots, dtype=torch.int64)
    for slot in range(slots):
        seen = instances == slot + 1
        rows, columns = seen.any(2), seen.any(1)
        areas[:, slot] = seen.sum((1, 2))
        x1, y1 = columns.int().argmax(1), rows.int().argmax(1)
        x2, y2 = width - columns.flip(1).int().argmax(1), height - rows.flip(1).int().argmax(1)
        boxes[:, slot] = torch.stack([x1, y1, x2, y2], 1) * rows.any(1, keepdim=True)
    return boxes, areas


def render_scenes(objects: Objects, backgrounds: Backgrounds, chunk: int | None = None) -> Scenes:
    """Draw scenes from known factors, a chunk at a time, so that memory stays small.

    Args:
        objects: what to draw, for N scenes.
        backgrounds: what lies behind, for the same N scenes.
        chunk: scenes drawn at a time; None chooses. The pictures do not depend on it.
    """
    size, slots = backgrounds.size, objects.kind.shape[1]
    step = chunk if chunk is not None else max(1, CHUNK_PIXELS // size**2)
    check_int("chunk", step, minimum=1)
    count = len(objects)
    images = torch.empty(count, 3, size, size, dtype=torch.uint8)
    instances = torch.empty(count, size, size, dtype=torch.uint8)
    boxes, full_boxes = torch.empty(count, slots, 4), torch.empty(count, slots, 4)
    visibility = torch.empty(count, slots)
    for start in range(0, count, step):
        part = slice(start, start + step)
        drawn = render(objects.subset(part), backgrounds.subset(part).paint())
        images[part], instances[part], full_boxes[part] = drawn.images, drawn.instances, drawn.full_boxes
        boxes[part], areas = visible_truth(drawn.instances, slots)
        visibility[part] = areas / drawn.full_areas.clamp(min=1)
    is_class = objects.present & (objects.kind < len(CLASSES))
    labels = objects.kind.masked_fill(~is_class, -1)
    return Scenes(images, labels, boxes, full_boxes, visibility, instances, objects)


def check_range(name: str, value: tuple[float, float], minimum: float, maximum: float) -> tuple[float, float]:
    """Return a pair ``(low, high)`` with minimum <= low <= high <= maximum."""
    low, high = value
    check_number(f"{name}[0]", low, minimum=minimum, maximum=maximum)
    check_number(f"{name}[1]", high, minimum=low, maximum=maximum)
    return low, high


def make_scenes(
    n: int,
    size: int = 128,
    seed: int = 0,
    difficulty: str = "medium",
    *,
    objects: tuple[int, int] | int | None = None,
    scale: tuple[float, float] | None = None,
    overlap: float | None = None,
    clutter: int | None = None,
    background: str | None = None,
    textures: tuple[str, ...] | None = None,
    rotation: float | None = None,
    chunk: int | None = None,
) -> Scenes:
    """Make scenes of shapes in front of each other, with exact truth.

    ``difficulty`` sets everything (see ``DIFFICULTIES``); each further argument changes one thing.

    Args:
        n: number of scenes, at least 1.
        size: side of the image in pixels, at least 16.
        seed: at least 0; the same seed gives the same scenes.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        objects: number of class objects, or ``(fewest, most)``. Where a crowded scene has no room
            left under the allowed overlap, it gets fewer.
        scale: smallest and largest diameter as a fraction of the side, 0.05..1.
        overlap: how deep the circles around two objects may run into each other, 0..1.
        clutter: pieces of clutter a scene, at least 0.
        background: ``"plain"``, ``"gradient"`` or ``"photo"``.
        textures: patterns to choose from, names in ``TEXTURES``.
        rotation: largest turn in degrees, 0..180.
        chunk: scenes drawn at a time; the result does not depend on it.

    Returns:
        Scenes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=16)
    preset = DIFFICULTIES[check_choice("difficulty", difficulty, tuple(DIFFICULTIES))]
    count = (objects, objects) if isinstance(objects, int) else objects or preset.objects
    fewest = check_int("objects[0]", count[0], minimum=0)
    most = check_int("objects[1]", count[1], minimum=max(1, fewest), maximum=MAX_SLOTS)
    names = textures or preset.textures
    draws = Draws(n, seed, "scenes")
    drawn = draw_objects(
        draws,
        size,
        objects=(fewest, most),
        clutter=check_int("clutter", preset.clutter if clutter is None else clutter, 0, MAX_SLOTS),
        scale=check_range("scale", scale or preset.scale, 0.05, 1),
        overlap=check_number("overlap", preset.overlap if overlap is None else overlap, 0, 1),
        rotation=check_number("rotation", preset.rotation if rotation is None else rotation, 0, 180),
        textures=tuple(TEXTURES.index(check_choice("textures", name, TEXTURES)) for name in names),
    )
    style = check_choice("background", background or preset.background, BACKGROUNDS)
    return render_scenes(drawn, draw_backgrounds(draws, size, style), chunk)


def make_images(
    n: int,
    size: int = 32,
    seed: int = 0,
    difficulty: str = "medium",
    *,
    chunk: int | None = None,
) -> ImageSet:
    """Make pictures of one shape each: ten balanced classes in colour, the size of CIFAR-10's.

    Args:
        n: number of images, at least 1.
        size: side of the image in pixels, at least 16.
        seed: at least 0. Take another seed for the test set.
        difficulty: ``"easy"`` (large, upright, one colour, smooth ground), ``"medium"`` (any angle,
            textures, photos behind) or ``"hard"`` (small too, and clutter that may cover it).
        chunk: images drawn at a time; the result does not depend on it.

    Returns:
        ImageSet with images (N, 3, size, size) and the ten shapes as classes.

    Raises:
        ValueError: an argument is out of range.
    """
    scale = {"easy": (0.7, 0.9), "medium": (0.55, 0.9), "hard": (0.4, 0.8)}
    check_choice("difficulty", difficulty, tuple(scale))
    scenes = make_scenes(
        n,
        size,
        seed,
        difficulty,
        objects=1,
        scale=scale[difficulty],
        clutter=2 if difficulty == "hard" else 0,
        overlap=0.35,
        chunk=chunk,
    )
    return ImageSet(scenes.images, scenes.labels[:, 0], CLASSES, f"synthetic/{difficulty}-{size}-seed{seed}")
