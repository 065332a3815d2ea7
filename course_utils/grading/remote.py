"""The student's functions, classes and objects as a hidden test meets them: names here, code in another process.

    student.margin(w, x, y)                     call a function; the value comes back
    student.margin(w, x, labels=y)              keyword arguments too
    student.margin.changes_its_arguments(w, x)  call it; did it write into what it was given?
    net = student.LeNet.new(num_classes=10)     keep the result there: an object by handle
    net(x)   net.forward(x)                     call the object, or any method of it
    block = net.make_block.new(3)               a method whose result stays there too
    net.get("conv1.stride")                     an attribute, of an attribute
    net.parameters()  net.gradients()  net.buffers()      of a torch module, by name
    net.load_parameters({"conv.weight": w})     write some of them
    student.train_step(net, x, y)               objects go in wherever values do
    x = student.hold(tensor)                    send a value and keep it there: x.get("grad") after a backward pass

Everything that crosses is a plain value, a numpy array or a torch tensor, copied: nothing that the student's code
does to it reaches the test. Objects live until the end of their hidden test. Names with a leading underscore are
refused. A class or a loss that the test wants to choose is passed by its name, as a string.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_utils.grading.answers import Wrong
from course_utils.grading.sentences import CallFailed
from course_utils.grading.session import Answer, Kept, StudentSession


class Student:
    """The student's functions and classes, by name."""

    def __init__(self, session: StudentSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> "RemoteFunction":
        return RemoteFunction(self._session, _public(name), name)

    def hold(self, value: Any) -> "RemoteObject":
        """Send a value and keep it in the student's process."""
        answer = self._session.ask("a value", {"op": "hold"}, _lowered(self._session, value), keep=True)
        return _object(self._session, answer, "the value")


class RemoteFunction:
    """Something that can be called in the student's process: a function, a class, a method."""

    def __init__(self, session: StudentSession, name: str, what: str, target: "RemoteObject | None" = None) -> None:
        self._session, self._name, self._what, self._target = session, name, what, target

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it; raises `CallFailed` if it gives no value."""
        return self._ask(arguments, named).value

    def new(self, *arguments: Any, **named: Any) -> "RemoteObject":
        """Call it and keep what it returns in the student's process."""
        return _object(self._session, self._ask(arguments, named, keep=True), f"{self._what}(...)")

    def changes_its_arguments(self, *arguments: Any, **named: Any) -> bool:
        """Call it and say whether it wrote into its arguments."""
        return self._ask(arguments, named).changed

    def _ask(self, arguments: tuple[Any, ...], named: Mapping[str, Any], keep: bool = False) -> Answer:
        message: dict[str, Any] = {"op": "call", "name": self._name}
        if self._target is not None:
            message["target"] = _number(self._session, self._target._kept, self._target._what)
        payload = [_lowered(self._session, list(arguments)), _lowered(self._session, dict(named))]
        return self._session.ask(self._what, message, payload, keep)

    def __array__(self, *arguments: Any, **named: Any) -> np.ndarray:
        raise TypeError(f"{self._what} is something to call; an attribute is read with .get({self._name!r})")


class RemoteObject:
    """An object in the student's process. Attributes of this class are methods of the object (see the module)."""

    def __init__(self, session: StudentSession, kept: Kept, what: str) -> None:
        self._session, self._kept, self._what = session, kept, what

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the object itself."""
        return self.call("", *arguments, **named)

    def __getattr__(self, name: str) -> RemoteFunction:
        return RemoteFunction(self._session, _public(name), f"{self._what}.{name}", self)

    def call(self, method: str, /, *arguments: Any, **named: Any) -> Any:
        """Call a method by its name, also one that is named like a method of this class."""
        what = f"{self._what}.{method}" if method else f"{self._what}, called,"
        return RemoteFunction(self._session, _public(method), what, self)(*arguments, **named)

    def get(self, path: str) -> Any:
        """Read an attribute; dots lead from one to the next (``"conv1.weight"``)."""
        for name in path.split("."):
            _public(name)
        return self._read("get", path, f"{self._what}.{path}")

    def parameters(self) -> dict[str, Any]:
        """The parameters of a torch module by name."""
        return self._table("parameters")

    def gradients(self) -> dict[str, Any]:
        """The gradients of a torch module's parameters by name; None where nothing flowed."""
        return self._table("gradients")

    def buffers(self) -> dict[str, Any]:
        """The buffers of a torch module by name."""
        return self._table("buffers")

    def load_parameters(self, values: Mapping[str, Any]) -> None:
        """Write parameters of a torch module.

        Raises:
            Wrong: if it has no parameter of such a name and shape.
        """
        own = self.parameters()
        for name, value in values.items():
            if name not in own:
                raise Wrong(f"{self._what} has no parameter {name}: name its layers as the exercise asks")
            if tuple(np.shape(own[name])) != tuple(np.shape(value)):
                raise Wrong(
                    f"the parameter {name} of {self._what} should have shape {tuple(np.shape(value))}, "
                    f"got {tuple(np.shape(own[name]))}"
                )
        message = {"op": "load", "target": _number(self._session, self._kept, self._what)}
        self._session.ask(f"{self._what}.load_parameters", message, dict(values))

    def _table(self, kind: str) -> "Table":
        """Hold an answer that should be a table of tensors against that: it comes from the student's process."""
        value = self._read("read", kind, f"{self._what}.{'buffers' if kind == 'buffers' else 'parameters'}")
        wanted = {"Tensor" if self._session.tensors else "ndarray"} | ({"NoneType"} if kind == "gradients" else set())
        if not isinstance(value, dict) or not {type(item).__name__ for item in value.values()} <= wanted:
            raise CallFailed("unsendable", f"{self._what} has parameters that are no tensors")
        return Table(value, f"{self._what} has no {'buffer' if kind == 'buffers' else 'parameter'}")

    def _read(self, op: str, name: str, what: str) -> Any:
        message = {"op": op, "name": name, "target": _number(self._session, self._kept, self._what)}
        return self._session.ask(what, message).value


class Table(dict[str, Any]):
    """Tensors by name; a name that the student's network lacks is the student's mistake, not the test's."""

    def __init__(self, values: Mapping[str, Any], otherwise: str) -> None:
        super().__init__(values)
        self._otherwise = otherwise

    def __missing__(self, name: str) -> Any:
        raise Wrong(f"{self._otherwise} {name}: name its layers as the exercise asks")


def _object(session: StudentSession, answer: Answer, what: str) -> RemoteObject:
    assert answer.kept is not None
    return RemoteObject(session, answer.kept, what)


def _public(name: str) -> str:
    """Refuse names with a leading underscore; Python's own questions (`__len__`) find nothing."""
    if name.startswith("_"):
        raise AttributeError(f"{name!r}: names with a leading underscore are refused")
    return name


def _number(session: StudentSession, kept: Kept, what: str) -> int:
    if not session.alive(kept):
        raise CallFailed("died", f"{what} was lost when the Python process ended")
    return kept.number


def _lowered(session: StudentSession, value: Any) -> Any:
    """A value with handles in the place of remote objects."""
    if isinstance(value, RemoteObject):
        _number(session, value._kept, value._what)
        return value._kept
    if isinstance(value, list):
        return [_lowered(session, item) for item in value]
    if isinstance(value, tuple):
        return tuple(_lowered(session, item) for item in value)
    if isinstance(value, dict):
        return {key: _lowered(session, item) for key, item in value.items()}
    return value
