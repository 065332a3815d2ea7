"""Fetch a real data set: several mirrors, checksums, resume, one process at a time, all or nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.real_sets import CIFAR_FILES, CIFAR_FOLDER, SPLITS, DataNotFound, is_present, load_real
from course_utils.data.sources import SOURCES, Source
from course_utils.data.transfer import DownloadError, check_room, disk_trouble, fetch_file, is_whole
from course_utils.runtime import data_dir

__all__ = ["DownloadError", "download", "mirrors_of"]


def mirrors_of(source: Source, mirrors: Sequence[str] | None = None) -> list[str]:
    """Return the addresses to try for a set, in order.

    Args:
        source: the set.
        mirrors: addresses that hold one folder a set (``ADDRESS/mnist/train-images-idx3-ubyte.gz``);
            they replace the public ones. None reads them from ``COURSE_MIRROR``, separated by spaces,
            and takes the public ones where that is not set.
    """
    own = mirrors if mirrors is not None else os.environ.get("COURSE_MIRROR", "").split()
    return [f"{address.rstrip('/')}/{source.name}/" for address in own] or list(source.mirrors)


@contextlib.contextmanager
def _only_one(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder's lock; the operating system frees it when a process dies."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".download.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another process is downloading into {folder}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _unpack_cifar10(root: Path, archive: Path) -> None:
    """Unpack the archive's known members beside their final place, and move them there in one step."""
    from torchvision.datasets import CIFAR10

    final = root / CIFAR_FOLDER
    wanted = [*CIFAR_FILES["train"], *CIFAR_FILES["test"], "batches.meta", "readme.html"]
    # In the set's own folder: a rename works within one disk only.
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpack-") as scratch:
        folder = Path(scratch) / final.name
        folder.mkdir()
        with tarfile.open(archive) as packed:
            for name in wanted:
                member = packed.extractfile(f"{final.name}/{name}")
                if member is None:
                    raise DownloadError(f"{archive.name} does not hold {name}; delete it and run again.")
                with member, open(folder / name, "wb") as file:
                    shutil.copyfileobj(member, file)
                    file.flush()
                    os.fsync(file.fileno())
        CIFAR10(root=Path(scratch), train=True, download=False)  # verifies every md5
        if final.exists():
            shutil.rmtree(final)
        os.replace(folder, final)
    archive.unlink()


def _verify(source: Source, root: Path) -> None:
    """Read both splits with torchvision's reader, as every chapter will."""
    for split in SPLITS:
        load_real(source.name, split, folder=root)


def _is_sound(source: Source, root: Path) -> bool:
    """Say whether the whole set is there, right to the last bit."""
    if not is_present(source.name, root):
        return False
    place = root / source.folder
    if not source.unpacked and not all(is_whole(place / file.name, file) for file in source.files):
        return False
    try:
        _verify(source, root)  # for an unpacked set torchvision checks every md5 itself
    except DataNotFound:
        return False
    return True


def download(
    name: str,
    folder: str | Path | None = None,
    *,
    mirrors: Sequence[str] | None = None,
    timeout: float = 30.0,
    attempts: int = 3,
    pause: float = 1.0,
    progress: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Fetch a data set unless it is already there, and verify it.

    A file gets its name only when size and md5 are right, so a set is never half there: a killed, failed
    or second run at the same time leaves at most ``.part`` files, which the next run continues.

    Args:
        name: ``"mnist"``, ``"fashion_mnist"`` or ``"cifar10"``.
        folder: data folder; None for `course_utils.runtime.data_dir()`.
        mirrors: addresses that replace the public mirrors, see `mirrors_of`.
        timeout: seconds without data after which a connection is given up, above 0.
        attempts: tries a mirror, at least 1.
        pause: seconds before a second try, doubled for each further one.
        progress: show a bar.
        say: called with a sentence where there is something to tell.

    Returns:
        The folder that holds the set.

    Raises:
        ValueError: there is no such set.
        DownloadError: it could not be fetched; the message says why and what to do.
    """
    source = SOURCES[check_choice("name", name, tuple(SOURCES))]
    check_number("timeout", timeout, above=0)
    check_int("attempts", attempts, minimum=1)
    root = Path(folder).expanduser() if folder is not None else data_dir()
    place = root / source.folder
    if _is_sound(source, root):
        say(f"{name} is already in {place}")
        return place
    if is_present(name, root):
        say(f"{name} in {place} is damaged; fetching it again")
    try:
        with _only_one(place, say):
            if not _is_sound(source, root):  # the other process may have fetched it
                _fetch_all(source, root, mirrors_of(source, mirrors), timeout, attempts, pause, progress)
    except OSError as error:
        raise disk_trouble(error, place) or error from error
    say(f"{name} is in {place}: all checksums right, read by torchvision")
    return place


def _fetch_all(
    source: Source,
    root: Path,
    mirrors: Sequence[str],
    timeout: float,
    attempts: int,
    pause: float,
    progress: bool,
) -> None:
    from tqdm import tqdm

    place = root / source.folder
    missing = [file for file in source.files if not is_whole(place / file.name, file)]
    parts = [place / f"{file.name}.part" for file in missing]
    begun = sum(part.stat().st_size for part in parts if part.exists())
    check_room(place, sum(file.size for file in missing) - begun + source.unpacked)
    for file in missing:
        with tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name, disable=not progress) as bar:

            def show(have: int, bar: tqdm = bar) -> None:
                bar.n = have
                bar.update(0)

            fetch_file(
                file,
                place / file.name,
                mirrors,
                timeout=timeout,
                attempts=attempts,
                pause=pause,
                progress=show,
            )
    try:
        if source.name == "cifar10":
            _unpack_cifar10(root, place / source.files[0].name)
        _verify(source, root)
    except (DataNotFound, RuntimeError, tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(
            f"{source.name} was fetched but cannot be read ({error}). Delete {place} and run the command again."
        ) from error
