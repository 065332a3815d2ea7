"""Make two executions of the same notebook give the same bytes.

What differs from run to run without meaning anything is renamed or dropped: widget model ids (numbered in
order of first use), memory addresses, how a stream of text was cut into pieces. Pictures are stored with a
palette: a third of the bytes, the same to the eye.
"""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
from PIL import Image

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ALLOWED_MODULES = ("anywidget", "@jupyter-widgets/base")
MODEL_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
PALETTES = (32, 48, 64, 96, 128, 192, 256)
MEAN_SHIFT, RARE_SHIFT = 0.6, 12
ADDRESS = re.compile(r"(<[\w.]+(?: object)?) at 0x[0-9a-fA-F]+>")


class NotStorable(ValueError):
    """A notebook holds something that cannot be shown without a kernel."""


def normalise(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook (as plain JSON data) with everything that varies between runs made fixed.

    Args:
        notebook: an executed notebook, nbformat 4.

    Returns:
        A new notebook; the argument is left alone.

    Raises:
        NotStorable: if the stored widget state holds a model that is no anywidget.
    """
    nb = json.loads(json.dumps(notebook))
    for cell in nb["cells"]:
        cell["metadata"].pop("execution", None)
        if cell["cell_type"] == "code":
            cell["outputs"] = [_clean_output(output) for output in _joined(cell["outputs"])]
    _keep_used_models(nb)
    text = json.dumps(nb, ensure_ascii=False)
    order: list[str] = []
    state = nb["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    cells = json.dumps(nb["cells"], ensure_ascii=False)
    for model in [*MODEL_ID.findall(cells), *MODEL_ID.findall(json.dumps(state, sort_keys=True))]:
        if model in state and model not in order:
            order.append(model)
    for number, model in enumerate(_by_reference(order, state)):
        text = text.replace(model, f"{number:032x}")
    nb = json.loads(text)
    widgets = nb["metadata"].get("widgets", {}).get(WIDGET_STATE)
    if widgets:
        widgets["state"] = dict(sorted(widgets["state"].items()))
    return nb


def dumps(notebook: dict[str, Any]) -> str:
    """Write a notebook as text, the one way: indent 1, keys as they stand, a newline at the end."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring pieces of one stream: where it is cut depends on timing."""
    result: list[dict[str, Any]] = []
    for output in outputs:
        last = result[-1] if result else None
        continues = last and output["output_type"] == last["output_type"] == "stream" and output["name"] == last["name"]
        if last and continues:
            last["text"] = _text(last["text"]) + _text(output["text"])
        else:
            result.append(output)
    return result


def _clean_output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        output["text"] = ADDRESS.sub(r"\1>", _text(output["text"])).splitlines(keepends=True)
    data = output.get("data", {})
    if "image/png" in data:
        png = base64.b64decode(_text(data["image/png"]))
        data["image/png"] = base64.b64encode(with_palette(png)).decode("ascii") + "\n"
    for mime, value in data.items():
        if mime.startswith("text/"):
            data[mime] = ADDRESS.sub(r"\1>", _text(value)).splitlines(keepends=True)
    return output


def with_palette(png: bytes) -> bytes:
    """Re-encode an opaque PNG with the smallest palette that the eye cannot tell from the original.

    A chart holds few colours: the thousands in its file are shades along the edges of letters and lines. A
    palette is good enough when colours move by less than ``MEAN_SHIFT`` of 255 on average and nearly all
    (99 %) by at most ``RARE_SHIFT``.

    Returns:
        The new PNG, or the old one if that is smaller, transparent, or has a palette already.
    """
    picture = Image.open(io.BytesIO(png))
    if picture.mode == "P" or (picture.mode == "RGBA" and picture.getextrema()[3][0] < 255):
        return png
    picture = picture.convert("RGB")
    pixels = np.asarray(picture, dtype=np.int16)
    for colors in PALETTES:
        reduced = picture.quantize(colors, method=Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
        shift = np.abs(np.asarray(reduced.convert("RGB"), dtype=np.int16) - pixels)
        if shift.mean() < MEAN_SHIFT and np.percentile(shift, 99) <= RARE_SHIFT:
            break
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return min(out.getvalue(), png, key=len)


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _keep_used_models(nb: dict[str, Any]) -> None:
    """Drop models that no output shows, and refuse those that a page without a kernel cannot show."""
    widgets = nb["metadata"].get("widgets", {}).get(WIDGET_STATE)
    if not widgets:
        nb["metadata"].pop("widgets", None)
        return
    state = widgets["state"]
    used: list[str] = []
    queue = [m for m in MODEL_ID.findall(json.dumps(nb["cells"])) if m in state]
    while queue:
        model = queue.pop(0)
        if model in used:
            continue
        used.append(model)
        module = state[model]["model_module"]
        if module not in ALLOWED_MODULES:
            name = state[model]["model_name"]
            raise NotStorable(
                f"the notebook shows a {name} of {module}, which needs a kernel; "
                "show a widget of course_utils.widgets, or a figure"
            )
        queue += [m for m in MODEL_ID.findall(json.dumps(state[model]["state"])) if m in state]
    widgets["state"] = {model: state[model] for model in used}
    if not used:
        nb["metadata"].pop("widgets", None)


def _by_reference(order: list[str], state: dict[str, Any]) -> list[str]:
    """Order models as the cells show them, each followed by the models that it refers to."""
    result: list[str] = []

    def visit(model: str) -> None:
        if model in result:
            return
        result.append(model)
        content = state[model]["state"]
        for key in sorted(content):
            for other in MODEL_ID.findall(json.dumps(content[key])):
                if other in state:
                    visit(other)

    for model in order:
        visit(model)
    return result
