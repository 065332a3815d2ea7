"""A scalar autograd engine: numbers that remember how they were computed.

Chapter 03 builds it; the widget ``ComputationGraph`` repeats it in the browser, digit for digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_choice, check_number, check_shape

__all__ = ["FUNCTIONS", "ScalarMLP", "Value", "sigmoid"]


class Value:
    """A number, the numbers it was made from, and its slope in each of them.

    The slopes of ``+ - * / **`` and of the functions are known when the result is: each operation stores them at
    once, so that going backward takes multiplications and additions only.

    Args:
        data: the number.
        name: what to call it in pictures and messages.

    Attributes:
        data: the number.
        grad: the derivative of what ``backward`` was called on in this number; a second call adds to it.
        operation: how it was made, ``""`` for an input.
        parents: the values it was made from.
        slopes: its derivative in each parent, at their present data.

    Source: A. Karpathy's micrograd (2020) shows how little code this takes; this one stores slopes, not functions,
    keeps the engine free of recursion, and refuses results that are no finite numbers.
    """

    __slots__ = ("data", "grad", "name", "operation", "parents", "slopes")

    def __init__(self, data: float, name: str = "") -> None:
        self.data = float(data)
        self.grad = 0.0
        self.name = name
        self.operation = ""
        self.parents: tuple[Value, ...] = ()
        self.slopes: tuple[float, ...] = ()

    @classmethod
    def _made(cls, operation: str, data: float, parents: tuple[Value, ...], slopes: tuple[float, ...]) -> Value:
        if not (math.isfinite(data) and all(map(math.isfinite, slopes))):
            came = ", ".join(f"{parent.data:g}" for parent in parents)
            raise ValueError(f"{operation} of {came} must be finite and have a finite slope, got {data:g}: it has none")
        made = cls(data)
        made.operation, made.parents, made.slopes = operation, parents, slopes
        return made

    def __add__(self, other: Value | float) -> Value:
        other = _as_value(other)
        return self._made("+", self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = _as_value(other)
        return self._made("*", self.data * other.data, (self, other), (other.data, self.data))

    def __sub__(self, other: Value | float) -> Value:
        other = _as_value(other)
        return self._made("-", self.data - other.data, (self, other), (1.0, -1.0))

    def __truediv__(self, other: Value | float) -> Value:
        other = _as_value(other)
        if other.data == 0:
            raise ValueError(f"the divisor must not be 0, got {self.data:g} / 0")
        quotient = self.data / other.data
        return self._made("/", quotient, (self, other), (1 / other.data, -quotient / other.data))

    def __pow__(self, exponent: Value | float) -> Value:
        if not isinstance(exponent, Value):
            power, slope = _power(self.data, float(exponent))
            return self._made(f"**{exponent:g}", power, (self,), (slope,))
        if self.data <= 0:
            raise ValueError(
                f"the base must be greater than 0 where the exponent is a variable, got {self.data:g}: "
                "the slope in the exponent is a ** b * log(a)"
            )
        power, slope = _power(self.data, exponent.data)
        return self._made("**", power, (self, exponent), (slope, power * math.log(self.data)))

    def __neg__(self) -> Value:
        return self._made("neg", -self.data, (self,), (-1.0,))

    def __radd__(self, other: float) -> Value:
        return _as_value(other) + self

    def __rmul__(self, other: float) -> Value:
        return _as_value(other) * self

    def __rsub__(self, other: float) -> Value:
        return _as_value(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return _as_value(other) / self

    def relu(self) -> Value:
        """Return max(0, a); the slope at 0 is taken as 0."""
        return self._made("relu", max(0.0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def tanh(self) -> Value:
        """Return the hyperbolic tangent."""
        t = math.tanh(self.data)
        return self._made("tanh", t, (self,), (1 - t * t,))

    def sigmoid(self) -> Value:
        """Return 1 / (1 + exp(-a))."""
        s = sigmoid(self.data)
        return self._made("sigmoid", s, (self,), (s * (1 - s),))

    def exp(self) -> Value:
        """Return e to the power of a, up to a = 709.78."""
        e = math.exp(self.data) if self.data < 709.78 else math.inf
        return self._made("exp", e, (self,), (e,))

    def log(self) -> Value:
        """Return the natural logarithm of a > 0."""
        if self.data <= 0:
            raise ValueError(f"log needs a number greater than 0, got {self.data:g}")
        return self._made("log", math.log(self.data), (self,), (1 / self.data,))

    def graph(self) -> list[Value]:
        """Return every value that this one depends on, each after its parents, itself last."""
        ordered: list[Value] = []
        seen: set[int] = {id(self)}
        path = [(self, iter(self.parents))]  # our own stack: a sum of ten thousand terms is a chain that long
        while path:
            node, waiting = path[-1]
            parent = next(waiting, None)
            if parent is None:
                ordered.append(node)
                path.pop()
            elif id(parent) not in seen:
                seen.add(id(parent))
                path.append((parent, iter(parent.parents)))
        return ordered

    def backward(self) -> None:
        """Add to ``grad`` of every value in the graph the derivative of this one in it."""
        flowing = {id(self): 1.0}  # apart from grad, so that a second call adds the same again
        for node in reversed(self.graph()):
            arrived = flowing.pop(id(node))
            node.grad += arrived
            for parent, slope in zip(node.parents, node.slopes):
                flowing[id(parent)] = flowing.get(id(parent), 0.0) + slope * arrived

    def __repr__(self) -> str:
        return f"Value({self.data:g}, grad={self.grad:g})"


FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "relu": Value.relu,
    "tanh": Value.tanh,
    "sigmoid": Value.sigmoid,
    "exp": Value.exp,
    "log": Value.log,
}
"""Name to function of one value."""


def sigmoid(a: float) -> float:
    """Return 1 / (1 + exp(-a)) of a plain number, without overflow."""
    small = math.exp(-abs(a))
    return (1.0 if a >= 0 else small) / (1 + small)


class ScalarMLP:
    """A multilayer perceptron with one `Value` for every weight.

    Args:
        weights: one matrix a layer, shape (outputs, inputs), as in ``torch.nn.Linear``.
        biases: one vector a layer, shape (outputs,).
        activation: name in ``FUNCTIONS`` for all layers but the last, which stays linear.

    Raises:
        ValueError: if a shape does not fit or the activation is unknown.
    """

    def __init__(self, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], activation: str = "tanh") -> None:
        self.activation = FUNCTIONS[check_choice("activation", activation, tuple(FUNCTIONS))]
        self.weights: list[list[list[Value]]] = []
        self.biases: list[list[Value]] = []
        incoming: int | None = None
        for weight, bias in zip(weights, biases, strict=True):
            matrix = check_shape("weight", np.asarray(weight, dtype=float), (None, incoming))
            vector = check_shape("bias", np.asarray(bias, dtype=float), (len(matrix),))
            self.weights.append([[Value(w) for w in row] for row in matrix.tolist()])
            self.biases.append([Value(b) for b in vector.tolist()])
            incoming = len(matrix)

    def __call__(self, x: Iterable[float | Value]) -> list[Value]:
        """Return the outputs for one example, an iterable of numbers or values."""
        signal = [_as_value(entry) for entry in x]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            signal = [sum((w * s for w, s in zip(row, signal)), start=b) for row, b in zip(weight, bias)]
            if layer < len(self.weights) - 1:
                signal = [self.activation(entry) for entry in signal]
        return signal

    def parameters(self) -> list[Value]:
        """Return all weights and biases, layer by layer, each weight matrix row by row before its bias."""
        found: list[Value] = []
        for weight, bias in zip(self.weights, self.biases):
            found += [w for row in weight for w in row] + bias
        return found

    def step(self, lr: float) -> None:
        """Move every parameter against its gradient by ``lr`` times it, and set the gradients to 0."""
        check_number("lr", lr, above=0)
        for p in self.parameters():
            p.data -= lr * p.grad
            p.grad = 0.0


def _as_value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(number)


def _power(base: float, exponent: float) -> tuple[float, float]:
    if exponent == 0:
        return 1.0, 0.0
    if base == 0 and exponent < 1:
        raise ValueError(f"0 must not be raised to a power below 1: 0 ** {exponent:g} has no finite slope")
    if base < 0 and exponent != round(exponent):
        raise ValueError(f"a negative base needs a whole exponent, got {base:g} ** {exponent:g}")
    try:
        return math.pow(base, exponent), exponent * math.pow(base, exponent - 1)
    except OverflowError:
        return math.inf, math.inf
