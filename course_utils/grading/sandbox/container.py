"""Student processes in containers of podman or docker, for machines where bubblewrap is not to be had.

Each container serves one submission. It is started ahead of use, without a network, with a read-only file tree, as
a user without rights, with bounded memory, processes and disk, and speaks the same frames over its standard input
and output; the course's package is shown to it read-only, so the image needs Python and what student code imports,
nothing else.

What a container cannot do as well: its processor time is not read, the clock alone decides (and the engine slows it
down to one processor); the engine itself often runs as root. The command line and the whole path are tested with a
made-up engine; with a real podman or docker this has not been run.
"""

import contextlib
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from course_utils.grading.sandbox.bubblewrap import PRELOAD
from course_utils.grading.sandbox.closing_in import BOX, NOBODY, SCRATCH, WORK
from course_utils.grading.sandbox.inmate import SECONDS_TO_ANSWER
from course_utils.grading.sandbox.limits import STACK_BYTES, Limits
from course_utils.grading.sandbox.locked import SECONDS_TO_WARM
from course_utils.grading.sandbox.pipes import PipeChannel
from course_utils.grading.sandbox.pool import Pool
from course_utils.grading.sandbox.process_tree import stat_fields
from course_utils.grading.sandbox.runner import Died, NoSandbox, Unavailable
from course_utils.grading.sandbox.settle import environment
from course_utils.grading.sandbox.view import COURSE, PACKAGE
from course_utils.grading.sandbox.zygote import Settings

ENGINES = ("podman", "docker")
IMAGE = "localhost/course-grading:latest"
LABEL = "course-grading"
SECONDS_FOR_ENGINE = 60.0


