"""Frames of the narrow call between the grader and a student's process.

A frame is a fixed header, a JSON object (the envelope, and the payload as a tree: see `values`) and the payload's
arrays as ``.npy`` bytes. `unpack` trusts nothing: sizes, depth and lengths are checked before memory is taken, and
bytes that hostile code wrote can at worst be refused.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

from course_utils.grading.values import NOTHING, Bounds, Counter, Handle, Reader, Refused, Writer

__all__ = ["BOUNDS", "HEADER", "MAGIC", "Bounds", "Handle", "Refused", "frame_size", "pack", "unpack"]

MAGIC = b"NCG1"
NPY_HEADER = 512  # more bytes than numpy writes before an array's numbers
HEADER = struct.Struct("<4sIQ")  # magic, bytes of JSON, bytes of all arrays together
BOUNDS = Bounds()


def pack(
    message: dict[str, Any], value: Any = None, bounds: Bounds = BOUNDS, kept: Mapping[int, int] = NOTHING
) -> bytes:
    """Write one frame.

    Args:
        message: plain JSON fields (the envelope); the keys "value" and "arrays" are taken.
        value: the payload, any value that the call carries.
        bounds: the largest frame allowed.
        kept: numbers of objects, by their `id`, that are written as handles.

    Returns:
        The frame's bytes.

    Raises:
        Refused: if the value holds something that is not carried, or too much of it.
    """
    arrays: list[bytes] = []
    tree = Writer(arrays, Counter(bounds), kept).write(value, 0)
    text = json.dumps(
        {**message, "value": tree, "arrays": [len(a) for a in arrays]}, allow_nan=False, separators=(",", ":")
    ).encode("utf-8", "backslashreplace")
    if len(text) > bounds.json_bytes:
        raise Refused(f"the value takes {len(text)} bytes as text, at most {bounds.json_bytes} are allowed", "size")
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
    if text > bounds.json_bytes or body > bounds.array_bytes + NPY_HEADER * bounds.arrays:
        raise Refused(f"a frame of {text} + {body} bytes is larger than allowed")
    return text, body


def unpack(
    frame: bytes, bounds: Bounds = BOUNDS, *, tensors: bool = False, kept: Mapping[int, Any] | None = None
) -> tuple[dict[str, Any], Any]:
    """Read one frame that may come from hostile code.

    Args:
        frame: header, JSON and arrays.
        bounds: the largest frame allowed.
        tensors: make tensors of tensors; otherwise they arrive as arrays, and torch is not needed.
        kept: objects that handles stand for; without it a handle is refused.

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
    reader = Reader(arrays, Counter(bounds), tensors, kept)
    return message, reader.read(message.pop("value", None), 0)


def _split(sizes: Any, body: bytes, bounds: Bounds) -> list[bytes]:
    if not isinstance(sizes, list) or len(sizes) > bounds.arrays:
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
