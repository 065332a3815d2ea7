"""Follow one forward pass: each operation with its module, shape, cost and receptive field.

The pass runs on PyTorch's ``meta`` device, which has shapes and no numbers: VGG-19 takes milliseconds and no memory.

Conventions, those of the papers: a multiply-add is one product with the sum it goes into; only convolutions and
matrix products are counted; bias, normalisation, activation, pooling and addition are not.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_utils.models.fields import Field, union

CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
PRODUCTS = {"matmul", "bmm", "mm", "__matmul__", "einsum"}
POOLINGS = {"max_pool2d", "_max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "lp_pool2d"}
ADAPTIVE = {"adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices", "_adaptive_max_pool2d"}


@dataclass(frozen=True)
class Place:
    """What the tracer knows of a tensor.

    Args:
        field: receptive field of its first unit; None where it cannot be followed.
        spatial: whether its last two axes are still rows and columns.
        depth: convolutions and linear layers on the longest way from the input, gates not counted.
    """

    field: Field | None = None
    spatial: bool = True
    depth: int = 0


@dataclass(frozen=True)
class Operation:
    """One operation of a forward pass.

    Args:
        module: dotted name of the innermost module that ran it; empty for the network itself.
        call: which call of that module it was, from 0.
        name: the function, such as ``conv2d``.
        shape: of its result, batch first.
        multiply_adds: for the whole batch.
        bytes: of memory that the result takes; 0 where it shares that of an argument.
        place: receptive field and depth of the result.
    """

    module: str
    call: int
    name: str
    shape: tuple[int, ...]
    multiply_adds: int
    bytes: int
    place: Place


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Return an option of a layer as (rows, columns)."""
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], index: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call, given by place or by name."""
    return kwargs[name] if name in kwargs else args[index] if len(args) > index else default


def multiply_adds(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> int:
    """Return the products that an operation sums: for each output, as many as it has weighted inputs."""
    if name in CONVOLUTIONS:
        weight = argument(args, kwargs, 1, "weight")
        return out.numel() * math.prod(weight.shape[1:])
    if name.startswith("conv_transpose"):
        x, weight = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "weight")
        return x.numel() * math.prod(weight.shape[1:])
    if name == "linear":
        return out.numel() * argument(args, kwargs, 1, "weight").shape[1]
    if name in PRODUCTS and name != "einsum":
        return out.numel() * args[0].shape[-1]
    return 0


def convolution_field(field: Field, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Field:
    """Return the field after ``conv2d``."""
    kernel = pair(tuple(argument(args, kwargs, 1, "weight").shape[2:]))
    stride, dilation = pair(argument(args, kwargs, 3, "stride", 1)), pair(argument(args, kwargs, 5, "dilation", 1))
    padding = argument(args, kwargs, 4, "padding", 0)
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    return field.window(kernel, stride, (0, 0) if padding == "valid" else pair(padding), dilation)


def pooling_field(field: Field, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Field:
    """Return the field after a maximum, average or Lp pooling."""
    first = 2 if name == "lp_pool2d" else 1
    kernel = pair(argument(args, kwargs, first, "kernel_size"))
    stride = argument(args, kwargs, first + 1, "stride")
    padding = pair(argument(args, kwargs, first + 2, "padding", 0)) if first == 1 else (0, 0)
    dilation = pair(argument(args, kwargs, 4, "dilation", 1)) if "max" in name else (1, 1)
    return field.window(kernel, pair(stride) if stride else kernel, padding, dilation)


def slice_field(field: Field, index: Any) -> Field | None:
    """Return the field of ``x[:, :, a::s, b::t]``; None for other selections of rows and columns."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) < 3 or any(p is Ellipsis for p in parts):
        return field if all(p is not Ellipsis for p in parts) else None
    rows_columns = [*parts[2:], slice(None)][:2]
    if not all(isinstance(p, slice) and (p.start or 0) >= 0 and (p.step or 1) >= 1 for p in rows_columns):
        return None
    start = (rows_columns[0].start or 0, rows_columns[1].start or 0)
    step = (rows_columns[0].step or 1, rows_columns[1].step or 1)
    return field.shifted(start).window((1, 1), step)


