"""Threshold units: the all-or-none unit of 1943, the weighted unit, and the search for logic gates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_same_length, check_shape

GATES: dict[str, tuple[int, int, int, int]] = {
    "AND": (0, 0, 0, 1),
    "OR": (0, 1, 1, 1),
    "NAND": (1, 1, 1, 0),
    "XOR": (0, 1, 1, 0),
}
"""Outputs of two-input gates for the inputs (0, 0), (0, 1), (1, 0), (1, 1), in this order."""


def binary_inputs(count: int) -> NDArray[np.float64]:
    """Return all ``2**count`` rows of zeros and ones, counting upwards; shape ``(2**count, count)``."""
    check_int("count", count, minimum=1, maximum=16)
    return np.array(list(itertools.product((0.0, 1.0), repeat=count)))


def threshold_unit(x: ArrayLike, w: ArrayLike, b: float) -> NDArray[np.int64]:
    """Return 1 where ``w . x + b > 0`` and 0 elsewhere.

    Args:
        x: inputs, shape ``(N, D)``.
        w: one weight an input, shape ``(D,)``.
        b: bias; minus the threshold that the weighted sum must exceed.

    Returns:
        Outputs 0 or 1, shape ``(N,)``.
    """
    inputs = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    weights = check_shape("w", np.asarray(w, dtype=np.float64), (inputs.shape[1],))
    return (inputs @ weights + b > 0).astype(np.int64)


def mcculloch_pitts(excitatory: ArrayLike, inhibitory: ArrayLike, threshold: int) -> NDArray[np.int64]:
    """Return the output of the unit of 1943: all-or-none, equal links, absolute inhibition.

    It fires (1) when at least ``threshold`` excitatory inputs are active and no inhibitory input is. A
    single active inhibitory input forbids firing, however strong the excitation.

    Args:
        excitatory: zeros and ones, shape ``(N, E)``.
        inhibitory: zeros and ones, shape ``(N, I)``; ``I`` may be 0.
        threshold: how many excitatory inputs it takes, at least 0.

    Returns:
        Outputs 0 or 1, shape ``(N,)``.

    Raises:
        ValueError: if an input is neither 0 nor 1.

    Source: W. S. McCulloch, W. Pitts, A logical calculus of the ideas immanent in nervous activity (1943).
    """
    check_int("threshold", threshold, minimum=0)
    excite = check_shape("excitatory", np.asarray(excitatory), (None, None))
    veto = check_shape("inhibitory", np.asarray(inhibitory), (None, None))
    check_same_length("excitatory", excite, "inhibitory", veto)
    for name, array in (("excitatory", excite), ("inhibitory", veto)):
        if not np.isin(array, (0, 1)).all():
            raise ValueError(f"{name} must hold only 0 and 1: the unit of 1943 is all-or-none")
    fires = (excite.sum(axis=1) >= threshold) & (veto.sum(axis=1) == 0)
    return fires.astype(np.int64)


def search_gate(outputs: Sequence[int], grid: ArrayLike) -> NDArray[np.float64]:
    """Try every triple ``(w1, w2, b)`` of a grid and return those whose unit computes the gate.

    Args:
        outputs: wanted outputs for (0, 0), (0, 1), (1, 0), (1, 1).
        grid: values tried for each of the three numbers, shape ``(G,)``.

    Returns:
        Triples that work, shape ``(found, 3)``; ``found`` may be 0.
    """
    values = check_shape("grid", np.asarray(grid, dtype=np.float64), (None,))
    wanted = check_shape("outputs", np.asarray(outputs), (4,)).astype(bool)
    w1, w2, b = (a.ravel() for a in np.meshgrid(values, values, values, indexing="ij"))
    inputs = binary_inputs(2)
    fires = inputs[:, :1] * w1 + inputs[:, 1:] * w2 + b > 0  # (4, G**3)
    works = (fires == wanted[:, None]).all(axis=0)
    return np.stack([w1[works], w2[works], b[works]], axis=1)
