"""The program of a plain student process: a supervisor that collects orphans, and the process that runs the code.

    python -sPB plain_process.py REQUEST_FD REPLY_FD PACKAGE_ROOT LIMITS

On Linux the supervisor becomes the parent of whatever loses its own, so that the grader finds every descendant
below it. Student code runs as the same user and could kill the supervisor first: what it detached before then stays.
"""

import contextlib
import json
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    requests, replies, package_root = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    bounds = json.loads(sys.argv[4])
    if sys.platform == "linux":
        _supervise(requests, replies)
    if package_root not in sys.path:
        sys.path.append(package_root)
    from course_utils.grading.sandbox.limits import Limits, set_limits
    from course_utils.grading.sandbox.settle import settle
    from course_utils.grading.student_process import serve

    set_limits(Limits(**bounds), processes=False)  # the user's other processes would count
    settle()
    serve(requests, replies)


def _supervise(requests: int, replies: int) -> None:
    """Return in a child; the parent stays, waits for it and ends as it ended."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        return
    os.close(requests)
    os.close(replies)
    status = 0
    while True:
        pid, ended = os.wait()
        if pid == child:
            status = ended
            break
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
