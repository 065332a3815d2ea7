"""Flow takes frame 1 to frame 2; what is called visible is; a clip's class is its motion and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.synthetic import BACKGROUNDS, CLASSES, MOTIONS, Clips, make_clips, make_flow_pairs
from course_utils.data.synthetic.backgrounds import draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.motion import FlowPairs, camera_motion, exact_flow, move, similarity
from course_utils.data.synthetic.objects import Objects
from course_utils.data.synthetic.scenes import make_scenes


def warped(second: Tensor, flow: Tensor) -> Tensor:
    """Read the second frame where each pixel of the first one went."""
    height, width = flow.shape[-2:]
    down, across = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    grid = torch.stack([(across + flow[:, 0]) / width, (down + flow[:, 1]) / height], -1) * 2 - 1
    return F.grid_sample(second.float(), grid, padding_mode="border", align_corners=False)


def error(pairs: FlowPairs, flow: Tensor, where: Tensor) -> float:
    return float((warped(pairs.second, flow) - pairs.first).abs().mean(1)[where].mean())


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_flow_takes_the_first_frame_to_the_second(background: str) -> None:
    pairs = make_flow_pairs(60, 64, 0, background=background)
    right = error(pairs, pairs.flow, pairs.visible)
    assert right < 4  # of 255: what reading between pixels and smooth edges cost
    for wrong in (pairs.flow * 0, -pairs.flow, pairs.flow.flip(1), pairs.flow * 0.5):
        assert error(pairs, wrong, pairs.visible) > 1.5 * right
    assert error(pairs, pairs.flow, ~pairs.visible) > 5 * right
    assert 0.8 < float(pairs.visible.float().mean()) < 0.98


def test_background_alone_moves_by_the_camera_to_the_letter() -> None:
    grounds = draw_backgrounds(Draws(5, 0, "move"), 32, "photo", margin=8)
    still = torch.zeros(5)
    motion = camera_motion(torch.tensor([[3.0, -2.0]]).repeat(5, 1), still, still + 1, 32)
    before, after = grounds.paint(), grounds.paint_moved(motion)
    assert torch.allclose(after[:, :, :-2, 3:], before[:, :, 2:, :-3], atol=1e-4)


def test_camera_turns_about_the_centre() -> None:
    motion = camera_motion(torch.zeros(1, 2), torch.tensor([math.pi / 2]), torch.tensor([2.0]), 10)
    points = torch.tensor([[5.0, 6.0], [5.0, 5.0]])  # the centre, and one to its right
    assert torch.allclose(move(points, motion)[0], torch.tensor([[5.0, 5.0], [5.0, 7.0]]), atol=1e-5)


def test_nothing_moves_without_motion() -> None:
    still = make_flow_pairs(10, 48, 1, max_shift=0, max_turn=0, max_zoom=0, camera_shift=0)
    assert float(still.flow.abs().max()) < 1e-4
    assert bool(still.visible.all())
    assert (still.first.int() - still.second.int()).abs().max() <= 1


def one_scene(**changes: Tensor) -> Objects:
    from dataclasses import replace

    objects = make_scenes(1, 32, 0, "easy", objects=2, clutter=0, overlap=1).objects
    kind = torch.tensor([[CLASSES.index("square"), CLASSES.index("circle")]])
    base = {
        "kind": kind,
        "present": torch.ones(1, 2, dtype=torch.bool),
        "x": torch.tensor([[10.0, 22.0]]),
        "y": torch.tensor([[16.0, 16.0]]),
        "radius": torch.tensor([[8.0, 8.0]]),
        "angle": torch.zeros(1, 2),
        "depth": torch.tensor([[5.0, 2.0]]),
    }
    return replace(objects, **{**base, **changes})


def test_similarity_moves_points_as_the_pose_says() -> None:
    before = one_scene()
    after = one_scene(
        x=torch.tensor([[13.0, 22.0]]), angle=torch.tensor([[math.pi / 2, 0]]), radius=torch.tensor([[16.0, 8.0]])
    )
    points = torch.tensor([[10.0, 14.0], [16.0, 16.0]])  # the square's centre, and 4 to its right
    assert torch.allclose(
        move(points, similarity(before, after)[0, 0]), torch.tensor([[13.0, 13.0], [16.0, 24.0]]), atol=1e-4
    )


def test_hidden_points_are_known() -> None:
    """A square slides 8 to the right, behind a disc that stands still."""
    from course_utils.data.synthetic.render import render

    before, after = one_scene(), one_scene(x=torch.tensor([[18.0, 22.0]]))
    instances = render(before, torch.zeros(1, 3, 32, 32)).instances
    still = torch.eye(2, 3)[None]
    flow, visible = exact_flow(before, after, still, instances)
    for row in range(32):
        for column in range(32):
            shows = int(instances[0, row, column])
            step = 8.0 if shows == 1 else 0.0
            assert flow[0, :, row, column].tolist() == pytest.approx([step, 0.0], abs=1e-4)
            x, y = column + 0.5 + step, row + 0.5
            in_disc = math.hypot(x - 22, y - 16) < 8 * 0.85
            in_square = max(abs(x - 18), abs(y - 16)) < 8 * 0.7
            hidden = (shows != 2 and in_disc) or (shows == 0 and in_square)
            assert bool(visible[0, row, column]) == (not hidden and x <= 32)


def test_points_that_leave_the_frame_are_not_visible() -> None:
    pairs = make_flow_pairs(30, 48, 2)
    down, across = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    x, y = across + pairs.flow[:, 0], down + pairs.flow[:, 1]
    outside = (x < 0) | (x > 48) | (y < 0) | (y > 48)
    assert bool(outside.any())
    assert not bool((pairs.visible & outside).any())


def test_flow_pairs_are_repeatable_and_free_of_chunks() -> None:
    whole, parts, other = make_flow_pairs(9, 32, 3), make_flow_pairs(9, 32, 3, chunk=2), make_flow_pairs(9, 32, 4)
    for name in ("first", "second", "flow", "visible", "instances", "labels"):
        assert torch.equal(getattr(whole, name), getattr(parts, name)), name
    assert not torch.equal(whole.first, other.first)


def object_motion(clips: Clips) -> Tensor:
    """Return the mean flow (N, T - 1, 2) of moving pixels."""
    assert clips.flow is not None
    moving = (clips.flow.abs().sum(2, keepdim=True) > 1e-3).float()
    return (clips.flow * moving).sum((3, 4)) / moving.sum((3, 4)).clamp_min(1)


def test_clip_moves_as_its_label_says() -> None:
    clips = make_clips(160, 6, 32, 0, with_flow=True)
    motion = object_motion(clips)
    expected = {"right": (0, 1), "left": (0, -1), "down": (1, 1), "up": (1, -1)}
    for name, (axis, sign) in expected.items():
        chosen = motion[clips.labels == MOTIONS.index(name)]
        assert bool((chosen[:, :, axis] * sign > 0.5).all())
        assert float(chosen[:, :, 1 - axis].abs().max()) < 1e-4
    assert clips.flow is not None
    curl = clips.flow[:, :, 1].diff(dim=-1)[..., :-1, :] - clips.flow[:, :, 0].diff(dim=-2)[..., :, :-1]
    spread = clips.flow[:, :, 0].diff(dim=-1)[..., :-1, :] + clips.flow[:, :, 1].diff(dim=-2)[..., :, :-1]
    for name, field, sign in (
        ("clockwise", curl, 1), ("counterclockwise", curl, -1), ("growing", spread, 1), ("shrinking", spread, -1),
    ):  # fmt: skip
        # The median over moving pixels: at the outline the flow jumps.
        chosen = field[clips.labels == MOTIONS.index(name)].flatten(1)
        middle = torch.stack([row[row.abs() > 1e-3].median() for row in chosen])
        assert bool((middle * sign > 0).all()), name


def test_clip_flow_takes_each_frame_to_the_next() -> None:
    clips = make_clips(32, 4, 48, 1, with_flow=True, background="plain")
    assert clips.flow is not None
    first, second = clips.videos[:, :-1].flatten(0, 1), clips.videos[:, 1:].flatten(0, 1)
    flow = clips.flow.flatten(0, 1)
    moving = flow.abs().sum(1) > 1e-3
    right = (warped(second, flow) - first).abs().mean(1)[moving].mean()
    wrong = (warped(second, -flow) - first).abs().mean(1)[moving].mean()
    assert float(right) < 0.4 * float(wrong)


def test_middle_frame_does_not_know_the_class() -> None:
    moving, still = make_clips(64, 5, 32, 0), make_clips(64, 5, 32, 0, speed=(0, 0))
    assert torch.equal(moving.videos[:, 2], still.videos[:, 2])  # motion adds nothing to it
    assert not torch.equal(moving.videos[:, 0], still.videos[:, 0])
    assert torch.equal(still.videos[:, 0], still.videos[:, 4])


def test_clips_are_balanced_repeatable_and_free_of_chunks() -> None:
    whole, parts = make_clips(40, 4, 32, 2), make_clips(40, 4, 32, 2, chunk=7)
    assert torch.equal(whole.videos, parts.videos)
    assert whole.labels.bincount().tolist() == [5] * 8
    assert whole.flow is None
    assert not torch.equal(whole.videos, make_clips(40, 4, 32, 3).videos)
    assert len(whole.subset(whole.labels == 3)) == 5
    turning = {CLASSES[i] for i in make_clips(400, 2, 16).shapes.unique().tolist()}
    assert turning == set(CLASSES) - {"circle", "ring"}


def test_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match="frames must be at least 2, got 1"):
        make_clips(2, 1)
    with pytest.raises(ValueError, match="max_shift must be at most 16"):
        make_flow_pairs(2, 64, max_shift=30)
