"""Workers on many machines, through ``dask.distributed``.

A scheduler and, on each machine, a worker are started by hand or by a batch system; nothing but the installed course
is needed there::

    dask scheduler --port 8786
    dask worker tcp://HOST:8786 --nworkers 4 --nthreads 1

Dask sends functions and their arguments as pickles between the coordinator, the scheduler and the workers: they trust
each other, and the network between them must be closed to others. What belongs to students crosses only as bytes
(files, checked by their hash) and JSON (grades), and it is graded in a process of its own on the worker's machine,
in a sandbox, exactly as the local pool does; nothing of a student's is ever pickled or unpickled. A submission does
not say whose it is. The scheduler's memory is not relied on: a result counts once the coordinator has written it to
the ledger.
"""

import atexit
import hashlib
import logging
import queue
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from course_utils.grading.classroom.local_pool import Answer, CannotStart, LocalPool, Stopped, Task, Waiting
from course_utils.grading.classroom.shipment import BadFrame, Frame

CONNECT_SECONDS = 15.0
SECONDS_WITHOUT_WORKERS = 60.0
CHECK_SECONDS = 5.0
REPLY_SECONDS = 30.0
BYTES_UNDER_WAY = 200_000_000
REMEDY = "dask worker {address} --nworkers N --nthreads 1"


