"""What chapter 00b says: its systems, its equations and its claims, each on code of the package."""

import itertools
import math

import numpy as np
import pytest
import torch
from skimage.feature import hog as library_hog

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.features.hog import gradients, hog, normalise_block
from course_utils.scratch.features.intrinsic_dimension import neighbour_distances_loop, pca_dimension, two_nn
from course_utils.scratch.features.jitter import jitter
from course_utils.scratch.features.kmeans import kmeans
from course_utils.scratch.features.linear_classifier import fit_linear
from course_utils.scratch.features.patch_codes import describe, normalise_patches, patches, triangle_codes
from course_utils.scratch.features.rendered_bars import draw_factors, render
from course_utils.scratch.features.scale_space import gaussian_kernel, octaves
from course_utils.scratch.features.separability import cover_count, cover_fraction, random_features, separating_plane
from course_utils.scratch.features.sift import match, sift
from course_utils.scratch.features.similarity import inliers, matrix, warp
from course_utils.scratch.features.sparse_coding import ista, learn_dictionary, lipschitz, objective, soft_threshold
from course_utils.scratch.features.stage import gaussian_window, local_contrast
from course_utils.scratch.features.stick_figures import draw_windows


@pytest.fixture(scope="module", params=[0, 1, 2])
def frames(request: pytest.FixtureRequest) -> tuple[torch.Tensor, np.ndarray, torch.Tensor, np.ndarray]:
    """Moved digits of three seeds: what holds for one draw only is no result."""
    train, test = data.load("digits", "train"), data.load("digits", "test")
    x = jitter(train.images.float() / 255, seed=request.param)
    x_test = jitter(test.images.float() / 255, seed=request.param + 1000)
    return x, train.labels.numpy(), x_test, test.labels.numpy()


def learn_patches(x: torch.Tensor, count: int = 6000) -> torch.Tensor:
    cut = normalise_patches(patches(x)).reshape(-1, 36)
    cut = cut[cut.norm(dim=1) > 1]
    return cut[torch.randperm(len(cut), generator=torch.Generator().manual_seed(0))[:count]]


# ---- systems --------------------------------------------------------------------------------------------------


def test_fixed_features_beat_pixels_on_moved_digits(frames) -> None:
    x, y, x_test, y_test = frames
    pixels = fit_linear(x.flatten(1).numpy(), y).accuracy(x_test.flatten(1).numpy(), y_test)
    features = fit_linear(hog(x[:, 0].numpy(), cell=6), y).accuracy(hog(x_test[:, 0].numpy(), cell=6), y_test)
    assert features > pixels + 0.3


def test_on_centred_digits_the_difference_is_small() -> None:
    train, test = data.load("digits", "train"), data.load("digits", "test")
    y, y_test = train.labels.numpy(), test.labels.numpy()
    x, x_test = train.images.flatten(1).numpy() / 255, test.images.flatten(1).numpy() / 255
    pixels = fit_linear(x, y).accuracy(x_test, y_test)
    h, h_test = hog(train.images[:, 0].numpy(), cell=2), hog(test.images[:, 0].numpy(), cell=2)
    assert 0 < fit_linear(h, y).accuracy(h_test, y_test) - pixels < 0.05


def test_hog_equals_the_library_and_separates_the_detection_set() -> None:
    photo = data.photo("astronaut", size=128, gray=True)[0].numpy() / 255
    assert np.abs(hog(photo) - library_hog(photo, 9, (8, 8), (2, 2))).max() < 1e-6
    x, y = draw_windows(600, seed=11)
    x_test, y_test = draw_windows(300, seed=12)
    assert fit_linear(hog(x), y).accuracy(hog(x_test), y_test) > 0.92


def test_sift_matches_a_turned_and_resized_photo() -> None:
    left = data.photo("astronaut", size=288, gray=True)[0].numpy()[:, :288] / 255
    truth = matrix(left.shape, 30, 0.8)
    before, after = sift(left), sift(warp(left, truth))
    pairs = match(before.descriptors, after.descriptors)
    agree = inliers(before.places[pairs[:, 0]], after.places[pairs[:, 1]], truth)
    assert len(pairs) > 50
    assert agree.mean() > 0.8


def test_words_beat_pixels_and_inertia_falls(frames) -> None:
    x, y, x_test, y_test = frames
    words = kmeans(learn_patches(x).numpy(), 96, iterations=12)
    assert (np.diff(words.inertia) <= 1e-12).all()
    centres = torch.tensor(words.centres, dtype=torch.float32)
    pixels = fit_linear(x.flatten(1).numpy(), y).accuracy(x_test.flatten(1).numpy(), y_test)
    codes, codes_test = (describe(p, lambda v: triangle_codes(v, centres)).numpy() for p in (x, x_test))
    assert fit_linear(codes, y).accuracy(codes_test, y_test) > pixels + 0.4


