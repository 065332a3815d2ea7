"""The Fisher kernel: sets of points compared by how each would change a model of all of them.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_number
from course_utils.scratch.kernel_methods.gaussian_mixture import GaussianMixture

Array = NDArray[np.float64]


def point_scores(mixture: GaussianMixture, x: ArrayLike) -> Array:
    """Return the gradient of each point's log-density with respect to the mixture's parameters.

    Args:
        mixture: K components in D dimensions.
        x: points, shape ``(N, D)``.

    Returns:
        Shape ``(N, K + 2 K D)``: for the logits of the weights ``gamma_k - weight_k``; for the means
        ``gamma_k (x - mean_k) / scale_k^2``; for the scales ``gamma_k ((x - mean_k)^2 / scale_k^2 - 1) / scale_k``,
        where ``gamma`` are the responsibilities.
    """
    x = np.asarray(x, dtype=float)
    gamma = mixture.responsibilities(x)  # (N, K)
    standard = (x[:, None, :] - mixture.means) / mixture.scales  # (N, K, D)
    for_weights = gamma - np.exp(mixture.log_weights)
    for_means = gamma[:, :, None] * standard / mixture.scales
    for_scales = gamma[:, :, None] * (standard**2 - 1.0) / mixture.scales
    return np.column_stack([for_weights, for_means.reshape(len(x), -1), for_scales.reshape(len(x), -1)])


def set_scores(mixture: GaussianMixture, sets: Sequence[ArrayLike]) -> Array:
    """Return one score vector a set: the mean over its points, so that sets of any length compare.

    Args:
        mixture: K components in D dimensions.
        sets: arrays of shape ``(T_i, D)`` with lengths that may differ.

    Returns:
        Shape ``(len(sets), K + 2 K D)``.
    """
    return np.array([point_scores(mixture, points).mean(axis=0) for points in sets])


class FisherWhitening:
    """Multiply score vectors by the inverse root of the Fisher information.

    The Fisher information is the covariance of the scores under the model. Two approximations:
    ``"empirical"`` takes the full second-moment matrix of the scores of given points; ``"diagonal"`` the closed
    form for components that hardly overlap, ``w (1 - w)``, ``w / scale^2`` and ``2 w / scale^2``.

    Args:
        mixture: the fitted model.
        x: points to average over, shape ``(N, D)``; the training points.
        information: ``"empirical"`` or ``"diagonal"``.
        cut: directions with less than this share of the largest eigenvalue are left out (the logits have one
            redundant direction by construction).

    Raises:
        ValueError: if ``information`` is unknown or ``cut`` is out of range.

    Source: Jaakkola and Haussler (1998), Exploiting generative models in discriminative classifiers; the
    diagonal form after Perronnin and Dance (2007), Fisher kernels on visual vocabularies.
    """

    def __init__(
        self, mixture: GaussianMixture, x: ArrayLike, information: str = "empirical", cut: float = 1e-6
    ) -> None:
        check_choice("information", information, ("empirical", "diagonal"))
        check_number("cut", cut, above=0, below=1)
        if information == "empirical":
            scores = point_scores(mixture, x)
            self.information: Array = scores.T @ scores / len(scores)
        else:
            weight = np.exp(mixture.log_weights)
            per_axis = weight[:, None] / mixture.scales**2
            self.information = np.diag(
                np.concatenate([weight * (1.0 - weight), per_axis.ravel(), 2.0 * per_axis.ravel()])
            )
        values, vectors = np.linalg.eigh(self.information)
        kept = values > cut * values[-1]
        self.projection: Array = vectors[:, kept] / np.sqrt(values[kept])  # (P, rank)

    def __call__(self, scores: ArrayLike) -> Array:
        """Return whitened scores; their plain inner products are the Fisher kernel.

        Args:
            scores: shape ``(S, P)``.

        Returns:
            Shape ``(S, rank)``.
        """
        return np.asarray(scores, dtype=float) @ self.projection
