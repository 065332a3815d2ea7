"""Things made of parts: the truth is that of the pixels, and only the object tells the class."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import OBJECT_PARTS, OBJECTS, make_object_images, parts_of
from course_utils.data.synthetic.object_parts import KINDS, NUMBERS, PARTS_OF, Pen


@pytest.fixture(scope="module")
def made():
    return make_object_images(200, 64, seed=5)


def test_pictures_come_with_all_their_truth(made) -> None:
    assert made.images.shape == (200, 3, 64, 64)
    assert made.images.dtype == torch.uint8
    assert made.labels.bincount().tolist() == [20] * 10
    assert made.classes == OBJECTS
    assert made.image_set.name == "synthetic/objects-64-seed5"
    assert len(made) == 200
    assert torch.equal(made.object_masks, made.parts > 0)
    masks = made.part_masks
    assert tuple(masks) == made.part_names == OBJECT_PARTS[1:]
    together = torch.stack(list(masks.values())).int().sum(0)
    assert torch.equal(together, made.object_masks.int())  # no pixel has two parts, none of the object has none
    assert float(made.object_masks.flatten(1).float().mean(1).min()) > 0.03


def test_every_kind_has_its_parts_and_no_others() -> None:
    made = make_object_images(300, 64, seed=1, cover=0)
    for label, name in enumerate(OBJECTS):
        parts = made.parts[made.labels == label]
        wanted = {OBJECT_PARTS.index(part) for part in parts_of(name)}
        assert set(parts.unique().tolist()) - {0} == wanted
        for number in wanted:  # nearly every picture shows each part: it is not drawn over
            assert float((parts == number).flatten(1).any(1).float().mean()) > 0.9


def test_parts_are_shared_between_kinds() -> None:
    owners = {part: [name for name in OBJECTS if part in PARTS_OF[name]] for part in OBJECT_PARTS[1:]}
    assert owners["wheel"] == ["car", "bus", "bicycle"]
    assert owners["wing"] == ["plane", "bird"]
    assert owners["eye"] == ["bird", "horse", "face"]
    assert all(owners.values())
    assert sum(len(names) > 1 for names in owners.values()) >= 12


def test_boxes_are_tight(made) -> None:
    for mask, (x1, y1, x2, y2) in zip(made.object_masks, made.boxes.int().tolist()):
        rows, columns = mask.nonzero().unbind(1)
        assert (x1, y1, x2, y2) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "bicycle"])
def test_masks_are_what_hides_the_ground(name: str) -> None:
    # The same drawing on black and on white: where the two differ, the ground is seen.
    steps = torch.linspace(-1.2, 1.2, 80)
    y, x = (axis[None].repeat(4, 1, 1) for axis in torch.meshgrid(steps, steps, indexing="ij"))
    numbers = torch.rand(4, NUMBERS, generator=torch.Generator().manual_seed(0))
    pens = [Pen(torch.full((4, 3, 80, 80), ground), x, y, torch.full((4,), 33.0), numbers) for ground in (0.0, 1.0)]
    for pen in pens:
        KINDS[name](pen)
    seen = (pens[1].canvas - pens[0].canvas).mean(1)
    mask = pens[0].parts > 0
    assert torch.equal(pens[0].parts, pens[1].parts)
    assert float(seen[mask].max()) < 0.51  # a pixel of the outline may be half ground
    assert float(seen[mask].mean()) < 0.05
    assert float(seen[~mask].min()) > 0.2  # several soft edges may meet in a pixel
    assert float(seen[~mask].mean()) > 0.97


def test_cover_hides_and_the_truth_says_so() -> None:
    bare, hidden = (make_object_images(200, 64, seed=2, cover=cover) for cover in (0.0, 1.0))
    assert bool((hidden.object_masks <= bare.object_masks).all())
    lost = bare.object_masks & ~hidden.object_masks
    share = float(lost.flatten(1).any(1).float().mean())
    assert 0.2 < share < 0.9
    changed = (bare.images != hidden.images).any(1)
    assert float(changed[lost].float().mean()) > 0.97
    kept = bare.object_masks & (bare.parts == hidden.parts) & ~changed
    assert float(kept.sum() / bare.object_masks.sum()) > 0.8


def test_ground_and_turn_tell_nothing_of_the_class() -> None:
    made = make_object_images(1000, 32, seed=3, cover=0)
    ground = ~made.object_masks[:, None]
    colour = (made.images * ground).sum((2, 3)) / ground.sum((2, 3))  # (N, 3)
    spread = colour.std(0) / 100**0.5
    for label in range(10):
        assert float(((colour[made.labels == label].mean(0) - colour.mean(0)).abs() / spread).max()) < 4.5


def test_the_same_seed_gives_the_same_pictures() -> None:
    first, again, other = (make_object_images(12, 48, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.parts, again.parts)
    assert not torch.equal(first.images, other.images)


def test_subset_keeps_pictures_and_truth_together(made) -> None:
    few = made.subset(torch.tensor([7, 3]))
    assert torch.equal(few.images[1], made.images[3])
    assert torch.equal(few.part("body")[0], made.part("body")[7])
    assert few.labels.tolist() == made.labels[[7, 3]].tolist()


def test_refuses_bad_arguments(made) -> None:
    with pytest.raises(ValueError, match="size must be at least 32"):
        make_object_images(2, 16)
    with pytest.raises(ValueError, match="cover"):
        make_object_images(2, cover=2)
    with pytest.raises(ValueError, match="did you mean 'wheel'"):
        made.part("wheels")
    with pytest.raises(ValueError, match="name"):
        parts_of("submarine")
