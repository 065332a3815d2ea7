"""Drawing functions draw the data they are given, and refuse what they cannot draw."""

from __future__ import annotations

import matplotlib

matplotlib.use("agg")
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from course_utils import plotting
from course_utils.plotting.style import COLORS, CYCLE
from course_utils.runtime import Band


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two hexadecimal colours."""

    def luminance(color: str) -> float:
        parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_text_colours_can_be_read_on_white() -> None:
    assert contrast(COLORS["ink"], "#ffffff") > 7
    assert contrast(COLORS["gray"], "#ffffff") > 4.5
    assert len(set(CYCLE)) == len(CYCLE)


@pytest.mark.parametrize("shape", [(5, 6, 4), (5, 1, 6, 4), (5, 3, 6, 4)])
def test_image_grid_shows_each_image_once(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape)
    figure = plotting.image_grid(images, titles=list("abcde"), columns=3)
    shown = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    assert len(shown) == 5
    assert [axes.get_title() for axes in figure.axes[:5]] == list("abcde")
    wanted = images.numpy()[4]
    wanted = wanted if wanted.ndim == 2 else wanted[0] if len(wanted) == 1 else wanted.transpose(1, 2, 0)
    np.testing.assert_allclose(np.asarray(shown[4]), wanted)


def test_bytes_are_drawn_on_their_own_scale() -> None:
    figure = plotting.image_grid(np.full((1, 2, 2), 100, dtype=np.uint8))
    assert figure.axes[0].get_images()[0].get_clim() == (0, 255)


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        ([], None, "at least one image"),
        (np.zeros((2, 5, 4, 4)), None, "1 or 3 channels"),
        (np.zeros((4, 4)), None, r"shape \(N, H, W\)"),
        (np.zeros((2, 4, 4)), ["a"], "same length, got 1 and 2"),
    ],
)
def test_image_grid_refuses_what_it_cannot_draw(images: object, titles: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.image_grid(images, titles=titles)


def test_seed_bands_stack_and_mark_the_readers_value() -> None:
    figure, axes = plt.subplots()
    plotting.seed_band(axes, Band(0.8, 0.85, 0.9, 20), value=0.86, label="conv")
    plotting.seed_band(axes, Band(0.7, 0.75, 0.8, 20), label="linear", y=1)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["conv", "linear"]
    ends, median, mine, *_ = axes.lines
    assert list(ends.get_xdata()) == [0.8, 0.9]
    assert list(median.get_xdata()) == [0.85, 0.85]
    assert list(mine.get_xdata()) == [0.86]
    plt.close(figure)


def test_regions_have_the_colours_of_the_points_even_if_a_class_has_no_region() -> None:
    figure, axes = plt.subplots()
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    plotting.scatter_classes(axes, x, np.array([0, 1, 2]))
    plotting.decision_regions(axes, lambda p: np.where(p[:, 0] > 0.5, 2, 0), (0, 1), (0, 1), labels=[0, 1, 2])
    image = axes.get_images()[0]
    assert set(np.unique(image.get_array())) == {0, 2}
    colors = [tuple(c.get_facecolor()[0][:3]) for c in axes.collections]
    np.testing.assert_allclose(image.cmap(image.norm(2))[:3], colors[2])
    plt.close(figure)


def test_scatter_uses_one_marker_a_class() -> None:
    figure, axes = plt.subplots()
    plotting.scatter_classes(axes, np.zeros((4, 2)), [1, -1, 1, -1], names={-1: "no", 1: "yes"})
    paths = [c.get_paths()[0].vertices.shape for c in axes.collections]
    assert len(axes.collections) == 2
    assert paths[0] != paths[1]
    assert [c.get_label() for c in axes.collections] == ["no", "yes"]
    with pytest.raises(ValueError, match="same length"):
        plotting.scatter_classes(axes, np.zeros((3, 2)), [1])
    plt.close(figure)
