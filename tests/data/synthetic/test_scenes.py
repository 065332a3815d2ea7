"""Scenes: the stored truth is what a pixel-by-pixel reading of the factors says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from course_utils.data.synthetic import CLASSES, DIFFICULTIES, make_images, make_scenes, render_scenes, scenes
from course_utils.data.synthetic.backgrounds import draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.objects import Objects
from course_utils.data.synthetic.scenes import Scenes
from course_utils.data.synthetic.shapes import ALL_SHAPES


def covers(objects: Objects, scene: int, slot: int, row: int, column: int) -> bool:
    """Say whether a pixel's centre lies inside an object: one point, no batch."""
    radius, angle = float(objects.radius[scene, slot]), float(objects.angle[scene, slot])
    across = (column + 0.5 - float(objects.x[scene, slot])) / radius
    down = (row + 0.5 - float(objects.y[scene, slot])) / radius
    x = across * math.cos(angle) + down * math.sin(angle)
    y = down * math.cos(angle) - across * math.sin(angle)
    if math.hypot(x, y) > 1.1:
        return False
    point = torch.tensor([x], dtype=torch.float64), torch.tensor([y], dtype=torch.float64)
    return float(ALL_SHAPES[int(objects.kind[scene, slot])](*point)) < 0


def box_of(pixels: list[tuple[int, int]]) -> list[float]:
    if not pixels:
        return [0, 0, 0, 0]
    rows, columns = [p[0] for p in pixels], [p[1] for p in pixels]
    return [min(columns), min(rows), max(columns) + 1, max(rows) + 1]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_truth_equals_a_reading_pixel_by_pixel(difficulty: str) -> None:
    size, made = 40, make_scenes(3, 40, 5, difficulty)
    objects, slots = made.objects, made.labels.shape[1]
    for scene in range(3):
        whole: list[list[tuple[int, int]]] = [[] for _ in range(slots)]
        seen: list[list[tuple[int, int]]] = [[] for _ in range(slots)]
        for row in range(size):
            for column in range(size):
                there = [
                    slot
                    for slot in range(slots)
                    if bool(objects.present[scene, slot]) and covers(objects, scene, slot, row, column)
                ]
                for slot in there:
                    whole[slot].append((row, column))
                front = min(there, key=lambda slot: float(objects.depth[scene, slot]), default=None)
                assert int(made.instances[scene, row, column]) == (0 if front is None else front + 1)
                depth = 10.0 if front is None else float(objects.depth[scene, front])
                assert float(made.depth[scene, row, column]) == depth
                if front is not None:
                    seen[front].append((row, column))
        for slot in range(slots):
            assert made.full_boxes[scene, slot].tolist() == box_of(whole[slot])
            assert made.boxes[scene, slot].tolist() == box_of(seen[slot])
            assert int(made.masks[scene, slot].sum()) == len(seen[slot])
            share = len(seen[slot]) / max(1, len(whole[slot]))
            assert float(made.visibility[scene, slot]) == pytest.approx(share)


def test_box_encloses_its_mask_and_touches_it_on_every_side() -> None:
    made = make_scenes(40, 64, 0, "hard")
    checked = 0
    for scene in range(len(made)):
        target = made.targets(scene, min_visibility=0.0)
        for box, mask in zip(target["boxes"].int().tolist(), target["masks"]):
            x1, y1, x2, y2 = box
            assert int(mask[y1:y2, x1:x2].sum()) == int(mask.sum()) > 0
            for edge in (mask[y1, x1:x2], mask[y2 - 1, x1:x2], mask[y1:y2, x1], mask[y1:y2, x2 - 1]):
                assert bool(edge.any())
            checked += 1
    assert checked > 100


def test_boxes_agree_with_torchvision() -> None:
    from torchvision.ops import masks_to_boxes

    target = make_scenes(1, 64, 1).targets(0)
    theirs = masks_to_boxes(target["masks"])
    theirs[:, 2:] += 1  # their right and lower edge is the last pixel itself
    assert torch.equal(target["boxes"], theirs)


def test_picture_shows_what_the_truth_says() -> None:
    size = 64
    draws = Draws(30, 3, "test")
    grounds = draw_backgrounds(draws, size, "photo")
    drawn = make_scenes(30, size, 3, "medium", textures=("plain",), clutter=0, scale=(0.3, 0.5)).objects
    made = render_scenes(drawn, grounds)
    empty = render_scenes(replace(drawn, present=torch.zeros_like(drawn.present)), grounds)
    assert int(empty.instances.sum()) == 0
    thick = torch.nn.functional.max_pool2d((made.instances > 0).float()[:, None], 9, 1, 4)[:, 0] > 0
    # Away from objects there is nothing but background; only the fine points of a moon reach past a pixel.
    apart = ~thick[:, None].expand_as(made.images)
    assert torch.equal(made.images[apart], empty.images[apart])
    # Deep inside an object of one colour there is that colour alone; the darker rim stays outside,
    # but for a pixel where a narrow notch reaches in.
    off, checked = 0, 0
    for scene in range(30):
        for slot in range(made.labels.shape[1]):
            mask = made.masks[scene, slot].float()[None, None]
            deep = -torch.nn.functional.max_pool2d(-mask, 7, 1, 3)[0, 0] > 0
            if bool(deep.any()):
                color = (drawn.color[scene, slot] * 255).round().to(torch.uint8)
                wrong = (made.images[scene][:, deep].int() - color.int()[:, None]).abs().amax(0) > 1
                off, checked = off + int(wrong.sum()), checked + len(wrong)
    assert checked > 3000
    assert off < 0.001 * checked


