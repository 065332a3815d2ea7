"""Settings are read strictly, and scores become points along the anchors."""

import pytest

from course_utils.grading.challenge.plan import BadPlan


def test_points_run_in_straight_lines_between_anchors_and_level_beyond(plan_file):
    plan = plan_file()
    scores = (0.0, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
    assert [plan.percent(score) for score in scores] == pytest.approx([0, 0, 20, 40, 70, 100, 100])


def test_a_better_score_never_earns_less(plan_file):
    plan = plan_file(("percent: 40", "percent: 0"))
    earned = [plan.percent(k / 1000) for k in range(1001)]
    assert earned == sorted(earned)


def test_the_first_anchor_may_earn_something(plan_file):
    assert plan_file(("percent: 0}", "percent: 5}")).percent(0.0) == 5


def test_the_public_rows_are_a_whole_number(plan_file):
    assert plan_file().public_rows == 80
    assert plan_file(("public: 0.4", "public: 0.333")).public_rows == 67


WRONG = {
    "an unknown metric": (("metric: accuracy", "metric: luck"), "metric must be one of accuracy"),
    "points of nothing": (("points: 10", "points: 0"), "points must be a number above 0"),
    "points as a word": (("points: 10", "points: ten"), "points must be a number"),
    "points that are no number": (("points: 10", "points: .nan"), "points must be a number"),
    "a file with a path": (("predictions.csv", "../predictions.csv"), "file must be a name"),
    "three columns": (("[id, label]", "[id, label, more]"), "columns must be two different names"),
    "one column twice": (("[id, label]", "[id, ID]"), "columns must be two different names"),
    "one class": (("[dark, middle, light]", "[dark]"), "classes must be two or more"),
    "a class twice": (("[dark, middle, light]", "[dark, Dark]"), "classes must be two or more"),
    "a test set of nothing": (("test: 200", "test: 0"), "test must be a whole number"),
    "half an image": (("train: 60", "train: 60.5"), "train must be a whole number"),
    "everything public": (("public: 0.4", "public: 1"), "public must be a share"),
    "hardly anything public": (("public: 0.4", "public: 0.001"), "leaves rows on both sides"),
    "anchors that fall": (("score: 0.5", "score: 0.2"), "anchors must rise"),
    "anchors that take away": (("percent: 0}", "percent: 60}"), "not fall in percent"),
    "no way to all points": (("percent: 100", "percent: 90"), "last one earns 100"),
    "an anchor beyond one": (("score: 0.9", "score: 1.9"), "must be 0 to 1"),
    "an anchor with more": (("score: 0.9", "skore: 0.9"), "an anchor has name, score"),
    "a setting too few": (("record: none\n", ""), "must have the settings"),
    "a setting too many": (("record: none", "record: none\nmore: 1"), "must have the settings"),
    "no settings": (("title: Three shades", "- title"), "cannot be read"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_refused_with_the_rule(plan_file, change, words):
    with pytest.raises(BadPlan, match=words):
        plan_file(change)
