"""A tensor autograd engine on NumPy, in about two hundred lines: broadcasting, batches, an optimiser step.

The scalar engine of ``value.py`` with arrays in the place of numbers. Taught in chapter 03_backprop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length

__all__ = ["MLP", "Tensor", "cross_entropy", "sum_to_shape"]

Array = NDArray[np.floating[Any]]
Backward = Callable[[Array], tuple[Array | None, ...]]


def sum_to_shape(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: sum ``gradient`` over every axis along which an array of ``shape`` was repeated.

    Args:
        gradient: the gradient of a result, of a shape to which ``shape`` broadcasts.
        shape: the shape of the operand.
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    stretched = tuple(axis + added for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis + added] > 1)
    return gradient.sum(axis=(*range(added), *stretched), keepdims=True).reshape(shape)


class Tensor:
    """An array that remembers what made it.

    Args:
        data: anything that NumPy reads; floats keep their type, other numbers become float64.
        requires_grad: whether ``backward`` fills ``grad``.

    Attributes:
        data: the array.
        grad: ``None``, or the gradient of what ``backward`` was called on, shaped like ``data``; calls add up.

    Departs from torch: results keep no ``grad`` of their own, only the tensors that a person made do.
    """

    __slots__ = ("_backward", "_parents", "data", "grad", "requires_grad")
    __array_priority__ = 100  # so that array * tensor asks the tensor

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        array = np.asarray(data)
        self.data: Array = array if array.dtype.kind == "f" else array.astype(np.float64)
        self.grad: Array | None = None
        self.requires_grad = requires_grad
        self._parents: tuple[Tensor, ...] = ()
        self._backward: Backward | None = None

    @staticmethod
    def _made(data: Array, parents: tuple[Tensor, ...], backward: Backward) -> Tensor:
        made = Tensor(data, any(parent.requires_grad for parent in parents))
        if made.requires_grad:  # else nothing is kept: the operands can be forgotten
            made._parents, made._backward = parents, backward
        return made

    def _other(self, other: Tensor | ArrayLike) -> Tensor:
        return other if isinstance(other, Tensor) else Tensor(np.asarray(other, dtype=self.data.dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the array."""
        return self.data.shape

    @property
    def T(self) -> Tensor:
        """The matrix with rows and columns exchanged."""
        return Tensor._made(self.data.T, (self,), lambda g: (g.T,))

    def item(self) -> float:
        """Return the single number of a tensor that holds one."""
        return float(self.data.item())

    def __add__(self, other: Tensor | ArrayLike) -> Tensor:
        b = self._other(other)
        return Tensor._made(
            self.data + b.data, (self, b), lambda g: (sum_to_shape(g, self.shape), sum_to_shape(g, b.shape))
        )

    def __mul__(self, other: Tensor | ArrayLike) -> Tensor:
        b = self._other(other)
        return Tensor._made(
            self.data * b.data,
            (self, b),
            lambda g: (
                sum_to_shape(g * b.data, self.shape) if self.requires_grad else None,
                sum_to_shape(g * self.data, b.shape) if b.requires_grad else None,
            ),
        )

    def __matmul__(self, other: Tensor | ArrayLike) -> Tensor:
        b = self._other(other)
        if self.data.ndim != 2 or b.data.ndim != 2:
            raise ValueError(f"@ needs two matrices, got shapes {self.shape} and {b.shape}: reshape first")
        return Tensor._made(
            self.data @ b.data,
            (self, b),
            lambda g: (g @ b.data.T if self.requires_grad else None, self.data.T @ g if b.requires_grad else None),
        )

    def __pow__(self, exponent: float) -> Tensor:
        p = check_number("exponent", exponent)
        return Tensor._made(self.data**p, (self,), lambda g: (g * p * self.data ** (p - 1),))

    def __neg__(self) -> Tensor:
        return Tensor._made(-self.data, (self,), lambda g: (-g,))

    def __sub__(self, other: Tensor | ArrayLike) -> Tensor:
        return self + -self._other(other)

    def __truediv__(self, other: Tensor | ArrayLike) -> Tensor:
        return self * self._other(other) ** -1

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: ArrayLike) -> Tensor:
        return self._other(other) - self

    def __rtruediv__(self, other: ArrayLike) -> Tensor:
        return self._other(other) / self

    def relu(self) -> Tensor:
        """Return max(0, a) for every entry: the gradient passes where a > 0."""
        passes = self.data > 0
        return Tensor._made(self.data * passes, (self,), lambda g: (g * passes,))

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent of every entry."""
        t = np.tanh(self.data)
        return Tensor._made(t, (self,), lambda g: (g * (1 - t * t),))

    def sigmoid(self) -> Tensor:
        """Return 1 / (1 + exp(-a)) for every entry, without overflow."""
        s = 0.5 * (1 + np.tanh(0.5 * self.data))
        return Tensor._made(s, (self,), lambda g: (g * s * (1 - s),))

    def exp(self) -> Tensor:
        """Return e to the power of every entry."""
        e = np.exp(self.data)
        return Tensor._made(e, (self,), lambda g: (g * e,))

    def log(self) -> Tensor:
        """Return the natural logarithm of every entry."""
        return Tensor._made(np.log(self.data), (self,), lambda g: (g / self.data,))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the sum over one axis, or over all: going back, every summand gets the same gradient."""

        def backward(g: Array) -> tuple[Array]:
            shaped = g if axis is None or keepdims else np.expand_dims(g, axis)
            return (np.broadcast_to(shaped, self.shape),)

        return Tensor._made(self.data.sum(axis=axis, keepdims=keepdims), (self,), backward)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the mean over one axis, or over all."""
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def reshape(self, *shape: int) -> Tensor:
        """Return the same entries in another shape."""
        return Tensor._made(self.data.reshape(shape), (self,), lambda g: (g.reshape(self.shape),))

    def __getitem__(self, index: Any) -> Tensor:
        def backward(g: Array) -> tuple[Array]:
            whole = np.zeros_like(self.data)
            np.add.at(whole, index, g)  # an entry that was taken twice collects both gradients
            return (whole,)

        return Tensor._made(self.data[index], (self,), backward)

    def graph(self) -> list[Tensor]:
        """Return all tensors with a gradient that this one depends on, each after its parents, itself last."""
        ordered: list[Tensor] = []
        seen = {id(self)}
        path = [(self, iter(self._parents))]
        while path:
            node, waiting = path[-1]
            parent = next(waiting, None)
            if parent is None:
                ordered.append(node)
                path.pop()
            elif parent.requires_grad and id(parent) not in seen:
                seen.add(id(parent))
                path.append((parent, iter(parent._parents)))
        return ordered

    def backward(self, gradient: ArrayLike | None = None) -> None:
        """Add to the ``grad`` of every tensor below that has no parents the gradient of this one.

        Args:
            gradient: what arrives from above, shaped like ``data``; 1 if left out, for a tensor of one number.

        Raises:
            ValueError: if nothing here requires a gradient, or the tensor is no single number and none is given.
        """
        if not self.requires_grad:
            raise ValueError("backward needs a result of tensors with requires_grad=True, got one without any")
        if gradient is None and self.data.size != 1:
            raise ValueError(f"backward needs a gradient for shape {self.shape}: pass one, or sum to a number first")
        arrived = np.ones_like(self.data) if gradient is None else np.asarray(gradient, dtype=self.data.dtype)
        if arrived.shape != self.shape:
            raise ValueError(f"gradient must have the shape {self.shape}, got {arrived.shape}")
        flowing = {id(self): arrived}
        for node in reversed(self.graph()):
            g = flowing.pop(id(node))
            if node._backward is None:
                node.grad = g.copy() if node.grad is None else node.grad + g
                continue
            for parent, part in zip(node._parents, node._backward(g)):
                if parent.requires_grad and part is not None:
                    flowing[id(parent)] = flowing[id(parent)] + part if id(parent) in flowing else part

    def __repr__(self) -> str:
        return f"Tensor(shape={self.shape}, requires_grad={self.requires_grad})"


def cross_entropy(logits: Tensor, labels: ArrayLike) -> Tensor:
    """Return the mean of log(sum(exp(logits))) - logits[label] over the batch.

    Args:
        logits: (N, classes).
        labels: N class numbers.
    """
    y = np.asarray(labels)
    check_same_length("logits", logits.data, "labels", y)
    shifted = logits - logits.data.max(axis=1, keepdims=True)  # a constant: changes no probability, avoids overflow
    return (shifted.exp().sum(axis=1).log() - shifted[np.arange(len(y)), y]).mean()


class MLP:
    """Linear layers with ReLUs between them, started as ``torch.nn.Linear`` starts.

    Args:
        sizes: units a layer, the input first; at least two numbers, each at least 1.
        seed: of the start.
        dtype: "float32" or "float64".
    """

    def __init__(self, sizes: Sequence[int], seed: int = 0, dtype: str = "float32") -> None:
        check_int("number of sizes", len(sizes), minimum=2)
        rng = np.random.default_rng(seed)
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        for inputs, outputs in pairwise(sizes):
            reach = 1 / np.sqrt(check_int("size", inputs, minimum=1))
            shape = (check_int("size", outputs, minimum=1), inputs)
            self.weights.append(Tensor(rng.uniform(-reach, reach, shape).astype(dtype), requires_grad=True))
            self.biases.append(Tensor(rng.uniform(-reach, reach, outputs).astype(dtype), requires_grad=True))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the last layer's outputs for a batch (N, inputs)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            x = (x @ weight.T + bias).relu()
        return x @ self.weights[-1].T + self.biases[-1]

    def parameters(self) -> list[Tensor]:
        """Return weight and bias of each layer in turn."""
        return [p for pair in zip(self.weights, self.biases) for p in pair]

    def step(self, lr: float) -> None:
        """Move every parameter against its gradient by ``lr`` times it, and forget the gradients."""
        for p in self.parameters():
            if p.grad is not None:
                p.data = p.data - p.data.dtype.type(lr) * p.grad
            p.grad = None