def test_edges_are_smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A white disc on black, without the rim: its light is its area, and edge pixels take all grays."""
    from course_utils.data.synthetic import render as render_module

    monkeypatch.setattr(render_module, "OUTLINE", 1.0)
    made = make_scenes(6, 64, 0, "easy", objects=1, clutter=0)
    white = torch.ones_like(made.objects.color)
    discs = replace(made.objects, kind=torch.zeros_like(made.objects.kind), color=white, color2=white)
    drawn = render_module.render(discs, torch.zeros(6, 3, 64, 64)).images[:, 0].double() / 255
    area = math.pi * (0.85 * discs.radius[:, 0].double()) ** 2
    assert bool(((drawn.sum((1, 2)) - area).abs() < 0.004 * area).all())
    assert all(len(disc.unique()) > 15 for disc in drawn)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_chunk_size_changes_nothing(chunk: int) -> None:
    whole, parts = make_scenes(20, 32, 1, "hard"), make_scenes(20, 32, 1, "hard", chunk=chunk)
    for name in ("images", "instances", "boxes", "full_boxes", "visibility", "labels"):
        assert torch.equal(getattr(whole, name), getattr(parts, name)), name


def test_memory_is_bounded_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    real = scenes.render

    def watched(objects: Objects, background: torch.Tensor) -> object:
        nonlocal largest
        largest = max(largest, background[:, 0].numel())
        return real(objects, background)

    monkeypatch.setattr(scenes, "render", watched)
    make_images(1100, 32)
    assert 0 < largest <= scenes.CHUNK_PIXELS


def test_seed_decides() -> None:
    first, again, other = (make_scenes(8, 48, seed, "medium") for seed in (4, 4, 5))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.boxes, again.boxes)
    assert not torch.equal(first.images, other.images)
    assert (first.images != other.images).flatten(1).any(1).all()


def test_global_random_numbers_are_neither_used_nor_moved() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = make_images(20)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(make_images(20).images, first.images)


def test_random_numbers_are_fixed_for_ever() -> None:
    draws = Draws(2, 7, "golden")
    assert [round(float(v), 6) for v in draws.uniform(2).flatten()] == [0.804511, 0.155848, 0.711154, 0.849903]
    assert draws.balanced(3, 3).tolist() == [[0, 2, 1], [2, 0, 1]]
    assert draws.choice(10, 4).tolist() == [[9, 0, 4, 3], [1, 6, 1, 7]]


def test_draws_are_uniform_and_purposes_independent() -> None:
    numbers = Draws(20_000, 0, "a").uniform()
    assert torch.histc(numbers, 10, 0, 1).sub(2000).abs().max() < 220
    other = Draws(20_000, 0, "b").uniform()
    assert abs(float(torch.corrcoef(torch.stack([numbers, other]))[0, 1])) < 0.03
    next_seed = Draws(20_000, 1, "a").uniform()
    assert abs(float(torch.corrcoef(torch.stack([numbers, next_seed]))[0, 1])) < 0.03


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_images_are_balanced_and_labelled_by_their_shape(difficulty: str) -> None:
    made = make_images(205, 32, 3, difficulty)
    counts = made.labels.bincount(minlength=10)
    assert int(counts.max() - counts.min()) <= 1
    assert made.classes == CLASSES
    assert made.images.shape == (205, 3, 32, 32)
    runs = (made.labels[1:] == made.labels[:-1]).float().mean()
    assert float(runs) < 0.25  # mixed, not sorted


def test_scene_labels_are_balanced() -> None:
    made = make_scenes(300, 32, 0, objects=3, clutter=0, overlap=1.0)
    counts = made.labels[made.labels >= 0].bincount(minlength=10)
    assert int(counts.max() - counts.min()) <= 1


def shares(made: Scenes) -> torch.Tensor:
    return made.visibility[made.labels >= 0]


def test_without_overlap_everything_is_seen_whole() -> None:
    made = make_scenes(100, 64, 2, "hard", overlap=0.0)
    assert float(shares(made).min()) == 1
    assert torch.equal(made.boxes, made.full_boxes)


def test_difficulty_hides_more_and_more() -> None:
    easy, medium, hard = (float(shares(make_scenes(150, 64, 0, name)).mean()) for name in DIFFICULTIES)
    assert easy == 1
    assert easy > medium > hard


def test_number_of_objects_is_as_asked() -> None:
    exact = make_scenes(100, 64, 0, objects=3, scale=(0.1, 0.2), overlap=0.3)
    assert (exact.labels >= 0).sum(1).tolist() == [3] * 100
    between = (make_scenes(300, 64, 0, objects=(1, 4), scale=(0.1, 0.2)).labels >= 0).sum(1)
    assert between.unique().tolist() == [1, 2, 3, 4]
    assert between.bincount()[1:].min() > 40
    assert (make_scenes(20, 32, 0, objects=(0, 1)).labels >= 0).sum(1).unique().tolist() == [0, 1]


def test_crowded_scene_gets_fewer_objects_but_keeps_its_promise() -> None:
    made = make_scenes(20, 64, 0, objects=12, scale=(0.5, 0.6), overlap=0.0, clutter=0)
    assert (made.labels >= 0).sum(1).max() < 12
    assert float(shares(made).min()) == 1


def test_objects_stay_inside_and_sizes_are_as_asked() -> None:
    made = make_scenes(200, 64, 0, "easy", scale=(0.2, 0.3))
    objects, there = made.objects, made.objects.present
    assert bool(((objects.x - objects.radius)[there] >= -1e-4).all())
    assert bool(((objects.y + objects.radius)[there] <= 64 + 1e-4).all())
    diameter = 2 * objects.radius[there] / 64
    assert 0.2 <= float(diameter.min()) < 0.21
    assert 0.29 < float(diameter.max()) <= 0.3


def test_clutter_hides_but_is_no_target() -> None:
    made = make_scenes(50, 64, 0, "hard")
    clutter = made.objects.present & (made.objects.kind >= len(CLASSES))
    assert bool(clutter.any(1).all())
    assert bool((made.labels[clutter] == -1).all())
    assert bool((made.semantic[made.masks[:, -1]] == 0).all())
    assert all(bool((made.targets(i)["labels"] >= 0).all()) for i in range(50))


def test_semantic_map_names_the_front_object() -> None:
    made = make_scenes(20, 64, 0)
    for scene in range(20):
        target = made.targets(scene, 0.0)
        for label, mask in zip(target["labels"], target["masks"]):
            assert bool((made.semantic[scene][mask] == label + 1).all())


def test_targets_leave_out_what_is_hidden() -> None:
    made = make_scenes(60, 64, 0, "hard", overlap=1.0, clutter=0)
    kept = sum(len(made.targets(i, 0.5)["labels"]) for i in range(60))
    assert kept == int((shares(made) >= 0.5).sum())
    assert 0 < kept < len(shares(made))


def test_one_factor_at_a_time() -> None:
    made = make_scenes(10, 64, 0, "easy", objects=1, background="plain", scale=(0.4, 0.4))
    grounds = draw_backgrounds(Draws(10, 0, "still"), 64, "plain")
    start = replace(made.objects, x=torch.full((10, 1), 28.0), y=torch.full((10, 1), 30.0))
    before = render_scenes(start, grounds)
    moved = render_scenes(replace(start, x=start.x + 5), grounds)
    assert torch.equal(moved.images[..., 5:], before.images[..., :-5])
    centred = replace(start, x=torch.full((10, 1), 32.0), y=torch.full((10, 1), 32.0))
    upright = render_scenes(centred, grounds).instances
    turned = render_scenes(replace(centred, angle=centred.angle + torch.pi / 2), grounds).instances
    clockwise = upright.rot90(-1, (1, 2))
    assert float((turned != clockwise).float().mean()) < 0.002  # pixels whose centre lies on the outline
    nearer = render_scenes(replace(centred, depth=centred.depth * 0.5), grounds)
    assert torch.equal(nearer.instances, upright)
    assert bool((nearer.depth[upright > 0] < 5).all())


def test_subset_keeps_everything_together() -> None:
    made = make_scenes(12, 32, 0)
    part = made.subset([7, 2])
    assert torch.equal(part.images, made.images[[7, 2]])
    assert torch.equal(part.objects.x, made.objects.x[[7, 2]])
    assert torch.equal(part.masks, made.masks[[7, 2]])
    assert len(made.subset(slice(3))) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"size": 8}, "size must be at least 16"),
        ({"difficulty": "hrad"}, "did you mean 'hard'"),
        ({"overlap": 2}, "overlap"),
        ({"scale": (0.5, 0.4)}, r"scale\[1\]"),
        ({"objects": (3, 2)}, r"objects\[1\]"),
        ({"textures": ("dotted",)}, "textures must be one of"),
        ({"background": "sky"}, "background must be one of"),
        ({"chunk": 0}, "chunk"),
    ],
)
def test_refuses_bad_arguments(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_scenes(**{"n": 2, "size": 32, **options})  # type: ignore[arg-type]
