"""Looking at finished pages in Chromium: what runs, what is asked for, what breaks a rule."""

from pathlib import Path

AXE = Path(__file__).resolve().parents[2] / "site/vendor/axe-core/axe.min.js"
RULES = "axe.run({ resultTypes: ['violations'] }).then((found) => found.violations.map((rule) => rule.id))"
BAD = """() => [
  ...document.querySelectorAll('script, iframe, object, embed, link, base, form, style ~ style, foreignObject'),
  ...document.querySelectorAll('a[href^="javascript"]'),
  ...[...document.querySelectorAll('*')].filter((one) => [...one.attributes].some((a) => a.name.startsWith('on'))),
].map((one) => one.outerHTML.slice(0, 200))"""


def troubles_of(browser, path: Path, *, width: int = 1100, scheme: str = "light", axe: bool = False) -> list[str]:
    """Open a page and list everything that should not happen.

    Args:
        browser: a running Chromium.
        path: of the page.
        width: of the window in pixels.
        scheme: light or dark.
        axe: look for broken rules of accessibility as well.
    """
    found: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.on("console", lambda said: found.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: found.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: found.append(f"asks for {asked.url}") if _foreign(asked.url, path) else None)
        page.goto(path.as_uri(), wait_until="load")
        for place in page.locator("summary").all():
            place.click()
        found += [f"element: {markup}" for markup in page.evaluate(BAD)]
        if page.evaluate("'pwned' in window"):
            found.append("a script ran")
        extra = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if extra > 0:
            found.append(f"{extra} pixels wider than the window")
        if axe:
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found += [f"rule: {rule}" for rule in page.evaluate(RULES)]
    finally:
        context.close()
    return found


def _foreign(address: str, path: Path) -> bool:
    return address != path.as_uri() and not address.startswith("data:image/png;base64,")
