"""Start Chromium for measuring, printing and testing pages, cut off from every other host."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from course_utils.runtime.environment import find_chromium

# Any name but 127.0.0.1 fails to resolve, so a page that needs another host shows it.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a running browser and close it afterwards.

    Raises:
        FileNotFoundError: if there is no Chromium.
    """
    path = find_chromium()
    if path is None:
        raise FileNotFoundError("no Chromium was found: apt install chromium, or .venv/bin/playwright install chromium")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if root else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=arguments)
        try:
            yield browser
        finally:
            browser.close()
