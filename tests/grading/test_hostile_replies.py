"""Whatever a student's process answers, a grade comes back: no reply raises, chooses a status or leaks its words."""

import json
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, Grade, grade_files
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import Died, Spent, Timeout
from course_utils.grading.values import TENSORS
from course_utils.grading.wire import HEADER, MAGIC, Bounds, Refused, frame_size, pack, unpack

CANARY = "CANARY\x1b[31m"
STATUSES = {"passed", "failed", "not_written", "absent", "raised", "timeout", "died", "unsendable", "ungraded"}
SMALL = Bounds(array_bytes=10_000, json_bytes=5_000, nodes=200, depth=8, axes=4)


class Fake(PlainRunner):
    """A runner whose processes answer what `reply(request)` makes of a request's envelope: bytes, or an exception."""

    spent = Spent()

    def __init__(self, reply):
        super().__init__()
        self.reply = reply

    def open(self):
        return self

    def request(self, frame, limit):
        message, _ = unpack(frame, kept=Anything())
        answer = self.reply(message)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        pass


class Anything(dict):
    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        return None


@pytest.fixture(scope="session")
def files(notebook):
    return SubmittedFiles({"01_perceptron.ipynb": notebook()})


def check(assignment, files, reply):
    """Grade with such replies; returns the grade after looking at it from all sides."""
    grade = grade_files(assignment, files, Fake(reply), 7)
    assert grade.status in (GRADED, HUMAN)
    record = grade.record()
    text = json.dumps(record)
    assert Grade.from_record(json.loads(text)) == grade
    assert len(text) < 3_000_000
    shown = json.dumps({**record, "outputs": []})
    assert "CANARY" not in shown, "words of the process are not repeated"
    assert "\\u001b" not in text
    for exercise in grade.exercises.values():
        assert {t.status for t in exercise.tests} <= STATUSES
        assert not [t for t in exercise.tests if "the test itself stops" in t.detail], "no answer breaks a test"
        assert exercise.points is None or 0 <= exercise.points <= exercise.possible
        assert exercise.points is not None or exercise.manual or any(t.status == "ungraded" for t in exercise.tests)
    return grade


words = st.sampled_from([CANARY, "ok", "raised", "absent", "not_written", "unsendable", "died", "timeout", "total",
                         "ValueError", "NameError", "cell 3", "size", "x" * 5_000, "\ud800"])  # fmt: skip
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -1, 1e308, -0.0, 2**63])
plain = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
dtypes = st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_])
arrays = st.builds(
    lambda shape, dtype, fill: np.full(shape, fill).astype(dtype),
    st.lists(st.integers(0, 5), max_size=3).map(tuple),
    dtypes,
    st.sampled_from([0, 1, -1, 0.5]),
)
sendable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | words | arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "status": words | plain, "error": words | plain, "line": plain, "label": words | plain, "cpu": plain,
        "changed": plain, "figures": plain, "text": words | plain, "more": plain, "kind": words | plain, "why": words,
    },
)  # fmt: skip
slow = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],  # a reply takes a whole submission to try: no shrinking
    suppress_health_check=list(HealthCheck),
)


def as_json(value):
    return json.dumps(value).encode("utf-8", "backslashreplace")


def framed(envelope, tree=None, body=b"", sizes=()):
    text = as_json({**envelope, "value": tree, "arrays": list(sizes)})
    return HEADER.pack(MAGIC, len(text), len(body)) + text + body


@slow
@given(st.lists(st.tuples(fields, sendable, st.booleans()), min_size=1, max_size=8), st.integers(0, 2**32))
def test_any_envelope_with_any_value_gives_a_grade(assignment, files, answers, seed):
    choice = random.Random(seed)

    def reply(message):
        envelope, value, good = choice.choice(answers)
        if message["op"] == "start" and seed % 4:
            return pack({"id": message["id"], "status": "ok"}, value)
        envelope = {**({"status": "ok"} if good else {}), **envelope, **({"status": "ok"} if good else {})}
        return pack_loosely({**envelope, "id": message["id"]}, value)

    check(assignment, files, reply)


