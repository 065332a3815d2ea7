"""Palette pictures: fewer bytes, nearly the same pixels, the same every time."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from course_utils.plotting.compact import compact_figures, palette_png


def chart():
    figure = Figure(figsize=(5, 3), facecolor="white")
    axes = figure.subplots()
    axes.plot(np.sin(np.linspace(0, 20, 300)), color="#0072B2")
    axes.set(title="A chart", xlabel="x")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def test_smaller_and_nearly_the_same():
    before = chart()
    after = palette_png(before)
    assert len(after) < 0.5 * len(before)
    a, b = (np.asarray(Image.open(io.BytesIO(p)).convert("RGB"), dtype=int) for p in (before, after))
    assert a.shape == b.shape
    assert np.abs(a - b).mean() < 1.0
    assert palette_png(before) == after


def test_nothing_happens_outside_a_notebook():
    compact_figures()