def test_sparse_codes_are_sparse_improve_and_feed_a_classifier(frames) -> None:
    x, y, x_test, y_test = frames
    atoms, errors, active = learn_dictionary(learn_patches(x), 48, 1.0, rounds=40)
    assert errors[-1] < 0.9 * errors[0]
    assert max(active) <= 0.2
    codes, codes_test = (describe(p, lambda v: ista(v, atoms, 1.0, 20).abs()).numpy() for p in (x, x_test))
    assert fit_linear(codes, y).accuracy(codes_test, y_test) > 0.8


def test_each_step_of_the_stage_changes_accuracy_over_all_seeds() -> None:
    typical = {
        (step, light): band("00b_features.stages", f"{step}_{light}")
        for step in ("full", "normalise", "filter", "nonlinearity", "pool")
        for light in ("even", "shaded")
    }
    assert typical["full", "even"].count >= 20
    for step in ("filter", "nonlinearity", "pool"):
        assert typical[step, "even"].maximum < typical["full", "even"].minimum
    assert typical["normalise", "even"].median > typical["full", "even"].median
    assert typical["normalise", "shaded"].median < typical["full", "shaded"].median


def test_random_labels_become_separable_near_cover_s_capacity() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-1, 1, (40, 2))
    share = {}
    for d in (8, 19, 39):
        x = random_features(points, d)
        share[d] = np.mean([separating_plane(x, rng.choice([-1, 1], 40)) is not None for _ in range(30)])
    assert share[8] < 0.05
    assert 0.2 < share[19] < 0.8
    assert share[39] == 1.0


def test_pictures_of_two_factors_lie_on_a_surface() -> None:
    bars = render(draw_factors(1500, ("x", "angle"), seed=8), size=24).flatten(1).double().numpy()
    assert 1.7 < two_nn(bars) < 2.3
    assert pca_dimension(bars) > 10


def test_probes_find_edges_early_and_objects_late() -> None:
    edges = [band("00b_features.probe", f"stripes_{layer}") for layer in range(5)]
    objects = [band("00b_features.probe", f"shape_{layer}") for layer in range(5)]
    assert edges[0].count >= 20
    assert int(np.argmax([b.median for b in edges])) == 1
    assert int(np.argmax([b.median for b in objects])) == 4
    assert edges[1].minimum > edges[4].maximum
    assert objects[4].minimum > objects[1].maximum


def test_bags_win_with_few_labels_and_the_network_with_many() -> None:
    few, many = (band("00b_features.learned", f"accuracy_{count}") for count in (100, 1297))
    assert few.count >= 20
    assert few.median < 0.75
    assert many.minimum > 0.94


def test_record_of_mnist_holds_every_method_and_count() -> None:
    record = load_record("00b_features.mnist")
    for method in record["methods"]:
        curve = [record["metrics"][f"{method}_{count}"][0] for count in record["counts"]]
        assert all(later > earlier for earlier, later in itertools.pairwise(curve)), method
    last = {m: record["metrics"][f"{m}_{record['counts'][-1]}"][0] for m in record["methods"]}
    assert max(last, key=lambda m: last[m]) == "learned network"


# ---- equations ------------------------------------------------------------------------------------------------


def test_equation_0_21_ridge() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 7)), rng.integers(0, 4, 50)
    fitted = fit_linear(x, y, penalties=(0.1,))
    phi, t = (x - x.mean(0)) / x.std(0), np.eye(4)[y] - np.eye(4)[y].mean(0)
    assert np.allclose(fitted.weights, np.linalg.inv(phi.T @ phi + 0.1 * 50 * np.eye(7)) @ phi.T @ t)


def test_equation_0_22_gradient() -> None:
    image = np.random.default_rng(1).random((6, 7))
    g_row, g_column = gradients(image)
    assert g_row[2, 3] == image[3, 3] - image[1, 3]
    assert g_column[2, 3] == image[2, 4] - image[2, 2]


def test_equation_0_23_norm() -> None:
    v = np.random.default_rng(2).random(36)
    once = np.minimum(v / math.sqrt((v**2).sum() + 1e-10), 0.2)
    assert np.allclose(normalise_block(v), once / math.sqrt((once**2).sum() + 1e-10))


