"""What surrounds student code in its process: the day, random numbers, print-outs, figures, files; the same each time.

Nothing in here is trusted by the grader: student code shares the process and may change it.
"""

import ast
import contextlib
import importlib.util
import io
import os
import random
import sys
import time
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

FIRST_SECOND = 1_767_225_600  # 2026-01-01: the day on which all student code runs
PIXELS = 1_000  # the longer side of a figure


class Printed(io.TextIOBase):
    """Takes what is printed, keeps the beginning, and forgets the rest at once."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, room: int) -> None:
        """Start anew, with room for so many characters; and be what Python prints to."""
        self.parts: list[str] = []
        self.asked, self.room, self.more = room > 0, room, False
        sys.stdout = sys.stderr = self

    def write(self, text: Any) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self.more = self.more or len(text) > self.room
            if self.room:
                self.parts.append(text[: self.room])
                self.room -= len(self.parts[-1])
        return len(text)

    @property
    def buffer(self) -> "_Bytes":
        return _Bytes(self)

    def report(self) -> dict[str, Any]:
        """The beginning of what was printed, and whether there was more."""
        return {"text": "".join(self.parts), "more": self.more} if self.asked else {}


class _Bytes(io.RawIOBase):
    """Takes printed bytes as text."""

    def __init__(self, printed: Printed) -> None:
        self._printed = printed

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._printed.write(bytes(view[: 4 * self._printed.room + 8]).decode("utf-8", "replace"))
        return len(view)


class SeededByDefault:
    """Random numbers without a seed come out the same each time: for Python, numpy and torch."""

    def __init__(self) -> None:
        self.value = self.made = 0
        self._default_rng = np.random.default_rng
        np.random.default_rng = self._make
        sys.meta_path.insert(0, self)

    def seed(self, value: int) -> None:
        """Seed the global generators, and the ones that are made without a seed from here on."""
        self.value, self.made = value, 0
        random.seed(value)
        np.random.seed(value % 2**32)
        seed_torch = getattr(sys.modules.get("torch"), "manual_seed", None)
        if seed_torch is not None:  # a student's own module may have that name
            seed_torch(value)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Let torch begin with the same numbers, whoever imports it."""
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_seed(module: types.ModuleType) -> None:
                run(module)
                getattr(module, "manual_seed", int)(self.value)

            spec.loader.exec_module = run_and_seed  # type: ignore[method-assign]
        return spec

    def _make(self, seed: Any = None) -> Any:
        if seed is None:
            self.made += 1
            seed = [self.value, self.made]
        return self._default_rng(seed)


def fix_the_day() -> None:
    """Let clocks begin on the same day, in UTC; a program can still tell, and gains nothing by it."""
    os.environ.update(TZ="UTC", MPLBACKEND="Agg")
    time.tzset()
    offset = FIRST_SECOND - time.time()
    now, now_ns, localtime, gmtime, strftime = time.time, time.time_ns, time.localtime, time.gmtime, time.strftime
    time.time = lambda: now() + offset
    time.time_ns = lambda: now_ns() + int(offset * 1e9)
    time.localtime = lambda seconds=None: localtime(time.time() if seconds is None else seconds)
    time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
    time.strftime = lambda form, when=None: strftime(form, time.localtime() if when is None else when)


def write_files(files: Mapping[str, np.ndarray], forgiving: bool = False) -> None:
    """Write files into the working directory and nowhere else; a forgiving one leaves out what cannot be written."""
    for path, data in files.items():
        parts = path.split("/")
        if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{path!r} leaves the working directory")
        with contextlib.suppress(*([OSError] if forgiving else [])):
            if len(parts) > 1:
                os.makedirs("/".join(parts[:-1]), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data.tobytes())
    importlib.invalidate_caches()


def split_last_line(source: str, label: str) -> tuple[types.CodeType, types.CodeType | None]:
    """Compile a cell, its last expression apart if it has one whose value a notebook would show.

    Magics and shell lines become calls of a shell that stands in for IPython's.

    Raises:
        SyntaxError: if it is no Python.
    """
    try:
        tree = ast.parse(source, label)
    except SyntaxError:
        plain = _plain_python(source)
        if plain == source:
            raise
        tree = ast.parse(plain, label)
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    body = compile(tree, label, "exec", dont_inherit=True)
    return body, compile(last, label, "eval", dont_inherit=True) if last is not None else None


def _plain_python(source: str) -> str:
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        return str(TransformerManager().transform_cell(source))
    except Exception:  # neither Python nor a notebook's dialect
        return source


def figures(close: bool = False) -> list[Any]:
    """matplotlib's open figures, if it was imported at all."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    found = [pyplot.figure(number) for number in pyplot.get_fignums()]
    if close:
        pyplot.close("all")
        return []
    return found


def draw(most: int) -> list[bytes]:
    """The open figures as PNG; then they are closed."""
    pictures = []
    for figure in figures()[:most]:
        stream = io.BytesIO()
        with contextlib.suppress(Exception):
            dpi = min(90.0, PIXELS / max(figure.get_size_inches()))
            figure.savefig(stream, format="png", dpi=dpi)
            pictures.append(stream.getvalue())
    figures(close=True)
    return pictures
