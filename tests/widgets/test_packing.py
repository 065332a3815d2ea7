"""Arrays survive the way through base64 text, and shuffles are shuffles."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.widgets.packing import pack, unpack_bytes, unpack_float16, unpack_float32
from course_utils.widgets.shuffle import permutation, random_numbers


def test_round_trips_are_exact() -> None:
    rng = np.random.default_rng(0)
    single = rng.normal(size=50).astype(np.float32)
    half = np.array([0, -0.0, 1, -2.5, 6e-8, 65504, 3e-5], dtype=np.float16)
    bytes_ = rng.integers(0, 256, 50).astype(np.uint8)
    assert np.array_equal(unpack_float32(pack(single)), single)
    assert np.array_equal(unpack_float16(pack(half)), half.astype(float))
    assert np.array_equal(unpack_bytes(pack(bytes_)), bytes_)
    assert pack(single.astype(">f4")) == pack(single), "byte order of the machine does not matter"


@pytest.mark.parametrize("count", [1, 2, 784])
def test_permutation_holds_every_index_once(count: int) -> None:
    assert sorted(permutation(count, 5)) == list(range(count))
    assert permutation(count, 5) == permutation(count, 5)


def test_random_numbers_are_even() -> None:
    numbers = random_numbers(1)
    drawn = np.array([next(numbers) for _ in range(20_000)])
    assert abs(drawn.mean() - 0.5) < 0.01
    assert np.histogram(drawn, 10, (0, 1))[0].min() > 1800
