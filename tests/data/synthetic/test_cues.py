"""Planted cues agree as often as asked and lie where they say; figures are decided by head and tail."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import FIGURES, PARTS, make_cued_images, make_part_images, make_scenes
from course_utils.data.synthetic.shapes import CLASSES


@pytest.mark.parametrize("cue", ["patch", "tint"])
@pytest.mark.parametrize("agreement", [0.0, 0.7, 1.0])
def test_cue_agrees_as_often_as_asked(cue: str, agreement: float) -> None:
    made = make_cued_images(200, 32, 0, cue=cue, agreement=agreement)
    assert float((made.cues == made.image_set.labels).float().mean()) == pytest.approx(agreement)


def test_cue_that_says_nothing_is_independent_of_the_label() -> None:
    made = make_cued_images(4000, 16, 0, agreement=0.1)
    table = torch.zeros(10, 10)
    table.index_put_((made.image_set.labels, made.cues), torch.ones(4000), accumulate=True)
    assert (table - 40).abs().max() < 32  # five standard deviations


@pytest.mark.parametrize("cue", ["patch", "tint"])
def test_pixels_outside_the_cue_are_those_of_the_scene(cue: str) -> None:
    made = make_cued_images(40, 32, 3, cue=cue)
    plain = make_scenes(40, 32, 3, "medium", objects=1, scale=(0.5, 0.75), clutter=0)
    outside = ~made.cue_masks[:, None].expand_as(plain.images)
    assert torch.equal(made.image_set.images[outside], plain.images[outside])
    assert bool((made.image_set.images != plain.images).any(1)[made.cue_masks].float().mean() > 0.9)
    assert bool(made.object_masks.flatten(1).any(1).all())


@pytest.mark.parametrize("cue", ["patch", "tint"])
def test_pixel_is_shape_or_cue_but_never_both(cue: str) -> None:
    made = make_cued_images(400, 24, 0, cue=cue)
    scenes = make_scenes(400, 24, 0, "medium", objects=1, scale=(0.5, 0.75), clutter=0)
    covered = made.cue_masks & (scenes.instances > 0)
    assert bool(covered.any()) == (cue == "patch")  # now and then a patch lies over the shape
    assert torch.equal(made.object_masks, (scenes.instances > 0) & ~made.cue_masks)


def test_patch_tells_the_class_by_its_colour_alone() -> None:
    made = make_cued_images(300, 32, 0)
    assert made.cue_masks.sum((1, 2)).unique().tolist() == [25]
    colors = torch.stack([image[:, mask].float().mean(1) for image, mask in zip(made.image_set.images, made.cue_masks)])
    by_class = torch.stack([colors[made.cues == c].mean(0) for c in range(10)])
    assert torch.equal(torch.cdist(colors, by_class).argmin(1), made.cues)
    rows = made.cue_masks.any(2).float().argmax(1)
    assert rows.unique().tolist() == [0, 27]


def test_figures_are_named_after_their_parts() -> None:
    made = make_part_images(80, 48, 0)
    assert made.image_set.labels.bincount().tolist() == [20] * 4
    for label, kinds in zip(made.image_set.labels.tolist(), made.objects.kind.tolist()):
        body, head, tail = (CLASSES[kind] for kind in kinds)
        assert FIGURES[label] == f"{head} head, {tail} tail"
        assert body in ("circle", "square")
    assert PARTS[int(made.parts.max())] == "tail"
    for part in (1, 2, 3):
        assert bool((made.parts == part).flatten(1).any(1).all())


def test_body_says_nothing_about_the_class() -> None:
    made = make_part_images(2000, 24, 0)
    for label in range(4):
        share = (made.objects.kind[made.image_set.labels == label, 0] == 0).float().mean()
        assert 0.4 < float(share) < 0.6


def test_parts_and_cues_are_repeatable() -> None:
    assert torch.equal(make_part_images(6, 32, 1).image_set.images, make_part_images(6, 32, 1).image_set.images)
    assert not torch.equal(make_part_images(6, 32, 1).parts, make_part_images(6, 32, 2).parts)
    first, second = make_cued_images(6, 32, 1), make_cued_images(6, 32, 1)
    assert torch.equal(first.image_set.images, second.image_set.images)


def test_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match="agreement"):
        make_cued_images(2, agreement=1.5)
    with pytest.raises(ValueError, match="did you mean 'tint'"):
        make_cued_images(2, cue="tints")
