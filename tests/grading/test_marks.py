import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.grading.marks import WEIGHTS, exact, final_mark, part_mark, weigh, written


def test_the_weights_are_thirty_thirty_forty_and_sum_to_one_hundred():
    assert WEIGHTS == {"homework": 30, "challenge": 30, "exam": 40}
    assert sum(WEIGHTS.values()) == 100


@pytest.mark.parametrize("part", WEIGHTS)
def test_each_part_counts_its_own_weight(part):
    marks = dict.fromkeys(WEIGHTS, 0.0) | {part: 100.0}
    assert final_mark(**marks) == WEIGHTS[part]


def test_the_mark_is_linear_and_reaches_both_ends():
    assert final_mark(0, 0, 0) == 0
    assert final_mark(100, 100, 100) == 100
    assert final_mark(60, 70, 80) == pytest.approx(71)


@pytest.mark.parametrize("wrong", [-1, 100.5, math.nan, math.inf])
def test_a_part_outside_the_scale_is_refused(wrong):
    with pytest.raises(ValueError, match="exam"):
        final_mark(50, 50, wrong)


@pytest.mark.parametrize("wrong", [None, "90"])
def test_a_missing_part_is_never_a_zero(wrong):
    with pytest.raises(TypeError, match="homework"):
        final_mark(wrong, 50, 50)


def test_points_of_a_part_are_added_before_they_are_divided():
    assert part_mark([10, 0], [10, 30]) == 25
    assert part_mark([0], [10]) == 0
    assert part_mark([], []) is None
    assert part_mark([3], [0]) is None


def test_a_bonus_fills_up_to_one_hundred():
    assert part_mark([12, 5], [10, 10]) == 85
    assert part_mark([12, 10], [10, 10]) == 100


def test_weighing_is_exact_and_leaves_out_what_weighs_nothing():
    assert weigh({"homework": 70.1, "exam": 33.3}, {"homework": 50, "challenge": 0, "exam": 50}) == Fraction("51.7")
    with pytest.raises(KeyError):
        weigh({"homework": 50, "exam": 50})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e-9, "0"),
        (22.5, "22.5"),
        (100, "100"),
        (1e15, "1000000000000000"),
        (0.005, "0.01"),
        (1.005, "1.01"),
        (2.675, "2.68"),
        (Fraction(2, 3), "0.67"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_numbers_are_written_with_two_decimals_and_halves_go_up(value, text):
    assert written(value) == text


@settings(deadline=None)
@given(st.floats(0, 1e9, allow_nan=False))
def test_a_written_number_is_within_half_a_hundredth(value):
    assert abs(Fraction(written(value)) - exact(value)) <= Fraction(1, 200)