def test_equation_0_24_difference_of_gaussians() -> None:
    image = np.zeros((65, 65))
    image[32, 32] = 1
    stack = octaves(image)[0]
    widths = [math.sqrt((1.6 * 2 ** (i / 3)) ** 2 - 0.25) for i in (0, 1)]
    lines = [np.pad(g, (65 - len(g)) // 2) for g in map(gaussian_kernel, widths)]
    expected = np.outer(lines[1], lines[1]) - np.outer(lines[0], lines[0])
    assert np.abs((stack[1] - stack[0]) - expected).max() < 0.02 * np.abs(expected).max()


def test_equation_0_25_inertia() -> None:
    x = np.random.default_rng(3).normal(size=(60, 3))
    found = kmeans(x, 5)
    by_hand = np.mean([min(((v - c) ** 2).sum() for c in found.centres) for v in x])
    assert found.inertia[-1] == pytest.approx(by_hand)


def test_equation_0_26_triangle() -> None:
    x, centres = torch.randn(4, 6), torch.randn(5, 6)
    d = torch.stack([(x - c).norm(dim=1) for c in centres], dim=1)
    assert torch.allclose(triangle_codes(x, centres), (d.mean(1, keepdim=True) - d).clamp(min=0), atol=1e-5)


def test_equation_0_27_objective() -> None:
    x, a, atoms = torch.randn(1, 4), torch.randn(1, 6), torch.randn(6, 4)
    by_hand = 0.5 * sum((x[0, i] - sum(a[0, k] * atoms[k, i] for k in range(6))) ** 2 for i in range(4))
    by_hand = by_hand + 0.3 * sum(abs(a[0, k]) for k in range(6))
    assert torch.isclose(objective(x, a, atoms, 0.3)[0], by_hand, atol=1e-5)


def test_equation_0_28_ista() -> None:
    x, atoms = torch.randn(3, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    steep, a = lipschitz(atoms), torch.zeros(3, 7, dtype=torch.float64)
    for _ in range(9):
        a = soft_threshold(a - (a @ atoms - x) @ atoms.T / steep, 0.4 / steep)
    assert torch.allclose(a, ista(x, atoms, 0.4, 9))
    for z in (-2.0, -0.3, 0.3, 2.0):
        assert float(soft_threshold(torch.tensor(z), 0.5)) == pytest.approx(math.copysign(max(abs(z) - 0.5, 0), z))


def test_equation_0_29_local_contrast() -> None:
    x = torch.rand(1, 1, 21, 21, dtype=torch.float64)
    window = gaussian_window(7).double()
    pad = torch.nn.functional.pad(x, (3,) * 4, mode="replicate")
    mean = torch.tensor([[(pad[0, 0, i : i + 7, j : j + 7] * window).sum() for j in range(21)] for i in range(21)])
    centred = x[0, 0] - mean
    pad = torch.nn.functional.pad(centred[None, None] ** 2, (3,) * 4, mode="replicate")
    spread = torch.tensor([[(pad[0, 0, i : i + 7, j : j + 7] * window).sum() for j in range(21)] for i in range(21)])
    spread = spread.sqrt()
    assert torch.allclose(local_contrast(x)[0, 0], centred / torch.maximum(spread, spread.mean()))


def test_equation_0_30_cover() -> None:
    assert cover_count(8, 2) == 2 * (1 + 7 + 21)
    assert cover_fraction(40, 19) == 0.5
    assert cover_count(10, 4) == cover_count(9, 4) + cover_count(9, 3)


def test_equation_0_31_two_nn() -> None:
    x = np.random.default_rng(4).normal(size=(30, 2))
    r = neighbour_distances_loop(x, 2)
    assert two_nn(x) == pytest.approx(30 / sum(math.log(b / a) for a, b in r))


# ---- claims ---------------------------------------------------------------------------------------------------


def test_claim_c101_contrast_needs_a_floor() -> None:
    blank = torch.full((1, 1, 9, 9), 0.5)
    assert torch.isnan((blank - blank.mean()) / blank.std()).all()
    assert torch.isfinite(local_contrast(blank)).all()


def test_claim_c102_normalising_ignores_gain_and_offset() -> None:
    x = torch.rand(3, 1, 24, 24)
    assert torch.allclose(local_contrast(3 * x + 7), local_contrast(x), atol=1e-3)
    assert not torch.allclose(local_contrast(x**2), local_contrast(x), atol=0.05)


def test_claim_c103_many_nonlinear_dimensions_separate_anything() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(-1, 1, (40, 2))
    for _ in range(10):
        labels = rng.choice([-1, 1], 40)
        assert separating_plane(random_features(points, 200), labels) is not None
        assert separating_plane(random_features(points, 39), labels) is not None
        assert separating_plane(points @ rng.normal(size=(2, 200)), labels) is None
