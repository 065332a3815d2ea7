"""The program that runs a student's code, in a process of its own, and answers calls over two pipes.

    python -I student_process.py REQUEST_FD REPLY_FD PACKAGE_ROOT MEMORY_BYTES

Nothing in here is trusted by the grader: student code shares this process and may change anything. It sees
arguments and never an expected answer. What it prints goes nowhere near the pipes.
"""

import builtins
import contextlib
import os
import random
import sys
import types
import warnings
from typing import Any

import numpy as np

GONE = 70  # exit status when the grader closed its end


def serve(requests: int, replies: int) -> None:
    """Answer requests until the grader closes its end."""
    from course_utils.grading.wire import HEADER, Refused, frame_size, pack, unpack

    student = StudentCode()
    while True:
        header = _read_exactly(requests, HEADER.size)
        frame = header + _read_exactly(requests, sum(frame_size(header)))
        message, value = unpack(frame)
        reply, result = student.answer(message, value)
        envelope = {"id": message.get("id"), **reply}
        try:
            answer = pack(envelope, result)
        except Refused as refusal:
            answer = pack({**envelope, "status": "unsendable", "why": str(refusal)[:300]})
        except BaseException as error:  # a value whose own methods raise while they are written
            answer = pack({**envelope, "status": "unsendable", "why": type(error).__name__[:60]})
        _write_all(replies, answer)


class StudentCode:
    """One namespace in which the notebook's cells run and the functions live."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with an empty namespace and the same random numbers."""
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace: dict[str, Any] = vars(module)
        self.namespace.update(get_ipython=_Shell(self), display=lambda *things, **options: None)
        random.seed(0)
        np.random.seed(0)
        warnings.simplefilter("ignore")

    def answer(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Carry out one request; returns the reply's envelope and its payload."""
        operation = message.get("op")
        try:
            if operation == "start":
                _write_files(value)
                for name in message.get("withheld", ()):
                    sys.modules[name] = None  # type: ignore[assignment]
                return {"status": "ok"}, {"python": sys.version.split()[0], "numpy": np.__version__}
            if operation == "reset":
                self.reset()
                return {"status": "ok"}, None
            if operation == "run":
                self.run(message["source"], message["label"])
                return {"status": "ok"}, None
            return self.call(message["function"], value)
        except BaseException as error:  # student code may raise SystemExit, KeyboardInterrupt, anything
            status = "not_written" if isinstance(error, NotImplementedError) else "raised"
            return {"status": status, "error": type(error).__name__[:60], **_place(error)}, None

    def run(self, source: str, label: str) -> None:
        """Run one cell."""
        exec(compile(source, label, "exec"), self.namespace)

    def call(self, name: str, arguments: Any) -> tuple[dict[str, Any], Any]:
        """Call a function of the notebook; says as well whether it changed its arguments."""
        function = self.namespace.get(name)
        if not callable(function):
            return {"status": "absent"}, None
        from course_utils.grading.wire import pack

        before = pack({}, arguments)
        result = function(*arguments)
        try:
            changed = pack({}, arguments) != before
        except Exception:
            changed = True
        return {"status": "ok", "changed": changed}, result


def _write_files(files: dict[str, np.ndarray]) -> None:
    """Write the assignment's and the student's files into the working directory, and nowhere else."""
    for path, data in (files or {}).items():
        parts = path.split("/")
        if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{path!r} leaves the working directory")
        if len(parts) > 1:
            os.makedirs("/".join(parts[:-1]), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data.tobytes())


class _Shell:
    """Stands in for IPython where a cell uses magics: times and captures run their body, the rest does nothing."""

    def __init__(self, student: StudentCode) -> None:
        self._student = student

    def __call__(self) -> "_Shell":
        return self

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name in ("time", "timeit", "capture", "prun"):
            self._student.run(body, f"%%{name}")

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


def _place(error: BaseException) -> dict[str, Any]:
    """Where in the student's own cells an exception came from: the last frame that belongs to one."""
    place: dict[str, Any] = {}
    if isinstance(error, SyntaxError) and isinstance(error.lineno, int):
        place = {"label": str(error.filename)[:60], "line": error.lineno}
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.startswith("cell "):
            place = {"label": step.tb_frame.f_code.co_filename[:60], "line": step.tb_lineno}
        step = step.tb_next
    return place


def _read_exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            os._exit(GONE)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            os._exit(GONE)


def _limit(memory_bytes: int) -> None:
    """Bound memory, file size, open files and core dumps; a sandbox around this process bounds the rest."""
    import resource

    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: 50_000_000,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    for what, value in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
            resource.setrlimit(what, (value, value))


def main() -> None:
    requests, replies, package_root, memory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    sys.argv = [""]
    sys.path[:0] = [os.getcwd()]
    if package_root not in sys.path:
        sys.path.append(package_root)
    _limit(memory)
    builtins.input = lambda *prompt: ""  # nobody is there to type
    serve(requests, replies)


if __name__ == "__main__":
    main()
