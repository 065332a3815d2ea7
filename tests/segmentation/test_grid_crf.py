"""The grid field: energies by loops, minima and marginals by trying everything, and valleys that only go down."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.segmentation import graph_cuts, grid_crf
from course_utils.segmentation.grid_crf import GridCRF
from course_utils.segmentation.metrics import confusion_matrix, mean_iou


def field(seed: int, labels: int = 3, size: tuple[int, int] = (5, 6), weight: float = 1.0) -> GridCRF:
    g = torch.Generator().manual_seed(seed)
    h, w = size
    draw = lambda *shape: torch.rand(*shape, generator=g, dtype=torch.float64)
    return GridCRF(2 * draw(labels, h, w), weight * draw(h - 1, w), weight * draw(h, w - 1))


def falls(energies: list[float]) -> bool:
    return all(b <= a + 1e-9 for a, b in pairwise(energies))


def test_the_energy_is_the_sum_over_pixels_and_pairs() -> None:
    crf = field(0)
    for seed in range(4):
        labels = torch.randint(0, 3, (5, 6), generator=torch.Generator().manual_seed(seed))
        assert grid_crf.energy(crf, labels) == pytest.approx(grid_crf.energy_loop(crf, labels))
        one = torch.nn.functional.one_hot(labels, 3).movedim(-1, 0).double()
        assert grid_crf.free_energy(crf, one) == pytest.approx(grid_crf.energy(crf, labels))  # no entropy


def test_weights_fade_over_edges_of_the_image_in_both_directions() -> None:
    logits = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image = torch.rand(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain, crf = grid_crf.from_logits(logits, 2.0), grid_crf.from_logits(logits, 2.0, image, 0.3)
    assert torch.allclose(plain.unary.exp().reciprocal().sum(0), torch.ones(4, 5, dtype=torch.float64))
    assert (plain.down == 2).all()
    assert (plain.right == 2).all()
    for weights, (i, j), (a, b) in ((crf.down, (1, 2), (2, 2)), (crf.right, (1, 2), (1, 3))):
        distance = (image[:, i, j] - image[:, a, b]).norm().item()
        assert weights[i, j].item() == pytest.approx(2 * np.exp(-(distance**2) / (2 * 0.3**2)))


def icm_one_by_one(crf: GridCRF, labels: torch.Tensor) -> torch.Tensor:
    """A sweep over the black fields, then the white ones, by the energy of the whole image alone."""
    labels = labels.clone()
    height, width = labels.shape
    for colour in (0, 1):
        for i in range(height):
            for j in range(width):
                if (i + j) % 2 == colour:
                    costs = []
                    for k in range(len(crf.unary)):
                        trial = labels.clone()
                        trial[i, j] = k
                        costs.append(grid_crf.energy_loop(crf, trial))
                    labels[i, j] = int(np.argmin(costs))
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_icm_is_what_changing_pixels_one_by_one_gives_and_never_climbs(seed: int) -> None:
    crf = field(seed)
    start = crf.unary.argmin(0)
    once, _ = grid_crf.icm(crf, start, sweeps=1)
    assert torch.equal(once, icm_one_by_one(crf, start))
    for begin in (None, torch.randint(0, 3, (5, 6), generator=torch.Generator().manual_seed(seed))):
        labels, energies = grid_crf.icm(crf, begin)
        assert falls(energies)
        assert energies[-1] == energies[-2] == pytest.approx(grid_crf.energy(crf, labels))
        assert torch.equal(icm_one_by_one(crf, labels), labels)  # a valley: no single pixel can better itself


@pytest.mark.parametrize("weight", [0.2, 1.0, 4.0])
def test_a_cut_finds_the_lowest_of_all_energies(weight: float) -> None:
    for seed in range(4):
        crf = field(seed, 2, (3, 4), weight)
        best, _ = grid_crf.brute_force(crf)
        cut = graph_cuts.graph_cut(crf)
        assert grid_crf.energy(crf, cut) == pytest.approx(grid_crf.energy(crf, best), abs=1e-6)
        assert torch.equal(cut, best)


def test_an_expansion_is_the_best_of_all_sets_of_pixels_that_could_change() -> None:
    for seed in range(4):
        crf = field(seed, 3, (2, 4), 2.0)
        labels = torch.randint(0, 3, (2, 4), generator=torch.Generator().manual_seed(seed))
        for alpha in range(3):
            sets = torch.tensor(list(np.ndindex(*[2] * 8)), dtype=torch.bool).view(-1, 2, 4)
            lowest = min(grid_crf.energy(crf, torch.where(change, alpha, labels)) for change in sets)
            moved = graph_cuts.expand(crf, labels, alpha)
            assert grid_crf.energy(crf, moved) == pytest.approx(lowest, abs=1e-6)
            assert ((moved == labels) | (moved == alpha)).all()


def test_expansion_goes_lower_than_icm_and_stays_close_to_the_lowest() -> None:
    lower = 0
    for seed in range(5):
        crf = field(seed, 3, (2, 4), 1.5)
        best, _ = grid_crf.brute_force(crf)
        lowest = grid_crf.energy(crf, best)
        labels, energies = graph_cuts.alpha_expansion(crf)
        assert falls(energies)
        assert lowest - 1e-9 <= energies[-1] <= 2 * lowest
        assert energies[-1] == pytest.approx(grid_crf.energy(crf, labels))
        large = field(seed, 4, (12, 12), 1.5)
        by_icm, by_cut = grid_crf.icm(large)[1][-1], graph_cuts.alpha_expansion(large)[1][-1]
        assert by_cut <= by_icm + 1e-9
        lower += by_cut < by_icm - 1e-6
    assert lower >= 3


def test_mean_field_never_climbs_and_comes_near_the_exact_marginals() -> None:
    for seed in range(4):
        crf = field(seed, 2, (3, 3), 0.3)
        q, energies = grid_crf.mean_field(crf)
        assert falls(energies)
        assert torch.allclose(q.sum(0), torch.ones(3, 3, dtype=torch.float64))
        _, exact = grid_crf.brute_force(crf)
        alone = (-crf.unary).softmax(0)
        assert (q - exact).abs().mean() < 0.3 * (alone - exact).abs().mean()
        # No distribution of independent pixels lies below the true free energy, -log Z.
        log_z = torch.logsumexp(
            torch.tensor([-grid_crf.energy(crf, torch.tensor(v).view(3, 3)) for v in np.ndindex(*[2] * 9)]), 0
        )
        assert energies[-1] >= -log_z.item() - 1e-5


def test_without_neighbours_every_method_takes_the_best_label() -> None:
    crf = field(0, 2, weight=0.0)
    best = crf.unary.argmin(0)
    assert torch.equal(grid_crf.icm(crf)[0], best)
    assert torch.equal(graph_cuts.graph_cut(crf), best)
    assert torch.equal(grid_crf.mean_field(crf)[0].argmax(0), best)


def test_noisy_labels_get_better_in_energy_and_in_iou_and_edges_of_the_image_help() -> None:
    scenes = make_scenes(4, 48, 0, "easy")
    truth = scenes.semantic.clamp(max=1)
    g = torch.Generator().manual_seed(0)
    noisy = torch.where(torch.rand(truth.shape, generator=g) < 0.2, 1 - truth, truth)
    logits = 1.4 * torch.nn.functional.one_hot(noisy, 2).movedim(-1, 1).float()
    results: dict[str, list[torch.Tensor]] = {"raw": [], "icm": [], "cut": [], "contrast": []}
    for n in range(4):
        crf = grid_crf.from_logits(logits[n], 0.8)
        raw = crf.unary.argmin(0)
        by_icm, energies = grid_crf.icm(crf)
        cut = graph_cuts.graph_cut(crf)
        assert energies[0] == pytest.approx(grid_crf.energy(crf, raw), rel=1e-6)
        assert grid_crf.energy(crf, cut) <= energies[-1] < energies[0]
        edges = grid_crf.from_logits(logits[n], 1.6, scenes.images[n] / 255, 0.1)
        for name, labels in (("raw", raw), ("icm", by_icm), ("cut", cut), ("contrast", graph_cuts.graph_cut(edges))):
            results[name].append(labels)
    iou = {name: mean_iou(confusion_matrix(torch.stack(maps), truth, 2)) for name, maps in results.items()}
    assert iou["raw"] + 0.1 < iou["icm"] < iou["cut"]
    assert iou["raw"] + 0.2 < iou["contrast"]


def test_a_large_image_is_cut_without_overflow_and_wrong_fields_are_refused() -> None:
    crf = GridCRF(1000 * torch.rand(2, 60, 70), torch.rand(59, 70), torch.rand(60, 69))
    assert grid_crf.energy(crf, graph_cuts.graph_cut(crf)) <= grid_crf.icm(crf)[1][-1] * (1 + 1e-6)
    with pytest.raises(ValueError, match="two labels, got 3"):
        graph_cuts.graph_cut(field(0))
    with pytest.raises(ValueError, match="neighbours attract"):
        GridCRF(torch.zeros(2, 2, 2), -torch.ones(1, 2), torch.ones(2, 1))
    with pytest.raises(ValueError, match="shape"):
        GridCRF(torch.zeros(2, 2, 2), torch.ones(2, 2), torch.ones(2, 1))
    with pytest.raises(ValueError, match="reward disagreement"):
        graph_cuts.binary_cut(
            np.zeros(2), np.zeros(2), (np.array([0]), np.array([1])), np.array([[1.0], [0], [0], [1]])
        )
    with pytest.raises(ValueError, match="number of labellings"):
        grid_crf.brute_force(field(0, 3, (4, 4)))
