"""Every widget on a static page opened from a file: light, dark, on a phone, by keyboard, still, without scripts."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_utils.widgets import ALL, PerceptronPlayground, WeightDials

pytestmark = pytest.mark.browser
EACH = pytest.mark.parametrize("widget", ALL, ids=lambda widget: widget.__name__)
AXE = Path(__file__).resolve().parents[1] / "site" / "vendor" / "axe-core" / "axe.min.js"

# Distinct pictures over the next frames after a click: 1 or 2 is a jump, more is motion.
FRAMES = """async (button) => {
  const card = button.closest('.cw-card');
  const see = () => card.querySelector('.cw-body').outerHTML + [...card.querySelectorAll('canvas')].map((c) => c.toDataURL()).join();
  const seen = new Set();
  button.click();
  for (let i = 0; i < 15; i++) { await new Promise(requestAnimationFrame); seen.add(see()); }
  return seen.size + document.getAnimations().length;
}"""  # noqa: E501

# Elements that reach over the card's edge.
OUTSIDE = """(card) => {
  const edge = card.getBoundingClientRect().right;
  return [...card.querySelectorAll('*')].filter((e) => !e.closest('svg *') && e.getBoundingClientRect().right > edge + 0.5)
    .map((e) => e.outerHTML.slice(0, 80));
}"""  # noqa: E501

# Milliseconds from an input event to laid-out result, many times over, for each slider and arrow-key area;
# and of a fixed loop, to compare machines.
LATENCY = """async (card) => {
  const times = [], rest = () => new Promise((done) => setTimeout(done));
  const measure = async (fire) => {
    await rest();
    const start = performance.now();
    fire();
    await Promise.resolve();
    card.getBoundingClientRect();
    times.push(performance.now() - start);
  };
  for (const input of card.querySelectorAll('input[type=range]'))
    for (let i = 0; i < 20; i++)
      await measure(() => { input[i % 2 ? 'stepDown' : 'stepUp'](); input.dispatchEvent(new Event('input')); });
  for (const area of card.querySelectorAll('.cw-surface')) {
    area.focus();
    for (const key of ['Enter', ...Array(20).fill('ArrowRight'), ...Array(20).fill('ArrowLeft')])
      await measure(() => area.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })));
  }
  const start = performance.now();
  let sum = 0;
  for (let i = 0; i < 2e6; i++) sum += Math.sqrt(i);
  return { times, probe: performance.now() - start + (sum < 0 ? 1 : 0) };
}"""


def violations(page: Any) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:120]})" for one in found]


@EACH
def test_looks_right_light_dark_and_narrow(open_widget: Callable[..., Any], widget: Any) -> None:
    page = open_widget(widget())
    for theme, width in [("light", 900), ("dark", 720), ("light", 640), ("light", 360), ("dark", 360)]:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
        page.evaluate("new Promise(requestAnimationFrame)")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"sticks out at {width}"
        light = page.locator(".cw-card").evaluate(
            "(card) => getComputedStyle(card).backgroundColor.match(/\\d+/g).slice(0, 3).every((v) => v > 127)"
        )
        assert light == (theme == "light")
        tight = page.locator(".cw-card").evaluate(
            "(card) => [...card.querySelectorAll('*')].filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth"
            " && getComputedStyle(e).overflowX === 'hidden').map((e) => e.className)"
        )
        assert not tight, f"text is cut off at {width}"
        outside = page.locator(".cw-card").evaluate(OUTSIDE)
        assert not outside, f"at {width} these leave the card: {outside}"
        if (theme, width) in [("light", 900), ("dark", 360)]:
            assert violations(page) == []


@EACH
def test_works_by_keyboard_alone(open_widget: Callable[..., Any], operate: Callable[..., Any], widget: Any) -> None:
    page = open_widget(widget())
    card = page.locator(".cw-card")
    controls = card.locator("button, select, input:not([type=radio]), input[type=radio]:checked, .cw-surface").count()
    said = operate(page, card)
    if not all(any(sentences) for sentences in said.values()):  # some controls act only after others have
        page.locator("h1").evaluate("(h) => { h.tabIndex = -1; h.focus(); }")
        for name, sentences in operate(page, card).items():
            said[name] = said.get(name, set()) | sentences
    assert len(said) >= controls, f"Tab reaches {sorted(said)} of {controls} controls"
    silent = [name for name, sentences in said.items() if not any(sentences)]
    assert not silent, f"these controls change nothing that the status line reports: {silent}"
    assert violations(page) == []


@EACH
def test_keeps_still_when_asked_to(open_widget: Callable[..., Any], widget: Any) -> None:
    page = open_widget(widget(), reduced_motion="reduce")
    for control in page.locator(".cw-card button").all():
        assert control.evaluate(FRAMES) <= 2, f"{control.inner_text()} moves the picture"


def test_dials_turn_when_motion_is_welcome(open_widget: Callable[..., Any]) -> None:
    """The check above can fail: with motion the dials turn over several frames."""
    page = open_widget(WeightDials())
    assert page.get_by_role("button", name="Forward").evaluate(FRAMES) > 3


@EACH
def test_still_picture_without_scripts(open_widget: Callable[..., Any], widget: Any) -> None:
    made = widget()
    page = open_widget(made, java_script_enabled=False)
    picture = page.locator(".course-widget-static img")
    box = picture.bounding_box()
    assert box["width"] > 200
    assert box["height"] > 100, "the picture has loaded"
    assert page.locator(".course-widget-static figcaption").inner_text() == made.static_text
    assert page.locator(".cw-card").count() == 0


@EACH
def test_answers_within_a_frame(open_widget: Callable[..., Any], widget: Any) -> None:
    page = open_widget(widget())
    measured = page.locator(".cw-card").evaluate(LATENCY)
    times, probe = sorted(measured["times"]), measured["probe"]
    median, slow = statistics.median(times), times[int(0.95 * len(times))]
    print(
        f"{widget.__name__}: {len(times)} inputs, median {median:.1f} ms, "
        f"95 % under {slow:.1f} ms (probe {probe:.1f} ms)"
    )
    assert len(times) >= 20
    assert median < 16 or median < 3 * probe, "an answer takes longer than a frame, also beside the probe loop"


def test_status_and_picture_follow_a_step(open_widget: Callable[..., Any], seen: Callable[[Any], str]) -> None:
    points = [[0.5, 0.5, 1], [-0.5, -0.5, -1]]
    page = open_widget(PerceptronPlayground(points=points))
    card = page.locator(".cw-card")
    before = seen(card)
    page.get_by_role("button", name="Step").click()
    assert "Mistake 1" in card.locator("[role=status]").inner_text()
    assert "(0.50, 0.50, 1.00)" in card.inner_text()
    assert seen(card) != before


def test_strict_rule_is_stuck_at_zero(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PerceptronPlayground(rule="below 0"))
    for _ in range(20):
        page.get_by_role("button", name="Step").click()
    assert "nothing will ever change" in page.locator("[role=status]").inner_text()
    assert "(0.00, 0.00, 0.00)" in page.locator(".cw-card").inner_text()


def test_points_are_added_dragged_and_deleted(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PerceptronPlayground(points=[]))
    box, status = page.locator(".pp-plane").bounding_box(), page.locator("[role=status]")
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"]
    page.mouse.click(x, y)
    assert "Added point 1 of class +1 at (0.50, 0.50)" in status.inner_text()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 0.25 * box["height"], steps=4)
    page.mouse.up()
    assert "Moved point 1 to (0.50, 0.00)" in status.inner_text()
    page.get_by_role("button", name="Delete").click()
    assert "Removed point 1" in status.inner_text()
    assert page.locator(".pp-point").count() == 0


def test_digit_is_drawn_with_the_mouse_and_with_keys(open_widget: Callable[..., Any]) -> None:
    from course_utils.widgets import DigitReader

    page = open_widget(DigitReader(strokes=[]))
    status, pad = page.locator("[role=status]"), page.locator(".dr-pad")
    assert "empty" in status.inner_text()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"], steps=12)
    page.mouse.up()
    assert "Reads 1" in status.inner_text()
    page.get_by_role("button", name="Clear").click()
    pad.focus()
    for key in ["Space", *["ArrowDown"] * 16]:
        page.keyboard.press(key)
    assert "Reads 1" in status.inner_text()
