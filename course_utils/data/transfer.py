"""Fetch one file over HTTP so that it is either whole and right, or not there."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from course_utils.data.sources import RemoteFile

BLOCK = 1 << 16
SPARE = 16 * 2**20  # bytes that stay free on the disk
SLOWEST = 1024  # bytes a second below which a connection counts as stalled

Progress = Callable[[int], None]


class DownloadError(RuntimeError):
    """A data set could not be fetched; the message says what happened and what to do."""


class WrongContentError(Exception):
    """A mirror sent something other than the official file."""


class FallenBehindError(OSError):
    """A connection stays open but sends next to nothing."""


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Say whether ``path`` holds exactly the official file (size, then md5)."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == file.md5


def existing_parent(folder: Path) -> Path:
    """Return the nearest folder on the way up that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def check_room(folder: Path, needed: int) -> None:
    """Raise `DownloadError` unless the disk of ``folder`` has ``needed`` bytes and some to spare."""
    free = shutil.disk_usage(existing_parent(folder)).free
    if free < needed + SPARE:
        raise DownloadError(
            f"{folder} has {free / 1e6:.0f} MB free; this download needs {(needed + SPARE) / 1e6:.0f} MB. "
            "Make room, or name a folder on another disk with COURSE_DATA or --folder."
        )


def disk_trouble(error: OSError, folder: Path) -> DownloadError | None:
    """Return what to tell the user where ``error`` comes from the disk, None where it comes from the network."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(
            f"the disk of {folder} is full. Nothing broken was kept: make room and run the command again "
            "(it goes on where it stopped), or name another folder with COURSE_DATA or --folder."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return DownloadError(
            f"{folder} cannot be written ({error.strerror}). "
            "Name a folder that you can write to with COURSE_DATA or --folder."
        )
    if error.errno == errno.EIO:
        return DownloadError(f"the disk of {folder} reports an error ({error.strerror}); name another folder.")
    return None


def receive(url: str, part: Path, file: RemoteFile, timeout: float, progress: Progress) -> bool:
    """Bring ``part`` up to the file's size from one address, going on where it stopped.

    Args:
        url: full address.
        part: the unfinished file; what it holds is kept where the server can send the rest.
        file: what is expected.
        timeout: seconds without data (or with next to none) after which the connection is given up.
        progress: called with the number of bytes that ``part`` holds.

    Returns:
        Whether bytes from an earlier try are in ``part``.

    Raises:
        WrongContentError: the server sends more bytes than the file has.
        OSError, http.client.HTTPException: the network failed; what arrived is kept.
    """
    have = part.stat().st_size if part.exists() else 0
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        return True
    headers = {"User-Agent": "course-utils", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing there from this byte on: what we hold is not the start of this file
            part.unlink(missing_ok=True)
        raise
    with response:
        answers_range = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if getattr(response, "status", 200) != 206 or not answers_range:
            have = 0  # the server sends the whole file, whatever was asked
        resumed = have > 0
        with open(part, "ab" if resumed else "wb") as stream:
            progress(have)
            window_start, window_bytes = time.monotonic(), 0
            while block := response.read1(BLOCK):
                have += len(block)
                if have > file.size:
                    raise WrongContentError(f"sends more than the {file.size:,} bytes of {file.name}")
                stream.write(block)
                progress(have)
                window_bytes += len(block)
                elapsed = time.monotonic() - window_start
                if elapsed > timeout and have < file.size:
                    if window_bytes < SLOWEST * elapsed:
                        raise FallenBehindError(f"sends less than {SLOWEST} bytes a second")
                    window_start, window_bytes = time.monotonic(), 0
            # On the disk before the name says that it is whole.
            stream.flush()
            os.fsync(stream.fileno())
    if have < file.size:
        raise ConnectionError(f"the connection ended after {have:,} of {file.size:,} bytes")
    return resumed


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return "sends nothing (timeout)"
    return str(error) or type(error).__name__


def fetch_file(
    file: RemoteFile,
    target: Path,
    mirrors: Sequence[str],
    *,
    timeout: float = 30.0,
    attempts: int = 3,
    pause: float = 1.0,
    progress: Progress = lambda have: None,
) -> None:
    """Put an official file at ``target``, from the first mirror that has it.

    Bytes go to ``target`` with ``.part`` added, which survives a killed process and is continued by the
    next one. Only when size and md5 agree does the file get its name, in one step.

    Args:
        file: name, size and md5.
        target: where it shall be; a file there that differs is replaced.
        mirrors: addresses that the name is added to.
        timeout: seconds without data after which a connection is given up.
        attempts: tries a mirror, each going on where the last one stopped.
        pause: seconds before a second try; doubled for each further one.
        progress: called with the number of bytes present.

    Raises:
        DownloadError: no mirror had the right file, or the disk is full or cannot be written.
    """
    if is_whole(target, file):
        progress(file.size)
        return
    failures: list[str] = []
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for mirror in mirrors:
            url = mirror.rstrip("/") + "/" + file.name
            for attempt in range(attempts):
                if attempt:
                    time.sleep(pause * 2 ** (attempt - 1))
                try:
                    resumed = receive(url, part, file, timeout, progress)
                    if is_whole(part, file):
                        os.replace(part, target)
                        return
                    part.unlink()
                    failures.append(f"{url}: sends other content (md5 differs)")
                    if not resumed:
                        break  # the mirror itself holds another file
                except WrongContentError as error:
                    part.unlink(missing_ok=True)
                    failures.append(f"{url}: {error}")
                    break
                except (OSError, http.client.HTTPException) as error:
                    if isinstance(error, OSError) and not isinstance(error, urllib.error.URLError):
                        trouble = disk_trouble(error, target.parent)
                        if trouble is not None:
                            raise trouble from error
                    failures.append(f"{url}: {_reason(error)}")
                    code = getattr(error, "code", None)
                    if code is not None and 400 <= code < 500 and code not in (408, 416, 429):
                        break  # asking again will not help
    except OSError as error:
        raise disk_trouble(error, target.parent) or error from error
    tried = "\n  ".join(dict.fromkeys(failures)) or "no mirror was given"
    raise DownloadError(
        f"{file.name} could not be fetched:\n  {tried}\n"
        "Run the command again later (it goes on where it stopped), set HTTPS_PROXY if this network needs a "
        "proxy, or name a mirror of your own with COURSE_MIRROR or --mirror."
    )
