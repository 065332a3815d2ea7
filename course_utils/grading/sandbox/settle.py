"""The last steps of every student process before it serves: an empty command line, its own folder to import from."""

import builtins
import importlib
import os
import sys


def environment(home: str, scratch: str) -> dict[str, str]:
    """All that student code sees of the environment: nothing of the grader's.

    Args:
        home: its working directory.
        scratch: its folder for temporary files.
    """
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": os.defpath,
        "HOME": home,
        "TMPDIR": scratch,
        "MPLCONFIGDIR": scratch,
        "USER": "student",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",  # sets of strings come in the same order every time
        "PYTHONDONTWRITEBYTECODE": "1",
        **one_thread,
    }


def settle() -> None:
    """Make this interpreter look like one that was started in its working directory."""
    sys.argv = [""]
    sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()
    builtins.input = lambda *prompt: ""  # nobody is there to type
