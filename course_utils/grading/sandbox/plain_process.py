"""The program of a plain student process: a supervisor that collects orphans, and the process that runs the code.

    python -sPB plain_process.py REQUEST_FD REPLY_FD PACKAGE_ROOT LIMITS

On Linux the supervisor becomes the parent of whatever loses its own, so that the grader finds every descendant
below it; it ends them all when the student process ends and when the grader does. Student code runs as the same user
and could kill the supervisor first: what it detached before then stays.
"""

import contextlib
import json
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36
SECONDS_BETWEEN_LOOKS = 0.5


def main() -> None:
    requests, replies, package_root = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    bounds = json.loads(sys.argv[4])
    if package_root not in sys.path:
        sys.path.append(package_root)
    if sys.platform == "linux":
        _supervise(requests, replies)
    from course_utils.grading.sandbox.limits import Limits, set_limits
    from course_utils.grading.sandbox.settle import settle
    from course_utils.grading.student_process import serve

    set_limits(Limits(**bounds), processes=False)  # the user's other processes would count
    settle()
    serve(requests, replies)


def _supervise(requests: int, replies: int) -> None:
    """Return in a child; the parent stays, waits for it and ends as it ended."""
    import ctypes

    grader = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        return
    os.close(requests)
    os.close(replies)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    status = None
    while status is None and os.getppid() == grader:
        status = _collect(child)
        if status is None:
            signal.sigtimedwait([signal.SIGCHLD], SECONDS_BETWEEN_LOOKS)
    _end_all()
    if status is None:
        os._exit(0)
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _collect(child: int) -> int | None:
    """Take note of every process that has ended; returns the status of this one if it is among them."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                return ended[1]
    return None


def _end_all() -> None:
    """Kill everything below this process until nothing is left."""
    from course_utils.grading.sandbox.process_tree import tree

    while below := tree(os.getpid())[1:]:
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


if __name__ == "__main__":
    main()
