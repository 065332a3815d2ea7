"""Rosenblatt's perceptron: one linear threshold unit that learns from its mistakes (chapter 01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape


@dataclass(frozen=True)
class PerceptronRun:
    """What happened in one training run.

    Attributes:
        w: final weights, shape ``(D,)``.
        updates: how many mistakes were made, one update each.
        history: weights before the first and after every update, shape ``(updates + 1, D)``; only the
            first and the last row when the run was asked to keep no history.
        picked: index of the sample behind each update, shape ``(updates,)``.
        updates_per_epoch: mistakes in each pass over the data.
        converged: whether every sample ends strictly on its right side, ``y w.x > 0``.
    """

    w: Any
    updates: int
    history: Any
    picked: NDArray[np.int64]
    updates_per_epoch: tuple[int, ...]
    converged: bool

    @property
    def epochs(self) -> int:
        """Number of passes over the data, the clean one at the end included."""
        return len(self.updates_per_epoch)


def add_bias(x: Any) -> Any:
    """Append a column of ones, so that the last weight is the bias.

    Args:
        x: samples, shape ``(N, D)``, array or tensor.

    Returns:
        Shape ``(N, D + 1)``, float64, of the kind that came (array or tensor).
    """
    samples = _array(x)
    check_shape("x", samples, (None, None))
    return _like(x, np.hstack([samples, np.ones((len(samples), 1))]))


def scores(x: Any, w: Any) -> Any:
    """Return ``x @ w``, shape ``(N,)``: positive on one side of the line, negative on the other."""
    samples, weights = _array(x), _array(w)
    check_shape("w", weights, (samples.shape[-1],))
    return _like(x, samples @ weights)


def count_mistakes(x: Any, y: Any, w: Any) -> int:
    """Count the samples with ``y w.x <= 0``; a score of exactly 0 decides nothing and counts."""
    return int((_array(y) * _array(scores(x, w)) <= 0).sum())


def train_perceptron(
    x: Any,
    y: Any,
    *,
    eta: float = 1.0,
    epochs: int = 1000,
    w: Any = None,
    strict: bool = False,
    order: Sequence[int] | NDArray[np.int64] | np.random.Generator | None = None,
    keep_history: bool = True,
) -> PerceptronRun:
    """Visit the samples one by one and add ``eta * y * x`` to the weights at every mistake.

    Stops after the first pass without an update: nothing can change from there on.

    Args:
        x: samples, shape ``(N, D)``, array or tensor; fold the bias in with ``add_bias``.
        y: labels -1 or +1, shape ``(N,)``.
        eta: step size, above 0.
        epochs: most passes over the data, at least 1.
        w: start, shape ``(D,)``; zeros by default.
        strict: update on ``y w.x < 0`` only. From ``w = 0`` this never updates; the default is ``<= 0``.
        order: the order of visits in every pass (a permutation of ``N``), or a generator that draws a
            fresh one for each pass; as stored by default.
        keep_history: keep the weights after every update; turn off for long runs on wide data.

    Returns:
        The run; ``w`` and ``history`` are float64 and of the kind of ``x`` (array or tensor).

    Raises:
        ValueError: if the labels are not -1 and +1, shapes do not fit or ``order`` is no permutation.

    Source: F. Rosenblatt, The perceptron (1958) and Principles of Neurodynamics (1962), in the modern
    form with weights of either sign and ``<=`` in the condition.
    """
    samples = check_shape("x", _array(x), (None, None))
    labels = _labels(y, len(samples))
    check_number("eta", eta, above=0)
    check_int("epochs", epochs, minimum=1)
    weights = np.zeros(samples.shape[1]) if w is None else _array(w).copy()
    check_shape("w", weights, (samples.shape[1],))
    history = [weights.copy()]
    picked: list[int] = []
    per_epoch: list[int] = []
    for visits in _orders(order, len(samples), epochs):
        before = len(picked)
        for i in visits:
            agreement = labels[i] * (samples[i] @ weights)
            if agreement < 0 or (agreement == 0 and not strict):
                weights = weights + eta * labels[i] * samples[i]
                picked.append(i)
                if keep_history:
                    history.append(weights)
        per_epoch.append(len(picked) - before)
        if per_epoch[-1] == 0:
            break
    if not keep_history:
        history.append(weights)
    return PerceptronRun(
        w=_like(x, weights),
        updates=len(picked),
        history=_like(x, np.array(history)),
        picked=np.array(picked, dtype=np.int64),
        updates_per_epoch=tuple(per_epoch),
        converged=bool((labels * (samples @ weights) > 0).all()),
    )


def _orders(order: Any, count: int, epochs: int) -> Any:
    if isinstance(order, np.random.Generator):
        return (order.permutation(count) for _ in range(epochs))
    visits = np.arange(count) if order is None else np.asarray(order)
    if sorted(visits.tolist()) != list(range(count)):
        raise ValueError(f"order must be a permutation of 0..{count - 1}, got {len(visits)} entries")
    return (visits for _ in range(epochs))


def _labels(y: Any, count: int) -> NDArray[np.float64]:
    labels = check_shape("y", _array(y), (None,))
    check_same_length("x", range(count), "y", labels)
    if not np.isin(labels, (-1.0, 1.0)).all():
        found = ", ".join(f"{v:g}" for v in np.unique(labels)[:5])
        raise ValueError(f"y must hold only -1 and +1, got {found}; for labels 0 and 1 pass 2 * y - 1")
    return labels


def _array(values: Any) -> NDArray[np.float64]:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)


def _like(example: Any, values: NDArray[np.float64]) -> Any:
    if hasattr(example, "detach"):
        import torch

        return torch.from_numpy(np.ascontiguousarray(values))
    return values
