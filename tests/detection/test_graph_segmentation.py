"""Graph-based segmentation against its definition, against scikit-image, and on pictures with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.detection.graph_segmentation import graph_segmentation, grid_edges, segment_edges, smooth


def slow_segments(count: int, edges: list[tuple[int, int, float]], k: float) -> list[set[int]]:
    """The paper's algorithm with sets, and Int(C) from a minimum spanning tree built anew each time."""

    def internal_difference(part: set[int]) -> float:
        tree, largest = {min(part)}, 0.0
        while tree != part:
            crossing = [(w, u, v) for u, v, w in edges if u in part and v in part and (u in tree) != (v in tree)]
            w, u, v = min(crossing)
            tree |= {u, v}
            largest = max(largest, w)
        return largest

    parts = [{vertex} for vertex in range(count)]
    for u, v, w in sorted(edges, key=lambda edge: edge[2]):
        a = next(part for part in parts if u in part)
        b = next(part for part in parts if v in part)
        if a is not b and all(w <= internal_difference(part) + k / len(part) for part in (a, b)):
            parts = [part for part in parts if part is not a and part is not b] + [a | b]
    return parts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [0.3, 1.0, 4.0])
def test_equals_the_slow_definition(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    image = rng.random((5, 6, 2)) + np.arange(6)[None, :, None] // 3
    first, second, weight = grid_edges(image)
    fast = segment_edges(30, first, second, weight, k)
    slow = slow_segments(30, list(zip(first.tolist(), second.tolist(), weight.tolist())), k)
    assert {frozenset(part) for part in slow} == {frozenset(np.flatnonzero(fast == c).tolist()) for c in set(fast)}


def test_grid_edges_by_hand() -> None:
    first, second, weight = grid_edges(np.array([[[0.0], [3.0]], [[4.0], [4.0]]]))
    found = {(int(a), int(b)): float(w) for a, b, w in zip(first, second, weight)}
    assert found == {(0, 1): 3, (2, 3): 0, (0, 2): 4, (1, 3): 1, (0, 3): 4, (2, 1): 1}


def reference(image: torch.Tensor, k: float, sigma: float, min_size: int) -> np.ndarray:
    from skimage.segmentation import felzenszwalb

    pixels = image.permute(1, 2, 0).double().numpy() / 255
    return felzenszwalb(pixels, scale=k, sigma=sigma, min_size=min_size, channel_axis=-1)


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1).shape[1]
    return pairs == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("k", "min_size"), [(50.0, 1), (300.0, 20), (400.0, 50)])
def test_equals_scikit_image_where_no_two_edges_are_alike(seed: int, k: float, min_size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    picture = data.photo("coffee", size=40).double() + torch.rand(3, 40, 40, generator=generator) * 8
    # scikit-image mirrors the picture at its borders when it blurs, the authors' program repeats the last pixel
    blurred = torch.from_numpy(smooth(picture.permute(1, 2, 0).numpy(), 0.8)).permute(2, 0, 1)
    ours = graph_segmentation(picture, k, 0.8, min_size).numpy()
    assert same_partition(ours, reference(blurred, k, 0.0, min_size))
    assert 1 < ours.max() + 1 < 1600


@pytest.mark.parametrize("name", ["astronaut", "cat", "rocket"])
def test_agrees_with_scikit_image_on_photos(name: str) -> None:
    """Bytes make equal edges, whose order is open: the segments differ a little, no more."""
    from sklearn.metrics import adjusted_rand_score

    picture = data.photo(name, size=96)
    ours, theirs = graph_segmentation(picture, 100, 0.8, 20).numpy(), reference(picture, 100, 0.8, 20)
    assert ours.max() + 1 == pytest.approx(theirs.max() + 1, rel=0.05)
    assert adjusted_rand_score(theirs.ravel(), ours.ravel()) > 0.95


def test_flat_parts_are_found_whole() -> None:
    picture = torch.zeros(3, 20, 30, dtype=torch.uint8)
    picture[0, :, 15:] = 200
    picture[:, 5:10, 5:10] = 90
    labels = graph_segmentation(picture, k=20, sigma=0, min_size=1)
    expected = torch.zeros(20, 30, dtype=torch.int64)
    expected[:, 15:] = 1
    expected[5:10, 5:10] = 2
    assert torch.equal(labels, expected)


def test_small_regions_are_joined_and_scale_makes_larger_ones() -> None:
    picture = data.photo("cat", size=64)
    for min_size in (1, 10, 60):
        labels = graph_segmentation(picture, 50, 0.5, min_size)
        assert int(labels.flatten().bincount().min()) >= min_size
    counts = [int(graph_segmentation(picture, k, 0.8, 1).max()) + 1 for k in (10, 100, 1000)]
    assert counts[0] > 2 * counts[1] > 4 * counts[2]


def test_regions_are_connected() -> None:
    from skimage.measure import label

    labels = graph_segmentation(data.photo("coffee", size=64), 100).numpy()
    parts = label(labels + 1, connectivity=2)
    assert same_partition(labels, parts)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="k must be greater than 0, got 0"):
        graph_segmentation(torch.zeros(3, 4, 4), k=0)
    with pytest.raises(ValueError, match=r"image must have shape \(any, any, any\), got \(4, 4\)"):
        graph_segmentation(torch.zeros(4, 4))
    assert graph_segmentation(torch.zeros(1, 1, 1)).tolist() == [[0]]
