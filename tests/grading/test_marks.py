import math

import pytest

from course_utils.grading.marks import WEIGHTS, final_mark


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
