"""HOG against its slow twin, against scikit-image, and against what it promises about light."""

import numpy as np
import pytest
from skimage.feature import hog as library_hog

from course_utils.scratch.features.hog import cell_histograms, cell_histograms_loop, gradients, hog, normalise_block
from course_utils.scratch.features.linear_classifier import fit_linear
from course_utils.scratch.features.stick_figures import draw_windows


@pytest.mark.parametrize(("shape", "cell", "bins"), [((17, 23), 4, 9), ((8, 8), 8, 1), ((20, 20), 1, 6)])
def test_fast_histograms_equal_slow_ones(shape: tuple[int, int], cell: int, bins: int) -> None:
    image = np.random.default_rng(0).random(shape)
    assert np.allclose(cell_histograms(image, cell, bins), cell_histograms_loop(image, cell, bins))


@pytest.mark.parametrize(("cell", "block"), [(8, 2), (5, 3), (4, 1)])
def test_hog_equals_scikit_image(cell: int, block: int) -> None:
    rng = np.random.default_rng(1)
    for image in (rng.random((53, 70)), np.round(rng.random((40, 40)) * 255)):
        theirs = library_hog(image, 9, (cell, cell), (block, block))
        assert np.abs(hog(image, cell, block) - theirs).max() < 1e-6


def test_batches_and_views_give_the_same_numbers() -> None:
    images = np.random.default_rng(2).random((3, 40, 48))
    one_by_one = np.stack([hog(image) for image in images])
    assert np.array_equal(hog(images), one_by_one)
    assert np.array_equal(hog(images.transpose(0, 2, 1)), np.stack([hog(image.T) for image in images]))


def test_gradient_of_a_ramp_points_along_it() -> None:
    rows, columns = np.mgrid[0:9, 0:9].astype(float)
    g_row, g_column = gradients(3 * rows - 2 * columns)
    assert (g_row[1:-1, 1:-1] == 6).all()
    assert (g_column[1:-1, 1:-1] == -4).all()


def test_light_hardly_changes_the_descriptor_but_moves_raw_histograms() -> None:
    image = np.random.default_rng(3).random((32, 32))
    dim = 0.3 * image + 0.2
    assert np.abs(hog(image) - hog(dim)).max() < 1e-3
    assert np.abs(hog(image) - hog(1 - image)).max() < 1e-9
    assert np.abs(cell_histograms(image) - cell_histograms(dim)).max() > 0.01


def test_normalised_block_has_length_one_and_no_entry_far_above_the_cut() -> None:
    block = normalise_block(np.array([[10.0, 1, 1, 1, 1], [0, 0, 0, 0, 0]]))
    assert np.isclose(np.linalg.norm(block[0]), 1, atol=1e-6)
    assert block[0, 0] < 10 / np.sqrt(104)
    assert (block[1] == 0).all()


def test_separates_figures_where_pixels_cannot() -> None:
    x, y = draw_windows(500, seed=5)
    x_test, y_test = draw_windows(300, seed=6)
    pixels = fit_linear(x.reshape(500, -1), y).accuracy(x_test.reshape(300, -1), y_test)
    features = fit_linear(hog(x), y).accuracy(hog(x_test), y_test)
    assert pixels < 0.62
    assert features > 0.9


def test_windows_repeat_by_seed_and_hold_the_same_ink_in_both_classes() -> None:
    x, y = draw_windows(400, noise=0, seed=1)
    again, _ = draw_windows(400, noise=0, seed=1)
    assert np.array_equal(x, again)
    ink = np.abs(x - np.median(x, axis=(1, 2), keepdims=True)).mean(axis=(1, 2))
    assert abs(ink[y == 1].mean() - ink[y == 0].mean()) < 0.5 * ink.std()


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="use a smaller cell"):
        hog(np.zeros((8, 8)), cell=8, block=2)
    with pytest.raises(ValueError, match="cell must be at least 1"):
        hog(np.zeros((8, 8)), cell=0)
