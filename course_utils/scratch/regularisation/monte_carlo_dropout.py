"""Dropout left on at test time: many answers to one input, and how much they disagree (chapter 04d)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from course_utils.check import check_int, check_shape

Array = NDArray[np.float64]
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def stochastic_predictions(model: nn.Module, x: Tensor, passes: int, seed: int = 0) -> Array:
    """Ask a network many times with dropout on; everything else is in evaluation mode.

    Args:
        model: maps ``x`` to logits ``(N, K)``; it is left in evaluation mode.
        x: inputs, batch first.
        passes: number of passes, at least 1.
        seed: seed of the masks; the global generator is put back as it was.

    Returns:
        Probabilities, shape ``(passes, N, K)``.

    Raises:
        ValueError: if the model holds no dropout layer: all passes would agree.

    Source: Gal and Ghahramani (2016), Dropout as a Bayesian approximation.
    """
    check_int("passes", passes, minimum=1)
    layers = [m for m in model.modules() if isinstance(m, DROPOUTS)]
    if not layers:
        raise ValueError("the model must hold at least one dropout layer, got none: every pass would say the same")
    model.eval()
    for layer in layers:
        layer.train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        answers = torch.stack([model(x).double().softmax(dim=-1) for _ in range(passes)])
    model.eval()
    return answers.cpu().numpy()


def entropy(p: ArrayLike) -> Array:
    """Return ``-sum p log p`` along the last axis, in nats; a probability of 0 adds 0."""
    p = np.asarray(p, dtype=np.float64)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)


def predictive_entropy(predictions: ArrayLike) -> Array:
    """Return the entropy of the averaged prediction: how unsure the average is.

    Args:
        predictions: shape ``(passes, N, K)``.

    Returns:
        Shape ``(N,)``, from 0 (sure) to ``log K``.
    """
    return entropy(check_shape("predictions", np.asarray(predictions), (None, None, None)).mean(axis=0))


def disagreement(predictions: ArrayLike) -> Array:
    """Return the entropy of the average minus the average entropy: the part that comes from the masks.

    Args:
        predictions: shape ``(passes, N, K)``.

    Returns:
        Shape ``(N,)``, at least 0; 0 when all passes agree.
    """
    return predictive_entropy(predictions) - entropy(predictions).mean(axis=0)


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return how often an outside score exceeds an inside one, ties counted half: 0.5 is chance, 1 is perfect.

    Args:
        inside: scores that should be low, shape ``(A,)``.
        outside: scores that should be high, shape ``(B,)``.
    """
    inside = np.sort(np.asarray(inside, dtype=np.float64))
    outside = np.asarray(outside, dtype=np.float64)
    check_int("number of inside scores", len(inside), minimum=1)
    check_int("number of outside scores", len(outside), minimum=1)
    below = np.searchsorted(inside, outside, side="left")
    not_above = np.searchsorted(inside, outside, side="right")
    return float((below + not_above).sum() / (2 * len(inside) * len(outside)))
