"""Files that are there whole or not at all, whatever happens in between: a killed process, a full disk, a power cut."""

import os
import shutil
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part.

    The bytes are on the disk before the name points to them, and the name is on the disk when this returns.

    Args:
        path: what to write; its folder is made if it is missing.
        content: the bytes.
        mode: who may read it; the name never points to a file with other rights.

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
        part.chmod(mode)
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


def sync_tree(folder: Path) -> None:
    """Bring all files below a folder, and their names, onto the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(place))


def sweep_parts(folder: Path) -> int:
    """Remove what killed writers left behind; returns how many. Only the holder of the class's lock may call it.

    What lies inside a finished attempt is a student's and is not looked at: it may be called anything.
    """
    found = 0
    for place, folders, names in os.walk(folder):
        for name in [name for name in (*folders, *names) if name.startswith(".part-")]:
            part = Path(place, name)
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
                folders.remove(name)
            else:
                part.unlink(missing_ok=True)
            found += 1
        if "receipt.json" in names:
            folders.clear()
    return found
