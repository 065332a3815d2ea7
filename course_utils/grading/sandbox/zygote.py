"""The program inside a sandbox: it imports what student code needs, then becomes or forks student processes.

    python -sPB -m course_utils.grading.sandbox.zygote fork|single|container CONTROL_FD SETTINGS

It is started once, locked in by bubblewrap, before any student code is there, and never reads a byte of any. In mode
``fork`` it waits for messages that carry the pipes of a submission, and forks a child for each. The child closes
itself in further before it reads the first request: namespaces and a folder of its own, no privileges, limits. What
it does there ends with it, so no state passes to the next submission. In the modes ``single`` and ``container`` the
program itself becomes the one student process it serves.

Messages on the control socket: `ready` or `failed` from here, `open` with three descriptors (requests, replies,
status) to here; in mode ``single`` as root also `ended N`. On the status socket: `here` when the process is closed
in; `stay` from the grader, which has noted the process id that the kernel wrote on that message; `here` again, so
that the id is known to belong to a process that was alive all the while; `ended N` from its parent with the wait
status; `failed` with the reason.
"""

import dataclasses
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course_utils.grading import student_process
from course_utils.grading.sandbox import closing_in
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.settle import settle

MESSAGE_BYTES = 4096
ALWAYS = ("course_utils.grading.student_code", "course_utils.grading.wire", "numpy.random", "resource")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the grader tells the program when it starts it.

    Args:
        limits: bounds of each student process.
        preload: modules to import ahead of use; one that cannot be imported is passed over.
        user: in mode ``single``, started by root: the user id to step down to.
    """

    limits: Limits
    preload: Sequence[str]
    user: int | None = None

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "Settings":
        content = json.loads(text)
        return cls(Limits(**content["limits"]), tuple(content["preload"]), content["user"])


def main() -> None:
    mode, settings = sys.argv[1], Settings.from_text(sys.argv[3])
    os.umask(0o022)
    if mode == "container":
        _preload(settings.preload)
        serve_standard_streams(settings.limits)
        return
    control = socket.socket(fileno=int(sys.argv[2]))
    try:
        if settings.user is None:
            closing_in.die_with_parent()
        else:
            _step_down(control, settings.user)
        _preload(settings.preload)
        threads = closing_in.thread_count() if mode == "fork" else 1
    except BaseException as error:
        _tell(control, "failed", f"{type(error).__name__}: {error}")
        raise
    _tell(control, "ready", str(threads))
    if mode == "fork":
        fork_for_each(control, settings.limits)
    else:
        become_one(control, settings.limits)


def fork_for_each(control: socket.socket, limits: Limits) -> None:
    """Fork a student process for each message, until the grader closes its end."""
    processor = _processor_text()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page otherwise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave no zombies
    while (descriptors := _receive(control)) is not None:
        if os.fork() == 0:
            _in_child(descriptors, lambda: _fork_inside(descriptors, limits, processor))
        for descriptor in descriptors:
            os.close(descriptor)


def become_one(control: socket.socket, limits: Limits) -> None:
    """Wait for the one message, then serve that submission and nothing else."""
    descriptors = _receive(control)
    if descriptors is None:
        return
    for folder in (closing_in.WORK, closing_in.SCRATCH, closing_in.SHARED):  # what the imports left there
        for entry in os.scandir(folder):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    os.chdir(closing_in.WORK)
    _in_child(descriptors, lambda: _serve(descriptors, limits, own_user=True))


def _step_down(control: socket.socket, user: int) -> None:
    """Return in a child without rights, number 1 of a process namespace; the parent waits for it and tells its end.

    Bubblewrap's own first process stays above both, and root's: the kernel ends it with the grader, and all with it.
    A process of another user would not be ended with its parent.
    """
    closing_in.leave_process_namespace()
    child = os.fork()
    if child == 0:
        closing_in.become(user)
        return
    try:
        (control_number,) = closing_in.keep_only([control.fileno()])
        _, ended = os.waitpid(child, 0)
        _tell(socket.socket(fileno=control_number), "ended", str(ended))
    finally:
        os._exit(0)


def serve_standard_streams(limits: Limits) -> None:
    """Serve one submission over standard input and output, in a container that has closed it in already."""
    os.makedirs(closing_in.WORK, exist_ok=True)
    os.makedirs(closing_in.SCRATCH, exist_ok=True)
    os.chdir(closing_in.WORK)
    os.write(2, b"ready\n")
    requests, replies = closing_in.keep_only([0, 1])
    closing_in.leave_process_group()
    closing_in.give_up_privileges(limits, own_user=False)
    settle()
    student_process.serve(requests, replies)


def _fork_inside(descriptors: Sequence[int], limits: Limits, processor: str) -> None:
    """In a child of the zygote: leave its namespaces, fork the process with number 1 of the new ones, wait for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    closing_in.leave_namespaces()
    closing_in.mount_private_folders(limits, processor)
    student = os.fork()
    if student == 0:
        _in_child(descriptors, lambda: _serve(descriptors, limits, own_user=True))
    (status,) = closing_in.keep_only(descriptors[2:])
    _, ended = os.waitpid(student, 0)
    _tell(socket.socket(fileno=status), "ended", str(ended))
    os._exit(0)


def _serve(descriptors: Sequence[int], limits: Limits, own_user: bool) -> None:
    """Close this process in and serve; the first byte of a submission is read after all that."""
    requests, replies, status = closing_in.keep_only(descriptors)
    closing_in.leave_process_group()
    closing_in.give_up_privileges(limits, own_user)
    settle()
    with socket.socket(fileno=status) as report:
        _tell(report, "here", "")
        if report.recv(MESSAGE_BYTES) != b"stay":
            os._exit(student_process.GONE)
        _tell(report, "here", "")
    student_process.serve(requests, replies)


def _in_child(descriptors: Sequence[int], work: Callable[[], None]) -> None:
    """Do the work and end; no child ever returns into the code of its parent."""
    try:
        work()
    except BaseException as error:
        for status in (descriptors[2], 5):  # before and after the descriptors have moved
            try:
                _tell(socket.socket(fileno=status), "failed", f"{type(error).__name__}: {error}")
                break
            except OSError:
                continue
    finally:
        os._exit(1)


def _preload(names: Sequence[str]) -> None:
    for name in (*ALWAYS, *names):
        try:
            importlib.import_module(name)
        except Exception:
            if name in ALWAYS:
                raise
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(torch.initial_seed())  # as after a fresh import


def _receive(control: socket.socket) -> list[int] | None:
    """The descriptors of the next submission; None when the grader has gone."""
    try:
        _, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
    except ConnectionError:
        return None
    return descriptors if len(descriptors) == 3 else None


def _tell(to: socket.socket, kind: str, text: str) -> None:
    to.send(f"{kind} {text}".encode()[:MESSAGE_BYTES])


def _processor_text() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
