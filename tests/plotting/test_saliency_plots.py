"""Maps are scaled, rows are drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest

from course_utils.plotting.saliency import map_rows, scale_map


def test_a_map_is_scaled_by_its_percentile() -> None:
    values = np.arange(-1.0, 100.0)[None]
    scaled = scale_map(values, 50)
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert scaled[0, 26] == pytest.approx(25 / np.percentile(np.clip(values, 0, None), 50))
    assert (scale_map(np.zeros((2, 2))) == 0).all()
    spike = np.zeros((20, 20))
    spike[3, 3] = 2
    assert scale_map(spike)[3, 3] == 1


def test_rows_of_pictures_and_maps() -> None:
    picture, flat = np.zeros((3, 8, 16), dtype=np.uint8), np.ones((8, 16))
    masks = np.zeros((2, 8, 16), dtype=bool)
    masks[:, 2:4] = True
    sheet = map_rows([[picture] * 2, [flat] * 2], ["pictures", "maps"], ["a", "b"], outlines=masks)
    figure = sheet.figure
    assert len(figure.axes) == 4
    assert [[t.get_text() for t in axes.texts] for axes in figure.axes] == [["pictures"], [], ["maps"], []]
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert (round(box.width, 3), round(box.height, 3)) == (32, 16), "two screen pixels for one of the picture"
    assert all(axes.images for axes in figure.axes)
    assert all(axes.collections for axes in figure.axes)
    with pytest.raises(ValueError, match="same length"):
        map_rows([[picture] * 2, [flat]], ["pictures", "maps"])


def test_a_sheet_shows_itself_in_few_colours_and_few_bytes() -> None:
    from PIL import Image

    noise = np.random.default_rng(0).random((4, 64, 64))
    sheet = map_rows([noise], ["noise"])
    raw = sheet._repr_png_()
    assert len(raw) < 18_000
    image = Image.open(io.BytesIO(raw))
    assert len(image.getcolors(maxcolors=10_000)) <= 64
    assert repr(sheet) == "1 rows of 4"
    assert sum(image.convert("RGB").getpixel((0, 0))) > 3 * 250, "the ground is white"
