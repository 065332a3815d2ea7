"""A student's code, alive: cells run in one namespace, functions are called, objects are kept between calls.

Requests name an operation (`op`): `start` writes files, `run` runs a cell, `draw` hands over its figures, `call`
calls a function, a class, a method or a kept object, `get` reads an attribute, `read` a module's parameters,
gradients or buffers, `load` writes its parameters, `hold` keeps a value, `reset` forgets all cells. A request with
`keep` leaves its result here under the number that the grader chose; one with `begin` first forgets all that was
kept and seeds random numbers.
"""

import contextlib
import sys
import types
import warnings
from typing import Any

import numpy as np

from course_utils.grading.student_surroundings import (
    Printed,
    SeededByDefault,
    draw,
    figures,
    fix_the_day,
    split_last_line,
    write_files,
)
from course_utils.grading.wire import pack


class StudentCode:
    """One namespace in which the notebook's cells run and the functions live, and the objects kept for later."""

    def __init__(self) -> None:
        self.printed = Printed()
        self.random = SeededByDefault()
        self.kept: dict[int, Any] = {}
        self.label = ""
        self.reset()

    def reset(self) -> None:
        """Begin with an empty namespace and the same random numbers."""
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace: dict[str, Any] = vars(module)
        self.namespace.update(get_ipython=_Shell(self), display=self.show)
        self.begin(0)

    def begin(self, seed: int) -> None:
        """Forget what was kept, and seed every generator that has no seed of its own."""
        self.kept.clear()
        self.random.seed(seed)
        warnings.simplefilter("ignore")
        np.seterr(all="warn")

    def answer(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Carry out one request; returns the reply's envelope and its payload."""
        if "begin" in message:
            self.begin(message["begin"])
        self.printed.begin(message.get("room", 0))
        try:
            reply, result = getattr(self, f"do_{message['op']}")(message, value)
        except BaseException as error:  # student code may raise SystemExit, KeyboardInterrupt, anything
            status = "not_written" if isinstance(error, NotImplementedError) else "raised"
            reply, result = {"status": status, "error": type(error).__name__[:60], **_place(error)}, None
        if reply["status"] == "ok" and isinstance(message.get("keep"), int):
            self.kept[message["keep"]] = result
            result = None
        return {**reply, **self.printed.report()}, result

    def do_start(self, message: dict[str, Any], files: Any) -> tuple[dict[str, Any], Any]:
        """Write the files, hide modules, fix what the day could change; reports versions."""
        fix_the_day()
        write_files(files["own"], forgiving=True)
        write_files(files["given"])
        for name in message.get("withheld", ()):
            sys.modules[name] = None  # type: ignore[assignment]
        versions = {"python": sys.version.split()[0], "numpy": np.__version__}
        if message.get("tensors"):
            import torch

            torch.set_num_threads(1)
            versions["torch"] = str(torch.__version__)
        self.begin(0)
        return {"status": "ok"}, versions

    def do_reset(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Forget all cells."""
        self.reset()
        return {"status": "ok"}, None

    def do_run(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Run one cell; `again`, after others ran, it only adds names."""
        before = dict(self.namespace) if message.get("again") else {}
        self.label = message["label"]
        try:
            self.run(message["source"], self.label)
        finally:
            self.namespace.update(before)
        return {"status": "ok", "figures": len(figures(close=not message.get("room")))}, None

    def run(self, source: str, label: str) -> None:
        """Run code as a notebook does: the value of a last line that is an expression is shown."""
        body, last = split_last_line(source, label)
        exec(body, self.namespace)
        if last is not None:
            value = eval(last, self.namespace)
            if value is not None:
                self.show(value)

    def show(self, *things: Any, **options: Any) -> None:
        """Print values as a notebook shows them: what their own ``repr`` does wrong costs nothing."""
        for thing in things:
            with contextlib.suppress(Exception):
                self.printed.write(repr(thing) + "\n")

    def do_draw(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Hand over the open figures as PNG bytes, and close them."""
        return {"status": "ok"}, [np.frombuffer(png, np.uint8) for png in draw(message["images"])]

    def do_call(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Call what the request names; says as well whether that changed the arguments."""
        function = self._find(message)
        if not callable(function):
            return {"status": "absent"}, None
        arguments, named = value
        numbers = {id(thing): number for number, thing in self.kept.items()}
        before = pack({}, value, kept=numbers)
        result = function(*arguments, **named)
        try:
            changed = pack({}, value, kept=numbers) != before
        except Exception:
            changed = True
        return {"status": "ok", "changed": changed}, result

    def do_get(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Read an attribute, of an attribute, of an object."""
        thing = self.kept[message["target"]]
        for name in message["name"].split("."):
            if not hasattr(thing, name):
                return {"status": "absent"}, None
            thing = getattr(thing, name)
        return {"status": "ok"}, thing

    def do_read(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Read all parameters, gradients or buffers of a module by name."""
        module, what = self.kept[message["target"]], message["name"]
        if not hasattr(module, "named_parameters"):
            return {"status": "absent"}, None
        if what == "buffers":
            return {"status": "ok"}, dict(module.named_buffers())
        found = dict(module.named_parameters())
        return {"status": "ok"}, {n: p.grad for n, p in found.items()} if what == "gradients" else found

    def do_load(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Write parameters of a module by name."""
        import torch

        own = dict(self.kept[message["target"]].named_parameters())
        with torch.no_grad():
            for name, content in value.items():
                own[name].copy_(torch.as_tensor(content))
        return {"status": "ok"}, None

    def do_hold(self, message: dict[str, Any], value: Any) -> tuple[dict[str, Any], Any]:
        """Hand the payload back, to be kept."""
        return {"status": "ok"}, value

    def _find(self, message: dict[str, Any]) -> Any:
        if "target" not in message:
            return self.namespace.get(message["name"])
        thing = self.kept[message["target"]]
        return getattr(thing, message["name"], None) if message["name"] else thing


class _Shell:
    """Stands in for IPython where a cell uses magics: times and captures run their body, the rest does nothing."""

    def __init__(self, student: StudentCode) -> None:
        self._student = student

    def __call__(self) -> "_Shell":
        return self

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name in ("time", "timeit", "capture", "prun"):
            self._student.run("\n" + body, self._student.label)
        elif name == "writefile":
            with open(line.split()[-1], "a" if "-a" in line.split() else "w") as file:
                file.write(body)

    def run_line_magic(self, name: str, line: str, **options: Any) -> None:
        if name == "time":
            self._student.run(line, self._student.label)

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
