"""Cost against error, and cost against the accuracy of several seeds."""

from __future__ import annotations

from matplotlib.figure import Figure

from course_utils.plotting.budgets import MARKS, draw_errors, draw_map


def test_errors_are_drawn_by_protocol_with_a_line_through_each_family() -> None:
    axes = Figure().subplots()
    points = {"a": (1.0, 9.0, "one crop"), "b": (10.0, 7.0, "one crop"), "c": (3.0, 8.0, "ten crops")}
    draw_errors(axes, points, {"a": (7, 0), "c": (-7, 2)}, [["a", "b"]])
    assert axes.get_xscale() == "log"
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[1.0, 9.0], [10.0, 7.0]]
    drawn = {group.get_label(): group.get_offsets().tolist() for group in axes.collections}
    assert drawn == {"one crop": [[1.0, 9.0], [10.0, 7.0]], "ten crops": [[3.0, 8.0]]}
    assert set(drawn) <= set(MARKS)
    assert [text.get_text() for text in axes.texts] == ["a", "c"]
    assert [text.get_ha() for text in axes.texts] == ["left", "right"]


def test_the_map_shows_lowest_median_and_highest_and_leads_to_labels_far_off() -> None:
    axes = Figure().subplots()
    values = {"near": [0.5, 0.7, 0.6], "far": [0.2, 0.4, 0.1]}
    families = {"near": ("o", "blue"), "far": ("s", "orange")}
    draw_map(axes, {"near": 1.0, "far": 2.0}, values, families, {"far": (-20, 3)})
    bar, mark, *_ = axes.lines
    assert bar.get_xydata().tolist() == [[1.0, 0.5], [1.0, 0.7]]
    assert mark.get_xydata().tolist() == [[1.0, 0.6]]
    near, far = axes.texts
    assert (near.get_text(), far.get_text()) == ("near", "far")
    assert near.arrow_patch is None
    assert far.arrow_patch is not None
