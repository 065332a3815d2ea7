"""Edge boxes against loops over pixels and chains, on drawn contours, and its recall on scenes with truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils.detection.edge_boxes import ALPHA, BETA, edge_boxes, refine, score_boxes, search_boxes
from course_utils.detection.edge_groups import (
    EdgeGroups,
    affinities,
    edge_map,
    find_groups,
    group_edges,
    integral,
    strongest_chains,
    sums_inside,
    turn,
)
from course_utils.detection.iou import box_iou
from course_utils.detection.recall import random_windows, recall
from tests.detection.scene_truth import scenes_with_boxes


def disc(size: int = 48, at: tuple[float, float] = (24, 24), radius: float = 10) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    inside = (x - at[0]) ** 2 + (y - at[1]) ** 2 < radius**2
    return (inside * 200).to(torch.uint8).expand(3, size, size)


def slow_score(groups: EdgeGroups, box: tuple[int, ...]) -> float:
    """The formula of the paper, pixel by pixel, chain by chain."""
    x1, y1, x2, y2 = box
    height, width = groups.labels.shape
    members: dict[int, list[bool]] = {}
    for y in range(height):
        for x in range(width):
            if groups.labels[y, x] >= 0:
                members.setdefault(int(groups.labels[y, x]), []).append(x1 <= x < x2 and y1 <= y < y2)
    crossing = {g for g, inside in members.items() if any(inside) and not all(inside)}
    # the largest product is the shortest path of lengths -log(affinity), from all crossing groups at once
    reach = {g: 1.0 if g in crossing else 0.0 for g in members}
    for _ in members:
        for i in members:
            for j in members:
                reach[j] = max(reach[j], reach[i] * groups.affinity[i, j])
    total = sum((1 - reach[g]) * groups.strength[g] for g, inside in members.items() if all(inside))
    qw, qh = (x2 - x1) // 4, (y2 - y1) // 4
    total -= groups.magnitude[y1 + qh : y2 - qh, x1 + qw : x2 - qw].sum()
    return total / (2 * (x2 - x1 + y2 - y1) ** 1.5)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_formula(seed: int) -> None:
    images, _ = scenes_with_boxes(3, seed, 32)
    groups = find_groups(images[seed])
    boxes = random_windows(25, 32, 32, seed, min_side=8)
    boxes[0] = torch.tensor([0.0, 0, 32, 32])
    fast = score_boxes(groups, boxes.int().numpy())
    slow = [slow_score(groups, tuple(box)) for box in boxes.int().tolist()]
    # chains weaker than 0.05 are left out of the fast one
    least = groups.strength.sum() * 0.05 / (2 * 16**1.5)
    assert fast == pytest.approx(slow, abs=least)
    exact = EdgeGroups(**{**vars(groups), "linked": slow_chains(groups.affinity)})
    assert score_boxes(exact, boxes.int().numpy()) == pytest.approx(slow, abs=1e-9)


def slow_chains(affinity: np.ndarray) -> np.ndarray:
    """Largest product along chains of 1, 2, 3, ... steps, until nothing grows."""
    best = np.maximum(affinity, np.eye(len(affinity)))
    while True:
        longer = (best[:, :, None] * best[None]).max(1)
        if np.array_equal(longer, best):
            return best
        best = longer


@pytest.mark.parametrize("seed", range(4))
def test_chains_equal_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    affinity = rng.random((9, 9)) * (rng.random((9, 9)) < 0.3)
    affinity = np.triu(affinity, 1) + np.triu(affinity, 1).T
    exact = slow_chains(affinity)
    assert strongest_chains(affinity) == pytest.approx(np.where(exact >= 0.05, exact, 0))


def test_integral_images_sum_boxes() -> None:
    maps = np.random.default_rng(0).integers(0, 9, (2, 7, 9))
    boxes = np.array([[0, 0, 9, 7], [2, 1, 5, 6], [3, 3, 3, 5]])
    found = sums_inside(integral(maps), boxes)
    assert found.tolist() == [[int(m[y1:y2, x1:x2].sum()) for x1, y1, x2, y2 in boxes] for m in maps]


def test_edges_lie_on_the_step_and_run_along_it() -> None:
    image = torch.zeros(1, 20, 20)
    image[:, :, 12:] = 100
    magnitude, angle = edge_map(image)
    rows, columns = np.nonzero(magnitude)
    assert set(columns.tolist()) <= {11, 12}
    assert len(set(rows.tolist())) == len(rows) == 20  # one pixel thick
    assert magnitude.max() == 1
    assert angle[magnitude > 0] == pytest.approx(math.pi / 2)
    slanted = torch.tensor([[float(x + y > 20) for x in range(21)] for y in range(21)])[None]
    magnitude, angle = edge_map(slanted)
    assert np.median(turn(angle[magnitude > 0], 3 * math.pi / 4)) < 0.01  # x + y = 20 runs up to the right


def test_turns() -> None:
    assert turn(0.1, math.pi - 0.1) == pytest.approx(0.2)
    assert turn(0.0, math.pi / 2) == pytest.approx(math.pi / 2)


def test_groups_are_pieces_of_contour_that_turn_little() -> None:
    magnitude, angle = edge_map(disc())
    labels = group_edges(magnitude, angle)
    assert ((labels >= 0) <= (magnitude > 0)).all()
    assert (labels >= 0).sum() == (magnitude > 0).sum()
    assert 3 <= labels.max() + 1 <= 8  # a circle turns by 180 degrees twice, a group by little more than 90
    from skimage.measure import label

    for group in range(labels.max() + 1):
        assert label(labels == group, connectivity=2).max() == 1
    lone = np.zeros((5, 5))
    lone[2, 2] = 0.4
    assert group_edges(lone, np.zeros((5, 5))).max() == -1  # weak and alone: no group


def test_affinity_by_hand() -> None:
    """Two pieces of one line belong together; two parallel lines, and a corner, do not."""
    labels = np.full((9, 20), -1)
    labels[1, 1:6], labels[1, 7:12] = 0, 1
    labels[3, 1:6] = 2  # below the first, two pixels away
    labels[7, 15:18] = 3  # far from all
    magnitude, angle = (labels >= 0).astype(float), np.zeros(labels.shape)
    a = affinities(magnitude, angle, labels)
    assert a[0, 1] == pytest.approx(1)
    assert a[0, 2] == pytest.approx(0, abs=1e-12)
    assert a[3].tolist() == [0, 0, 0, 0]
    assert np.array_equal(a, a.T)
    assert np.diag(a).tolist() == [0, 0, 0, 0]
    angle[labels == 1] = math.pi / 4
    assert affinities(magnitude, angle, labels)[0, 1] == pytest.approx(math.cos(math.pi / 4) ** 2)  # gamma = 2


def test_a_window_around_a_contour_beats_one_that_cuts_it() -> None:
    groups = find_groups(disc())
    around, cutting, wide, beside = score_boxes(
        groups, np.array([[12, 12, 36, 36], [16, 12, 40, 36], [0, 0, 48, 48], [37, 37, 47, 47]])
    )
    assert around > 5 * cutting > 0
    assert wide == pytest.approx(0)  # the contour lies in its centre
    assert beside == 0


def test_the_best_window_is_the_object() -> None:
    for at, radius in (((24, 20), 10), ((15, 30), 8), ((30, 30), 13)):
        boxes, scores = edge_boxes(disc(48, at, radius))
        truth = torch.tensor([[at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius]], dtype=torch.float32)
        assert float(box_iou(boxes[:1], truth)) > 0.75
        assert bool((scores.diff() <= 0).all())
        overlap = box_iou(boxes, boxes)
        assert float((overlap - torch.eye(len(boxes))).max()) <= BETA + 1e-6


def test_the_search_leaves_no_gap() -> None:
    """Any box of allowed size and shape has a window near it."""
    windows = torch.from_numpy(search_boxes(64, 80, 12)).float()
    assert float(windows.min()) == 0
    assert float(windows[:, 2].max()) == 80
    assert float(windows[:, 3].max()) == 64
    boxes = random_windows(400, 64, 80, 1, min_side=14)
    w, h = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    boxes = boxes[(w / h).log().abs() < math.log(2.5)]
    best = box_iou(boxes, windows).amax(1)
    assert float(best.min()) > ALPHA - 0.1
    assert float(best.median()) > 0.75


def test_moving_the_sides_raises_the_score() -> None:
    groups = find_groups(disc())
    boxes = np.array([[8, 9, 37, 40], [14, 12, 30, 37], [10, 10, 20, 20]])
    scores = score_boxes(groups, boxes)
    moved, raised = refine(groups, boxes, scores)
    assert raised == pytest.approx(score_boxes(groups, moved))
    assert (raised >= scores).all()
    assert (raised[:2] > scores[:2]).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recall_beats_random_windows_at_equal_count(seed: int) -> None:
    """S241."""
    images, objects = scenes_with_boxes(10, seed)
    found = [edge_boxes(image)[0] for image in images]
    random = [random_windows(200, 96, 96, 100 * seed + i) for i in range(len(images))]
    counts = (10, 50, 100, 200)
    ours, theirs = recall(found, objects, counts), recall(random, objects, counts)
    assert bool((ours > theirs).all())
    assert float(ours[1]) > float(theirs[1]) + 0.15


def test_an_empty_picture_and_wrong_input() -> None:
    boxes, scores = edge_boxes(torch.zeros(3, 24, 24, dtype=torch.uint8), count=5)
    assert len(boxes) <= 5
    assert bool((scores == 0).all())
    with pytest.raises(ValueError, match=r"image must have shape \(any, any, any\)"):
        edge_boxes(torch.zeros(8, 8))
    with pytest.raises(ValueError, match="sigma must be greater than 0"):
        edge_boxes(torch.zeros(3, 8, 8), sigma=0)
