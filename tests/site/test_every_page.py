"""Every page, in every colour scheme: accessible, without errors, light, narrow enough for a phone."""

import pytest

from tests.site.conftest import AXE, Watched
from tools.measure_site import Visit, complaints, site_pages, visit

pytestmark = [pytest.mark.site, pytest.mark.browser]

# Formulas are left out: their visible part is hidden from readers, their MathML is KaTeX's own.
# Sections far from the screen are drawn late and cut off what sticks out; here all of them are drawn.
# Colours that fade from one scheme to the other would be measured half-way.
WHOLE = "section { content-visibility: visible !important } * { transition: none !important }"
# Fonts first, then two frames: sizes are reported to the page after the layout of a frame.
LAID_OUT = """document.fonts.ready.then(() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(done))))"""
# What depends on the colour scheme is asked in both, everything else once.
ALL_RULES = "resultTypes: ['violations']"
COLOUR_RULES = ALL_RULES + ", runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }"
CHECK = "axe.run({ exclude: ['.katex'] }, { %s }).then((result) => result.violations)"


def broken_rules(page, name: str, scheme: str, rules: str) -> list[str]:
    """Return one line for each rule that the page breaks as it stands, with the first places."""
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate(LAID_OUT)
    found = []
    for rule in page.evaluate(CHECK % rules):
        places = ", ".join(" ".join(map(str, node["target"])) for node in rule["nodes"][:3])
        found.append(f"{name} ({scheme}): {rule['id']} {rule['help']}: {places}")
    return found


def test_no_page_breaks_a_rule_of_accessibility_or_reports_an_error(site, server, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    watched = Watched(context.new_page(), server.url)
    found = []
    for name in [*site_pages(site), "search.html", "index.html"]:
        watched.page.emulate_media(color_scheme="light")
        page = watched.open(server.url + name)
        if name == "index.html":  # it sends on to the first page: looked at there, not on the way
            page.wait_for_url("**/book/intro.html")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.add_style_tag(content=WHOLE)
        found += broken_rules(page, name, "light", ALL_RULES)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        found += broken_rules(page, name, "dark", COLOUR_RULES)
        found += [f"{name}: {error}" for error in watched.errors]
        found += [f"{name} asks {url}" for url in watched.external]
    context.close()
    assert found == []


def test_no_page_is_wider_than_a_phone(site, server, browser):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    watched = Watched(context.new_page(), server.url)
    wide = {}
    for name in [*site_pages(site), "search.html"]:
        page = watched.open(server.url + name)
        page.add_style_tag(content=WHOLE)
        extra = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if extra > 0:
            wide[name] = extra
    context.close()
    assert wide == {}


def test_pages_stay_within_their_weight(site, server, browser):
    for name in site_pages(site):
        assert complaints(name, visit(browser, server.url, name)) == []


def test_the_budget_notices_weight_and_foreign_hosts():
    heavy = Visit(
        kilobytes=401, requests=3, external=("https://elsewhere/",), widgets=0, first=None, ready=None, shift=0
    )
    assert len(complaints("page", heavy)) == 2
