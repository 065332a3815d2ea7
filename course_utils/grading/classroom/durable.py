"""Files that are there whole or not at all, whatever happens in between: a killed process, a full disk, a power cut."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part.

    The bytes are on the disk before the name points to them, and the name is on the disk when this returns.

    Args:
        path: what to write; its folder is made if it is missing.
        content: the bytes.

    Raises:
        OSError: if the disk is full or the folder cannot be written; the old content is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names onto the disk (a no-op where the system cannot)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def sweep_parts(folder: Path) -> int:
    """Remove what killed writers left behind; returns how many. Only the holder of the class's lock may call it."""
    parts = list(folder.rglob(".part-*")) if folder.is_dir() else []
    for part in parts:
        if part.is_file():
            part.unlink(missing_ok=True)
    return len(parts)
