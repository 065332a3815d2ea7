"""Keep freed memory in the process: large tensors made anew in every step then cost no page faults."""

from __future__ import annotations

import ctypes
import sys

# glibc's own numbers (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc's allocator not to give large blocks back to the system, for the rest of this process.

    A training step on a CPU frees and asks for the same hundreds of megabytes again and again. glibc returns blocks of
    over 32 MB at once, and the system hands them out anew page by page, each filled with zeros: a tenth of the
    time of a small convnet. The process then stays as large as it once was.

    Returns:
        True if it was told, False where the allocator is another one (Windows, macOS, musl).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 2**30)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
