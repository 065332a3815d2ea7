"""Run one function in several processes that can talk to each other (chapter 06b).

``torchrun`` does this for scripts, on many machines too. Here it is for a function in a notebook: its source goes into
a file of its own, since a new process does not know what a notebook has defined.
"""

from __future__ import annotations

import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from course_utils.check import check_int, check_number

TAIL = """

if __name__ == "__main__":
    import json, sys, torch

    torch.set_num_threads(1)
    with open(sys.argv[1], encoding="utf-8") as file:
        arguments = json.load(file)
    torch.save({name}(**arguments), sys.argv[2])
"""


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_processes(worker: Callable[..., Any], count: int = 2, *, timeout: float = 300.0, **arguments: Any) -> list[Any]:
    """Run ``worker(**arguments)`` in ``count`` processes at once and return what each returns.

    The processes find each other as those of ``torchrun`` do: ``course_utils.training.distributed.join()`` or
    ``torch.distributed.init_process_group("gloo")`` in the worker connects them. They compute on the CPU.

    Args:
        worker: a function that imports all it needs in its own body; it must have source text, so no lambda.
        count: processes.
        timeout: seconds until all are ended.
        arguments: what JSON can hold.

    Returns:
        The results in the order of the processes: numbers, text, tensors, and lists and dicts of them.

    Raises:
        RuntimeError: if a process fails, with the end of what it said; the others are ended.
        TimeoutError: if they take too long.
    """
    check_int("count", count, minimum=1)
    check_number("timeout", timeout, above=0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "worker.py"
        source = textwrap.dedent(inspect.getsource(worker))
        script.write_text(source + TAIL.replace("{name}", worker.__name__), encoding="utf-8")
        (folder / "arguments.json").write_text(json.dumps(arguments), encoding="utf-8")
        shared = os.environ | {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }
        if sys.platform == "win32":
            shared["USE_LIBUV"] = "0"  # PyTorch is built without it there
        running, logs = [], []
        try:
            for rank in range(count):
                place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                logs.append((folder / f"{rank}.log").open("w+", encoding="utf-8", errors="replace"))
                command = [sys.executable, str(script), str(folder / "arguments.json"), str(folder / f"{rank}.pt")]
                running.append(subprocess.Popen(command, env=shared | place, stdout=logs[-1], stderr=logs[-1]))
            _wait(running, folder, timeout)
        finally:
            for process in running:
                if process.poll() is None:
                    process.kill()
                process.wait()
            for log in logs:
                log.close()
        return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(count)]


def _wait(running: list[subprocess.Popen[bytes]], folder: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while any(process.poll() is None for process in running):
        failed = [rank for rank, process in enumerate(running) if process.poll() not in (None, 0)]
        if failed or time.monotonic() > end:
            break
        time.sleep(0.02)
    codes = [process.poll() for process in running]
    failed = [rank for rank, code in enumerate(codes) if code not in (None, 0)]
    if failed:
        said = (folder / f"{failed[0]}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise RuntimeError(f"process {failed[0]} of {len(running)} failed: " + "\n".join(said[-4:]))
    if None in codes:
        raise TimeoutError(f"{codes.count(None)} of {len(running)} processes were not done after {timeout:g} s")
