"""The narrow call's language: plain arrays, numbers, strings, lists, tuples and dicts, and nothing else.

A frame is a fixed header, a JSON tree and the arrays as ``.npy`` bytes. Nothing is unpickled, so bytes that hostile
code wrote can at worst be refused. `decode` trusts nothing: sizes, dtypes, depth and lengths are checked before
memory is taken.
"""

import io
import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

MAGIC = b"NCG1"
HEADER = struct.Struct("<4sIQ")  # magic, bytes of JSON, bytes of all arrays together
DTYPES = frozenset(
    np.dtype(name).str
    for name in [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
    ]
)
_NPY = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z][0-9]{1,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,15}(?:, [0-9]{1,15})*,?)?)\), \} *\n"
)
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Refused(ValueError):
    """A value or a frame that the narrow call does not carry; the text says why."""


@dataclass(frozen=True)
class Bounds:
    """What one frame may hold at most: bytes of arrays and of JSON, nodes and depth of the tree, axes, digits."""

    array_bytes: int = 16_000_000
    json_bytes: int = 1_000_000
    nodes: int = 100_000
    depth: int = 32
    axes: int = 8


BOUNDS = Bounds()


def pack(message: dict[str, Any], value: Any = None, bounds: Bounds = BOUNDS) -> bytes:
    """Write one frame.

    Args:
        message: plain JSON fields (the envelope); the keys "value" and "arrays" are taken.
        value: the payload, any value that the call carries.
        bounds: the largest frame allowed.

    Returns:
        The frame's bytes.

    Raises:
        Refused: if the value holds something that is not carried, or too much of it.
    """
    arrays: list[bytes] = []
    counter = _Counter(bounds)
    tree = _encode(value, arrays, counter, bounds, 0)
    text = json.dumps(
        {**message, "value": tree, "arrays": [len(a) for a in arrays]}, allow_nan=False, separators=(",", ":")
    ).encode("utf-8", "backslashreplace")
    if len(text) > bounds.json_bytes:
        raise Refused(f"the value takes {len(text)} bytes as text, at most {bounds.json_bytes} are allowed")
    body = b"".join(arrays)
    return HEADER.pack(MAGIC, len(text), len(body)) + text + body


def frame_size(header: bytes, bounds: Bounds = BOUNDS) -> tuple[int, int]:
    """Read a frame's header: the bytes of JSON and of arrays that follow it.

    Raises:
        Refused: if it is no header of ours or announces more than allowed.
    """
    if len(header) != HEADER.size:
        raise Refused(f"a frame's header has {HEADER.size} bytes, got {len(header)}")
    magic, text, body = HEADER.unpack(header)
    if magic != MAGIC:
        raise Refused("not a frame of the narrow call")
    if text > bounds.json_bytes or body > bounds.array_bytes + 1_000 * bounds.nodes:
        raise Refused(f"a frame of {text} + {body} bytes is larger than allowed")
    return text, body


def unpack(frame: bytes, bounds: Bounds = BOUNDS) -> tuple[dict[str, Any], Any]:
    """Read one frame that may come from hostile code.

    Args:
        frame: header, JSON and arrays.
        bounds: the largest frame allowed.

    Returns:
        The envelope's fields and the payload.

    Raises:
        Refused: if anything about it is not as `pack` writes it.
    """
    text_size, body_size = frame_size(frame[: HEADER.size], bounds)
    if len(frame) != HEADER.size + text_size + body_size:
        raise Refused(f"the frame announces {text_size + body_size} bytes, got {len(frame) - HEADER.size}")
    text = frame[HEADER.size : HEADER.size + text_size]
    if _depth(text) > 2 * bounds.depth + 4:
        raise Refused(f"nested deeper than {bounds.depth} levels")
    try:
        message = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise Refused("the envelope is not a JSON object")
    arrays = _split(message.pop("arrays", None), frame[HEADER.size + text_size :], bounds)
    return message, _decode(message.pop("value", None), arrays, _Counter(bounds), bounds, 0)


