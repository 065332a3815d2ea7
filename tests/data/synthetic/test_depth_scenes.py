"""Scenes in colour and depth: a poster and a solid differ in depth alone, and the sensor errs as it says."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic.depth_scenes import (
    DEPTH_CLASSES,
    hidden_from_one_eye,
    make_depth_scenes,
    measure_depth,
)
from course_utils.data.synthetic.draws import Draws

GROUND, POSTER, SOLID = range(3)


def ground_of(scenes, i: int) -> torch.Tensor:
    """The plane without things, from rows that are all ground."""
    depth, labels = scenes.depth[i], scenes.labels[i]
    rows = (labels == GROUND).float()
    return (depth * rows).sum(1) / rows.sum(1)


def test_only_solids_rise_above_the_ground() -> None:
    scenes = make_depth_scenes(40, 48, seed=1)
    assert scenes.classes == DEPTH_CLASSES
    assert set(scenes.labels.unique().tolist()) == {GROUND, POSTER, SOLID}
    for i in range(len(scenes)):
        rise = ground_of(scenes, i)[:, None] - scenes.depth[i]
        assert rise[scenes.labels[i] != SOLID].abs().max() < 1e-5
        if (scenes.labels[i] == SOLID).any():
            assert rise[scenes.labels[i] == SOLID].max() > 0.1
            assert rise[scenes.labels[i] == SOLID].min() > 0


def test_colours_know_nothing_of_heights() -> None:
    """Mean and spread of the colours of posters and of solids agree within the error of the draw."""
    scenes = make_depth_scenes(600, 32, seed=2)
    colours = scenes.images.float().movedim(1, -1)
    posters, solids = (colours[scenes.labels == k] for k in (POSTER, SOLID))
    assert (posters.mean(0) - solids.mean(0)).abs().max() < 8
    assert (posters.std(0) - solids.std(0)).abs().max() < 6


def test_what_stands_in_front_hides_a_strip_from_the_second_eye() -> None:
    depth = torch.full((1, 5, 20), 2.0)
    depth[..., 10:14] = 1.0
    hidden = hidden_from_one_eye(depth, baseline=6.0)  # shifts 3 and 6: a strip of three on the left
    assert hidden[0, 2].nonzero()[:, 0].tolist() == [7, 8, 9]
    assert not hidden_from_one_eye(depth, 0.0).any()
    slow = torch.zeros_like(hidden)
    shift = 30.0 / depth
    for j in range(20):
        for other in range(j + 1, 20):
            slow[..., j] |= shift[..., other] - shift[..., j] >= other - j
    assert torch.equal(hidden_from_one_eye(depth, 30.0), slow)


def test_noise_grows_with_the_square_of_the_distance() -> None:
    near, far = (
        measure_depth(torch.full((1, 200, 200), d), Draws(1, 0, "test"), noise=0.01, baseline=0, shiny=0)
        for d in (1.0, 3.0)
    )
    assert float(near.std()) == pytest.approx(0.01, rel=0.05)
    assert float(far.std()) == pytest.approx(0.09, rel=0.05)
    assert float(far.mean()) == pytest.approx(3.0, abs=0.005)


def test_holes_are_zeros_of_about_the_share_that_was_asked_for() -> None:
    depth = torch.full((10, 40, 40), 2.0)
    measured = measure_depth(depth, Draws(10, 0, "test"), shiny=0.2)
    assert float((measured == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
    scenes = make_depth_scenes(5, 32, seed=3)
    assert torch.equal(scenes.holes, scenes.measured == 0)
    assert 0.05 < float(scenes.holes.float().mean()) < 0.12
    perfect = make_depth_scenes(5, 32, seed=3, noise=0, baseline=0, shiny=0)
    assert torch.equal(perfect.measured, perfect.depth)
    assert torch.equal(perfect.images, scenes.images)


def test_the_same_seed_gives_the_same_scenes_and_subsets_keep_all() -> None:
    one, two = make_depth_scenes(6, 32, seed=4), make_depth_scenes(6, 32, seed=4)
    for name in ("images", "depth", "measured", "labels"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert not torch.equal(one.images, make_depth_scenes(6, 32, seed=5).images)
    part = one.subset(slice(2, 4))
    assert len(part) == 2
    assert torch.equal(part.measured, one.measured[2:4])


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 16"):
        make_depth_scenes(1, 8)
    with pytest.raises(ValueError, match="noise"):
        make_depth_scenes(1, 32, noise=-1)
    with pytest.raises(ValueError, match="shiny"):
        make_depth_scenes(1, 32, shiny=1.5)
