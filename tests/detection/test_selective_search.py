"""Selective search against pixels counted anew at each step, and its recall on scenes with truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.detection import selective_search as module
from course_utils.detection.recall import average_recall, random_windows, recall, windows_needed
from course_utils.detection.selective_search import (
    COLOUR_SPACES,
    MODES,
    describe,
    hierarchy,
    neighbours,
    selective_search,
    similarity,
    texture_bins,
    to_colour_space,
)
from tests.detection.scene_truth import scenes_with_boxes


def box_of(mask: np.ndarray) -> tuple[int, ...]:
    y, x = np.nonzero(mask)
    return (x.min(), y.min(), x.max() + 1, y.max() + 1)


def histogram_of(mask: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    columns = [np.bincount(values[mask][:, c], minlength=count) for c in range(values.shape[-1])]
    joined = np.concatenate(columns)
    return joined / joined.sum()


def slow_similarity(a: np.ndarray, b: np.ndarray, colour: np.ndarray, texture: np.ndarray, measures: str) -> float:
    total = 0.0
    for letter, values, count in (("C", colour, 25), ("T", texture, 10)):
        if letter in measures:
            total += np.minimum(histogram_of(a, values, count), histogram_of(b, values, count)).sum()
    x1, y1, x2, y2 = box_of(a | b)
    size = a.sum() + b.sum()
    total += (1 - size / a.size) * ("S" in measures)
    return total + (1 - ((x2 - x1) * (y2 - y1) - size) / a.size) * ("F" in measures)


def touch(a: np.ndarray, b: np.ndarray) -> bool:
    padded = np.pad(a, 1)
    shifts = [padded[y : y + a.shape[0], x : x + a.shape[1]] for y in range(3) for x in range(3)]
    return bool((np.any(shifts, axis=0) & b).any())


def slow_hierarchy(image: np.ndarray, labels: np.ndarray, measures: str) -> list[tuple[int, ...]]:
    """Join masks; measure everything from the pixels each time."""
    colour = np.minimum((image / 255 * 25).astype(int), 24)
    texture = texture_bins(image)
    live = {k: labels == k for k in range(labels.max() + 1)}
    boxes = [box_of(mask) for mask in live.values()]
    while len(live) > 1:
        pairs = [(i, j) for i in live for j in live if i < j and touch(live[i], live[j])]
        i, j = max(pairs, key=lambda p: slow_similarity(live[p[0]], live[p[1]], colour, texture, measures))
        live[len(boxes)] = live.pop(i) | live.pop(j)
        boxes.append(box_of(live[len(boxes)]))
    return boxes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("measures", ["CTSF", "TSF", "F", "CT"])
def test_hierarchy_equals_counting_pixels(seed: int, measures: str) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.permutation(12).reshape(3, 4), np.ones((5, 4), dtype=int))
    labels[rng.random(labels.shape) < 0.1] = 12  # a region in many pieces
    image = rng.random((15, 16, 3)) * 100 + 10 * labels[..., None]
    fast = hierarchy(describe(image, labels), neighbours(labels), labels.size, measures)
    slow = slow_hierarchy(image, labels, measures)
    assert len(slow) == 2 * 13 - 1
    if measures == "F":  # equal pairs are common here: both end at the whole picture
        assert tuple(fast[-1]) == slow[-1]
    else:
        assert [tuple(box) for box in fast.tolist()] == slow


@pytest.mark.parametrize("measures", ["C", "T", "S", "F", "CTSF", "TS"])
def test_similarity_equals_counting_pixels(measures: str) -> None:
    rng = np.random.default_rng(5)
    labels = np.sort(rng.integers(0, 6, (12, 14)), axis=1)
    image = rng.random((12, 14, 3)) * 255
    regions, colour = describe(image, labels), np.minimum((image / 255 * 25).astype(int), 24)
    fast = similarity(regions, 2, [0, 1, 3, 4, 5], labels.size, measures)
    masks = [labels == k for k in range(6)]
    slow = [slow_similarity(masks[2], masks[j], colour, texture_bins(image), measures) for j in (0, 1, 3, 4, 5)]
    assert fast == pytest.approx(slow)
    assert fast.max() <= len(measures)


def test_neighbours_by_hand() -> None:
    labels = np.array([[0, 0, 1], [2, 0, 1], [2, 2, 3]])
    assert neighbours(labels) == [{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}]
    assert neighbours(np.array([[0, 1, 2]])) == [{1}, {0, 2}, {1}]


def test_texture_tells_the_direction_of_stripes() -> None:
    """A slope to the right falls into the first of the eight directions, and into none of the opposite ones."""
    ramp = np.broadcast_to(np.arange(20.0)[None, :, None], (20, 20, 1))
    bins = texture_bins(ramp)[10, 10]
    assert bins[0] == 9
    assert bins[[1, 7]].tolist() == [7, 7]  # cos 45 degrees of ten bins
    assert bins[[2, 3, 4, 5, 6]].tolist() == [0] * 5
    assert texture_bins(ramp.transpose(1, 0, 2))[10, 10].argmax() == 2


@pytest.mark.parametrize("space", COLOUR_SPACES)
def test_colour_spaces_fill_the_range(space: str) -> None:
    converted = to_colour_space(data.photo("astronaut", size=48), space)
    assert converted.shape[0] == (1 if space in "HI" else 3)
    assert float(converted.min()) >= 0
    assert float(converted.max()) <= 255
    assert float(converted.max() - converted.min()) > 60


def test_shadows_change_intensity_and_leave_hue() -> None:
    """Why there are several spaces: what half the light does to each of them."""
    picture = data.photo("coffee", size=32).float() + 1
    change = {s: float((to_colour_space(picture, s) - to_colour_space(picture / 2, s)).abs().mean()) for s in "HI"}
    assert change["H"] < 0.01
    assert change["I"] > 20


def test_the_windows_fit_and_are_given_once() -> None:
    windows = selective_search(data.photo("cat", size=64), min_side=6)
    assert windows.dtype == torch.float32
    assert len(torch.unique(windows, dim=0)) == len(windows) > 50
    assert float(windows.min()) == 0
    assert float(windows.max()) == 64
    assert float((windows[:, 2:] - windows[:, :2]).min()) >= 6
    assert [0, 0, 64, 64] in windows.tolist()
    again = selective_search(data.photo("cat", size=64), min_side=6)
    assert torch.equal(windows, again)
    other = selective_search(data.photo("cat", size=64), seed=1, min_side=6)
    assert {tuple(w) for w in other.tolist()} == {tuple(w) for w in windows.tolist()}
    assert not torch.equal(windows, other)


def test_a_mode_is_a_product_of_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name: len(s) * len(m) * len(k) for name, (s, m, k) in MODES.items()} == {
        "single": 1, "fast": 8, "quality": 80,
    }  # fmt: skip
    seen = []
    original = module.hierarchy
    monkeypatch.setattr(module, "hierarchy", lambda *args: seen.append(args[3]) or original(*args))
    selective_search(data.photo("cat", size=24), "quality")
    assert len(seen) == 80


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recall_against_windows_on_scenes(seed: int) -> None:
    """S243: the curve, far above random windows at equal count, and the number of windows for 95 percent."""
    images, objects = scenes_with_boxes(8, seed)
    found = [selective_search(image, "fast", seed) for image in images]
    random = [random_windows(1000, 96, 96, 100 * seed + i) for i in range(len(images))]
    counts = (10, 50, 100, 200)
    ours, theirs = recall(found, objects, counts), recall(random, objects, counts)
    assert bool((ours > theirs + 0.1).all())
    needed = windows_needed(found, objects, 0.95)
    assert needed is not None
    assert needed <= 200
    assert (windows_needed(random, objects, 0.95) or 10_000) > 3 * needed
    assert average_recall(found, objects) > 0.7


@pytest.mark.parametrize("seed", [0, 1])
def test_more_hierarchies_lie_better(seed: int) -> None:
    images, objects = scenes_with_boxes(8, seed)  # of four, one scene decides
    overlap = [average_recall([selective_search(i, mode) for i in images], objects) for mode in ("single", "fast")]
    assert overlap[1] > overlap[0] + 0.05


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="mode must be one of 'single', 'fast', 'quality', got 'slow'"):
        selective_search(torch.zeros(3, 8, 8), "slow")
    with pytest.raises(ValueError, match=r"image must have shape \(3, any, any\)"):
        selective_search(torch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match="space must be one of"):
        to_colour_space(torch.zeros(3, 8, 8), "YUV")
    assert selective_search(torch.zeros(3, 8, 8)).tolist() == [[0, 0, 8, 8]]
