"""Measure the built site in Chromium: ``python -m tools.measure_site [PAGE ...]``.

For each page: bytes as sent (gzipped), requests, requests to other hosts, how soon the first figure and all
figures are alive on a fast line and on a slow one with a slow processor, and how much the layout shifts while
loading. A page that is too
heavy or asks another host fails; a slow widget is flagged, because seconds on a busy machine prove little.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Browser

from course_utils.runtime import save_record
from tools.browser import chromium
from tools.site import SITE
from tools.static_server import StaticServer

KILOBYTES_LIMIT = 400
# A detector runs in this page: its weights alone are 28 KB that no compression makes smaller.
HEAVIER = {"notebooks/10c_detectors.html": 420}
SLOW_WIDGET_LIMIT = 1.6
SLOW_LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
SLOW_PROCESSOR = 4
PAUSE = 300
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif")
# Runs before the page: notes when widgets are ready, and each layout shift that the reader did not cause.
OBSERVE = """
window.measured = { shift: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.measured.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new MutationObserver(() => {
  if (document.querySelector(".course-widget.is-live")) window.measured.first ??= performance.now();
  if (document.documentElement?.dataset.widgets === "ready") window.measured.ready ??= performance.now();
}).observe(document, { attributes: true, childList: true, subtree: true });
"""


@dataclass(frozen=True)
class Visit:
    """What one load of a page took.

    Args:
        kilobytes: sent over the line, gzipped, without images.
        requests: how many.
        external: addresses asked at other hosts.
        widgets: how many figures came alive.
        first: seconds until the first of them did; None without widgets.
        ready: seconds until all did.
        shift: cumulative layout shift.
    """

    kilobytes: float
    requests: int
    external: tuple[str, ...]
    widgets: int
    first: float | None
    ready: float | None
    shift: float


def visit(browser: Browser, base: str, page_name: str, slow: bool = False) -> Visit:
    """Load one page with an empty cache.

    Args:
        browser: a running browser.
        base: the site's address.
        page_name: path of the page below it.
        slow: 1.6 Mbit/s, 150 ms, and a processor four times slower.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    if slow:
        devtools.send("Network.emulateNetworkConditions", SLOW_LINE)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_PROCESSOR})
    asked: dict[str, dict] = {}
    devtools.on("Network.requestWillBeSent", lambda e: asked.setdefault(e["requestId"], {"url": e["request"]["url"]}))
    devtools.on("Network.loadingFinished", lambda e: asked[e["requestId"]].update(size=e["encodedDataLength"]))
    page.add_init_script(OBSERVE)
    page.goto(base + page_name, wait_until="load")
    if page.locator(".course-widget").count():
        page.wait_for_function("document.documentElement.dataset.widgets === 'ready'")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(PAUSE)
    measured = page.evaluate("window.measured")
    widgets = page.locator(".course-widget.is-live").count()
    context.close()
    real = [request for request in asked.values() if not request["url"].startswith(("data:", "blob:"))]
    counted = [request for request in real if not request["url"].split("?")[0].endswith(IMAGES)]
    return Visit(
        kilobytes=sum(request.get("size", 0) for request in counted) / 1024,
        requests=len(real),
        external=tuple(request["url"] for request in real if not request["url"].startswith(base)),
        widgets=widgets,
        first=measured["first"] / 1000 if widgets else None,
        ready=measured["ready"] / 1000 if widgets else None,
        shift=measured["shift"],
    )


def complaints(page_name: str, fast: Visit) -> list[str]:
    """Return what breaks the budget of a page."""
    found = []
    limit = HEAVIER.get(page_name, KILOBYTES_LIMIT)
    if fast.kilobytes > limit:
        found.append(f"{page_name}: {fast.kilobytes:.0f} KB gzipped before images, at most {limit} allowed")
    found += [f"{page_name}: asks another host for {url}" for url in fast.external]
    return found


def seconds(value: float | None) -> str:
    """Return seconds as text, or a dash."""
    return "-" if value is None else f"{value:.2f} s"


def measure(pages: list[str], site: Path = SITE, record: bool = False) -> int:
    """Measure pages, print the table, and return 1 when a budget is broken."""
    broken, metrics = [], {}
    print(f"{'':<62}{'fast line':^18}{'slow line':^18}")
    print(
        f"{'page':<32}{'KB':>5}{'requests':>10}{'others':>8}{'figures':>9}"
        f"{'first':>8}{'all':>8}{'first':>10}{'all':>8}{'shift':>8}"
    )
    with StaticServer(site) as server, chromium() as browser:
        for name in pages:
            fast = visit(browser, server.url, name)
            slow = visit(browser, server.url, name, slow=True) if fast.widgets else None
            broken += complaints(name, fast)
            flag = " slow!" if slow and slow.first and slow.first > SLOW_WIDGET_LIMIT else ""
            shift = max(fast.shift, slow.shift if slow else 0)
            print(
                f"{name:<32}{fast.kilobytes:>5.0f}{fast.requests:>10}{len(fast.external):>8}{fast.widgets:>9}"
                f"{seconds(fast.first):>8}{seconds(fast.ready):>8}"
                f"{seconds(slow and slow.first):>10}{seconds(slow and slow.ready):>8}{shift:>8.3f}{flag}",
                flush=True,
            )
            metrics[name] = {"fast": asdict(fast), "slow": slow and asdict(slow)}
    for line in broken:
        print(line, file=sys.stderr)
    if record:
        save_record("site", {"pages": metrics, "command": "python -m tools.measure_site --record"})
    return 1 if broken else 0


def site_pages(site: Path = SITE) -> list[str]:
    """Return the pages of the book: the front page, chapters, then the rest."""
    names = [path.relative_to(site).as_posix() for path in site.rglob("*.html")]
    books = [name for name in names if name.startswith(("book/", "notebooks/"))]
    return sorted(books, key=lambda name: (name != "book/intro.html", not name.startswith("notebooks/"), name))


def main(arguments: list[str] | None = None) -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_site", description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="pages below build/site (default: all)")
    parser.add_argument("--record", action="store_true", help="store the figures in results/site.json")
    options = parser.parse_args(arguments)
    return measure(options.pages or site_pages(), record=options.record)


if __name__ == "__main__":
    sys.exit(main())
