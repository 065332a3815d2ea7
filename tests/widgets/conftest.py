"""Pages that hold one widget each, and the one way in which tests operate a widget."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_utils.widgets import CourseWidget

ROOT = Path(__file__).resolve().parents[2]
LOADER = ROOT / "book" / "_static" / "course" / "anyhost.js"
PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>One widget</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 0; padding: 8px; font-family: system-ui, sans-serif; background: #fff; color: #222; }}
html[data-theme="dark"] body {{ background: #14181e; color: #ddd; }}
.course-widget.is-live .course-widget-static {{ display: none; }}
</style>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<script defer src="anyhost.js"></script></head>
<body><main><h1>One widget</h1>
<div class="course-widget">{figure}<script type="application/vnd.jupyter.widget-view+json">{view}</script></div>
</main></body></html>
"""

# Everything a reader can see of a widget, as text: markup, values of controls, pictures on canvases.
SEEN = """(card) => JSON.stringify([
  card.innerHTML, [...card.querySelectorAll('input, select')].map((e) => e.type === 'checkbox' || e.type === 'radio' ? e.checked : e.value),
  [...card.querySelectorAll('canvas')].map((c) => c.toDataURL())])"""  # noqa: E501

FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const name = e.labels?.[0]?.textContent || e.getAttribute('aria-label') || e.textContent || '';
  return { kind: e.matches('.cw-surface') ? 'surface' : e.tagName === 'INPUT' ? e.type : e.tagName.toLowerCase(),
           name: name.trim().slice(0, 60), inside: !!e.closest('.cw-card'),
           ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 };
}"""

KEYS = {
    "range": ["ArrowRight"],
    "checkbox": ["Space"],
    "radio": ["ArrowRight"],
    "select": ["ArrowUp", "ArrowDown"],
    "button": ["Enter"],
    "text": ["End", "1"],
    "number": ["ArrowUp"],
    "surface": ["ArrowRight", "Enter", "ArrowRight", "Enter"],
}


def put_page(widget: CourseWidget, folder: Path) -> str:
    """Write a page with the widget's stored state and return its ``file://`` address."""
    state = {"state": widget.get_state(), "model_name": "AnyModel", "model_module": "anywidget"}
    stored = {"version_major": 2, "version_minor": 0, "state": {"model1": state}}
    shutil.copy(LOADER, folder / "anyhost.js")
    page = folder / "page.html"
    text = json.dumps(stored).replace("<", "\\u003c")
    view = json.dumps({"version_major": 2, "version_minor": 0, "model_id": "model1"})
    page.write_text(PAGE.format(state=text, figure=widget.static_figure(), view=view), encoding="utf-8")
    return page.as_uri()


@pytest.fixture
def open_widget(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a widget on a static page; faults of the page fail the test at its end."""
    contexts: list[Any] = []
    faults: list[str] = []

    def open_page(widget: CourseWidget, theme: str = "light", width: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda asked: _note_foreign(asked.url, faults))
        page.goto(put_page(widget, tmp_path))
        if options.get("java_script_enabled", True):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
            page.wait_for_selector(".course-widget.is-live .cw-card")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


def _note_foreign(url: str, faults: list[str]) -> None:
    if not url.startswith(("file:", "blob:", "data:")):
        faults.append(f"request to {url}")


def operate_by_keyboard(page: Any, card: Any) -> dict[str, set[str]]:
    """Walk the card's controls with Tab, use each one, and tell what the status line said after each.

    Returns:
        for each control (``kind: name``) the set of new sentences that using it brought.
    """
    said: dict[str, set[str]] = {}
    status = card.locator("[role=status]")
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        if not focus["inside"]:
            break
        name = f"{focus['kind']}: {focus['name']}"
        assert focus["ring"], f"{name} has no visible focus"
        for key in KEYS[focus["kind"]]:
            before = status.inner_text()
            page.keyboard.press(key)
            page.wait_for_timeout(20)
            after = status.inner_text()
            said.setdefault(name, set()).update({after} - {before})
    return said


@pytest.fixture
def operate() -> Callable[..., dict[str, set[str]]]:
    """Return the function that uses every control of a widget by keyboard."""
    return operate_by_keyboard


@pytest.fixture
def use_each() -> Callable[[Any, Any], None]:
    """Return a function that puts the focus on each control of a card and presses its keys."""

    def use(page: Any, card: Any) -> None:
        for control in card.locator("button, select, input, .cw-surface").all():
            control.focus()
            for key in KEYS[page.evaluate(FOCUSED)["kind"]]:
                page.keyboard.press(key)

    return use


class Seen:
    """Tells all that can be seen of a card, to compare two moments; ``script`` is the function in JavaScript."""

    script = SEEN

    def __call__(self, card: Any) -> str:
        return card.evaluate(SEEN)


@pytest.fixture
def seen() -> Seen:
    """Return a function that tells all that can be seen of a card."""
    return Seen()