class ContainerRunner:
    """Opens student processes in containers.

    Args:
        image: the image they are made of: Python 3.11 or later with numpy, and whatever student code imports.
        engine: podman or docker; the first that is installed by default.
        limits: bounds of each submission.
        preload: modules to import before a process is needed.
        ahead: how many to keep ready.
        python: the interpreter inside the image.

    Raises:
        NoSandbox: if there is no engine, it does not answer, or it has not got the image.
    """

    name = "container"
    sandboxed = True

    def __init__(
        self,
        image: str = IMAGE,
        engine: str | None = None,
        limits: Limits | None = None,
        preload: Sequence[str] = PRELOAD,
        ahead: int = 1,
        python: str = "python3",
    ) -> None:
        missing = what_is_missing_for_containers(image, engine)
        if missing is not None:
            raise NoSandbox(missing)
        self.engine, self.image, self.python = engine or find_engine() or ENGINES[0], image, python
        self.limits = limits or Limits()
        self.settings = Settings(self.limits, tuple(preload))
        self._clear_away()
        self._open: weakref.WeakSet[PipeChannel] = weakref.WeakSet()
        self._pool = Pool(self._make, PipeChannel.close, ahead)

    def open(self) -> PipeChannel:
        """A process that has seen no submission yet, in an empty folder of its own."""
        return self._pool.take()

    def close(self) -> None:
        """End every container."""
        self._pool.close()
        for channel in list(self._open):
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, name: str) -> list[str]:
        """The engine's command line for one submission.

        Args:
            name: what the container is called.
        """
        limits = self.limits
        variables = {**environment(WORK, SCRATCH), "PYTHONPATH": COURSE}
        podman = Path(self.engine).name == "podman"
        return [
            *[self.engine, "run", "--interactive", "--name", name],
            *["--label", f"{LABEL}={os.getpid()}-{_started(os.getpid())}"],
            *["--pull", "never", "--network", "none", "--ipc", "private", "--hostname", "box"],
            *["--user", f"{NOBODY}:{NOBODY}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
            *["--read-only", *(["--read-only-tmpfs=false"] if podman else [])],
            *["--tmpfs", f"{BOX}:rw,nosuid,nodev,size={limits.disk_bytes},nr_inodes={limits.files + 4},mode=1777"],
            *["--shm-size", "1m", "--volume", f"{PACKAGE}:{COURSE}/{PACKAGE.name}:ro", "--workdir", "/"],
            *["--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)],
            *["--pids-limit", str(limits.processes), "--cpus", "1"],
            *["--ulimit", "core=1:1", "--ulimit", f"nofile={limits.open_files}:{limits.open_files}"],
            *["--ulimit", f"fsize={limits.disk_bytes}:{limits.disk_bytes}"],
            *["--ulimit", f"stack={STACK_BYTES}:{STACK_BYTES}"],
            *[word for key, value in variables.items() for word in ("--env", f"{key}={value}")],
            *["--entrypoint", self.python, self.image],
            *["-sPB", "-m", "course_utils.grading.sandbox.zygote", "container", "-", self.settings.text()],
        ]

    def _make(self) -> PipeChannel:
        name = f"{LABEL}-{os.getpid()}-{secrets.token_hex(6)}"
        try:
            process = subprocess.Popen(
                self.command(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise Unavailable(f"{self.engine} could not be started: {error}") from error
        inmate = _Inmate(self, name, process)
        try:
            inmate.wait_until_ready()
            assert process.stdin is not None
            assert process.stdout is not None
            requests, replies = os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())
            process.stdin.close()
            process.stdout.close()
        except BaseException:
            inmate.kill()
            raise
        channel = PipeChannel(inmate, requests, replies, self.limits.total_seconds)
        self._open.add(channel)
        return channel

    def ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of the engine's."""
        return _ask(self.engine, *words)

    def _clear_away(self) -> None:
        """Remove the containers that a killed grader left."""
        listed = self.ask(
            "ps", "--all", "--filter", f"label={LABEL}", "--format", '{{.Names}} {{.Label "' + LABEL + '"}}'
        )
        for line in listed.stdout.splitlines() if listed.returncode == 0 else ():
            name, _, owner = line.partition(" ")
            pid, _, started = owner.partition("-")
            if pid.isdigit() and _started(int(pid)) != started:
                self.ask("rm", "--force", name)


class _Inmate:
    """A container and the engine's client that carries its frames."""

    def __init__(self, runner: ContainerRunner, name: str, process: "subprocess.Popen[bytes]") -> None:
        self.runner, self.name, self.process = runner, name, process

    def wait_until_ready(self) -> None:
        """Wait for the word that the imports are done; raises `Unavailable`."""
        said = b""
        deadline = time.monotonic() + SECONDS_TO_WARM
        assert self.process.stderr is not None
        with self.process.stderr as words, selectors.DefaultSelector() as selector:
            selector.register(words, selectors.EVENT_READ)
            while not said.endswith(b"ready\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise Unavailable(f"the container was not ready within {SECONDS_TO_WARM:g} s")
                part = os.read(words.fileno(), 4096)
                if not part:
                    last = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
                    raise Unavailable(f"the container ended before it was ready: {last}")
                said = (said + part)[-65536:]

    def alive(self) -> bool:
        return self.process.poll() is None

    def processor_seconds(self) -> float | None:
        return None

    def runnable(self) -> bool | None:
        return None

    def ending(self) -> Died:
        try:
            status = self.process.wait(SECONDS_TO_ANSWER)
        except subprocess.TimeoutExpired:
            return Died("it closed its end of the pipe and lives on")
        if status not in (128 + signal.SIGKILL, -signal.SIGKILL):
            return Died(f"the process ended with status {status}")
        state = self.runner.ask("inspect", "--format", "{{.State.OOMKilled}}", self.name)
        if state.stdout.strip() == "true":
            return Died(f"it used more than {self.runner.limits.memory_text}")
        return Died("the container was killed", killed=True)

    def kill(self) -> None:
        self.runner.ask("rm", "--force", self.name)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def find_engine() -> str | None:
    """Path of podman or docker; None if neither is installed."""
    return next((found for engine in ENGINES if (found := shutil.which(engine)) is not None), None)


def what_is_missing_for_containers(image: str, engine: str | None = None) -> str | None:
    """What keeps containers of this image from working here, with the remedy; None when nothing does.

    Args:
        image: what they are made of.
        engine: podman or docker; the first that is installed by default.
    """
    engine = engine or find_engine()
    if engine is None:
        return "no container engine is installed: apt install podman (Debian, Ubuntu), or docker"
    name = Path(engine).name
    answer = _ask(engine, "info")
    if answer.returncode != 0:
        said = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return f"{name} is installed and does not answer ({said}): start its service"
    if _ask(engine, "image", "inspect", image).returncode != 0:
        return (
            f"{name} has no image {image}: build one in the repository with {name} build --tag {image} . , "
            "from a Dockerfile that installs requirements.txt"
        )
    return None


def _ask(engine: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [engine, *words]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_FOR_ENGINE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _started(pid: int) -> str:
    fields = stat_fields(pid)
    return "gone" if fields is None else fields[19]
