"""The files of one submission, in memory: names that stay inside a folder, bounded sizes, one hash of it all.

Whatever brought them (a folder, an LMS export) hands over names and bytes; from here on nothing follows a link,
leaves its folder or asks a file system again.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_FILES = 500
MAX_FILE_BYTES = 40_000_000
MAX_TOTAL_BYTES = 60_000_000
MAX_NAME_BYTES = 200  # of one part of a path
MAX_PARTS = 12
NOT_LOOKED_INTO = frozenset({"__pycache__", "__MACOSX", ".ipynb_checkpoints", ".git", ".venv", "node_modules"})


class BadFiles(ValueError):
    """Files that cannot be a submission; the text says which and why."""


def check_path(path: str) -> str:
    """Accept a relative POSIX path that stays in its folder.

    Raises:
        BadFiles: if it is absolute, leaves its folder, or holds characters that no file name needs.
    """
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        raise BadFiles(f"the path {path[:80]!a} is not a plain relative path: names between slashes, no '..'")
    if len(parts) > MAX_PARTS:
        raise BadFiles(f"the path {path[:80]!a} has {len(parts)} parts, at most {MAX_PARTS} are read")
    if not path.isprintable() or "\\" in path:  # control characters, lone surrogates, Windows separators
        raise BadFiles(f"the path {path[:80]!a} holds a character that cannot be printed, or a backslash")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise BadFiles(f"the path {path[:80]!a} holds a name of more than {MAX_NAME_BYTES} bytes")
    return path


@dataclass(frozen=True)
class SubmittedFiles:
    """Files by relative POSIX path.

    Attributes:
        content: the bytes of each file.
        left_out: what lay beside them and was not read, and why; no part of the submission's identity.

    Raises:
        BadFiles: if a path leaves its folder, a file is also a folder, or there is too much.
    """

    content: Mapping[str, bytes] = field(repr=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", {check_path(p): bytes(b) for p, b in sorted(self.content.items())})
        if len(self.content) > MAX_FILES:
            raise BadFiles(f"{len(self.content)} files, at most {MAX_FILES} are read")
        for path, data in self.content.items():
            if len(data) > MAX_FILE_BYTES:
                raise BadFiles(f"{path} has {len(data)} bytes, at most {MAX_FILE_BYTES} are read")
            for folder in PurePosixPath(path).parents:
                if str(folder) in self.content:
                    raise BadFiles(f"{folder} is a file and a folder at once")
        if self.total_bytes > MAX_TOTAL_BYTES:
            raise BadFiles(f"{self.total_bytes} bytes together, at most {MAX_TOTAL_BYTES} are read")

    @property
    def total_bytes(self) -> int:
        """Size of all files together."""
        return sum(len(data) for data in self.content.values())

    @property
    def sha256(self) -> str:
        """Hash of all names and contents: equal exactly for equal submissions."""
        digest = hashlib.sha256()
        for path, data in self.content.items():
            name = path.encode()
            digest.update(b"%d %d\n" % (len(name), len(data)) + name + data)
        return digest.hexdigest()

    def write_to(self, folder: Path) -> None:
        """Write the files below a folder that nobody else writes into."""
        for path, data in self.content.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def read_folder(folder: Path) -> SubmittedFiles:
    """Read a folder, or one file, of untrusted origin: plain files only, links not followed.

    Args:
        folder: a folder, or a single file, which then lies alone under its own name.

    Returns:
        The files; links, devices and what editors leave behind (checkpoints, caches) are named in `left_out`.

    Raises:
        BadFiles: if there is too much, or a name that no submission needs.
        OSError: if something cannot be read.
    """
    content: dict[str, bytes] = {}
    left_out: list[str] = []
    total = 0
    entries = _walk(folder, "", left_out) if not folder.is_symlink() and folder.is_dir() else [(folder.name, folder)]
    for path, place in entries:
        if len(content) >= MAX_FILES:
            raise BadFiles(f"more than {MAX_FILES} files, at most {MAX_FILES} are read")
        data = _read(place, path, MAX_TOTAL_BYTES - total)
        if data is None:
            left_out.append(f"{ascii(path)[1:-1]} is not a plain file (links are not followed)")
            continue
        content[check_path(path)] = data
        total += len(data)
    return SubmittedFiles(content, tuple(left_out))


def _walk(folder: Path, prefix: str, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    if prefix.count("/") > MAX_PARTS:
        raise BadFiles(f"folders nested more than {MAX_PARTS} deep")
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in listed:
        path = prefix + entry.name
        if entry.name in NOT_LOOKED_INTO or entry.name == ".DS_Store":
            left_out.append(f"{ascii(path)[1:-1]} is nothing that a student wrote")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), path + "/", left_out)
        else:
            yield path, Path(entry.path)


def _read(place: Path, path: str, room: int) -> bytes | None:
    """The bytes of a plain file; None for anything else. Opened first, looked at then: it cannot be exchanged."""
    try:
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        if not stat.S_ISREG(place.lstat().st_mode):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        limit = min(MAX_FILE_BYTES, room)
        data = file.read(limit + 1)
    if len(data) > limit:
        what = f"{ascii(path)[1:-1]} has {status.st_size} bytes"
        raise BadFiles(f"{what}, at most {MAX_FILE_BYTES} a file and {MAX_TOTAL_BYTES} together are read")
    return data
