"""Sparse coding: gradients against autograd, ISTA against loops and scikit-learn, and what learning promises."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.decomposition import sparse_encode

from course_utils.scratch.features.sparse_coding import (
    atoms_gradient,
    codes_gradient,
    ista,
    ista_loop,
    learn_dictionary,
    lipschitz,
    objective,
    soft_threshold,
    unit,
)


def problem(count: int = 6, dimensions: int = 8, k: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, dimensions, generator=generator, dtype=torch.float64)
    return x, unit(torch.randn(k, dimensions, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("count", [1, 6])
def test_gradients_equal_autograd(count: int) -> None:
    x, atoms = problem(count)
    codes = torch.randn(12, count, dtype=torch.float64).T.requires_grad_()  # not contiguous
    leaf = atoms.clone().requires_grad_()
    error = objective(x, codes, leaf, 0.0)
    by_codes, by_atoms = torch.autograd.grad(error.sum(), (codes, leaf))
    assert torch.allclose(codes_gradient(x, codes, atoms), by_codes)
    assert torch.allclose(atoms_gradient(x, codes, atoms), by_atoms / count)


def test_soft_threshold_minimises_its_objective() -> None:
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for z in (-2.5, -0.7, 0.0, 0.4, 3.1):
        best = grid[(0.5 * (grid - z) ** 2 + 0.9 * grid.abs()).argmin()]
        assert float(soft_threshold(torch.tensor(z, dtype=torch.float64), 0.9)) == pytest.approx(float(best), abs=2e-4)


def test_ista_equals_loops_and_lowers_the_objective_in_every_step() -> None:
    x, atoms = problem()
    assert torch.allclose(ista(x, atoms, 0.2, 25)[2], ista_loop(x[2], atoms, 0.2, 25))
    path = [objective(x, ista(x, atoms, 0.2, n), atoms, 0.2) for n in range(1, 60)]
    assert all((later <= earlier + 1e-12).all() for earlier, later in itertools.pairwise(path))


def test_ista_reaches_scikit_learns_lasso() -> None:
    x, atoms = problem()
    theirs = sparse_encode(x.numpy(), atoms.numpy(), algorithm="lasso_cd", alpha=0.3, max_iter=10_000)
    ours = ista(x, atoms, 0.3, 5000)
    assert np.allclose(ours.numpy(), theirs, atol=1e-4)
    assert (ours == 0).any()


def test_too_long_a_step_diverges() -> None:
    x, atoms = problem(dimensions=4, k=30)
    steep = lipschitz(atoms)
    assert steep > 2
    start = objective(x, torch.zeros(6, 30, dtype=torch.float64), atoms, 0.1).mean()
    assert objective(x, ista(x, atoms, 0.1, 60, step=6 / steep), atoms, 0.1).mean() > 1e3 * start
    assert objective(x, ista(x, atoms, 0.1, 60, step=1.9 / steep), atoms, 0.1).mean() < start


def test_lipschitz_bounds_the_change_of_the_gradient() -> None:
    x, atoms = problem()
    steep = lipschitz(atoms)
    for seed in range(20):
        a, b = torch.randn(2, 6, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        change = codes_gradient(x, a, atoms) - codes_gradient(x, b, atoms)
        assert change.norm() <= steep * (a - b).norm() + 1e-9


def test_learning_lowers_the_error_with_few_coefficients() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = unit(torch.randn(24, 16, generator=generator))
    use = torch.rand(3000, 24, generator=generator) < 0.12
    x = (torch.randn(3000, 24, generator=generator) * 3 * use) @ truth
    atoms, errors, active = learn_dictionary(x, 24, 0.6, rounds=80, batch=600)
    assert errors[-1] < 0.6 * errors[0]
    assert active[-1] <= 0.20
    assert torch.allclose(atoms.norm(dim=1), torch.ones(24), atol=1e-5)


def test_refuses_a_penalty_of_zero() -> None:
    x, atoms = problem()
    with pytest.raises(ValueError, match="penalty must be greater than 0"):
        ista(x, atoms, 0.0)
