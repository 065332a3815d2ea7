"""What the narrow call carries: values to a JSON tree with arrays beside it, and back. Nothing is unpickled.

Values of Python and numpy are written as JSON; what JSON lacks has a tag, a dict with one key:

    {"f": "nan"}                  a float without a JSON form
    {"t": [...]}  {"d": {...}}    a tuple, a dict
    {"a": 0}                      array number 0
    {"T": [0, "bfloat16", true]}  a torch tensor: array number 0, its dtype there, whether it requires a gradient
    {"h": 3}                      an object that stays in the student's process, by its number (requests only)
"""

import io
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import GeneratorType, MappingProxyType
from typing import Any

import numpy as np

TENSORS = {
    np.dtype(name).str: name
    for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
}
"""numpy's dtypes that torch has as well; bfloat16 travels as the int16 of the same bits."""

DTYPES = frozenset(TENSORS) | {np.dtype(name).str for name in ("uint16", "uint32", "uint64")}
_NPY = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z][0-9]{1,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,15}(?:, [0-9]{1,15})*,?)?)\), \} *\n"
)
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

NOTHING: Mapping[int, int] = MappingProxyType({})


class Refused(ValueError):
    """A value or a frame that the narrow call does not carry; the text says why, `kind` what it was in one word."""

    def __init__(self, why: str, kind: str = "frame") -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True, eq=False)
class Handle:
    """Stands for an object that stays in the student's process."""

    number: int


@dataclass(frozen=True)
class Bounds:
    """What one frame may hold at most: arrays, their bytes, bytes of JSON, nodes and depth of the tree, axes."""

    arrays: int = 2_000
    array_bytes: int = 16_000_000
    json_bytes: int = 1_000_000
    nodes: int = 100_000
    depth: int = 32
    axes: int = 8


class Counter:
    """Counts the nodes of a tree and the bytes of its arrays, against the bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds, self.nodes, self.bytes, self.arrays = bounds, 0, 0, 0

    def node(self, depth: int) -> None:
        self.nodes += 1
        if self.nodes > self.bounds.nodes:
            raise Refused(f"more than {self.bounds.nodes} values in lists and dicts", "size")
        if depth > self.bounds.depth:
            raise Refused(f"nested deeper than {self.bounds.depth} levels", "depth")

    def array(self, size: int) -> None:
        self.arrays += 1
        if self.arrays > self.bounds.arrays:
            raise Refused(f"more than {self.bounds.arrays} arrays", "size")
        self.bytes += size
        if self.bytes > self.bounds.array_bytes:
            raise Refused(f"arrays of {self.bytes} bytes, at most {self.bounds.array_bytes} are allowed", "size")


class Writer:
    """Turns a value into a JSON tree and a list of arrays."""

    def __init__(self, arrays: list[bytes], counter: Counter, kept: Mapping[int, int]) -> None:
        self.arrays, self.counter, self.kept = arrays, counter, kept

    def write(self, value: Any, depth: int) -> Any:
        self.counter.node(depth)
        if id(value) in self.kept:
            return {"h": self.kept[id(value)]}
        if isinstance(value, Handle):
            return {"h": value.number}
        if is_tensor(value):
            return self._tensor(value)
        if isinstance(value, np.generic) and value.dtype.str in DTYPES:
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, int):
            if abs(value) >= 2**63:
                raise Refused("an integer of more than 64 bits", "size")
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"f": repr(float(value))}
        if isinstance(value, np.ndarray):
            return {"a": self._array(value)}
        if isinstance(value, list):
            return [self.write(item, depth + 1) for item in value]
        if isinstance(value, tuple):
            return {"t": [self.write(item, depth + 1) for item in value]}
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise Refused(f"a dict with a key of type {type(key).__name__}: keys must be strings", "keys")
            return {"d": {str(k): self.write(v, depth + 1) for k, v in value.items()}}
        raise Refused(f"a value of type {type(value).__name__}", kind_of(value))

    def _tensor(self, tensor: Any) -> Any:
        dtype = str(tensor.dtype).removeprefix("torch.")
        plain = tensor.detach().cpu()
        if dtype == "bfloat16":
            import torch

            plain = plain.view(torch.int16)
        elif dtype not in TENSORS.values() or str(tensor.layout) != "torch.strided":
            raise Refused(f"a tensor of {dtype}, {tensor.layout}", "dtype")
        return {"T": [self._array(plain.numpy()), dtype, bool(tensor.requires_grad)]}

    def _array(self, array: np.ndarray) -> int:
        """Note an array's ``.npy`` bytes; returns its number."""
        bounds = self.counter.bounds
        array = np.asarray(array)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if array.dtype.str not in DTYPES:
            raise Refused(f"an array of dtype {array.dtype}", "dtype")
        if array.ndim > bounds.axes:
            raise Refused(f"an array with {array.ndim} axes, at most {bounds.axes} are allowed", "size")
        self.counter.array(array.nbytes)
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.array(array, order="C"), version=(1, 0), allow_pickle=False)
        self.arrays.append(stream.getvalue())
        return len(self.arrays) - 1