class _Counter:
    """Counts the nodes of a tree and the bytes of its arrays, against the bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds, self.nodes, self.bytes = bounds, 0, 0

    def node(self, depth: int) -> None:
        self.nodes += 1
        if self.nodes > self.bounds.nodes:
            raise Refused(f"more than {self.bounds.nodes} values in lists and dicts")
        if depth > self.bounds.depth:
            raise Refused(f"nested deeper than {self.bounds.depth} levels")

    def array(self, size: int) -> None:
        self.bytes += size
        if self.bytes > self.bounds.array_bytes:
            raise Refused(f"arrays of {self.bytes} bytes, at most {self.bounds.array_bytes} are allowed")


def _encode(value: Any, arrays: list[bytes], counter: _Counter, bounds: Bounds, depth: int) -> Any:
    counter.node(depth)
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a torch tensor, without importing torch
        value = value.detach().cpu().numpy()
    if isinstance(value, np.generic) and value.dtype.str in DTYPES:
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        if abs(value) >= 2**63:
            raise Refused("an integer of more than 64 bits")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"f": repr(float(value))}
    if isinstance(value, np.ndarray):
        arrays.append(_write_npy(value, counter, bounds))
        return {"a": len(arrays) - 1}
    if isinstance(value, list):
        return [_encode(item, arrays, counter, bounds, depth + 1) for item in value]
    if isinstance(value, tuple):
        return {"t": [_encode(item, arrays, counter, bounds, depth + 1) for item in value]}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise Refused(f"a dict with a key of type {type(key).__name__}: keys must be strings")
        return {"d": {str(k): _encode(v, arrays, counter, bounds, depth + 1) for k, v in value.items()}}
    raise Refused(f"a value of type {type(value).__name__}")


def _write_npy(array: np.ndarray, counter: _Counter, bounds: Bounds) -> bytes:
    array = np.asarray(array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.str not in DTYPES:
        raise Refused(f"an array of dtype {array.dtype}")
    if array.ndim > bounds.axes:
        raise Refused(f"an array with {array.ndim} axes, at most {bounds.axes} are allowed")
    counter.array(array.nbytes)
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array(array, order="C"), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _split(sizes: Any, body: bytes, bounds: Bounds) -> list[bytes]:
    if not isinstance(sizes, list) or len(sizes) > bounds.nodes:
        raise Refused("the list of array sizes is missing or too long")
    parts, start = [], 0
    for size in sizes:
        if type(size) is not int or size < 0 or start + size > len(body):
            raise Refused("the array sizes do not fit the frame")
        parts.append(body[start : start + size])
        start += size
    if start != len(body):
        raise Refused("bytes left over behind the arrays")
    return parts


def _decode(tree: Any, arrays: list[bytes], counter: _Counter, bounds: Bounds, depth: int) -> Any:
    counter.node(depth)
    if tree is None or isinstance(tree, bool | str | float):
        return tree
    if isinstance(tree, int):
        if abs(tree) >= 2**63:
            raise Refused("an integer of more than 64 bits")
        return tree
    if isinstance(tree, list):
        return [_decode(item, arrays, counter, bounds, depth + 1) for item in tree]
    if len(tree) == 1:
        (tag, content), *_ = tree.items()
        if tag == "f" and isinstance(content, str) and content in _SPECIAL:
            return _SPECIAL[content]
        if tag == "t" and isinstance(content, list):
            return tuple(_decode(item, arrays, counter, bounds, depth + 1) for item in content)
        if tag == "d" and isinstance(content, dict):
            return {key: _decode(item, arrays, counter, bounds, depth + 1) for key, item in content.items()}
        if tag == "a" and type(content) is int and 0 <= content < len(arrays):
            return _read_npy(arrays[content], counter, bounds)
    raise Refused("a tree that the narrow call does not write")


def _read_npy(blob: bytes, counter: _Counter, bounds: Bounds) -> np.ndarray:
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
    if len(shape) > bounds.axes:
        raise Refused(f"an array with {len(shape)} axes, at most {bounds.axes} are allowed")
    count = math.prod(shape)
    if count * dtype.itemsize != len(blob) - start:
        raise Refused("an array whose shape does not fit its bytes")
    counter.array(count * dtype.itemsize)
    flat = np.frombuffer(blob, dtype=dtype, offset=start, count=count)
    return flat.reshape(shape, order="F" if order == "True" else "C").copy()


def _depth(text: bytes) -> int:
    """The deepest nesting of brackets in JSON text, those inside strings left out."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in text:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _no_constant(name: str) -> None:
    raise ValueError(name)