class DaskPool:
    """The workers of a scheduler; a context manager that leaves the cluster as it was.

    Args:
        first: tells each worker what to grade, and how (`Shipment.frame`).
        address: the scheduler's, such as ``tcp://host:8786``.
        without_workers: seconds after which a run without any worker is given up.

    Raises:
        CannotStart: if the scheduler cannot be reached.
    """

    def __init__(self, first: Frame, address: str, *, without_workers: float = SECONDS_WITHOUT_WORKERS) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise CannotStart("--scheduler needs dask: python -m pip install distributed", "no dask") from None
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said once, by whoever asked
        warnings.filterwarnings("ignore", message="Sending large graph")
        self.address, self.without_workers = address, without_workers
        self._first = first.to_bytes()
        self._sandboxed = not first.message["unsafe"]
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError):
            why = f"no dask scheduler answers at {address}: start one with 'dask scheduler' and give its address"
            raise CannotStart(why, "no scheduler") from None
        self._assignment = self._send_assignment()
        self._under_way: dict[str, _Sent] = {}
        self._ended: queue.Queue[Any] = queue.Queue()
        self._anyone_answered = False
        self._threads = 0
        self._seen_workers = self._checked = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answers(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        """Work through tasks, in any order; exactly one answer for each.

        Raises:
            CannotStart: if no worker can work.
            Stopped: if the scheduler or the workers are gone; what was answered stands.
        """
        waiting, suspects = Waiting(tasks), deque[Task]()
        while True:
            yield from self._hand_out(waiting)
            if not self._under_way:
                if not suspects:
                    return
                yield from self._send(suspects.popleft(), alone=True)
                continue
            try:
                future = self._ended.get(timeout=1.0)
            except queue.Empty:
                self._check()
                continue
            sent = self._under_way.pop(future.key)
            answer = self._read(sent)
            if answer is None:  # it may only have waited on a worker that another one killed
                suspects.append(sent.task)
                continue
            self._anyone_answered = True
            yield answer

    def close(self) -> None:
        """Let the workers end what they keep for this assignment, and leave."""
        if self._client.status == "running":
            telling = threading.Thread(target=self._tell_the_end, daemon=True)
            telling.start()
            telling.join(REPLY_SECONDS)
        self._client.close(timeout=5)

    def _tell_the_end(self) -> None:
        with suppress(Exception):  # workers that do not hear it end what they keep by themselves, later
            self._client.run(end_idle, _name(self._first), on_error="ignore")

    def _hand_out(self, waiting: Waiting) -> Iterator[Answer]:
        """Keep every worker busy, with one submission in reserve; answers for those that cannot be read."""
        if time.monotonic() - self._checked > CHECK_SECONDS or not self._threads:
            self._check()
        while len(self._under_way) < max(2, 2 * self._threads):
            if sum(sent.size for sent in self._under_way.values()) > BYTES_UNDER_WAY:
                return
            task = waiting.take()
            if task is None:
                return
            yield from self._send(task)

    def _send(self, task: Task, alone: bool = False) -> Iterator[Answer]:
        """Give a submission to the scheduler; an answer comes at once if it cannot be read."""
        try:
            data = task.frame().to_bytes()
        except (OSError, ValueError) as trouble:
            yield Answer(task.key, trouble=str(trouble), sandboxed=self._sandboxed)
            return
        if self._assignment.status in ("error", "lost", "cancelled"):
            self._assignment = self._send_assignment()
        key = f"grade-{uuid.uuid4().hex}-{task.key}"
        future = self._client.submit(grade_there, self._assignment, data, key=key, pure=False)
        self._under_way[key] = _Sent(task, future, len(data), alone)
        future.add_done_callback(self._ended.put)

    def _send_assignment(self) -> Any:
        return self._client.submit(_keep, self._first, key=f"assignment-{uuid.uuid4().hex}")

    def _check(self) -> None:
        """See whether the scheduler answers and has workers."""
        self._checked = time.monotonic()
        try:
            if self._client.status != "running":
                raise OSError(f"the connection is {self._client.status}")
            scheduler: Any = self._client.scheduler
            threads = self._client.sync(scheduler.ncores, callback_timeout=REPLY_SECONDS)
        except Exception as error:
            raise Stopped(f"the scheduler at {self.address} does not answer any more ({error})") from None
        self._threads = sum(threads.values())
        if self._threads:
            self._seen_workers = self._checked
        elif self._checked - self._seen_workers > self.without_workers:
            raise self._cannot(
                f"the scheduler at {self.address} has had no worker for {self.without_workers:.0f} s; "
                f"on each machine start: {REMEDY.format(address=self.address)}",
                "no workers",
            )

    def _cannot(self, why: str, kind: str) -> CannotStart | Stopped:
        return Stopped(why) if self._anyone_answered else CannotStart(why, kind)

    def _read(self, sent: "_Sent") -> Answer | None:
        """The answer that came; None if workers were lost and it has to be seen whether it was this one's doing."""
        from distributed import KilledWorker

        try:
            message = Frame.from_bytes(sent.future.result(timeout=REPLY_SECONDS)).message
        except KilledWorker as death:
            if not sent.alone:
                return None
            why = f"{death.allowed_failures + 1} workers of the cluster were lost while they graded it and nothing else"
            return Answer(sent.task.key, trouble=why, sandboxed=self._sandboxed)
        except BadFrame as error:
            return Answer(sent.task.key, trouble=f"a worker's answer is damaged: {error}", sandboxed=self._sandboxed)
        except Exception as error:
            if sent.future.status in ("cancelled", "lost") or self._client.status != "running":
                raise Stopped(f"the scheduler at {self.address} is gone, or was restarted") from None
            raise self._cannot(
                f"a worker of {self.address} cannot grade ({type(error).__name__}: {str(error)[:300]}): "
                "install this version of the course there",
                "worker",
            ) from None
        if message["op"] == "cannot":
            raise self._cannot(f"worker {message['worker']}: {message['why']}", str(message["kind"]))
        return Answer.from_message(message)


@dataclass(frozen=True)
class _Sent:
    """A submission that the scheduler has: its task, dask's handle, its bytes, whether nothing else is under way."""

    task: Task
    future: Any
    size: int
    alone: bool


# ---- what runs on a dask worker ----

_idle: dict[str, list[LocalPool]] = {}
_idle_lock = threading.Lock()


def _keep(first: bytes) -> bytes:
    """The assignment, as a result that dask sends to each worker once and computes again when it gets lost."""
    return first


def _name(first: bytes) -> str:
    return hashlib.sha256(first).hexdigest()


def grade_there(first: bytes, task: bytes) -> bytes:
    """Grade one submission on this machine, in a worker process that is kept for the next one.

    Args:
        first: the assignment's frame.
        task: the submission's frame.

    Returns:
        A frame: the answer, or why this machine cannot grade.
    """
    frame = Frame.from_bytes(task)
    pool = _borrow(first)
    try:
        (answer,) = pool.answers([Task(frame.message["task"], lambda: frame)])
    except (CannotStart, Stopped) as trouble:
        pool.close()
        why = {"why": str(trouble), "kind": getattr(trouble, "kind", ""), "worker": _here()}
        return Frame({"op": "cannot", **why}).to_bytes()
    except BaseException:
        pool.close()
        raise
    with _idle_lock:
        _idle.setdefault(_name(first), []).append(pool)
    return Frame(answer.message()).to_bytes()


def end_idle(name: str) -> None:
    """End the worker processes that are kept for an assignment; does not wait for it."""
    with _idle_lock:
        pools = _idle.pop(name, [])
    for pool in pools:
        threading.Thread(target=pool.close, daemon=True).start()


@atexit.register
def _end_all() -> None:
    """A dask worker that ends takes along what it keeps."""
    for pool in [pool for name in list(_idle) for pool in _idle.pop(name)]:
        pool.close()


def _borrow(first: bytes) -> LocalPool:
    name = _name(first)
    for other in set(_idle) - {name}:  # another assignment's, or another version's
        end_idle(other)
    with _idle_lock:
        pool = _idle[name].pop() if _idle.get(name) else None
    return pool or LocalPool(Frame.from_bytes(first), workers=1)


def _here() -> str:
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return "on this machine"