class Tracer(TorchFunctionMode):
    """Records the operations that run while it is active, and carries the places of tensors along."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._stack: list[tuple[str, int]] = [("", 0)]
        self._calls: dict[str, int] = {}
        self._handles: list[Any] = []
        # By identity, with the tensors kept alive: on the meta device they take no memory.
        self._known: dict[int, tuple[Tensor, Place]] = {id(x): (x, Place(Field() if x.ndim == 4 else None))}
        for name, module in model.named_modules():
            if name:
                self._handles.append(module.register_forward_pre_hook(self._enter(name)))
                self._handles.append(module.register_forward_hook(self._leave, always_call=True))

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(module: nn.Module, inputs: Any) -> None:
            self._stack.append((name, self._calls.get(name, 0)))
            self._calls[name] = self._calls.get(name, 0) + 1

        return enter

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._stack.pop()

    def close(self) -> None:
        """Take all hooks off the model."""
        for handle in self._handles:
            handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        # Parameters and constants have no place in the input: only tensors met before count as sources.
        known = {id(t): self._known[id(t)] for t in tensors((args, kwargs)) if id(t) in self._known}
        storages = {t.untyped_storage()._cdata for t, _ in known.values()}
        out = func(*args, **kwargs)
        results = list(tensors(out))
        name = getattr(func, "__name__", str(func))
        if not known or not results or name in {"__get__", "__set__"}:
            return out
        sources, places = [t for t, _ in known.values()], [place for _, place in known.values()]
        found = [self._place(name, args, kwargs, sources, places, result) for result in results]
        self._known |= {id(t): (t, place) for t, place in zip(results, found, strict=True)}
        first = results[0]
        fresh = [t for t in results if t.untyped_storage()._cdata not in storages]
        size = sum(t.numel() * t.element_size() for t in fresh)
        module, call = self._stack[-1]
        cost = multiply_adds(name, args, kwargs, first)
        operation = Operation(module, call, name.strip("_"), tuple(first.shape), cost, size, found[0])
        self.operations.append(operation)
        return out

    def _place(
        self, name: str, args: tuple, kwargs: dict, sources: list[Tensor], places: list[Place], out: Tensor
    ) -> Place:
        layer = name in CONVOLUTIONS or name == "linear" or name.startswith("conv_transpose")
        depth = max(place.depth for place in places) + int(layer)
        fields = [place.field for place in places]
        if any(field is None for field in fields):
            return Place(None, out.ndim == 4, depth)
        field = union(f for f in fields if f is not None)
        x, before = sources[0], places[0]
        if name == "conv2d":
            return Place(convolution_field(field, args, kwargs), True, depth)
        if name in POOLINGS:
            return Place(pooling_field(field, name, args, kwargs), True, depth)
        if name in ADAPTIVE:
            return Place(self._adaptive(field, x, out), True, depth)
        if name == "pad" and x.ndim == 4:
            sides = [*argument(args, kwargs, 1, "pad"), 0, 0, 0, 0]
            return Place(field.shifted((-sides[2], -sides[0])), True, depth)
        if name == "__getitem__" and x.ndim == 4 and out.ndim == 4:
            return Place(slice_field(field, args[1]), True, depth)
        if name in {"permute", "transpose", "movedim"}:  # channels may be last now; units see what they saw
            return Place(field, False, depth)
        maps = [t for t, place in zip(sources, places, strict=True) if t.ndim >= 4 and place.spatial]
        if out.ndim >= 4 and maps:  # elementwise, or channels moved about: rows and columns stay where they are
            size = max(tuple(t.shape[-2:]) for t in maps)
            # A gate, one number a map, is no step on the way: networks are not called deeper for it.
            full = [p.depth for t, p in zip(sources, places, strict=True) if t.ndim < 4 or tuple(t.shape[-2:]) == size]
            depth = max(full)
            return Place(field if tuple(out.shape[-2:]) == size else None, True, depth)
        if out.ndim >= 4:  # a vector made a map of one pixel
            return Place(field, tuple(out.shape[-2:]) == (1, 1), depth)
        if x.ndim >= 4 and before.spatial:  # rows and columns are gone: each unit may see the whole map
            field = field.whole_map((x.shape[-2], x.shape[-1]))
        return Place(field, False, depth)

    @staticmethod
    def _adaptive(field: Field, x: Tensor, out: Tensor) -> Field | None:
        old, new = tuple(x.shape[-2:]), tuple(out.shape[-2:])
        if any(n % m for n, m in zip(old, new, strict=True)):
            return None  # windows of unequal size
        kernel = (old[0] // new[0], old[1] // new[1])
        return field.window(kernel, kernel)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def without_numbers(model: nn.Module) -> nn.Module:
    """Return a copy of a model on the ``meta`` device: same shapes, no memory for its weights."""
    memo: dict[int, Any] = {}
    for p in model.parameters():
        memo[id(p)] = nn.Parameter(p.detach().to("meta"), requires_grad=p.requires_grad)
    for b in model.buffers():
        memo[id(b)] = b.detach().to("meta")
    return copy.deepcopy(model, memo)


def trace(model: nn.Module, shape: tuple[int, ...], training: bool = False) -> list[Operation]:
    """Return the operations of one forward pass, in order.

    Args:
        model: any module that takes one tensor; it is not changed.
        shape: of the input, batch first.
        training: trace the pass of training mode (auxiliary heads run), not of evaluation.

    Raises:
        ValueError: if the model does not accept an input of this shape; the message holds the layer's own words.
    """
    twin = without_numbers(model).train(training)
    x = torch.empty(shape, device="meta")
    tracer = Tracer(twin, x)
    try:
        with torch.no_grad(), tracer:
            twin(x)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(f"{type(model).__name__} does not take an input of shape {tuple(shape)}: {error}") from error
    finally:
        tracer.close()
    return tracer.operations
