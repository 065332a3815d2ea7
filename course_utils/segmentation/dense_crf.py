r"""The fully connected conditional random field: every pixel talks to every other (chapter 11).

$$E(x) = \sum_i \psi_u(x_i) + \sum_{i<j} \mu(x_i, x_j) \left[ w^{(1)} \exp\left(
-\frac{|p_i - p_j|^2}{2\theta_\alpha^2} - \frac{|I_i - I_j|^2}{2\theta_\beta^2}\right)
+ w^{(2)} \exp\left(-\frac{|p_i - p_j|^2}{2\theta_\gamma^2}\right) \right]$$

Near pixels of like colour pay for different labels (appearance), and near pixels at all (smoothness). Mean field looks
for the product of independent distributions that comes nearest: each step, every pixel hears the others' beliefs
through the two kernels, is charged for disagreeing, and normalises.

Source: P. Krahenbuhl, V. Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials",
NIPS 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.segmentation.gaussian_filter import Lattice, appearance_features, filter_by_pairs, place_features

FILTERS = ("lattice", "pairs")
AT_ONCE = 2048  # pixels up to which the sum over pairs keeps the table of all pairs


@dataclass(frozen=True)
class Kernels:
    """Weights and widths of the two kernels.

    Args:
        appearance: $w^{(1)}$, at least 0.
        smoothness: $w^{(2)}$, at least 0.
        theta_alpha: pixels over which like colours speak.
        theta_beta: what counts as another colour, in units of the image.
        theta_gamma: pixels over which neighbours speak whatever their colour.
    """

    appearance: float = 4.0
    smoothness: float = 3.0
    theta_alpha: float = 16.0
    theta_beta: float = 0.08
    theta_gamma: float = 1.5

    def __post_init__(self) -> None:
        for name in ("appearance", "smoothness"):
            check_number(name, getattr(self, name), minimum=0)
        for name in ("theta_alpha", "theta_beta", "theta_gamma"):
            check_number(name, getattr(self, name), above=0)


Messages = Callable[[Tensor], Tensor]


def message_filters(image: Tensor, kernels: Kernels, filter_by: str = "lattice") -> tuple[Messages, Messages]:
    """Return the two filters of an image, each from values (N, C) to what the *other* pixels say, (N, C).

    Each is normalised on both sides by the square root of the filter of ones, which keeps it symmetric, so that pixels
    with many alike do not shout down those with few; the pixel itself (whose kernel is 1) is taken out before.

    Args:
        image: (3, H, W) floats.
        kernels: their widths.
        filter_by: ``"lattice"``, or ``"pairs"`` for the sum over all pairs (small images).
    """
    check_choice("filter_by", filter_by, FILTERS)
    check_shape("image", image, (None, None, None))
    look = appearance_features(image, kernels.theta_alpha, kernels.theta_beta)
    near = place_features(image.shape[1], image.shape[2], kernels.theta_gamma)

    def messages(features: Tensor) -> Messages:
        raw: Messages
        if filter_by == "lattice":
            raw = Lattice(features).filter
        elif len(features) <= AT_ONCE:
            kernel = filter_by_pairs(features, torch.eye(len(features)))

            def raw(values: Tensor) -> Tensor:
                return kernel.to(values) @ values
        else:

            def raw(values: Tensor) -> Tensor:
                return filter_by_pairs(features, values)

        scale = (raw(torch.ones(len(features), 1)) - 1).clamp_min(1e-6).rsqrt()
        return lambda values: scale.to(values) * (raw(scale.to(values) * values) - scale.to(values) * values)

    return messages(look), messages(near)


def mean_field(
    unary: Tensor, image: Tensor, kernels: Kernels | None = None, steps: int = 5, filter_by: str = "lattice"
) -> Tensor:
    r"""Return the beliefs after some steps of mean field with Potts' penalty, $\mu(a, b) = [a \ne b]$.

    $$Q_i(l) \propto \exp\left(-\psi_u(l) - \sum_{l' \ne l} \sum_m w^{(m)} \sum_{j \ne i} k^{(m)}_{ij} Q_j(l')\right)$$

    Args:
        unary: logits (C, H, W) of a classifier: $-\psi_u$ up to a constant.
        image: (3, H, W) floats, in the units of ``theta_beta``.
        kernels: weights and widths; None for the defaults.
        steps: at least 0; with 0 the classifier's own softmax comes back.
        filter_by: ``"lattice"`` or ``"pairs"``.

    Returns:
        Q, (C, H, W), sums to 1 over the classes.

    Raises:
        ValueError: if shapes do not fit or an argument is out of range.
    """
    check_shape("unary", unary, (None, None, None))
    check_shape("image", image, (None, *unary.shape[1:]))
    check_int("steps", steps, minimum=0)
    kernels = kernels or Kernels()
    appearance, smoothness = message_filters(image, kernels, filter_by)
    u = unary.float().flatten(1).T  # (N, C)
    q = u.softmax(dim=1)
    for _ in range(steps):
        heard = kernels.appearance * appearance(q) + kernels.smoothness * smoothness(q)
        disagreement = heard.sum(dim=1, keepdim=True) - heard
        q = (u - disagreement).softmax(dim=1)
    return q.T.reshape(unary.shape)


def energy(labels: Tensor, unary: Tensor, image: Tensor, kernels: Kernels | None = None) -> float:
    """Return E of a labelling by the sum over all pairs, with the normalised kernels that `mean_field` uses.

    Args:
        labels: int64 (H, W).
        unary: logits (C, H, W).
        image: (3, H, W).
        kernels: weights and widths.
    """
    check_shape("labels", labels, tuple(unary.shape[1:]))
    kernels = kernels or Kernels()
    appearance, smoothness = message_filters(image, kernels, "pairs")
    chosen = torch.nn.functional.one_hot(labels.flatten(), len(unary)).float()  # (N, C)
    heard = kernels.appearance * appearance(chosen) + kernels.smoothness * smoothness(chosen)
    everybody = heard.sum()
    agreeing = (heard * chosen).sum()
    return float(-(unary.float().flatten(1).T * chosen).sum() + 0.5 * (everybody - agreeing))
