"""A plain process for student code: no sandbox, for trusted code and for systems that have none.

It runs as the user who grades, may read what that user reads and reach the network.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from course_utils.grading import student_process
from course_utils.grading.sandbox.pipes import PipeChannel
from course_utils.grading.sandbox.runner import Unavailable

PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class PlainRunner:
    """A child process of the same user with an empty environment and resource limits. Not a sandbox.

    Args:
        memory_bytes: address space the process may use.
    """

    name = "plain process"
    sandboxed = False

    def __init__(self, memory_bytes: int = 2_000_000_000) -> None:
        self.memory_bytes = memory_bytes

    def open(self) -> PipeChannel:
        """Start a fresh process in an empty folder of its own, which goes when the channel is closed."""
        try:
            folder = Path(tempfile.mkdtemp(prefix="grading-"))
        except OSError as error:
            raise Unavailable(f"no working directory could be made: {error}") from error
        requests_in, requests_out = os.pipe()
        replies_in, replies_out = os.pipe()
        command = [sys.executable, "-I", student_process.__file__, str(requests_in), str(replies_out)]
        try:
            process = subprocess.Popen(
                [*command, str(PACKAGE_ROOT), str(self.memory_bytes)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(folder),
                pass_fds=(requests_in, replies_out),
                start_new_session=True,
            )
        except OSError as error:
            for descriptor in (requests_out, replies_in):
                os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"no process could be started: {error}") from error
        finally:
            os.close(requests_in)
            os.close(replies_out)
        return PipeChannel(process, requests_out, replies_in, folder)

    def close(self) -> None:
        """Nothing is kept between processes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _environment(folder: Path) -> dict[str, str]:
    """All that student code sees of the environment: nothing of the grader's."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        **one_thread,
    }
