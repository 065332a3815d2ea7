"""Dropout: random thinned networks that share weights, and every one of them counted (chapter 04d)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape
from course_utils.scratch.regularisation.penalties import softmax

Array = NDArray[np.float64]
Layers = Sequence[tuple[Array, Array]]
LARGEST = 16


def draw_mask(shape: int | tuple[int, ...], rate: float, rng: np.random.Generator) -> Array:
    """Return ones and zeros: each unit is dropped (0) with probability ``rate``, independently.

    Args:
        shape: shape of the mask.
        rate: probability to drop, in [0, 1).
        rng: source of the draws.
    """
    check_number("rate", rate, minimum=0, below=1)
    return (rng.random(shape) >= rate).astype(np.float64)


def dropout(x: ArrayLike, mask: Array, rate: float) -> Array:
    """Silence the units with mask 0 and scale the others by ``1 / (1 - rate)``, which keeps the mean.

    Args:
        x: activations, any shape.
        mask: ones and zeros that fit ``x``.
        rate: probability with which the mask was drawn, in [0, 1).
    """
    check_number("rate", rate, minimum=0, below=1)
    return np.asarray(x, dtype=np.float64) * mask / (1.0 - rate)


def dropout_backward(gradient: ArrayLike, mask: Array, rate: float) -> Array:
    """Return the gradient for the input of `dropout`: the same mask and the same scale."""
    return dropout(gradient, mask, rate)


def all_masks(units: int) -> Array:
    """Return all ``2^units`` masks, shape ``(2^units, units)``, for at most 16 units."""
    check_int("units", units, minimum=1, maximum=LARGEST)
    return np.array(list(itertools.product((0.0, 1.0), repeat=units)))


def mask_probability(masks: ArrayLike, rate: float) -> Array:
    """Return the probability of each mask, shape ``(M,)``: ``rate`` a dropped unit, ``1 - rate`` a kept one."""
    masks = check_shape("masks", np.asarray(masks, dtype=np.float64), (None, None))
    check_number("rate", rate, above=0, below=1)
    kept = masks.sum(axis=1)
    return (1.0 - rate) ** kept * rate ** (masks.shape[1] - kept)


def predict(x: ArrayLike, layers: Layers, masks: Sequence[Array] | None = None) -> Array:
    """Return the class probabilities of a ReLU network, hidden units multiplied by ``masks``.

    Args:
        x: one input, shape ``(D,)``.
        layers: weights ``(out, in)`` and biases ``(out,)``, first layer first.
        masks: one array a hidden layer, shape ``(units,)`` or ``(M, units)`` for M networks at once; entries need not
            be 0 or 1. None keeps all units.

    Returns:
        Shape ``(K,)`` or ``(M, K)``.
    """
    h = check_shape("x", np.asarray(x, dtype=np.float64), (None,))
    for number, (weight, bias) in enumerate(layers[:-1]):
        h = np.maximum(h @ weight.T + bias, 0.0)
        if masks is not None:
            h = h * masks[number]
    weight, bias = layers[-1]
    return softmax(h @ weight.T + bias)


def thinned_predictions(x: ArrayLike, layers: Layers, rate: float = 0.5) -> tuple[Array, Array]:
    """Return what every thinned network says about one input, and how probable each network is.

    Args:
        x: one input, shape ``(D,)``.
        layers: as in `predict`; at most 16 hidden units in all.
        rate: probability to drop a unit, in (0, 1).

    Returns:
        Predictions ``(2^H, K)`` and probabilities ``(2^H,)``, H the number of hidden units in all layers.
    """
    sizes = [len(bias) for _, bias in layers[:-1]]
    masks = all_masks(sum(sizes))
    parts = np.split(masks, np.cumsum(sizes)[:-1], axis=1)
    return predict(x, layers, parts), mask_probability(masks, rate)


def geometric_mean(predictions: ArrayLike, probability: ArrayLike) -> tuple[Array, float]:
    """Return the weighted geometric mean of distributions, made to sum to 1, and what it summed to before.

    Args:
        predictions: one distribution a row, shape ``(M, K)``, all above 0.
        probability: weight of each row, shape ``(M,)``, summing to 1.
    """
    raw = np.exp(np.asarray(probability) @ np.log(np.asarray(predictions, dtype=np.float64)))
    return raw / raw.sum(), float(raw.sum())


def scaled_prediction(x: ArrayLike, layers: Layers, rate: float = 0.5) -> Array:
    """Return the prediction of the whole network with outgoing weights of hidden units times ``1 - rate``."""
    keep = [np.full(len(bias), 1.0 - rate) for _, bias in layers[:-1]]
    return predict(x, layers, keep)


def random_layers(sizes: Sequence[int], rng: np.random.Generator, scale: float = 1.0) -> list[tuple[Array, Array]]:
    """Draw a network: weights of standard deviation ``scale * sqrt(2 / in)``, biases of 0.1.

    Args:
        sizes: numbers of units from input to output, at least two.
        rng: source of the draws.
        scale: factor on the weights.
    """
    return [
        (scale * np.sqrt(2.0 / a) * rng.normal(size=(b, a)), 0.1 * rng.normal(size=b))
        for a, b in itertools.pairwise(sizes)
    ]


def dropout_loss(w: ArrayLike, x: ArrayLike, y: ArrayLike, rate: float) -> float:
    """Return the expected squared error of linear regression with dropout on its inputs.

    Averaging ``1/(2N) |y - (mask x / (1 - rate)) w|^2`` over all masks gives the plain error plus
    ``rate / (2 (1 - rate)) sum_d w_d^2 mean_i x_id^2``: an L2 penalty, weighted by the size of each input.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        y: targets, shape ``(N,)``.
        rate: probability to drop an input, in [0, 1).

    Source: Wager, Wang and Liang (2013), Dropout training as adaptive regularization.
    """
    w, x, y = (np.asarray(v, dtype=np.float64) for v in (w, x, y))
    check_number("rate", rate, minimum=0, below=1)
    plain = 0.5 * np.mean((y - x @ w) ** 2)
    return float(plain + 0.5 * rate / (1.0 - rate) * (w**2 @ (x**2).mean(axis=0)))


def fit_dropout_regression(x: ArrayLike, y: ArrayLike, rate: float) -> Array:
    """Return the weights that minimise `dropout_loss`, in closed form, shape ``(D,)``."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    check_number("rate", rate, minimum=0, below=1)
    penalty = rate / (1.0 - rate) * np.diag((x**2).mean(axis=0))
    return np.linalg.solve(x.T @ x / len(x) + penalty, x.T @ y / len(x))
