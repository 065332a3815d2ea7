"""The site, built once for all tests and workers, and a server for it."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

from tools.site import ROOT, SITE
from tools.static_server import StaticServer

AXE = ROOT / "tests/site/vendor/axe-core/axe.min.js"


def building_lock() -> FileLock:
    """Return the lock that every build takes: Sphinx keeps what it has read in one folder for all outputs."""
    return FileLock(ROOT / "build" / "site-building.lock")


@pytest.fixture
def only_build(site: Path) -> Iterator[None]:
    """Keep other workers from building while a test does."""
    with building_lock():
        yield


@pytest.fixture(scope="session")
def site() -> Path:
    """Build the site with the command that users run, once a test run, and return its folder."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    mark = ROOT / "build" / "site-test-run"
    mark.parent.mkdir(exist_ok=True)
    with building_lock():
        if not mark.exists() or mark.read_text(encoding="utf-8") != run:
            command = [sys.executable, "-m", "tools.site", "build", "--frozen"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                pytest.fail(f"the site does not build:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}", pytrace=False)
            mark.write_text(run, encoding="utf-8")
    return SITE


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[StaticServer]:
    """Serve the site."""
    with StaticServer(site) as running:
        yield running


class Watched:
    """A page that remembers what went wrong on it.

    Args:
        page: a fresh page.
        allowed: what addresses may begin with.
    """

    def __init__(self, page: Page, allowed: str):
        self.page, self.errors, self.external = page, [], []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and self.errors.append(f"404 {answer.url}"))
        page.on("request", lambda request: self._note(request.url, allowed))

    def _note(self, url: str, allowed: str) -> None:
        if not url.startswith((allowed, "data:", "blob:")):
            self.external.append(url)

    def open(self, url: str) -> Page:
        """Load an address and wait until its figures live."""
        self.errors.clear()
        self.external.clear()
        self.page.goto(url, wait_until="load")
        if self.page.locator("script[type*=widget-state]").count():
            self.page.wait_for_function("document.documentElement.dataset.widgets === 'ready'")
        return self.page


@pytest.fixture
def watched(browser: Browser, server: StaticServer) -> Iterator[Watched]:
    """A page of 1280 pixels, in light colours."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield Watched(context.new_page(), server.url)
    context.close()
