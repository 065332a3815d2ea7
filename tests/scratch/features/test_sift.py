"""SIFT: blur and descriptor against loops, keypoints that sit where they must, matches judged by a known map."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.feature import SIFT

from course_utils import data
from course_utils.scratch.features.scale_space import blur, blur_loop, extrema, octaves
from course_utils.scratch.features.sift import describe, describe_loop, main_angles, match, sift
from course_utils.scratch.features.similarity import inliers, matrix, move, warp


def gray(name: str) -> np.ndarray:
    return data.photo(name, size=320, gray=True)[0].numpy()[:, :320] / 255


def blob(size: int, row: float, column: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[0:size, 0:size]
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))


def test_blur_equals_loops_and_scipy() -> None:
    image = np.random.default_rng(0).random((15, 18))
    assert np.allclose(blur(image, 0.9), blur_loop(image, 0.9))
    large = np.random.default_rng(1).random((60, 70))
    assert np.allclose(blur(large, 2.3), gaussian_filter(large, 2.3, mode="reflect", truncate=4))


def test_levels_have_the_blur_they_claim() -> None:
    image = np.zeros((129, 129))
    image[64, 64] = 1
    for level, blurred in enumerate(octaves(image)[0]):
        # the camera is taken to have blurred with 0.5 already
        expected = blob(129, 64, 64, np.sqrt((1.6 * 2 ** (level / 3)) ** 2 - 0.25))
        assert np.allclose(blurred, expected / expected.sum(), atol=3e-3 * blurred.max())


@pytest.mark.parametrize("sigma", [3.0, 5.0, 8.0])
def test_a_blob_gives_a_keypoint_at_its_middle_and_of_its_size(sigma: float) -> None:
    pyramid = octaves(blob(128, 61.4, 70.7, sigma))
    found = [
        (p.row * 2**p.octave, p.column * 2**p.octave, 1.6 * 2 ** (p.level / 3) * 2**p.octave) for p in extrema(pyramid)
    ]
    nearest = min(found, key=lambda p: (p[0] - 61.4) ** 2 + (p[1] - 70.7) ** 2)
    assert np.hypot(nearest[0] - 61.4, nearest[1] - 70.7) < 0.5
    # between two levels the difference peaks at a blur of sigma / k^(1/2), k = 2^(1/3)
    assert nearest[2] == pytest.approx(sigma / 2 ** (1 / 6), rel=0.15)


def test_straight_edges_and_flat_ground_give_none() -> None:
    edge = blur(np.repeat((np.arange(96) > 47)[None].astype(float), 96, axis=0), 1.0)
    assert extrema(octaves(edge)) == []
    assert extrema(octaves(np.full((64, 64), 0.4))) == []


def test_descriptor_equals_loops() -> None:
    rng = np.random.default_rng(2)
    strength, angle = rng.random((50, 50)), rng.uniform(-np.pi, np.pi, (50, 50))
    for row, column, scale, turn in [(25.3, 24.8, 1.7, 0.4), (4.0, 44.2, 2.1, 3.0), (25.0, 25.0, 1.0, -1.2)]:
        fast = describe(strength, angle, row, column, scale, turn)
        assert np.allclose(fast, describe_loop(strength, angle, row, column, scale, turn))
        assert np.isclose(np.linalg.norm(fast), 1, atol=1e-4)


def test_main_angle_of_a_ramp() -> None:
    angle = np.full((40, 40), 0.9)
    found = main_angles(np.ones((40, 40)), angle, 20.2, 19.6, 2.0)
    assert len(found) == 1
    assert found[0] == pytest.approx(0.9, abs=0.1)


def test_known_map_moves_pixels_where_it_moves_points() -> None:
    image = blob(101, 30, 62, 2.0)
    transform = matrix(image.shape, 25, 0.9)
    target = move(np.array([[30.0, 62.0]]), transform)[0]
    warped = warp(image, transform)
    peak = np.unravel_index(warped.argmax(), warped.shape)
    assert np.linalg.norm(np.array(peak) - target) < 1
    assert np.allclose(warp(image, matrix(image.shape, 0, 1)), image, atol=1e-6)


@pytest.mark.parametrize("name", ["astronaut", "cat", "camera"])
@pytest.mark.parametrize(("degrees", "scale"), [(30, 0.8), (70, 0.6), (-45, 1.3)])
def test_more_than_four_matches_in_five_are_right(name: str, degrees: float, scale: float) -> None:
    left = gray(name)
    truth = matrix(left.shape, degrees, scale)
    before, after = sift(left), sift(warp(left, truth))
    pairs = match(before.descriptors, after.descriptors)
    agree = inliers(before.places[pairs[:, 0]], after.places[pairs[:, 1]], truth)
    assert len(pairs) >= 15
    assert agree.mean() > 0.8


def test_wrong_map_is_seen_as_wrong() -> None:
    left = gray("cat")
    truth = matrix(left.shape, 30, 0.8)
    before, after = sift(left), sift(warp(left, truth))
    pairs = match(before.descriptors, after.descriptors)
    wrong = matrix(left.shape, -30, 0.8)
    assert inliers(before.places[pairs[:, 0]], after.places[pairs[:, 1]], wrong).mean() < 0.2


def test_keypoints_lie_where_scikit_image_finds_some_too() -> None:
    image = gray("astronaut")
    library = SIFT()
    library.detect(image)
    ours = sift(image).places
    nearest = np.linalg.norm(ours[:, None] - library.positions[None], axis=2).min(axis=1)
    assert (nearest < 1.5).mean() > 0.8


def test_ratio_test_needs_a_second_candidate() -> None:
    a = np.eye(4)
    assert match(a, a[:3]).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert len(match(a[:1], np.stack([a[0], a[0]]))) == 0
    with pytest.raises(ValueError, match="at least 2 descriptors"):
        match(a, a[:1])
