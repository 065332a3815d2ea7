"""Nearest activations: against loops, exact cells, and pictures rebuilt from themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain import nearest
from course_utils.explain.nearest import cut_patches, nearest_activations, rebuild


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_loops(query: torch.Tensor, gallery: torch.Tensor, k: int) -> list[tuple[float, int, int, int]]:
    found = []
    for n in range(gallery.shape[0]):
        for i in range(gallery.shape[2]):
            for j in range(gallery.shape[3]):
                other = gallery[n, :, i, j]
                found.append((float(query @ other / (query.norm() * other.norm())), n, i, j))
    return sorted(found, reverse=True)[:k]


@pytest.mark.parametrize("largest", [2**24, 40])
def test_against_loops(largest, monkeypatch):
    monkeypatch.setattr(nearest, "LARGEST", largest)
    queries, gallery = normal(5, 3), normal(4, 3, 2, 3, seed=1)
    best = nearest_activations(queries, gallery, 4)
    for q in range(5):
        for rank, (similarity, n, i, j) in enumerate(by_loops(queries[q], gallery, 4)):
            assert (best.images[q, rank], best.rows[q, rank], best.columns[q, rank]) == (n, i, j)
            assert float(best.similarity[q, rank]) == pytest.approx(similarity, abs=1e-6)


def test_length_does_not_count_but_direction_does():
    gallery = normal(3, 6, 2, 2)
    best = nearest_activations(7 * gallery[1, :, 1, 0][None], gallery, 1)
    assert (int(best.images), int(best.rows), int(best.columns)) == (1, 1, 0)
    assert float(best.similarity) == pytest.approx(1, abs=1e-6)


def test_patches_lie_around_the_middle_of_their_unit():
    images = torch.arange(2 * 8 * 8.0).view(2, 1, 8, 8)
    number, rows, columns = torch.tensor([0, 1]), torch.tensor([1, 3]), torch.tensor([2, 0])
    cells = cut_patches(images, number, rows, columns, (4, 4), 2)
    assert torch.equal(cells[0, 0], images[0, 0, 2:4, 4:6])
    assert torch.equal(cells[1, 0], images[1, 0, 6:8, 0:2])
    wide = cut_patches(images, number, rows, columns, (4, 4), 4)
    assert torch.equal(wide[0, 0], images[0, 0, 1:5, 3:7])
    assert torch.equal(wide[1, 0, :, 0], images[1, 0, [5, 6, 7, 7], 0])  # beyond the border: its last pixel


def test_the_middle_of_a_unit_is_where_its_gradient_is():
    """For a network of padded convolutions and halving poolings, the grid is the truth."""
    layers: list[nn.Module] = []
    for _ in range(3):
        conv = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.ones_(conv.weight)
        layers += [conv, nn.AvgPool2d(2)]
    x = torch.zeros(1, 1, 32, 32, requires_grad=True)
    out = nn.Sequential(*layers)(x)
    out[0, 0, 2, 1].backward()
    seen = (x.grad[0, 0] != 0).nonzero().float()
    middle = (seen.min(0).values + seen.max(0).values) / 2
    assert middle.tolist() == [(2 + 0.5) * 8 - 0.5, (1 + 0.5) * 8 - 0.5]


def test_a_picture_in_the_gallery_is_rebuilt_exactly():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    images = torch.rand(6, 3, 8, 8)
    assert torch.equal(rebuild(model, "2", images[:2], images), images[:2])
    others = rebuild(model, "2", images[:2], images[2:], k=1)
    assert not torch.equal(others, images[:2])
    assert {tuple(cell.flatten().tolist()) for cell in others[0].unfold(1, 2, 2).unfold(2, 2, 2).permute(1, 2, 0, 3, 4)
            .reshape(16, 3, 2, 2)} <= {
        tuple(cell.flatten().tolist()) for image in images[2:]
        for cell in image.unfold(1, 2, 2).unfold(2, 2, 2).permute(1, 2, 0, 3, 4).reshape(16, 3, 2, 2)
    }  # fmt: skip
    assert model.training
    assert not model[2]._forward_hooks


def test_averages_of_more_cells_are_smoother():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
    images = torch.rand(40, 3, 16, 16)
    spread = [float(rebuild(model, "2", images[:2], images[2:], k=k).std()) for k in (1, 5, 25)]
    assert spread[0] > spread[1] > spread[2]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="k must be at most 24, got 25"):
        nearest_activations(normal(5, 3), normal(4, 3, 2, 3), 25)
    with pytest.raises(ValueError, match="queries must have shape"):
        nearest_activations(normal(5, 4), normal(4, 3, 2, 3))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    with pytest.raises(ValueError, match="must keep places"):
        rebuild(flat, "1", torch.rand(1, 3, 8, 8), torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match="into squares"):
        rebuild(nn.Sequential(nn.Conv2d(3, 2, 3)), "0", torch.rand(1, 3, 8, 8), torch.rand(2, 3, 8, 8))
