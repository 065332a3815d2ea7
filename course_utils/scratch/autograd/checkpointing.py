"""Checkpointing: keep few layers' inputs, compute the others a second time; memory for time, counted exactly.

A chain of layers goes forward and back. Going back through a layer needs the input that the layer had. Every array
that is held for this is counted, and every call of a layer too. Taught in chapter 03_backprop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape

__all__ = ["ChainRun", "TanhLayer", "backward_bisecting", "backward_storing", "expected_counts"]

Array = NDArray[np.float64]


class TanhLayer:
    """The layer x -> tanh(x W^T), with its backward pass.

    Args:
        weight: (outputs, inputs).
    """

    def __init__(self, weight: ArrayLike) -> None:
        self.weight = check_shape("weight", np.asarray(weight, dtype=np.float64), (None, None))

    def forward(self, x: Array) -> Array:
        """Return the outputs (N, outputs) for inputs (N, inputs)."""
        return np.tanh(x @ self.weight.T)

    def backward(self, x: Array, above: Array) -> tuple[Array, Array]:
        """Return dL/dx and dL/dW from the layer's input and dL/d(output); computes the output once more."""
        g = above * (1 - np.tanh(x @ self.weight.T) ** 2)
        return g @ self.weight, g.T @ x


@dataclass(frozen=True)
class ChainRun:
    """One pass forward and back through a chain.

    Attributes:
        output: of the last layer.
        grad_x: dL/d(input of the chain).
        grad_weights: dL/dW for each layer, first layer first.
        peak_stored: the most layer inputs that were held at one moment.
        forward_calls: how often a layer went forward.
    """

    output: Array
    grad_x: Array
    grad_weights: list[Array]
    peak_stored: int
    forward_calls: int


class _Store:
    """Layer inputs by layer number; remembers the most it ever held."""

    def __init__(self) -> None:
        self.held: dict[int, Array] = {}
        self.peak = 0

    def put(self, layer: int, x: Array) -> None:
        self.held[layer] = x
        self.peak = max(self.peak, len(self.held))

    def take(self, layer: int) -> Array:
        return self.held.pop(layer)


def backward_storing(layers: Sequence[TanhLayer], x: ArrayLike, above: ArrayLike, every: int = 1) -> ChainRun:
    """Go forward keeping the input of every ``every``-th layer, then back, recomputing one segment at a time.

    ``every=1`` is plain backpropagation: each input kept, nothing computed twice. The input of a layer is let go as
    soon as the gradient has passed it.

    Args:
        layers: the chain, first layer first.
        x: input (N, inputs).
        above: dL/d(output), (N, outputs).
        every: layers a segment, from 1 to the number of layers.

    Source: A. Griewank, A. Walther, Algorithm 799: revolve (2000); T. Chen et al., Training deep nets with
    sublinear memory cost (2016), for the segments.
    """
    check_int("number of layers", len(layers), minimum=1)
    check_int("every", every, minimum=1, maximum=len(layers))
    store, calls = _Store(), 0
    signal = np.asarray(x, dtype=np.float64)
    for number, layer in enumerate(layers):
        if number % every == 0:
            store.put(number, signal)
        signal, calls = layer.forward(signal), calls + 1
    output, flowing = signal, np.asarray(above, dtype=np.float64)
    grad_weights: list[Array] = [np.empty(0)] * len(layers)
    for first in reversed(range(0, len(layers), every)):
        last = min(first + every, len(layers)) - 1
        signal = store.held[first]
        for number in range(first, last):
            signal, calls = layers[number].forward(signal), calls + 1
            store.put(number + 1, signal)
        for number in range(last, first - 1, -1):
            flowing, grad_weights[number] = layers[number].backward(store.take(number), flowing)
    return ChainRun(output, flowing, grad_weights, store.peak, calls)


def backward_bisecting(layers: Sequence[TanhLayer], x: ArrayLike, above: ArrayLike) -> ChainRun:
    """Keep the input of the middle layer only, do the right half, then the left, each in the same way.

    For 2^k layers at most k + 1 inputs are held at any moment, and about (k / 2 + 1) times as many layers go
    forward as without. Arguments and results as in :func:`backward_storing`.
    """
    check_int("number of layers", len(layers), minimum=1)
    store, calls = _Store(), 0
    grad_weights: list[Array] = [np.empty(0)] * len(layers)
    start = np.asarray(x, dtype=np.float64)
    output = start
    for layer in layers:
        output, calls = layer.forward(output), calls + 1

    def back(first: int, last: int, flowing: Array) -> Array:
        nonlocal calls
        if first == last:
            flowing, grad_weights[first] = layers[first].backward(store.take(first), flowing)
            return flowing
        middle = (first + last + 1) // 2
        signal = store.held[first]
        for number in range(first, middle):
            signal, calls = layers[number].forward(signal), calls + 1
        store.put(middle, signal)
        return back(first, middle - 1, back(middle, last, flowing))

    store.put(0, start)
    grad_x = back(0, len(layers) - 1, np.asarray(above, dtype=np.float64))
    return ChainRun(output, grad_x, grad_weights, store.peak, calls)


def expected_counts(layers: int, every: int) -> tuple[int, int]:
    """Return what :func:`backward_storing` must count: most inputs held, and forward calls.

    With S = ceil(L / k) segments, S inputs stay after the forward pass, and a segment of m layers adds m - 1 while it
    is undone. Segments are undone last to first and each frees its own, so the first backward step of the last
    *full* segment holds the most.

    Args:
        layers: number of layers L, at least 1.
        every: layers a segment k, from 1 to L.
    """
    check_int("layers", layers, minimum=1)
    check_int("every", every, minimum=1, maximum=layers)
    segments = -(-layers // every)
    rest = layers - every * (segments - 1)  # layers of the last segment, from 1 to every
    peak = max(segments + rest - 1, segments - 1 + every - 1 if segments > 1 else 0)
    return peak, layers + (layers - segments)
