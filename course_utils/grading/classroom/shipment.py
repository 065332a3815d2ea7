"""What travels between the coordinator and its workers: JSON and bytes, never a pickle.

An assignment travels as its files and its version, a submission as its files and its hash; whoever receives one
checks that it is what was sent.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.files import SubmittedFiles, check_path

MAGIC = b"NCW1"
HEADER = struct.Struct("<4sIQ")  # magic, bytes of JSON, bytes of files
MAX_JSON = 256_000_000
MAX_BODY = 1_000_000_000
PATIENCE = 600.0  # seconds, beyond what the assignment gives student code: for starting processes on a busy machine


class BadFrame(ValueError):
    """Bytes that are no frame, or a frame whose content is not what it says."""


@dataclass(frozen=True)
class Frame:
    """One message: JSON fields, and bytes behind them."""

    message: dict[str, Any]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Header, JSON and bytes."""
        text = json.dumps(self.message, ensure_ascii=True, separators=(",", ":")).encode()
        return HEADER.pack(MAGIC, len(text), len(self.body)) + text + self.body

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Frame":
        """Read exactly one frame.

        Raises:
            BadFrame: if it is none.
        """
        frames = Frames()
        found = list(frames.feed(raw))
        if len(found) != 1 or frames.rest:
            raise BadFrame(f"exactly one frame is due, {len(raw)} bytes hold {len(found)} and {frames.rest} bytes more")
        return found[0]


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> int:
        """Bytes that are not a whole frame yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes; gives the frames that are whole now.

        Raises:
            BadFrame: if the bytes are no frames; nothing behind them can be read then.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            magic, text, body = HEADER.unpack_from(self._buffer)
            if magic != MAGIC or text > MAX_JSON or body > MAX_BODY:
                raise BadFrame("something else than a frame came through the pipe")
            end = HEADER.size + text + body
            if len(self._buffer) < end:
                return
            raw = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            try:
                message = json.loads(raw[:text])
            except (ValueError, RecursionError) as error:
                raise BadFrame(f"a frame's text is no JSON: {type(error).__name__}") from None
            if not isinstance(message, dict):
                raise BadFrame("a frame's text is no JSON object")
            yield Frame(message, raw[text:])


@dataclass(frozen=True)
class Shipment:
    """An assignment as its files, complete: what a worker needs besides the installed package.

    Attributes:
        name: the assignment's.
        version: its hash, checked by the worker that loads it.
        files: the assignment's folders, by path below ``assignments/``.
        patience: seconds that one submission can take at most; a worker that takes longer hangs.
    """

    name: str
    version: str
    files: Mapping[str, bytes]
    patience: float

    @classmethod
    def of(cls, assignment: Assignment) -> "Shipment":
        """Read an assignment's files as they are now."""
        files = {}
        for prefix, folder in ((assignment.name, assignment.folder), (f"src/{assignment.name}", assignment.source)):
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(inside.parts):
                    files[f"{prefix}/{inside.as_posix()}"] = path.read_bytes()
        patience = 2 * assignment.limits.total.clock + PATIENCE
        return cls(assignment.name, assignment.version, files, patience)

    def unpack(self, folder: Path) -> Assignment:
        """Write the files below a folder and load the assignment from there.

        Raises:
            BadFrame: if it is not the version that was sent.
        """
        for path, data in self.files.items():
            target = folder / check_path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        assignment = load_assignment(self.name, folder)
        if assignment.version != self.version:
            raise BadFrame(
                f"{self.name} changed while it was sent: version {assignment.version[:12]} arrived, "
                f"{self.version[:12]} was announced. Run the command again"
            )
        return assignment

    def frame(self, *, sandbox: str = "auto", unsafe: bool = False, grader: str | None = None) -> Frame:
        """The first frame that a worker receives.

        Args:
            sandbox: which runner it opens (`choose.open_runner`).
            unsafe: whether it may do without a sandbox.
            grader: the version of the grader that it must have (`grader_version`); None for any.
        """
        about = {"op": "assignment", "name": self.name, "version": self.version, "files": _sizes(self.files)}
        how = {"sandbox": sandbox, "unsafe": unsafe, "grader": grader, "patience": self.patience}
        return Frame({**about, **how}, b"".join(self.files.values()))

    @classmethod
    def from_frame(cls, frame: Frame) -> "Shipment":
        """Read what `frame` wrote."""
        return cls(frame.message["name"], frame.message["version"], _cut(frame), frame.message["patience"])


def submission_frame(task: str, seed: int, files: SubmittedFiles) -> Frame:
    """What a worker needs to grade one submission; it does not say whose it is.

    Args:
        task: names the task in the answer.
        seed: of the hidden tests' inputs.
        files: what was handed in.
    """
    message = {"op": "grade", "task": task, "seed": seed, "submission": files.sha256, "files": _sizes(files.content)}
    return Frame(message, b"".join(files.content.values()))


def submission_of(frame: Frame) -> SubmittedFiles:
    """The files of a submission's frame.

    Raises:
        BadFrame: if they are not those whose hash it carries.
    """
    files = SubmittedFiles(_cut(frame))
    if files.sha256 != frame.message["submission"]:
        raise BadFrame(f"the files that arrived are not those of submission {frame.message['submission'][:12]}")
    return files


def _sizes(files: Mapping[str, bytes]) -> list[list[Any]]:
    return [[path, len(data)] for path, data in files.items()]


def _cut(frame: Frame) -> dict[str, bytes]:
    files, start = {}, 0
    for path, size in frame.message["files"]:
        files[path] = frame.body[start : start + size]
        start += size
    if start != len(frame.body) or len(files) != len(frame.message["files"]):
        raise BadFrame(f"{len(frame.body)} bytes arrived, {start} were announced")
    return files


@cache
def grader_version() -> str:
    """A hash of the grader's own code: two machines that mark alike have the same."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=os.fspath):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
