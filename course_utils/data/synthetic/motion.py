"""Things that move: pairs of frames with exact optical flow, and short clips named by their motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.synthetic.backgrounds import BACKGROUNDS, draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.objects import Objects, draw_objects
from course_utils.data.synthetic.render import render
from course_utils.data.synthetic.scenes import CHUNK_PIXELS, MAX_SLOTS, check_range
from course_utils.data.synthetic.shapes import CLASSES, signed_distance
from course_utils.data.synthetic.textures import TEXTURES


@dataclass(frozen=True, eq=False)
class FlowPairs:
    """Two frames of moving scenes, and where every point of the first one went.

    Args:
        first, second: uint8 (N, 3, H, W).
        flow: float32 (N, 2, H, W), pixels to the right and pixels down: what pixel (row, column) of the
            first frame shows lies at (row + flow[1], column + flow[0]) in the second.
        visible: bool (N, H, W): that point lies inside the second frame, and nothing nearer hides it.
        instances: uint8 (N, H, W), of the first frame: 0 background, k + 1 where slot k is in front.
        labels: int64 (N, K), the shapes' classes; -1 for an empty slot.
    """

    first: Tensor
    second: Tensor
    flow: Tensor
    visible: Tensor
    instances: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.first)


def similarity(before: Objects, after: Objects) -> Tensor:
    """Return the motion (N, K, 2, 3) that takes each object's points from one pose to another, in pixels."""
    turn, grow = after.angle - before.angle, after.radius / before.radius
    cos, sin = grow * turn.cos(), grow * turn.sin()
    right = after.x - (cos * before.x - sin * before.y)
    down = after.y - (sin * before.x + cos * before.y)
    rows = [torch.stack([cos, -sin, right], -1), torch.stack([sin, cos, down], -1)]
    return torch.stack(rows, dim=-2)


def move(points: Tensor, motion: Tensor) -> Tensor:
    """Apply motions (..., 2, 3) to points (..., 2, P)."""
    return motion[..., :2] @ points + motion[..., 2:]


def exact_flow(before: Objects, after: Objects, camera: Tensor, instances: Tensor) -> tuple[Tensor, Tensor]:
    """Return where every pixel goes, and whether it can be seen there.

    Args:
        before, after: the same objects in two poses, (N, K).
        camera: (N, 2, 3), motion of the background in pixels.
        instances: uint8 (N, H, W), what each pixel of the first frame shows.

    Returns:
        ``flow`` float32 (N, 2, H, W) and ``visible`` bool (N, H, W), as in `FlowPairs`.
    """
    count, height, width = instances.shape
    down, across = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    points = torch.stack([across, down]).flatten(1)  # (2, P), pixel centres
    table = torch.cat([camera[:, None], similarity(before, after)], dim=1).flatten(2)  # (N, 1 + K, 6)
    which = instances.flatten(1).long()
    a, b, right, c, d, below = table.gather(1, which[..., None].expand(-1, -1, 6)).unbind(-1)
    landed = torch.stack([a * points[0] + b * points[1] + right, c * points[0] + d * points[1] + below], 1)
    limits = torch.tensor([width, height])[:, None]
    visible = ((landed >= 0) & (landed <= limits)).all(1)
    depth_table = torch.cat([torch.full((count, 1), torch.inf), after.depth], dim=1)
    own_depth = depth_table.gather(1, which)
    # Hidden means: in the second frame the point lies inside a shape that is nearer than its own.
    scene, slot = after.present.nonzero(as_tuple=True)
    order = after.kind[scene, slot].argsort(stable=True)
    scene, slot = scene[order], slot[order]
    chosen = (scene, slot)
    radius = after.radius[chosen][:, None]
    shifted_x = (landed[scene, 0] - after.x[chosen][:, None]) / radius
    shifted_y = (landed[scene, 1] - after.y[chosen][:, None]) / radius
    cos, sin = after.angle[chosen].cos()[:, None], after.angle[chosen].sin()[:, None]
    x, y = shifted_x * cos + shifted_y * sin, shifted_y * cos - shifted_x * sin
    covers = (signed_distance(after.kind[chosen], x, y) < 0) & (after.depth[chosen][:, None] < own_depth[scene])
    hidden = torch.zeros(count, height * width, dtype=torch.int32)
    hidden.index_add_(0, scene, covers.int())
    visible &= hidden == 0
    flow = (landed - points).view(count, 2, height, width)
    return flow, visible.view(count, height, width)


