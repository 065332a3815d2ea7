"""Muon: its polynomial against the singular value decomposition, its steps against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.training import fit
from course_utils.training.muon import Muon, orthogonalise, split_groups


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3)])
def test_singular_vectors_stay_and_singular_values_come_near_1(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64) * torch.linspace(0.5, 1.5, shape[1], dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalise(matrix, steps=5) @ v.T
    assert torch.allclose(found, torch.diag(found.diag()), atol=1e-9)
    assert s.max() / s.min() > 1.5
    assert found.diag().min() > 0.65
    assert found.diag().max() < 1.2


def test_the_polynomial_acts_on_each_singular_value_alone() -> None:
    values = torch.tensor([0.9, 0.3, 0.1], dtype=torch.float64)
    values /= values.norm()
    expected = values.clone()
    for _ in range(3):
        expected = 3.4445 * expected - 4.7750 * expected**3 + 2.0315 * expected**5
    assert torch.allclose(orthogonalise(torch.diag(values), 3).diag(), expected, atol=1e-6)


def test_plain_groups_move_as_nesterov_sgd() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.arange(4.0)) for _ in range(2))
    muon = Muon([{"params": [ours], "lr": 0.1, "momentum": 0.85, "weight_decay": 0.01}])
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.85, nesterov=True, weight_decay=0.01)
    for step in range(5):
        for p in (ours, theirs):
            p.grad = torch.sin(p.detach() + step)
        muon.step()
        sgd.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_step_is_that_of_torch_but_for_the_length_of_the_weights() -> None:
    torch.manual_seed(0)
    start, gradient = torch.randn(6, 10), torch.randn(6, 10)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    muon = Muon([{"params": [ours], "lr": 0.2, "momentum": 0.0, "orthogonal": True}], steps=5)
    torchs = torch.optim.Muon([theirs], lr=0.2, momentum=0.0, nesterov=False, weight_decay=0.0, ns_steps=5)
    ours.grad, theirs.grad = gradient.clone(), gradient.clone()
    muon.step()
    torchs.step()
    scaled = start * 6**0.5 / start.norm()
    assert torch.allclose(ours - scaled, theirs - start, atol=5e-3)  # torch multiplies in bfloat16
    assert (theirs - start).norm() > 0.3


def test_filter_banks_keep_their_length_and_every_group_is_found() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 4))
    groups = split_groups(model, 0.24, 0.1, 0.05, weight_decay=0.01)
    assert [sum(p.numel() for p in group["params"]) for group in groups] == [216, 8 * 36 * 4 + 4, 8 + 8 + 8]
    batch = [(torch.randn(16, 3, 8, 8), torch.randint(4, (16,)))]
    history = fit(model, batch, epochs=8, lr=0.1, optimizer=lambda _, lr: Muon(groups, lr), progress=False)
    assert history.train_loss[-1] < history.train_loss[0]
    length = model[0].weight.norm()
    assert abs(length - 8**0.5) < 0.24 * 8**0.5 * 1.2 + 1e-3


def test_a_vector_is_no_matrix() -> None:
    with pytest.raises(ValueError, match=r"got a tensor of shape \(4,\); put biases and scales"):
        Muon([{"params": [nn.Parameter(torch.zeros(4))], "orthogonal": True}])
