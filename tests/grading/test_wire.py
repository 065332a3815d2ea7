"""The narrow call carries plain values unchanged and refuses everything else, in both directions."""

import io
import json
import math
import pickle

import numpy as np
import pytest

from course_utils.grading.answers import same
from course_utils.grading.wire import HEADER, MAGIC, Bounds, Refused, frame_size, pack, unpack

SMALL = Bounds(array_bytes=1_000, json_bytes=2_000, nodes=50, depth=5, axes=3)


def frame(message, arrays=b""):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return HEADER.pack(MAGIC, len(text), len(arrays)) + text + arrays


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def npy_header(text):
    text = text.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -7,
        2**62,
        1.5,
        math.nan,
        -math.inf,
        "text with \u00e9, \u0000 and \ud800",
        [],
        (1, (2.0, [None])),
        {"a": {"t": [1]}, "f": "nan"},
        np.float32(2.5),
        np.array(3),
        np.zeros((0, 4)),
        np.array([True, False]),
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::-2],
        np.array([[math.nan, math.inf]]),
        np.arange(3, dtype=">f8"),
        [np.eye(2), {"w": np.ones(3), "b": 0.5}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_come_back_as_they_were(value):
    message, back = unpack(pack({"id": 4}, value))
    assert message == {"id": 4}
    if isinstance(value, np.ndarray):
        assert isinstance(back, np.ndarray)
        assert back.shape == value.shape
        assert back.dtype == value.dtype.newbyteorder("=")
        np.testing.assert_array_equal(back, value)
        assert back.flags.writeable
    else:
        plain = value.item() if isinstance(value, np.generic) else value
        assert same(back, plain) or (back != back and plain != plain)


class Pretends(list):
    def __eq__(self, other):
        return True

    __hash__ = None


def cyclic():
    loop = []
    loop.append(loop)
    return loop


def deep(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.array([object()]), "dtype object"),
        (np.array(["text"]), "dtype <U4"),
        (np.zeros(2, dtype=[("a", "f8")]), "dtype"),
        (np.zeros(2, dtype=complex), "dtype complex"),
        (np.zeros((1,) * 4), "4 axes"),
        (np.zeros(200), "1600 bytes"),
        ([np.zeros(100), np.zeros(100)], "1600 bytes"),
        (2**70, "64 bits"),
        ({1: 2}, "keys must be strings"),
        ({1, 2}, "type set"),
        (b"bytes", "type bytes"),
        (object(), "type object"),
        (lambda: 1, "type function"),
        (deep(6), "deeper than 5"),
        (cyclic(), "deeper than 5"),
        ([0] * 60, "more than 50"),
        ("x" * 3_000, "at most 2000"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_where_they_start(value, why):
    with pytest.raises(Refused, match=why):
        pack({}, value, SMALL)


def test_a_subclass_arrives_as_the_plain_type():
    assert type(unpack(pack({}, Pretends([1])))[1]) is list


HUGE = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + "\n")
NEGATIVE = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }".ljust(117) + "\n") + b"\0" * 8
OBJECTS = npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + "\n") + b"\0" * 8
NOT_A_DICT = npy_header("__import__('os').system('touch /tmp/owned')".ljust(117) + "\n")
BRACKETS = npy_header("(" * 117 + "\n")
PICKLED = npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (HUGE, "does not fit its bytes"),
        (NEGATIVE, "not an array"),
        (OBJECTS, "not an array"),
        (PICKLED, "not an array"),
        (pickle.dumps(np.ones(2)), "not an array"),
        (NOT_A_DICT, "not an array"),
        (BRACKETS, "not an array"),
        (npy(np.ones(4))[:-1], "does not fit its bytes"),
        (npy(np.ones(4)) + b"more", "does not fit its bytes"),
        (npy(np.ones(4), version=(2, 0)), "not an array"),
        (npy(np.ones((1,) * 4)), "4 axes"),
        (npy(np.ones(200)), "1600 bytes"),
        (npy(np.zeros(2, dtype=[("a", "f8")])), "not an array"),
        (npy(np.zeros(2, dtype="V8")), "dtype"),
        (npy(np.zeros(2, dtype=">f8")), "dtype"),
        (b"", "not an array"),
        (npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (, 1 2,), }\n") + b"\0" * 8, "not an array"),
    ],
    ids=range(17),
)
def test_hostile_arrays_are_refused(blob, why):
    with pytest.raises(Refused, match=why):
        unpack(frame({"value": {"a": 0}, "arrays": [len(blob)]}, blob), SMALL)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "header has 16 bytes"),
        (b"GET / HTTP/1.1\r\n", "not a frame"),
        (HEADER.pack(MAGIC, 2**31, 0), "larger than allowed"),
        (HEADER.pack(MAGIC, 2, 2**60), "larger than allowed"),
        (frame({"value": 1, "arrays": []})[:-1], "announces"),
        (frame({"value": 1, "arrays": []}) + b"x", "announces"),
        (frame(b"{"), "not JSON"),
        (frame(b"\xff\xfe"), "not JSON"),
        (frame(b"[]"), "not a JSON object"),
        (frame(b'{"value": NaN, "arrays": []}'), "not JSON"),
        (frame(b'{"value": ' + b"9" * 1_900 + b', "arrays": []}'), "64 bits"),
        (frame(b'{"value": ' + b"[" * 900 + b"]" * 900 + b', "arrays": []}'), "nested deeper"),
        (frame({"value": deep(6), "arrays": []}), "nested deeper"),
        (frame({"value": [0] * 60, "arrays": []}), "more than 50"),
        (frame({"value": {"a": 0, "t": []}, "arrays": []}), "does not write"),
        (frame({"value": {"a": 0}, "arrays": []}), "does not write"),
        (frame({"value": {"a": -1}, "arrays": []}), "does not write"),
        (frame({"value": {"a": True}, "arrays": [0]}), "does not write"),
        (frame({"value": {"f": "1e999"}, "arrays": []}), "does not write"),
        (frame({"value": {"x": []}, "arrays": []}), "does not write"),
        (frame({"value": 1}), "sizes is missing"),
        (frame({"value": 1, "arrays": [5]}, b"123"), "do not fit"),
        (frame({"value": 1, "arrays": [-1]}, b"123"), "do not fit"),
        (frame({"value": 1, "arrays": [True]}, b"1"), "do not fit"),
        (frame({"value": 1, "arrays": []}, b"123"), "left over"),
    ],
    ids=range(25),
)
def test_hostile_frames_are_refused(data, why):
    with pytest.raises(Refused, match=why):
        unpack(data, SMALL)


def test_random_damage_is_refused_or_harmless():
    good = bytearray(pack({"id": 1}, [np.arange(6.0), {"a": (1, "two")}], SMALL))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(3_000):
        damaged = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        try:
            unpack(bytes(damaged), SMALL)
        except Refused:
            refused += 1
    assert refused > 1_500


def test_a_frame_of_the_largest_size_is_announced_exactly():
    data = pack({}, np.zeros(1_000))
    assert sum(frame_size(data[: HEADER.size])) == len(data) - HEADER.size
