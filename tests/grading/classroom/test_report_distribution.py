"""The spread of points: everybody in exactly one range, round ranges, quartiles as a spreadsheet computes them."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.grading.classroom.charts import histogram, strip
from course_utils.grading.classroom.distribution import MOST_RANGES, distribution

POINTS = st.lists(st.integers(0, 240).map(lambda quarter: quarter / 4), min_size=1, max_size=60)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(POINTS, st.integers(1, 60))
def test_everybody_is_in_the_one_range_that_holds_the_points(points, possible):
    spread = distribution(points, possible)
    last = spread.ranges[-1]
    assert spread.count == sum(part.count for part in spread.ranges) == len(points)
    for part in spread.ranges:
        inside = [p for p in points if part.low <= p < part.high or (part is last and p == part.high)]
        assert part.count == len(inside)
    assert spread.ranges[0].low == 0
    assert last.high >= max(possible, *points)
    assert len(spread.ranges) <= MOST_RANGES
    widths = {round(part.high - part.low, 9) for part in spread.ranges}
    assert len(widths) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(POINTS)
def test_quartiles_are_numpys(points):
    spread = distribution(points, 60)
    assert (spread.lower, spread.median, spread.upper) == pytest.approx(tuple(np.percentile(points, [25, 50, 75])))


def test_no_points_are_no_spread_and_one_is_said_as_one():
    assert distribution([], 10) is None
    assert distribution([4], 10).sentence == "One mark so far: 4 points."
    assert "median" in distribution([4, 5], 10).sentence


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(POINTS)
def test_the_histogram_says_in_words_what_it_draws(points):
    spread = distribution(points, 30)
    drawn = histogram(spread, "Points", "one")
    assert drawn.count('class="bar"') == sum(part.count > 0 for part in spread.ranges)
    assert drawn.startswith("<svg")
    words = drawn[drawn.index("<desc") : drawn.index("</desc>")]
    assert words.count("points: ") == len(spread.ranges)
    assert 'role="img"' in drawn
    assert 'aria-labelledby="one-title one-words"' in drawn
    assert "nan" not in drawn
    assert "-0" not in drawn.replace('viewBox="-4 0', "")


def test_a_strip_is_hidden_from_readers_and_as_wide_as_its_counts():
    drawn = strip([("full", 3), ("part", 0), ("none", 1)])
    assert 'aria-hidden="true"' in drawn
    assert 'width="75"' in drawn
    assert 'width="25"' in drawn
    assert drawn.count("<rect") == 2
    assert strip([("full", 0)]).count("<rect") == 0
