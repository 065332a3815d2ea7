import matplotlib.pyplot as plt
import pytest

from course_utils.plotting.blocks import block_diagram


@pytest.mark.parametrize(("shortcut", "sums"), [(None, 0), ("", 1), ("1x1, /2", 1)])
def test_a_diagram_shows_every_layer_once_and_a_sum_where_there_is_a_shortcut(shortcut, sums):
    figure, axes = plt.subplots()
    block_diagram(axes, ["3x3, 64", "BN"], shortcut=shortcut, after=["ReLU"], title="a block", source="x")
    texts = [text.get_text() for text in axes.texts if text.get_text()]
    expected = ["x", "3x3, 64", "BN", "ReLU", *["+"] * sums, *([shortcut] if shortcut else [])]
    assert sorted(texts) == sorted(expected)
    assert axes.get_title() == "a block"
    figure.canvas.draw()
    plt.close(figure)
