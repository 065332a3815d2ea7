"""Normalising removes what varies between two runs and keeps what means something."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tools.normalise import WIDGET_STATE, WIDGET_VIEW, NotStorable, dumps, normalise, with_palette


def notebook(ids: list[str], module: str = "anywidget") -> dict:
    """A notebook with two widgets shown in order, each with a layout, and one widget that is never shown."""
    first, second, layout_a, layout_b, unused = ids
    state = {
        unused: {"model_module": "@jupyter-widgets/controls", "model_name": "Hidden", "state": {}},
        second: {"model_module": module, "model_name": "W", "state": {"layout": f"IPY_MODEL_{layout_b}", "value": 2}},
        layout_b: {"model_module": "@jupyter-widgets/base", "model_name": "LayoutModel", "state": {}},
        first: {
            "model_module": "anywidget",
            "model_name": "W",
            "state": {"layout": f"IPY_MODEL_{layout_a}", "value": 1},
        },
        layout_a: {"model_module": "@jupyter-widgets/base", "model_name": "LayoutModel", "state": {}},
    }

    def view(model: str) -> dict:
        data = {WIDGET_VIEW: {"model_id": model}, "text/plain": f"<course.W object at 0x{model[:12]}>"}
        return {"output_type": "display_data", "data": data, "metadata": {}}

    def code(outputs: list[dict]) -> dict:
        return {"cell_type": "code", "source": "", "metadata": {"execution": {"t": model_time}}, "outputs": outputs}

    model_time = ids[0]
    text = [{"output_type": "stream", "name": "stdout", "text": part} for part in (["a\n"], ["b\n"])]
    return {
        "cells": [code([view(first)]), code([view(second)]), code(text)],
        "metadata": {"widgets": {WIDGET_STATE: {"state": state}}},
    }


def ids(offset: int) -> list[str]:
    return [f"{(offset * 7919 + 104729 * i):032x}" for i in range(1, 6)]


def test_two_runs_with_other_ids_give_the_same_bytes() -> None:
    first, second = notebook(ids(1)), notebook(list(reversed(ids(2))))
    assert dumps(first) != dumps(second)
    assert dumps(normalise(first)) == dumps(normalise(second))


def test_models_are_numbered_in_order_of_first_use_and_unused_ones_dropped() -> None:
    result = normalise(notebook(ids(3)))
    state = result["metadata"]["widgets"][WIDGET_STATE]["state"]
    assert [m["state"].get("value") for m in state.values()] == [1, None, 2, None]
    assert state[f"{0:032x}"]["state"]["layout"] == f"IPY_MODEL_{1:032x}"
    shown = [c["outputs"][0]["data"][WIDGET_VIEW]["model_id"] for c in result["cells"][:2]]
    assert shown == [f"{0:032x}", f"{2:032x}"]


def test_values_that_mean_something_stay() -> None:
    one, other = notebook(ids(4)), notebook(ids(4))
    other["metadata"]["widgets"][WIDGET_STATE]["state"][ids(4)[0]]["state"]["value"] = 9
    assert dumps(normalise(one)) != dumps(normalise(other))


def test_streams_are_joined_and_addresses_removed() -> None:
    result = normalise(notebook(ids(5)))
    assert result["cells"][2]["outputs"] == [{"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]}]
    assert result["cells"][0]["outputs"][0]["data"]["text/plain"] == ["<course.W object>"]
    assert all("execution" not in cell["metadata"] for cell in result["cells"])


def test_a_widget_that_needs_a_kernel_is_refused() -> None:
    with pytest.raises(NotStorable, match="W of @jupyter-widgets/controls, which needs a kernel"):
        normalise(notebook(ids(6), module="@jupyter-widgets/controls"))


def test_the_argument_is_left_alone() -> None:
    nb = notebook(ids(7))
    before = copy.deepcopy(nb)
    normalise(nb)
    assert nb == before


def chart() -> bytes:
    """A small line chart as a notebook stores it."""
    figure = Figure(figsize=(3, 2), dpi=100, facecolor="white")
    axes = figure.add_subplot()
    axes.plot(np.sin(np.linspace(0, 20, 300)), color="#0072B2")
    axes.plot(np.cos(np.linspace(0, 20, 300)), color="#D55E00")
    axes.set_title("two waves")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def test_a_palette_makes_pictures_smaller_and_hardly_changes_them() -> None:
    before = chart()
    after = with_palette(before)
    assert len(after) < len(before)
    assert with_palette(before) == after
    assert with_palette(after) == after
    old, new = (np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")).astype(int) for raw in (before, after))
    off = np.abs(old - new)
    assert np.percentile(off, 99) <= 12, "only rare shades along edges may move"
    assert off.mean() < 0.6


def test_a_transparent_picture_keeps_its_transparency() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(out, "PNG")
    assert with_palette(out.getvalue()) == out.getvalue()
