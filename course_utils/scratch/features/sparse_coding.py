"""Sparse coding: write a vector as a sum of few dictionary atoms, and learn the dictionary.

Sources: Olshausen and Field, Nature 1996; the iteration is ISTA (Daubechies, Defrise and De Mol, 2004).
The dictionary step is one gradient step on the same objective, followed by scaling each atom to length one.
"""

import torch

from course_utils.check import check_int, check_number, check_shape


def objective(x: torch.Tensor, codes: torch.Tensor, atoms: torch.Tensor, penalty: float) -> torch.Tensor:
    """Return half the squared reconstruction error plus the penalised absolute codes, one value a vector.

    Args:
        x: (N, D) vectors.
        codes: (N, K) coefficients.
        atoms: (K, D) dictionary, one atom a row.
        penalty: weight of the absolute values, at least 0.

    Returns:
        (N,).
    """
    return 0.5 * ((codes @ atoms - x) ** 2).sum(-1) + penalty * codes.abs().sum(-1)


def codes_gradient(x: torch.Tensor, codes: torch.Tensor, atoms: torch.Tensor) -> torch.Tensor:
    """Return the (N, K) gradient of half the squared error with respect to the codes."""
    return (codes @ atoms - x) @ atoms.T


def atoms_gradient(x: torch.Tensor, codes: torch.Tensor, atoms: torch.Tensor) -> torch.Tensor:
    """Return the (K, D) gradient of half the squared error, averaged over vectors, with respect to the atoms."""
    return codes.T @ (codes @ atoms - x) / len(x)


def soft_threshold(z: torch.Tensor, threshold: float) -> torch.Tensor:
    """Move every entry towards zero by ``threshold``, and stop at zero."""
    return z.sign() * (z.abs() - threshold).clamp(min=0)


def lipschitz(atoms: torch.Tensor) -> float:
    """Return the largest eigenvalue of atoms @ atoms.T: the steepest change of the gradient."""
    return float(torch.linalg.matrix_norm(atoms, ord=2) ** 2)


def ista(
    x: torch.Tensor, atoms: torch.Tensor, penalty: float, iterations: int = 50, step: float | None = None
) -> torch.Tensor:
    """Find sparse codes by gradient step and soft threshold, in turn.

    Args:
        x: (..., D) vectors.
        atoms: (K, D) dictionary.
        penalty: weight of the absolute values, above 0.
        iterations: number of steps, at least 1.
        step: step size; 1 / L with L from :func:`lipschitz` if not given. Above 2 / L the iteration can diverge.

    Returns:
        (..., K) codes.
    """
    check_shape("atoms", atoms, (None, x.shape[-1]))
    check_number("penalty", penalty, above=0)
    check_int("iterations", iterations, minimum=1)
    step = 1 / lipschitz(atoms) if step is None else step
    gram, correlation = atoms @ atoms.T, x @ atoms.T
    codes = torch.zeros_like(correlation)
    for _ in range(iterations):
        codes = soft_threshold(codes - step * (codes @ gram - correlation), step * penalty)
    return codes


def ista_loop(x: torch.Tensor, atoms: torch.Tensor, penalty: float, iterations: int = 50) -> torch.Tensor:
    """Do the same for one vector, number by number: the slow twin of :func:`ista`.

    Args:
        x: (D,) vector.
        atoms: (K, D) dictionary.
        penalty: weight of the absolute values.
        iterations: number of steps.

    Returns:
        (K,) codes.
    """
    step = 1 / lipschitz(atoms)
    k, d = atoms.shape
    codes = [0.0] * k
    for _ in range(iterations):
        error = [sum(codes[j] * float(atoms[j, i]) for j in range(k)) - float(x[i]) for i in range(d)]
        for j in range(k):
            z = codes[j] - step * sum(error[i] * float(atoms[j, i]) for i in range(d))
            codes[j] = max(z - step * penalty, 0.0) if z > 0 else min(z + step * penalty, 0.0)
    return torch.tensor(codes, dtype=x.dtype)


def learn_dictionary(
    x: torch.Tensor,
    k: int,
    penalty: float,
    rounds: int = 60,
    batch: int = 1000,
    iterations: int = 40,
    seed: int = 0,
) -> tuple[torch.Tensor, list[float], list[float]]:
    """Learn atoms by turns: codes of a batch with the atoms fixed, then the atoms with the codes fixed.

    Args:
        x: (N, D) vectors.
        k: number of atoms, at least 1.
        penalty: weight of the absolute values, above 0.
        rounds: number of turns.
        batch: vectors a turn.
        iterations: ISTA steps a turn.
        seed: of the start (random vectors of ``x``) and the batches.

    Returns:
        ``(atoms, errors, active)``: (k, D) unit atoms; for the start and after every turn, on one fixed batch, the
        mean squared reconstruction error relative to the mean squared vector, and the share of non-zero codes.
    """
    check_int("k", k, minimum=1)
    check_int("rounds", rounds, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    length = x.norm(dim=1)
    alive = torch.nonzero(length > 0.5 * length.mean())[:, 0]
    atoms = unit(x[alive[torch.randint(0, len(alive), (k,), generator=generator)]])
    probe = x[torch.randint(0, len(x), (batch,), generator=generator)]
    errors, active = [], []

    def record() -> None:
        codes = ista(probe, atoms, penalty, iterations)
        errors.append(float(((codes @ atoms - probe) ** 2).mean() / (probe**2).mean()))
        active.append(float((codes != 0).float().mean()))

    record()
    for _ in range(rounds):
        part = x[torch.randint(0, len(x), (batch,), generator=generator)]
        codes = ista(part, atoms, penalty, iterations)
        curvature = torch.linalg.matrix_norm(codes, ord=2) ** 2 / len(part)
        atoms = unit(atoms - atoms_gradient(part, codes, atoms) / curvature.clamp(min=1e-12))
        record()
    return atoms, errors, active


def unit(atoms: torch.Tensor) -> torch.Tensor:
    """Scale each row to length one."""
    return atoms / atoms.norm(dim=1, keepdim=True).clamp(min=1e-12)
