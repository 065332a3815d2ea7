"""The multi-layer perceptron: weighted sums, a bend, weighted sums again.

Taught in chapter 02_mlp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_int, check_same_length, check_shape
from course_utils.scratch.networks.activations import ACTIVATIONS

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MLP:
    """Layers ``x <- f(W x + b)``; the last one has no bend.

    Attributes:
        weights: one matrix a layer, shape ``(outputs, inputs)``.
        biases: one vector a layer, shape ``(outputs,)``.
        activation: a name of ``ACTIVATIONS``, for all layers but the last.
    """

    weights: Sequence[Array]
    biases: Sequence[Array]
    activation: str = "relu"

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)
        check_same_length("weights", self.weights, "biases", self.biases)
        width: int | None = None
        for weight, bias in zip(self.weights, self.biases):
            check_shape("weight", weight, (None, width))
            width = len(check_shape("bias", bias, (len(weight),)))

    def layers(self, x: ArrayLike) -> list[Array]:
        """Return the output of every layer, the input first.

        Args:
            x: inputs, shape ``(N, D)``.

        Returns:
            One array a layer, shape ``(N, units)``; the last one holds the network's scores.
        """
        values = [check_shape("x", np.asarray(x, dtype=np.float64), (None, self.weights[0].shape[1]))]
        bend = ACTIVATIONS[self.activation][0]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases), start=1):
            a = values[-1] @ weight.T + bias
            values.append(a if number == len(self.weights) else bend(a))
        return values

    def __call__(self, x: ArrayLike) -> Array:
        """Return the scores for inputs of shape ``(N, D)``; shape ``(N, K)``."""
        return self.layers(x)[-1]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(w.size + b.size for w, b in zip(self.weights, self.biases))


def forward_by_loops(net: MLP, x: ArrayLike) -> Array:
    """Compute the network one unit and one weight at a time: the slow twin of calling it.

    Args:
        net: the network.
        x: inputs, shape ``(N, D)``.
    """
    bend = ACTIVATIONS[net.activation][0]
    rows = []
    for row in np.asarray(x, dtype=np.float64):
        values = [float(v) for v in row]
        for number, (weight, bias) in enumerate(zip(net.weights, net.biases), start=1):
            sums = []
            for j in range(len(weight)):
                a = float(bias[j])
                for i in range(len(values)):
                    a += float(weight[j, i]) * values[i]
                sums.append(a if number == len(net.weights) else float(bend(a)))
            values = sums
        rows.append(values)
    return np.array(rows)


def random_mlp(sizes: Sequence[int], activation: str = "relu", seed: int = 0) -> MLP:
    """Return a network with normal weights of standard deviation ``1 / sqrt(inputs)`` and normal biases.

    Args:
        sizes: units of every layer, the input first: at least two numbers.
        activation: a name of ``ACTIVATIONS``.
        seed: source of chance.
    """
    for number, units in enumerate(sizes):
        check_int(f"sizes[{number}]", units, minimum=1)
    check_int("len(sizes)", len(sizes), minimum=2)
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1]))
    weights = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    return MLP(weights, [rng.normal(size=outputs) for outputs, _ in shapes], activation)


def collapse(net: MLP) -> tuple[Array, Array]:
    """Return the one matrix and the one bias that do what a network of linear layers does.

    Args:
        net: with ``activation="linear"``.

    Returns:
        ``W = W_L ... W_1`` of shape ``(K, D)``, and ``b``, shape ``(K,)``.

    Raises:
        ValueError: for any other activation: a bend between two matrices does not let them be multiplied.
    """
    if net.activation != "linear":
        raise ValueError(f"activation must be 'linear' to collapse the layers, got {net.activation!r}")
    weight, bias = np.eye(net.weights[0].shape[1]), np.zeros(net.weights[0].shape[1])
    for w, b in zip(net.weights, net.biases):
        weight, bias = w @ weight, w @ bias + b
    return weight, bias


def to_torch(net: MLP) -> nn.Sequential:
    """Return the same network as PyTorch layers in float64, with copies of the weights.

    Raises:
        ValueError: if PyTorch has no layer for the activation.
    """
    import torch
    from torch import nn

    bends = {
        "linear": nn.Identity,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
    }
    check_choice("activation", net.activation, bends)
    stack: list[nn.Module] = []
    for weight, bias in zip(net.weights, net.biases):
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(np.ascontiguousarray(weight)))
            layer.bias.copy_(torch.as_tensor(np.ascontiguousarray(bias)))
        stack += [layer, bends[net.activation]()]
    return nn.Sequential(*stack[:-1])


def from_torch(model: nn.Sequential, activation: str) -> MLP:
    """Return a trained stack of ``nn.Linear`` layers as an :class:`MLP`.

    Args:
        model: linear layers with one bend between two of them.
        activation: the name of that bend.
    """
    from torch import nn

    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    return MLP(
        [layer.weight.detach().double().numpy().copy() for layer in layers],
        [layer.bias.detach().double().numpy().copy() for layer in layers],
        activation,
    )


def dense_parameters(inputs: int, units: int) -> int:
    """Return the number of weights and biases of a layer that connects everything with everything."""
    return (check_int("inputs", inputs, minimum=1) + 1) * check_int("units", units, minimum=1)


def conv_parameters(channels: int, maps: int, kernel_size: int) -> int:
    """Return the number of weights and biases of a convolution; the image's size is no argument."""
    side = check_int("kernel_size", kernel_size, minimum=1)
    return dense_parameters(check_int("channels", channels, minimum=1) * side**2, maps)
