"""What student code printed and drew, made harmless: text without control characters, pictures that are PNG indeed.

All of it comes from hostile hands: it may be shown to its author and to the instructor, and it decides no mark.
"""

import base64
import contextlib
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MAX_TEXT = 10_000  # characters of one cell
MAX_TEXTS = 60_000  # of one submission
MAX_IMAGES = 4  # of one cell
MAX_IMAGE_BYTES = 400_000
MAX_IMAGES_BYTES = 1_500_000  # of one submission
MAX_SIDE, MAX_PIXELS = 4_000, 4_000_000

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's colour types
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,16}")


class NoPicture(ValueError):
    """Bytes that are no PNG as this module accepts it."""


@dataclass(frozen=True)
class CellOutput:
    """What one of the student's cells printed and drew while it ran for grading.

    Attributes:
        label: the cell (`cell 7`).
        exercise: the exercise whose functions the cell defines; empty for other cells.
        text: printed text and the value of the last line, bounded, free of control characters.
        images: PNG files as base64, rebuilt from checked chunks.
        cut: whether there was more.
    """

    label: str
    exercise: str = ""
    text: str = ""
    images: tuple[str, ...] = ()
    cut: bool = False

    def png(self) -> list[bytes]:
        """The pictures' bytes."""
        return [base64.b64decode(image) for image in self.images]


def plain_text(text: str, limit: int, lines: bool = True) -> str:
    """Text that is safe on a terminal and in a page once escaped there.

    Args:
        text: any text.
        limit: the most characters kept.
        lines: keep line ends and tabs; otherwise they become spaces.

    Returns:
        Printable characters: escape sequences gone, of a line rewritten with carriage returns the last version,
        memory addresses without their digits, anything else that cannot be printed as U+FFFD.
    """
    text = _ESCAPE.sub("", text[: 4 * limit]).replace("\r\n", "\n")
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if not lines:
        text = " ".join(text.split())
    text = _ADDRESS.sub("0x...", text.replace("\xa0", " "))
    kept = (c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text[:limit])
    return "".join(kept)


def clean_png(data: bytes) -> bytes:
    """Rebuild a PNG from the chunks that make its picture.

    Args:
        data: bytes of any origin.

    Returns:
        A PNG with the chunks IHDR, PLTE, tRNS, IDAT and IEND alone, whose picture decodes to its announced size.

    Raises:
        NoPicture: if it is none, is damaged, or is larger than allowed.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise NoPicture(f"{len(data)} bytes, at most {MAX_IMAGE_BYTES}")
    if not data.startswith(SIGNATURE):
        raise NoPicture("no PNG signature")
    chunks = _chunks(data)
    if not chunks or chunks[0][0] != b"IHDR" or chunks[-1] != (b"IEND", b""):
        raise NoPicture("it does not begin with IHDR and end with IEND")
    names = [name for name, _ in chunks if name in KEPT]
    if names != sorted(names, key=KEPT.index) or any(names.count(name) > 1 for name in KEPT if name != b"IDAT"):
        raise NoPicture("chunks out of order")
    content: dict[bytes, bytes] = {}
    for name, body in chunks:
        if name in KEPT:
            content[name] = content.get(name, b"") + body
    _check_picture(content)
    return SIGNATURE + b"".join(_chunk(name, content[name]) for name in KEPT if name in content)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Name and content of every chunk, its checksum compared."""
    found, at = [], len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise NoPicture("cut off")
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + size > len(data):
            raise NoPicture("cut off")
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if zlib.crc32(name + body) != int.from_bytes(data[at + 8 + size : at + 12 + size], "big"):
            raise NoPicture("a wrong checksum")
        found.append((name, body))
        at += 12 + size
    return found


def _check_picture(content: dict[bytes, bytes]) -> None:
    """Hold the header against its bounds and the picture's data against the header."""
    if len(content[b"IHDR"]) != 13:
        raise NoPicture("a header of another length")
    width, height, depth, colour, compression, filtering, interlaced = struct.unpack(">IIBBBBB", content[b"IHDR"])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise NoPicture(f"{width} x {height} pixels, at most {MAX_SIDE} a side and {MAX_PIXELS} together")
    if depth not in DEPTHS.get(colour, ()) or (compression, filtering, interlaced) != (0, 0, 0):
        raise NoPicture("a kind of PNG that is not drawn here")
    palette = content.get(b"PLTE")
    if (palette is None) == (colour == 3) or (palette is not None and (len(palette) % 3 or len(palette) > 768)):
        raise NoPicture("a palette that does not fit")
    if len(content.get(b"tRNS", b"")) > 256:
        raise NoPicture("transparency that does not fit")
    wanted = height * (1 + (width * depth * CHANNELS[colour] + 7) // 8)
    stream = zlib.decompressobj()
    try:
        pixels = stream.decompress(content.get(b"IDAT", b""), wanted + 1)
    except zlib.error:
        raise NoPicture("picture data that do not unpack") from None
    if len(pixels) != wanted or not stream.eof or stream.unused_data:
        raise NoPicture("picture data of another size than announced")


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


class Outputs:
    """Collects a submission's outputs within bounds."""

    def __init__(self) -> None:
        self.by_cell: dict[str, CellOutput] = {}
        self._texts = self._images = 0

    def add(self, label: str, exercise: str, text: Any, more: Any) -> None:
        """Take what a cell is said to have printed; anything but text is left out."""
        room = min(MAX_TEXT, MAX_TEXTS - self._texts)
        given = text if isinstance(text, str) else ""
        clean = plain_text(given, room)
        self._texts += len(clean)
        if clean:
            self.by_cell[label] = CellOutput(label, exercise, clean, cut=more is True or len(given) > room)

    def add_images(self, label: str, exercise: str, images: Sequence[Any]) -> None:
        """Take what are said to be the bytes of PNG pictures that a cell drew; what is none is left out.

        What was looked at counts, taken or not: a few bytes can take long to unpack.
        """
        kept = []
        for image in images[:MAX_IMAGES]:
            if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
                continue
            if self._images + image.nbytes > MAX_IMAGES_BYTES:
                continue
            self._images += image.nbytes
            with contextlib.suppress(NoPicture):
                kept.append(base64.b64encode(clean_png(image.tobytes())).decode())
        if kept:
            cell = self.by_cell.get(label, CellOutput(label, exercise))
            self.by_cell[label] = replace(cell, images=tuple(kept), cut=cell.cut or len(kept) < len(images))
