"""The program that runs a student's code, in a process of its own, and answers requests over two pipes.

    python -sP student_process.py REQUEST_FD REPLY_FD PACKAGE_ROOT MEMORY_BYTES

Nothing in here is trusted by the grader: student code shares this process and may change anything. It sees
arguments and never an expected answer. What it prints goes nowhere near the pipes.
"""

import builtins
import contextlib
import os
import sys
import time

GONE = 70  # exit status when the grader closed its end


def serve(requests: int, replies: int) -> None:
    """Answer requests until the grader closes its end."""
    from course_utils.grading.student_code import StudentCode
    from course_utils.grading.wire import HEADER, Refused, frame_size, pack, unpack

    student = StudentCode()
    while True:
        header = _read_exactly(requests, HEADER.size)
        frame = header + _read_exactly(requests, sum(frame_size(header)))
        message, value = unpack(frame, tensors=True, kept=student.kept)
        start = time.process_time()
        reply, result = student.answer(message, value)
        envelope = {"id": message.get("id"), "cpu": time.process_time() - start, **reply}
        try:
            answer = pack(envelope, result)
        except Refused as refusal:
            answer = pack({**envelope, "status": "unsendable", "kind": refusal.kind})
        except BaseException:  # a value whose own methods raise while they are written
            answer = pack({**envelope, "status": "unsendable", "kind": "object"})
        _write_all(replies, answer)


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
    if sys.flags.hash_randomization:  # sets of strings must come in the same order every time
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-sP", __file__, *sys.argv[1:]], environment)
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