def pack_loosely(envelope, value):
    """A frame whose envelope may hold what `pack` would not write (NaN, an infinity)."""
    frame = pack({}, value)
    size, body = HEADER.unpack(frame[: HEADER.size])[1:]
    tree = json.loads(frame[HEADER.size : HEADER.size + size])
    text = as_json({**envelope, "value": tree["value"], "arrays": tree["arrays"]})
    return HEADER.pack(MAGIC, len(text), body) + text + frame[HEADER.size + size :]


ends = [Timeout("x"), Died(CANARY), Died(CANARY, killed=True)]


@slow
@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=5),
    st.lists(plain, min_size=2, max_size=5),
    st.integers(0, 2**32),
)
def test_any_bytes_and_any_end_give_a_grade(assignment, files, raw, values, seed):
    choice = random.Random(seed)

    def reply(message):
        if message["op"] in ("start", "run"):
            return pack({"id": message["id"], "status": "ok"}, {"python": CANARY, CANARY: "1", "numpy": 3})
        some = [
            *ends,
            choice.choice(raw),
            framed({"id": choice.choice(values), "status": "ok"}, choice.choice(values)),
            framed({"id": message["id"], "status": "ok"}, choice.choice(values), b"x" * 9, [9]),
        ]
        return choice.choice(some)

    grade = check(assignment, files, reply)
    assert grade.environment == {}


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 1e308, math.nan, math.inf, CANARY, [], (), {}, [[]], [CANARY], (CANARY, CANARY),
        (np.nan, np.nan), ([], []), np.zeros(0), np.zeros((0, 3)), np.full(3, np.nan), np.full((40,), np.inf),
        np.zeros((1,) * 8), np.zeros(100_000), [0] * 50_000, {"w": CANARY}, (None, None), (CANARY, 1),
        (np.zeros(2), np.zeros(3)), (np.zeros(3), [CANARY]), (np.zeros(3), [[0]]), np.zeros(3, bool), 2**62,
    ],
    ids=repr,
)  # fmt: skip
def test_one_answer_to_every_call_earns_nothing_and_breaks_no_test(assignment, files, value):
    grade = check(assignment, files, lambda message: pack({"id": message["id"], "status": "ok"}, value))
    assert grade.status == GRADED
    assert grade.points == 0


def test_answers_that_never_match_their_question_are_the_students_loss(assignment, files):
    grade = check(assignment, files, lambda m: pack({"id": m["id"] if m["op"] == "start" else 0, "status": "ok"}))
    assert grade.points == 0
    assert all("ends the Python process" in sentence for sentence in grade.cells)


def test_a_process_that_claims_to_have_drawn_is_asked_within_bounds(assignment, files):
    asked = []

    def reply(message):
        asked.append(message["op"])
        value = [np.full(100_000, 65, np.uint8)] * 100 if message["op"] == "draw" else None
        return pack({"id": message["id"], "status": "ok", "figures": 10**9, "text": CANARY * 500, "more": True}, value)

    grade = check(assignment, files, reply)
    assert asked.count("draw") == asked.count("run")
    assert not any(output.images for output in grade.outputs)
    assert all("\x1b" not in output.text for output in grade.outputs)
    assert sum(len(output.text) for output in grade.outputs) <= 60_000


# ---- frames ----


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused_or_are_a_frame(data, tensors):
    for frame in (data, MAGIC + data, HEADER.pack(MAGIC, len(data), 0) + data):
        try:
            unpack(frame, SMALL, tensors=tensors)
        except Refused:
            continue


trees = st.recursive(
    st.none() | st.booleans() | numbers | words.filter(lambda w: len(w) < 99),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "t", "d", "f", "T", "h", "x"]), inner, max_size=2)
        | st.builds(lambda n, d, g: {"T": [n, d, g]}, st.integers(-1, 2) | inner,
                    st.sampled_from([*TENSORS.values(), "bfloat16", "complex64"]) | inner, st.booleans() | inner)
    ),
    max_leaves=10,
)  # fmt: skip


@given(st.data())
def test_any_tree_over_any_arrays_is_refused_or_read(data):
    blobs = []
    for array in data.draw(st.lists(arrays, max_size=3)):
        frame = pack({}, array)
        blob = frame[HEADER.size + HEADER.unpack(frame[: HEADER.size])[1] :]
        blobs.append(blob if data.draw(st.integers(0, 4)) else blob[: data.draw(st.integers(0, len(blob)))])
    frame = framed({}, data.draw(trees), b"".join(blobs), [len(blob) for blob in blobs])
    for tensors in (False, True):
        try:
            _, value = unpack(frame, SMALL, tensors=tensors)
        except Refused:
            continue
        assert known(value, tensors)


