"""Start the system's Chromium for measuring, printing and testing: no sandbox in containers, no other host."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Any name but 127.0.0.1 fails to resolve, so a page that needs another host shows it.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def executable() -> str | None:
    """Return the path of a Chromium: ``$COURSE_CHROMIUM``, or the first known name on the path, or None."""
    chosen = os.environ.get("COURSE_CHROMIUM")
    return chosen or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a running browser and close it afterwards.

    Raises:
        FileNotFoundError: if there is no Chromium.
    """
    path = executable()
    if path is None:
        raise FileNotFoundError(
            f"no Chromium was found (looked for {', '.join(NAMES)}); install one or set COURSE_CHROMIUM to its path"
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if root else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
