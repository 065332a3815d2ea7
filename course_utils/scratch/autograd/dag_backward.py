"""Backpropagation on any graph of units: one sweep forward, one sweep back, no engine.

Every unit keeps g = dL/da, the derivative of the loss in its weighted sum. Taught in chapter 03_backprop; the graphs
and their forward sweep come from chapter 02_mlp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_int, check_shape
from course_utils.scratch.networks.activations import ACTIVATIONS
from course_utils.scratch.networks.dag import Dag, DagValues, Edge

__all__ = ["DagGradients", "backward", "layered_edges", "linear_backward", "linear_backward_loops", "random_edges"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DagGradients:
    """What one backward sweep leaves behind.

    Attributes:
        g: dL/da for every unit that is no input, shaped like its ``a``.
        x: dL/dx for every unit, inputs included, shaped like its ``x``.
        weights: dL/dw for every edge, summed over the examples.
    """

    g: dict[str, Array]
    x: dict[str, Array]
    weights: dict[Edge, float]


def backward(dag: Dag, values: DagValues, loss_slopes: Mapping[str, ArrayLike]) -> DagGradients:
    """Apply g_i = f'(a_i) sum over Post(i) of w_ij g_j to every unit, from the outputs back to the inputs.

    Args:
        dag: the network.
        values: what its ``forward`` returned.
        loss_slopes: unit to dL/dx where the loss reads the unit directly, shaped like its ``x``; mostly the outputs.

    Returns:
        Derivatives in every weighted sum, every value and every weight.

    Raises:
        ValueError: if a name in ``loss_slopes`` is no unit, or a slope does not have its shape.
    """
    for unit, slope in loss_slopes.items():
        check_choice("unit in loss_slopes", unit, dag.order)
        check_shape("loss slope", np.asarray(slope), values.x[unit].shape)
    g: dict[str, Array] = {}
    x: dict[str, Array] = {}
    weights: dict[Edge, float] = {}
    for unit in reversed(dag.order):  # all of Post(unit) is done before unit
        arrived = np.array(loss_slopes.get(unit, np.zeros_like(values.x[unit])), dtype=np.float64)
        for target in dag.successors[unit]:
            arrived = arrived + dag.weights[unit, target] * g[target]
            weights[unit, target] = float(np.sum(values.x[unit] * g[target]))
        x[unit] = arrived
        if unit in values.a:
            g[unit] = ACTIVATIONS[dag.activations[unit]][1](values.a[unit]) * arrived
    return DagGradients(g, x, {edge: weights[edge] for edge in dag.weights})


def linear_backward_loops(x: ArrayLike, g: ArrayLike, weight: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the gradients of a linear layer a = x W^T + b, entry by entry.

    Args:
        x: inputs of the layer, (N, inputs).
        g: dL/da, (N, outputs).
        weight: (outputs, inputs), as in ``torch.nn.Linear``.

    Returns:
        Gradients in ``x``, ``weight`` and the bias, in this order.
    """
    inputs, above, w = _layer_arrays(x, g, weight)
    grad_x, grad_weight, grad_bias = np.zeros_like(inputs), np.zeros_like(w), np.zeros(len(w))
    for n in range(len(inputs)):
        for j in range(len(w)):
            grad_bias[j] += above[n, j]
            for i in range(inputs.shape[1]):
                grad_weight[j, i] += above[n, j] * inputs[n, i]
                grad_x[n, i] += above[n, j] * w[j, i]
    return grad_x, grad_weight, grad_bias


def linear_backward(x: ArrayLike, g: ArrayLike, weight: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the gradients of a linear layer in three matrix operations: the fast twin.

    The weights' gradient is the sum over the batch of the outer products of ``g[n]`` and ``x[n]``, which is one
    matrix product. Arguments and results as in :func:`linear_backward_loops`.
    """
    inputs, above, w = _layer_arrays(x, g, weight)
    return above @ w, above.T @ inputs, above.sum(axis=0)


def layered_edges(matrices: Sequence[ArrayLike]) -> dict[Edge, float]:
    """Return the edges of a chain of fully connected layers, for :class:`Dag`.

    Args:
        matrices: one weight matrix a layer, (outputs, inputs).

    Returns:
        Edges named ``"0.i" -> "1.j"`` and so on: layer, dot, unit.
    """
    edges: dict[Edge, float] = {}
    for layer, matrix in enumerate(matrices):
        for j, row in enumerate(np.asarray(matrix, dtype=float).tolist()):
            for i, weight in enumerate(row):
                edges[f"{layer}.{i}", f"{layer + 1}.{j}"] = weight
    return edges


def random_edges(units: int, inputs: int, seed: int = 0, density: float = 0.5) -> dict[Edge, float]:
    """Return the edges of a random graph without cycles, with links that skip any number of units.

    Args:
        units: total number of units, named ``u0`` to ``u{units - 1}``; an edge always leads to a higher number.
        inputs: the first so many are inputs; at least 1 and less than ``units``.
        seed: of wiring and weights.
        density: chance of each possible edge beyond one that every unit gets.
    """
    check_int("inputs", inputs, minimum=1, maximum=units - 1)
    rng = np.random.default_rng(seed)
    edges: dict[Edge, float] = {}
    for j in range(inputs, units):
        wired = {int(rng.integers(j)), *np.flatnonzero(rng.random(j) < density).tolist()}
        for i in sorted(wired):
            edges[f"u{i}", f"u{j}"] = float(rng.normal() / np.sqrt(len(wired)))
    return edges


def _layer_arrays(x: ArrayLike, g: ArrayLike, weight: ArrayLike) -> tuple[Array, Array, Array]:
    w = check_shape("weight", np.asarray(weight, dtype=np.float64), (None, None))
    inputs = check_shape("x", np.asarray(x, dtype=np.float64), (None, w.shape[1]))
    return inputs, check_shape("g", np.asarray(g, dtype=np.float64), (len(inputs), len(w))), w
