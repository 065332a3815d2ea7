"""Every widget in a real JupyterLab with a kernel: a reader's action reaches Python, and Python's the reader."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_utils.widgets import ALL

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
START = """import json
from course_utils.widgets import ALL
made = [one() for one in ALL]
first = [one.get_state() for one in made]"""
READ = """changed = [{k: v for k, v in one.get_state().items() if v != old[k]} for one, old in zip(made, first)]
print("STATE" + json.dumps(changed))"""
BACK = """for one, old, new in zip(made, first, changed):
    with one.hold_sync():
        for name in new:
            setattr(one, name, old[name])
print("BACK")"""
WAIT = 60_000


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One JupyterLab, one kernel, one notebook with every widget shown in its own cell."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [START, *(f"made[{i}]" for i in range(len(ALL))), READ, BACK]
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(book, folder / "widgets.ipynb")
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    env |= {name: str(folder / place) for name, place in places.items()}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", "--expose-app-in-browser"]
    command += ["--LabApp.news_url=None", f"--ServerApp.root_dir={folder}"]
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    context = None
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/lab/tree/widgets.ipynb?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=WAIT)
        page.wait_for_function("window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')", timeout=WAIT)
        _run(page, range(len(ALL) + 1))
        page.wait_for_function(
            "(count) => document.querySelectorAll('.jp-OutputArea .cw-card').length === count",
            arg=len(ALL),
            timeout=WAIT,
        )
        yield page
    finally:
        if context is not None:
            context.close()
        server.terminate()
        server.wait(20)
        log.close()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()}")


def _run(page: Any, cells: Any) -> None:
    """Run the cells with these numbers, in their order, and leave the focus on none."""
    for number in cells:
        page.evaluate(
            """async (number) => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              await window.jupyterapp.shell.currentWidget.sessionContext.ready;
              notebook.activeCellIndex = number;
              await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            number,
        )


def _printed(page: Any, number: int, mark: str) -> str:
    """Run a cell and return the line it prints after ``mark``."""
    _run(page, [number])
    text = page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea-output").first.inner_text()
    assert mark in text, text
    return text.split(mark, 1)[1].splitlines()[0]


@pytest.mark.parametrize("index", range(len(ALL)), ids=[widget.__name__ for widget in ALL])
def test_state_goes_to_python_and_back(lab: Any, use_each: Callable[..., None], seen: Any, index: int) -> None:
    card = lab.locator(".jp-OutputArea .cw-card").nth(index)
    before = seen(card)
    use_each(lab, card)
    used = seen(card)
    assert used != before
    changed = json.loads(_printed(lab, len(ALL) + 1, "STATE"))[index]
    print(f"{ALL[index].__name__} reads back {json.dumps(changed)[:300]}")
    assert set(changed) - {"_view_count"}, "what the reader did must reach Python"
    _printed(lab, len(ALL) + 2, "BACK")
    lab.wait_for_function(
        f"([card, old]) => ({seen.script})(card) !== old", arg=[card.element_handle(), used], timeout=15_000
    )


def test_lab_shows_the_live_view_only(lab: Any) -> None:
    assert lab.locator(".jp-OutputArea .course-widget-static").count() == 0


def test_keys_stay_inside_the_widget(lab: Any) -> None:
    """Two presses of D delete a cell in JupyterLab's command mode: not while a widget has the focus."""
    cells = lab.locator(".jp-Notebook .jp-Cell").count()
    for area in lab.locator(".jp-OutputArea .cw-card :is(.cw-surface, input[type=range])").all():
        area.focus()
        for key in ["d", "d", "x", "ArrowDown"]:
            lab.keyboard.press(key)
    assert lab.locator(".jp-Notebook .jp-Cell").count() == cells


def test_cards_follow_the_dark_theme(lab: Any) -> None:
    bright = "(cards) => cards.map((c) => Number(getComputedStyle(c).backgroundColor.match(/\\d+/)[0]) > 127)"
    cards = lab.locator(".jp-OutputArea .cw-card")
    assert all(cards.evaluate_all(bright))
    lab.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    lab.wait_for_selector("body[data-jp-theme-light=false]", state="attached", timeout=WAIT)
    assert not any(cards.evaluate_all(bright))
    lab.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    lab.wait_for_selector("body[data-jp-theme-light=true]", state="attached", timeout=WAIT)
