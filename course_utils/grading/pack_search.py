"""Looking for secret lines in a zip as somebody would who wants to find them.

Read are the archive's comment, names, comments and extra fields of its entries, and every file: as text, as JSON with
all its strings (sources, outputs, metadata), and what base64 in it stands for. Spaces and line ends do not hide a line.
"""

import base64
import binascii
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

DEPTH = 3  # base64 within base64, archives within archives
LONGEST = 5_000_000  # bytes looked at of anything that unpacks

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}={0,2}")


def search(archive: bytes, lines: Iterable[str]) -> list[tuple[str, str]]:
    """Find lines in a zip.

    Args:
        archive: the zip's bytes.
        lines: what must not be in it.

    Returns:
        Pairs of the place and the line found there, each once.
    """
    wanted = {_squeezed(line): line for line in lines}
    found = set()
    for place, text in _in_archive(archive, 0):
        squeezed = _squeezed(text)
        found |= {(place, line) for secret, line in wanted.items() if secret in squeezed}
    return sorted(found)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _in_archive(archive: bytes, depth: int, within: str = "") -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        yield f"{within}the zip's comment", content.comment.decode("utf-8", "replace")
        for entry in content.infolist():
            place = f"{within}{entry.filename}"
            yield f"the name of {place}", entry.filename
            yield f"the zip's note on {place}", (entry.comment + b" " + entry.extra).decode("utf-8", "replace")
            yield from _readings(content.read(entry), place, depth)


def _readings(data: bytes, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """All that bytes can be read as."""
    yield place, data.decode("utf-8", "replace")
    if depth == DEPTH:
        return
    with_json = _json_strings(data)
    yield place, "\n".join(with_json)
    if data[:4] == b"PK\x03\x04":
        yield from _in_archive(data, depth + 1, f"{place}: ")
    unpacked = _inflated(data)
    if unpacked:
        yield from _readings(unpacked, f"{place}, unpacked", depth + 1)
    for text in (data, *(string.encode("utf-8", "replace") for string in with_json)):
        for run in _BASE64.findall(re.sub(rb"(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/])", b"", text)):
            decoded = _decoded(run)
            if decoded:
                yield from _readings(decoded, f"{place}, from base64", depth + 1)


def _json_strings(data: bytes) -> list[str]:
    """Every string in a JSON document, lists of lines joined; none if it is no JSON."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return []
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            if value and all(isinstance(item, str) for item in value):
                found.append("".join(value))
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                found.append(key)
                walk(item)

    walk(tree)
    return found


def _inflated(data: bytes) -> bytes:
    """What data packed by gzip or zlib stand for."""
    try:
        return zlib.decompressobj(47).decompress(data, LONGEST)  # 47: finds out which of the two
    except zlib.error:
        return b""


def _decoded(run: bytes) -> bytes:
    """What base64 stands for; nothing if it is none."""
    run = run.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        return base64.b64decode(run + b"=" * (-len(run) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
