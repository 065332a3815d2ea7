"""What all tests share: Chromium or a clear skip, and no silent skips where they are forbidden."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from course_utils.runtime.environment import find_chromium

NO_CHROMIUM = (
    "there is no Chromium on this machine; install it with your system's packages (apt install chromium) "
    "or with .venv/bin/playwright install chromium"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium a worker for every browser test (Playwright cannot be started twice in one thread)."""
    from tools.browser import chromium

    with chromium() as running:
        yield running


# Files that take minutes. Workers take whole files (--dist loadfile): what is long has to begin first.
LONG = (
    "site/test_every_page.py",
    "site/test_pdf.py",
    "classroom/test_corpus.py",
    "site/test_reading.py",
    "classroom/test_dask.py",
    "tools/test_guide.py",
    "widgets/test_lab.py",
    "training/test_distributed.py",
)


def place(item: pytest.Item) -> int:
    """How early the file of a test begins: its place among the long ones, or after them."""
    path = item.path.as_posix()
    return next((i for i, name in enumerate(LONG) if path.endswith(name)), len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; skip, with the reason, what this machine cannot run.

    Those are browser tests without a browser, and grading on Windows.
    """
    items.sort(key=place)
    if sys.platform == "win32":
        for item in items:
            if {"grading", "assignments"} & set(item.path.parts):
                item.add_marker(pytest.mark.skip(reason="grading runs on Linux and macOS; students work anywhere"))
    if find_chromium() is not None:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With ``COURSE_FORBID_SKIPS=1`` a skipped test fails the run: CI must not pass by skipping."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("COURSE_FORBID_SKIPS") != "1" or reporter is None:
        return
    if reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("skipped tests are forbidden here (COURSE_FORBID_SKIPS=1)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