def camera_motion(shift: Tensor, turn: Tensor, zoom: Tensor, size: int) -> Tensor:
    """Return motions (N, 2, 3): turn (radians) and zoom about the image's centre, then shift (N, 2) pixels."""
    cos, sin, centre = zoom * turn.cos(), zoom * turn.sin(), size / 2
    right = shift[:, 0] + centre - (cos - sin) * centre
    down = shift[:, 1] + centre - (sin + cos) * centre
    return torch.stack([torch.stack([cos, -sin, right], -1), torch.stack([sin, cos, down], -1)], dim=-2)


def make_flow_pairs(
    n: int,
    size: int = 64,
    seed: int = 0,
    *,
    objects: tuple[int, int] | int = (2, 4),
    scale: tuple[float, float] = (0.25, 0.5),
    overlap: float = 0.4,
    max_shift: float = 4.0,
    max_turn: float = 10.0,
    max_zoom: float = 0.05,
    camera_shift: float = 2.0,
    background: str = "photo",
    textures: tuple[str, ...] = TEXTURES,
    chunk: int | None = None,
) -> FlowPairs:
    """Make pairs of frames in which textured shapes move rigidly over a moving background.

    Args:
        n: number of pairs, at least 1.
        size: side of the frames in pixels, at least 16.
        seed: at least 0.
        objects: number of objects, or ``(fewest, most)``.
        scale: smallest and largest diameter as a fraction of the side.
        overlap: how deep the circles around two objects may run into each other, 0..1.
        max_shift: largest motion of an object in each direction, pixels, 0..size / 4.
        max_turn: largest turn of an object between the frames, degrees, 0..90.
        max_zoom: largest change of its size, as a fraction, 0..0.5.
        camera_shift: largest motion of the background in each direction, pixels, 0..size / 4.
        background: ``"plain"``, ``"gradient"`` or ``"photo"``.
        textures: patterns to choose from.
        chunk: pairs made at a time; the result does not depend on it.

    Returns:
        FlowPairs.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=16)
    fewest, most = (objects, objects) if isinstance(objects, int) else objects
    check_int("objects[0]", fewest, minimum=0)
    check_int("objects[1]", most, minimum=max(1, fewest), maximum=MAX_SLOTS)
    check_number("max_shift", max_shift, minimum=0, maximum=size / 4)
    check_number("max_turn", max_turn, minimum=0, maximum=90)
    check_number("max_zoom", max_zoom, minimum=0, maximum=0.5)
    check_number("camera_shift", camera_shift, minimum=0, maximum=size / 4)
    draws = Draws(n, seed, "flow")
    before = draw_objects(
        draws,
        size,
        objects=(fewest, most),
        clutter=0,
        scale=check_range("scale", scale, 0.05, 1),
        overlap=check_number("overlap", overlap, 0, 1),
        rotation=180,
        textures=tuple(TEXTURES.index(check_choice("textures", name, TEXTURES)) for name in textures),
    )
    margin = min(int(camera_shift) + 1, size // 2)
    grounds = draw_backgrounds(draws, size, check_choice("background", background, BACKGROUNDS), margin)
    shift = draws.uniform(most, 2, low=-max_shift, high=max_shift)
    turn = draws.uniform(most, low=-1, high=1) * (max_turn * torch.pi / 180)
    zoom = draws.uniform(most, low=1 - max_zoom, high=1 + max_zoom)
    after = replace(
        before,
        x=before.x + shift[..., 0],
        y=before.y + shift[..., 1],
        angle=before.angle + turn,
        radius=before.radius * zoom,
    )
    still = torch.zeros(n)
    camera = camera_motion(draws.uniform(2, low=-camera_shift, high=camera_shift), still, still + 1, size)
    first = torch.empty(n, 3, size, size, dtype=torch.uint8)
    second = torch.empty_like(first)
    flow, visible = torch.empty(n, 2, size, size), torch.empty(n, size, size, dtype=torch.bool)
    instances = torch.empty(n, size, size, dtype=torch.uint8)
    step = chunk if chunk is not None else max(1, CHUNK_PIXELS // (2 * size**2))
    check_int("chunk", step, minimum=1)
    for start in range(0, n, step):
        part = slice(start, start + step)
        ground, motion = grounds.subset(part), camera[part]
        drawn = render(before.subset(part), ground.paint())
        first[part], instances[part] = drawn.images, drawn.instances
        second[part] = render(after.subset(part), ground.paint_moved(motion)).images
        flow[part], visible[part] = exact_flow(before.subset(part), after.subset(part), motion, drawn.instances)
    labels = before.kind.masked_fill(~before.present, -1)
    return FlowPairs(first, second, flow, visible, instances, labels)


# Each motion and its reverse make a pair: played backwards, one becomes the other.
MOTIONS = ("right", "left", "down", "up", "clockwise", "counterclockwise", "growing", "shrinking")
# A turn of a disc or a ring cannot be seen, so these shapes appear in no clip.
TURNING_KINDS = tuple(i for i, name in enumerate(CLASSES) if name not in ("circle", "ring"))


@dataclass(frozen=True, eq=False)
class Clips:
    """Short films of one moving shape, to be named by the motion.

    Args:
        videos: uint8 (N, T, 3, H, W).
        labels: int64 (N,), positions in ``classes``.
        shapes: int64 (N,), which shape moves.
        flow: float32 (N, T - 1, 2, H, W), exact motion from each frame to the next; None if not asked for.
        classes: names of the motions.
    """

    videos: Tensor
    labels: Tensor
    shapes: Tensor
    flow: Tensor | None
    classes: tuple[str, ...] = MOTIONS

    def __len__(self) -> int:
        return len(self.videos)

    def subset(self, index: Any) -> Clips:
        """Return the clips chosen by a slice, a tensor of positions or a mask."""
        tensors: dict[str, Any] = {
            name: value[index] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **tensors)


def make_clips(
    n: int,
    frames: int = 8,
    size: int = 32,
    seed: int = 0,
    *,
    speed: tuple[float, float] = (0.6, 1.2),
    background: str = "photo",
    with_flow: bool = False,
    chunk: int | None = None,
) -> Clips:
    """Make clips whose class is the motion: no single frame tells it.

    The pose in the middle of a clip is drawn without regard to the class, and a class played backwards
    is another class. So the frames of a clip in random order say nothing about which of the two it is,
    and its middle frame says nothing at all.

    Args:
        n: number of clips, at least 1.
        frames: frames in a clip, 2..64.
        size: side in pixels, at least 16.
        seed: at least 0.
        speed: slowest and fastest motion of the shape's outline, pixels a frame, 0..4.
        background: ``"plain"``, ``"gradient"`` or ``"photo"``; it stands still.
        with_flow: make the exact flow from each frame to the next as well.
        chunk: clips made at a time; the result does not depend on it.

    Returns:
        Clips with eight balanced classes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("frames", frames, minimum=2, maximum=64)
    check_int("size", size, minimum=16)
    check_range("speed", speed, 0, 4)
    draws = Draws(n, seed, "clips")
    middle = draw_objects(
        draws,
        size,
        objects=(1, 1),
        clutter=0,
        scale=(0.4, 0.6),
        overlap=0,
        rotation=180,
        textures=tuple(range(len(TEXTURES))),
        kinds=TURNING_KINDS,
    )
    ground = draw_backgrounds(draws, size, check_choice("background", background, BACKGROUNDS))
    labels = draws.balanced(len(MOTIONS))
    pixels = draws.uniform(low=speed[0], high=speed[1])
    # The middle stays where a shape that grows or moves keeps most of itself inside the frame.
    drift = (middle.x - size / 2) * 0.5 + size / 2, (middle.y - size / 2) * 0.5 + size / 2
    middle = replace(middle, x=drift[0], y=drift[1])
    sign = 1.0 - 2.0 * (labels % 2)
    axis = labels // 2  # 0 across, 1 down, 2 turn, 3 grow
    time = torch.arange(frames) - (frames - 1) / 2
    amount = (sign * pixels)[:, None] * time  # (N, T), pixels of the outline
    across, down, turn, grow = ((axis == i).float()[:, None] * amount for i in range(4))
    radius = middle.radius
    growth = torch.exp(grow / radius)
    poses = {
        "x": middle.x + across,
        "y": middle.y + down,
        "angle": middle.angle + turn / radius,
        "radius": radius * growth,
    }
    videos = torch.empty(n, frames, 3, size, size, dtype=torch.uint8)
    flow = torch.empty(n, frames - 1, 2, size, size) if with_flow else None
    step = chunk if chunk is not None else max(1, CHUNK_PIXELS // (frames * size**2))
    check_int("chunk", step, minimum=1)
    still = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for start in range(0, n, step):
        part = slice(start, start + step)
        part_middle, back = middle.subset(part), ground.subset(part).paint()
        count = len(back)
        repeated = part_middle.subset(torch.arange(count).repeat_interleave(frames))
        flat = {name: value[part].reshape(-1, 1) for name, value in poses.items()}
        moving = replace(repeated, **flat)
        drawn = render(moving, back.repeat_interleave(frames, 0))
        videos[part] = drawn.images.view(count, frames, 3, size, size)
        if flow is not None:
            index = torch.arange(count * frames).view(count, frames)
            before, after = index[:, :-1].flatten(), index[:, 1:].flatten()
            camera = still.expand(len(before), 2, 3)
            moved, _ = exact_flow(moving.subset(before), moving.subset(after), camera, drawn.instances[before])
            flow[part] = moved.view(count, frames - 1, 2, size, size)
    return Clips(videos, labels, middle.kind[:, 0], flow)
