"""A mixture of Gaussians with diagonal covariances, fitted by expectation maximisation in log space.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianMixture:
    """Parameters of the mixture.

    Attributes:
        log_weights: logarithms of the mixing weights, which sum to one, shape ``(K,)``.
        means: shape ``(K, D)``.
        scales: standard deviations, above 0, shape ``(K, D)``.
    """

    log_weights: Array
    means: Array
    scales: Array

    def log_joint(self, x: ArrayLike) -> Array:
        """Return ``log(weight_k N(x_n; mean_k, scale_k))``.

        Args:
            x: points, shape ``(N, D)``.

        Returns:
            Shape ``(N, K)``.
        """
        x = np.asarray(x, dtype=float)
        check_shape("x", x, (None, self.means.shape[1]))
        standard = (x[:, None, :] - self.means) / self.scales  # (N, K, D)
        log_density = -0.5 * (standard**2 + np.log(2 * np.pi)) - np.log(self.scales)
        return self.log_weights + log_density.sum(axis=2)

    def log_likelihood(self, x: ArrayLike) -> Array:
        """Return the log-density of each point.

        Args:
            x: points, shape ``(N, D)``.

        Returns:
            Shape ``(N,)``.
        """
        return np.logaddexp.reduce(self.log_joint(x), axis=1)

    def responsibilities(self, x: ArrayLike) -> Array:
        """Return the probability that each component made each point.

        Args:
            x: points, shape ``(N, D)``.

        Returns:
            Shape ``(N, K)``; rows sum to one.
        """
        joint = self.log_joint(x)
        # Subtract before exp: far from every mean all densities underflow, their ratios do not.
        return np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])


def fit_mixture(
    x: ArrayLike, components: int, steps: int = 100, seed: int = 0, floor: float = 1e-3
) -> tuple[GaussianMixture, Array]:
    """Fit a mixture by alternating responsibilities (E) and weighted averages (M).

    Args:
        x: points, shape ``(N, D)``.
        components: number of Gaussians, at most N.
        steps: number of EM steps, at least 1.
        seed: of the choice of the first means (spread out as in k-means++).
        floor: smallest standard deviation; stops a component from collapsing onto one point.

    Returns:
        The mixture, and the mean log-likelihood before each step and after the last, shape ``(steps + 1,)``.
        The log-likelihood never falls (unless the floor acts).

    Raises:
        ValueError: if an argument is out of range.

    Source: Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    """
    x = np.asarray(x, dtype=float)
    check_shape("x", x, (None, None))
    check_int("components", components, minimum=1, maximum=len(x))
    check_int("steps", steps, minimum=1)
    check_number("floor", floor, above=0)
    rng = np.random.default_rng(seed)
    means = [x[rng.integers(len(x))]]
    while len(means) < components:
        nearest = np.min([((x - mean) ** 2).sum(axis=1) for mean in means], axis=0)
        means.append(x[rng.choice(len(x), p=nearest / nearest.sum())])
    mixture = GaussianMixture(
        np.full(components, -np.log(components)),
        np.array(means),
        np.tile(np.maximum(x.std(axis=0), floor), (components, 1)),
    )
    history = [float(mixture.log_likelihood(x).mean())]
    for _ in range(steps):
        gamma = mixture.responsibilities(x)  # (N, K)
        total = gamma.sum(axis=0) + 1e-12  # (K,)
        means_now = gamma.T @ x / total[:, None]
        variance = gamma.T @ x**2 / total[:, None] - means_now**2
        mixture = GaussianMixture(np.log(total / total.sum()), means_now, np.sqrt(np.maximum(variance, floor**2)))
        history.append(float(mixture.log_likelihood(x).mean()))
    return mixture, np.array(history)
