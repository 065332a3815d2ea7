"""Chapter 11c: what it says of neighbours that agree, held against the library."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_scenes
from course_utils.data.synthetic.depth_scenes import hidden_from_one_eye, make_depth_scenes
from course_utils.runtime import load_record
from course_utils.segmentation import dense_crf, grid_crf
from course_utils.segmentation.crf_rnn import CRFRNN
from course_utils.segmentation.dense_crf import Kernels
from course_utils.segmentation.gaussian_filter import Lattice, appearance_features, filter_by_pairs, place_features
from course_utils.segmentation.graph_cuts import graph_cut
from course_utils.segmentation.grid_crf import GridCRF
from course_utils.segmentation.metrics import confusion_matrix, mean_iou
from course_utils.segmentation.smoothing import majority_filter

SCENES = make_scenes(6, 32, seed=7, difficulty="medium", objects=(1, 2), scale=(0.4, 0.6), clutter=0)
PHOTOS, TRUTH = SCENES.images.float() / 255, (SCENES.semantic > 0).long()


def iou(labels: Tensor, truth: Tensor = TRUTH) -> float:
    return mean_iou(confusion_matrix(labels, truth, int(truth.max()) + 1))


def noisy(seed: int) -> Tensor:
    sure = F.one_hot(TRUTH, 2).movedim(-1, 1).float()
    return sure + torch.randn(sure.shape, generator=torch.Generator().manual_seed(seed))


def random_field(seed: int, classes: int = 3, size: tuple[int, int] = (4, 5)) -> GridCRF:
    g = torch.Generator().manual_seed(seed)
    h, w = size
    unary = torch.randn(classes, h, w, generator=g, dtype=torch.float64)
    return GridCRF(
        unary,
        torch.rand(h - 1, w, generator=g, dtype=torch.float64),
        torch.rand(h, w - 1, generator=g, dtype=torch.float64),
    )


def ties(field: GridCRF) -> dict[tuple[int, int], list[tuple[float, int, int]]]:
    """For each pixel its neighbours and their weights."""
    _, h, w = field.unary.shape
    out: dict[tuple[int, int], list[tuple[float, int, int]]] = {(i, j): [] for i in range(h) for j in range(w)}
    for i in range(h):
        for j in range(w):
            if i + 1 < h:
                out[i, j].append((float(field.down[i, j]), i + 1, j))
                out[i + 1, j].append((float(field.down[i, j]), i, j))
            if j + 1 < w:
                out[i, j].append((float(field.right[i, j]), i, j + 1))
                out[i, j + 1].append((float(field.right[i, j]), i, j))
    return out


# Equations


def test_equation_11_61_the_window_votes() -> None:
    labels = noisy(0).argmax(1)[0]
    filtered = majority_filter(labels, 2, radius=1)
    for i, j in ((5, 5), (10, 20), (17, 3), (30, 12)):
        votes = labels[i - 1 : i + 2, j - 1 : j + 2]  # nine: no ties
        assert int(filtered[i, j]) == int(votes.sum() >= 5)


def test_equation_11_62_scores_and_borders() -> None:
    field = random_field(0)
    labels = torch.randint(0, 3, (4, 5), generator=torch.Generator().manual_seed(1))
    total = sum(float(field.unary[int(labels[p]), p[0], p[1]]) for p in ties(field))
    for p, around in ties(field).items():
        total += sum(0.5 * w * float(labels[p] != labels[i, j]) for w, i, j in around)
    assert grid_crf.energy(field, labels) == pytest.approx(total)
    logits = torch.randn(3, 2, 2)
    assert torch.allclose(grid_crf.from_logits(logits).unary, -logits.softmax(0).log())


def test_equation_11_63_edges_make_borders_cheap() -> None:
    image = torch.rand(3, 4, 5)
    field = grid_crf.from_logits(torch.zeros(2, 4, 5), 3.0, image, 0.2)
    square = ((image[:, 2, 3] - image[:, 2, 4]) ** 2).sum()
    assert float(field.right[2, 3]) == pytest.approx(3 * math.exp(-float(square) / (2 * 0.2**2)), rel=1e-4)


def test_equation_11_64_icm_stops_where_every_pixel_has_its_best() -> None:
    field = random_field(2)
    labels, energies = grid_crf.icm(field)
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(energies))
    for p, around in ties(field).items():
        cost = [
            float(field.unary[k, p[0], p[1]]) + sum(w * (k != int(labels[i, j])) for w, i, j in around)
            for k in range(3)
        ]
        assert cost[int(labels[p])] == pytest.approx(min(cost))


def test_equations_11_65_and_11_66_free_energy_is_the_divergence_less_log_z() -> None:
    field = random_field(3, classes=2, size=(2, 3))
    q = torch.rand(2, 2, 3, dtype=torch.float64).softmax(0)
    z, expected = 0.0, 0.0
    maps = [torch.tensor([(n >> b) & 1 for b in range(6)]).view(2, 3) for n in range(64)]
    z = sum(math.exp(-grid_crf.energy(field, m)) for m in maps)
    for m in maps:
        mass = float(q.gather(0, m[None]).prod())
        expected += mass * (math.log(mass) - math.log(math.exp(-grid_crf.energy(field, m)) / z))
    assert grid_crf.free_energy(field, q) == pytest.approx(expected - math.log(z))


def test_equation_11_67_is_the_minimum_for_one_pixel() -> None:
    field = random_field(4)
    q, free = grid_crf.mean_field(field, steps=200)
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(free))
    for p, around in ties(field).items():
        heard = sum(w * q[:, i, j] for w, i, j in around)
        torch.testing.assert_close(q[:, p[0], p[1]], (heard - field.unary[:, p[0], p[1]]).softmax(0))
    moved = q.clone()
    moved[:, 1, 1] = (q[:, 1, 1].log() + torch.tensor([0.3, 0.0, -0.3])).softmax(0)
    assert grid_crf.free_energy(field, moved) > grid_crf.free_energy(field, q)


def all_pairs(features: Tensor) -> Tensor:
    n = len(features)
    k = torch.zeros(n, n)
    for i in range(n):
        for j in range(n):
            if i != j:
                k[i, j] = torch.exp(-0.5 * ((features[i] - features[j]) ** 2).sum())
    d = k.sum(1)
    return k / (d[:, None] * d).sqrt()


def by_loops(unary: Tensor, image: Tensor, kernels: Kernels, steps: int) -> Tensor:
    """Equations 11.68 to 11.70, sums over pairs written out."""
    h, w = image.shape[1:]
    tables = (
        kernels.appearance * all_pairs(appearance_features(image, kernels.theta_alpha, kernels.theta_beta)),
        kernels.smoothness * all_pairs(place_features(h, w, kernels.theta_gamma)),
    )
    z = unary.flatten(1).T
    q = z.softmax(1)
    for _ in range(steps):
        heard = tables[0] @ q + tables[1] @ q
        charge = torch.stack([sum(heard[:, m] for m in range(z.shape[1]) if m != k) for k in range(z.shape[1])], 1)
        q = (z - charge).softmax(1)
    return q.T.reshape(unary.shape)


def test_equations_11_68_to_11_70_mean_field_is_the_sum_over_all_pairs() -> None:
    torch.manual_seed(0)
    for classes in (2, 4):
        unary, image, kernels = torch.randn(classes, 5, 6), torch.rand(3, 5, 6), Kernels(3.0, 2.0, 3.0, 0.3, 1.2)
        wanted = by_loops(unary, image, kernels, 4)
        torch.testing.assert_close(
            dense_crf.mean_field(unary, image, kernels, 4, "pairs"), wanted, rtol=1e-3, atol=1e-4
        )


def test_equation_11_71_the_layer_repeats_one_step_with_the_same_weights() -> None:
    torch.manual_seed(1)
    kernels = Kernels(2.0, 1.0, 3.0, 0.4, 1.2)
    layer = CRFRNN(3, kernels, steps=3, filter_by="pairs")
    with torch.no_grad():
        layer.weights[:] = torch.tensor([1.5, 0.7])
        layer.compatibility[:] = torch.rand(3, 3)
    unary, image = torch.randn(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    tables = (
        all_pairs(appearance_features(image[0], kernels.theta_alpha, kernels.theta_beta)),
        all_pairs(place_features(4, 5, kernels.theta_gamma)),
    )
    start = unary[0].flatten(1).T
    z = start
    for _ in range(3):
        q = z.softmax(1)
        z = start - (1.5 * tables[0] @ q + 0.7 * tables[1] @ q) @ layer.compatibility.T
    torch.testing.assert_close(layer(unary, image)[0], z.T.reshape(3, 4, 5), rtol=1e-3, atol=1e-4)


def test_equation_11_72_a_pixel_is_lost_behind_what_stands_nearer() -> None:
    depth = torch.tensor([[[2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]]])
    hidden = hidden_from_one_eye(depth, baseline=4.0)  # shifts of 2 and 4 pixels
    assert hidden[0, 0].tolist() == [False, False, True, True, False, False, False, False]


# Systems


@pytest.mark.parametrize("seed", range(3))
def test_s256_a_filter_raises_mean_iou_of_independent_errors_and_a_grid_that_of_a_network(seed: int) -> None:
    raw = noisy(seed).argmax(1)
    assert iou(majority_filter(raw, 2, radius=2)) > iou(raw) + 0.2
    ladder = load_record("11c_crf.ladder")["metrics"]
    assert len(ladder["raw"]) == 20
    assert all(grid > raw for grid, raw in zip(ladder["grid"], ladder["raw"], strict=True))
    bar = torch.zeros(12, 12, dtype=torch.long)
    bar[:, 5] = 1
    assert int(majority_filter(bar, 2).sum()) == 0


@pytest.mark.parametrize("seed", range(3))
def test_s270_lower_energy_and_higher_iou_on_noisy_labels(seed: int) -> None:
    scores = noisy(seed)
    fields = [grid_crf.from_logits(z, 1.5, image, 0.1) for z, image in zip(scores, PHOTOS, strict=True)]
    raw = scores.argmax(1)
    answers = {
        "raw": raw,
        "icm": torch.stack([grid_crf.icm(f)[0] for f in fields]),
        "cut": torch.stack([graph_cut(f) for f in fields]),
    }
    cost = {k: sum(grid_crf.energy(f, m) for f, m in zip(fields, v, strict=True)) for k, v in answers.items()}
    assert cost["cut"] < cost["icm"] < cost["raw"]
    assert iou(answers["raw"]) + 0.1 < iou(answers["icm"]) < iou(answers["cut"])
    true_cost = sum(grid_crf.energy(f, m) for f, m in zip(fields, TRUTH, strict=True))
    assert cost["cut"] <= true_cost + 1e-3  # no map is cheaper than the cut, not even the right one


def test_s270_the_cut_is_the_minimum_of_all_maps() -> None:
    for seed in range(3):
        field = random_field(seed, classes=2, size=(3, 4))
        best, _ = grid_crf.brute_force(field)
        assert torch.equal(graph_cut(field), best)


def test_s271_lattice_and_pairs_agree_and_raise_iou() -> None:
    scores, kernels = noisy(0), Kernels(4.0, 1.0, 8.0, 0.08, 1.5)
    for by in ("lattice", "pairs"):
        q = torch.stack(
            [dense_crf.mean_field(z, image, kernels, 5, by) for z, image in zip(scores, PHOTOS, strict=True)]
        )
        assert iou(q.argmax(1)) > iou(scores.argmax(1)) + 0.2
    ladder = load_record("11c_crf.ladder")["metrics"]
    assert all(dense > raw for dense, raw in zip(ladder["dense"], ladder["raw"], strict=True))


def test_s271_the_lattice_costs_steps_in_proportion_to_pixels() -> None:
    sizes = {}
    for side in (16, 32, 64):
        image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))
        lattice = Lattice(appearance_features(image, side / 6, 0.3))
        sizes[side] = lattice.size
        assert lattice.size <= side * side * 6
    assert sizes[64] / sizes[16] < 20, "pairs grow 256-fold"
    features, values = appearance_features(PHOTOS[0], 6.0, 0.1), PHOTOS[0].flatten(1).T
    exact = filter_by_pairs(features, values) / filter_by_pairs(features, torch.ones(len(features), 1))
    assert (Lattice(features).average(values) - exact).abs().mean() < 0.4 * (values - exact).abs().mean()


def test_s272_gradients_reach_the_network_below() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 2, 1)).double()
    layer = CRFRNN(2, Kernels(2.0, 1.0, 3.0, 0.3, 1.2), steps=3, filter_by="pairs").double()
    images, truth = PHOTOS[:1, :, :8, :8].double(), TRUTH[:1, 8:16, 8:16]

    def loss() -> Tensor:
        return F.cross_entropy(layer(net(images), images), truth)

    loss().backward()
    weight = net[0].weight
    for place in (0, 17, 60):
        ends = []
        for move in (1e-6, -1e-6):
            with torch.no_grad():
                weight.view(-1)[place] += move
                ends.append(loss().item())
                weight.view(-1)[place] -= move
        assert float(weight.grad.view(-1)[place]) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-7)


def test_s272_joint_training_beats_every_field_afterwards_in_all_recorded_seeds() -> None:
    record = load_record("11c_crf.joint")
    metrics = record["metrics"]
    assert len(record["seeds"]) >= 5
    for rival in ("alone", "post-hoc", "longer, post-hoc", "learned field"):
        assert all(a > b + 0.05 for a, b in zip(metrics["joint"], metrics[rival], strict=True))


def test_s273_colour_and_depth_beat_colour_in_the_recorded_seeds() -> None:
    record = load_record("11c_crf.depth")
    metrics = record["metrics"]
    assert len(record["seeds"]) >= 5
    for rival in ("colour", "depth", "early"):
        assert all(a > b for a, b in zip(metrics["late"], metrics[rival], strict=True))
    assert sum(a > b for a, b in zip(metrics["early"], metrics["colour"], strict=True)) == 3  # the page says so
    assert max(metrics["depth poster"]) < 0.1, "depth sees no poster"


def test_s273_depth_tells_solids_from_posters_and_colour_does_not() -> None:
    scenes = make_depth_scenes(300, 32, seed=3)
    things = scenes.labels > 0
    solid = scenes.labels[things] == 2
    slope = scenes.depth.amax(dim=2, keepdim=True)  # the ground of a row is its furthest point
    rise = (slope - scenes.depth)[things]
    assert ((rise > 0.02) == solid).float().mean() > 0.97
    brightness = scenes.images.float().mean(1)[things]
    assert abs(float(brightness[solid].mean() - brightness[~solid].mean())) < 10


def test_pitfalls_change_what_the_page_says_they_change() -> None:
    scores, image, kernels = noisy(0)[0], PHOTOS[0], Kernels(4.0, 1.0, 8.0, 0.08, 1.5)
    proper = dense_crf.mean_field(scores, image, kernels).argmax(0)
    for wrong in (Kernels(4.0, 1.0, 8.0, 13.0, 1.5), Kernels(64.0, 1.0, 30.0, 0.3, 1.5)):
        assert iou(proper[None], TRUTH[:1]) > iou(dense_crf.mean_field(scores, image, wrong).argmax(0)[None], TRUTH[:1])
    with pytest.raises(ValueError, match="larger standard deviations"):
        dense_crf.mean_field(scores, 255 * image, kernels)
    with pytest.raises(ValueError, match="neighbours attract"):
        GridCRF(torch.zeros(2, 2, 2), -torch.ones(1, 2), torch.ones(2, 1))


def test_the_street_record_gains_at_borders_in_every_seed() -> None:
    metrics = load_record("11c_crf.street")["metrics"]
    assert all(a > b for a, b in zip(metrics["dense rim"], metrics["raw rim"], strict=True))