def known(value, tensors):
    if isinstance(value, dict):
        return all(isinstance(key, str) and known(item, tensors) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(known(item, tensors) for item in value)
    allowed = (np.ndarray, torch.Tensor) if tensors else (np.ndarray,)
    return value is None or type(value) in (bool, int, float, str) or isinstance(value, allowed)


@given(st.data())
def test_damage_to_a_good_frame_is_refused_or_harmless(data):
    value = [np.arange(6.0), {"a": (1, "two")}, torch.ones(2, dtype=torch.bfloat16), torch.eye(2, requires_grad=True)]
    frame = bytearray(pack({"id": 1}, value, SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, back = unpack(bytes(frame), SMALL, tensors=True)
    except Refused:
        return
    assert known(back, True)


def test_a_reply_cannot_name_an_object():
    with pytest.raises(Refused, match="does not write"):
        unpack(framed({}, {"h": 1}))
    assert unpack(framed({}, {"h": 1}), kept={1: "x"})[1] == "x"
    with pytest.raises(Refused, match="does not write"):
        unpack(framed({}, {"h": True}), kept={1: "x"})


def test_arrays_cannot_be_counted_twice_or_be_longer_than_numpy_counts():
    bounds = Bounds(array_bytes=8_000)
    frame = pack({}, np.zeros(1_000), bounds)
    body = frame[HEADER.size + HEADER.unpack(frame[: HEADER.size])[1] :]
    with pytest.raises(Refused, match="at most"):
        unpack(framed({}, [{"a": 0}, {"a": 0}], body, [len(body)]), bounds)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999, 999999999999999, 0), }"
    blob = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    with pytest.raises(Refused, match="axes that are too long"):
        unpack(framed({}, {"a": 0}, blob, [len(blob)]))


@pytest.mark.parametrize(
    "tree",
    [
        {"T": [0, "float64", 1]}, {"T": [0, "float64", None]}, {"T": [0, "float32", False]}, {"T": [0, "int64", True]},
        {"T": [0, "bfloat16", False]}, {"T": [0, None, False]}, {"T": [0, ["float64"], False]},
        {"T": [1, "float64", False]}, {"T": [-1, "float64", False]}, {"T": [True, "float64", False]},
        {"T": [{"a": 0}, "float64", False]},
        {"T": [0, "float64"]}, {"T": {"0": 1}}, {"T": [1, "int64", True]},
    ],
    ids=str,
)  # fmt: skip
def test_a_tensor_that_nobody_wrote_is_refused(tree):
    frame = pack({}, [np.ones(2)])
    body = frame[HEADER.size + HEADER.unpack(frame[: HEADER.size])[1] :]
    for tensors in (False, True):
        assert unpack(framed({}, {"T": [0, "float64", True]}, body, [len(body)]), tensors=tensors)[1].shape == (2,)
        with pytest.raises(Refused):
            unpack(framed({}, tree, body, [len(body)]), tensors=tensors)


def test_a_gradient_of_whole_numbers_is_refused():
    frame = pack({}, np.ones(2, np.int64))
    body = frame[HEADER.size + HEADER.unpack(frame[: HEADER.size])[1] :]
    with pytest.raises(Refused, match="whole numbers that requires a gradient"):
        unpack(framed({}, {"T": [0, "int64", True]}, body, [len(body)]))


def test_a_frame_announces_at_most_what_can_be_in_it():
    bounds = Bounds()
    with pytest.raises(Refused, match="larger than allowed"):
        frame_size(HEADER.pack(MAGIC, 2, 18_000_000))
    with pytest.raises(Refused, match="more than 2000 arrays"):
        pack({}, [np.zeros(0)] * 2_001)
    many = pack({}, [np.zeros((1,) * 8)] * 2_000)
    assert len(unpack(many)[1]) == bounds.arrays == 2_000
    assert sum(frame_size(many[: HEADER.size])) == len(many) - HEADER.size