def is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor, without importing torch; a student's own module may have that name."""
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    return isinstance(kind, type) and isinstance(value, kind)


def kind_of(value: Any) -> str:
    """Name what cannot be sent in one word; `session` has a sentence for each."""
    if isinstance(value, type):
        return "class"
    if isinstance(value, GeneratorType) or hasattr(value, "__next__"):
        return "generator"
    if hasattr(value, "named_parameters"):
        return "module"
    if isinstance(value, set | frozenset):
        return "set"
    if isinstance(value, complex | np.generic | bytes | bytearray):
        return "dtype"
    return "function" if callable(value) else "object"


class Reader:
    """Turns a JSON tree and a list of arrays back into a value; refuses whatever `Writer` does not write."""

    def __init__(self, arrays: list[bytes], counter: Counter, tensors: bool, kept: Mapping[int, Any] | None) -> None:
        self.arrays, self.counter, self.tensors, self.kept = arrays, counter, tensors, kept

    def read(self, tree: Any, depth: int) -> Any:
        self.counter.node(depth)
        if tree is None or isinstance(tree, bool | str | float):
            return tree
        if isinstance(tree, int):
            if abs(tree) >= 2**63:
                raise Refused("an integer of more than 64 bits")
            return tree
        if isinstance(tree, list):
            return [self.read(item, depth + 1) for item in tree]
        if len(tree) == 1:
            (tag, content), *_ = tree.items()
            if tag == "f" and isinstance(content, str) and content in _SPECIAL:
                return _SPECIAL[content]
            if tag == "t" and isinstance(content, list):
                return tuple(self.read(item, depth + 1) for item in content)
            if tag == "d" and isinstance(content, dict):
                return {key: self.read(item, depth + 1) for key, item in content.items()}
            if tag == "a":
                return self._array(content)
            if tag == "T" and isinstance(content, list) and len(content) == 3:
                return self._tensor(*content)
            if tag == "h" and self.kept is not None and type(content) is int and content in self.kept:
                return self.kept[content]
        raise Refused("a tree that the narrow call does not write")

    def _array(self, number: Any) -> np.ndarray:
        if type(number) is not int or not 0 <= number < len(self.arrays):
            raise Refused("a tree that the narrow call does not write")
        return _read_npy(self.arrays[number], self.counter)

    def _tensor(self, number: Any, dtype: Any, requires_grad: Any) -> Any:
        array = self._array(number)
        wanted = "int16" if dtype == "bfloat16" else dtype
        if not isinstance(dtype, str) or TENSORS.get(array.dtype.str) != wanted or not isinstance(requires_grad, bool):
            raise Refused("a tensor that the narrow call does not write")
        if requires_grad and "float" not in dtype:
            raise Refused("a tensor of whole numbers that requires a gradient")
        if not self.tensors:
            return _widened(array) if dtype == "bfloat16" else array
        import torch

        tensor = torch.from_numpy(array)
        if dtype == "bfloat16":
            tensor = tensor.view(torch.bfloat16)
        return tensor.requires_grad_(requires_grad)


def _read_npy(blob: bytes, counter: Counter) -> np.ndarray:
    """Read ``.npy`` bytes as numpy writes them; their header is checked before memory is taken."""
    start = int.from_bytes(blob[8:10], "little") + 10
    header = _NPY.fullmatch(blob[10:start])
    if blob[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise Refused("not an array in the format that numpy writes")
    descr, order, axes = (part.decode() for part in header.groups())
    if descr not in DTYPES:
        raise Refused(f"an array of dtype {descr}")
    dtype = np.dtype(descr)
    shape = tuple(int(n) for n in axes.split(",") if n.strip())
    if len(shape) > counter.bounds.axes:
        raise Refused(f"an array with {len(shape)} axes, at most {counter.bounds.axes} are allowed")
    count = math.prod(shape)
    if count * dtype.itemsize != len(blob) - start:
        raise Refused("an array whose shape does not fit its bytes")
    counter.array(count * dtype.itemsize)
    flat = np.frombuffer(blob, dtype=dtype, offset=start, count=count)
    try:
        return flat.reshape(shape, order="F" if order == "True" else "C").copy()
    except ValueError:  # an empty array whose other axes are longer than numpy counts
        raise Refused("an array with axes that are too long") from None


def _widened(bits: np.ndarray) -> np.ndarray:
    """The float32 numbers whose upper halves are these 16 bits: what bfloat16 is."""
    return (bits.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
