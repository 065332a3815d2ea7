"""Arrays as base64 text, the form in which they travel in a widget's stored state (twin of ``kit.js``)."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack", "unpack_bytes", "unpack_float16", "unpack_float32"]


def pack(array: NDArray[Any]) -> str:
    """Return the array's bytes, little-endian and in C order, as base64 text."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(little.tobytes()).decode("ascii")


def unpack_bytes(text: str) -> NDArray[np.uint8]:
    """Return the bytes behind base64 text."""
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8)


def unpack_float32(text: str) -> NDArray[np.float32]:
    """Return the 32-bit numbers behind base64 text."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def unpack_float16(text: str) -> NDArray[np.float64]:
    """Return the 16-bit numbers behind base64 text, widened to 64 bits."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float64)
