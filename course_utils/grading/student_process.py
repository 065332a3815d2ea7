"""The loop of a student process: it answers requests over two pipes until the grader closes its end.

Whatever starts the process (see `sandbox`) has closed it in by then. Nothing in here is trusted by the grader: student
code shares this process and may change anything. It sees arguments and never an expected answer. What it prints goes
nowhere near the pipes.
"""

import os
import time

from course_utils.grading.student_code import StudentCode
from course_utils.grading.wire import HEADER, Refused, frame_size, pack, unpack

GONE = 70  # exit status when the grader closed its end


def serve(requests: int, replies: int) -> None:
    """Answer requests until the grader closes its end."""
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
