"""Pages as people use them: by keyboard, on paper, without scripts, from a folder, searching, choosing colours."""

import pytest
import yaml

from tests.site.conftest import Watched
from tools.measure_site import site_pages
from tools.site import ROOT, toc_documents

pytestmark = [pytest.mark.site, pytest.mark.browser]

FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const visible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const box = element.getBoundingClientRect();
  return { name: (element.getAttribute('aria-label') || element.textContent || element.tagName).trim().slice(0, 40),
           visible, shown: box.width > 0 && box.height > 0 };
}"""


def widget_pages(site):
    """Pages that store a widget."""
    return [name for name in site_pages(site) if 'widget-state+json"' in (site / name).read_text(encoding="utf-8")]


def test_figures_come_alive_in_the_place_of_their_pictures(site, watched, server):
    pages = widget_pages(site)
    assert "book/intro.html" in pages, "the front page shows a figure to play with"
    for name in pages:
        page = watched.open(server.url + name)
        boxes = page.locator(".course-widget")
        assert boxes.count() == page.locator(".course-widget.is-live").count() > 0, name
        for box in boxes.all():
            assert box.locator(".course-widget-live").is_visible()
            assert not box.locator(".course-widget-static").is_visible()
        assert watched.errors == []


def test_figures_live_in_a_folder_without_a_server(site, browser):
    context = browser.new_context()
    for name in widget_pages(site):
        watched = Watched(context.new_page(), "file:")
        page = watched.open((site / name).as_uri())
        assert page.locator(".course-widget").count() == page.locator(".course-widget.is-live").count() > 0
        assert (watched.errors, watched.external) == ([], [])
    context.close()


def test_without_scripts_each_figure_shows_its_picture_and_sentence(site, server, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name in widget_pages(site):
        page.goto(server.url + name)
        for figure in page.locator(".course-widget").all():
            figure.scroll_into_view_if_needed()
            assert figure.locator(".course-widget-static img, .course-widget-static svg").first.is_visible()
            assert len(figure.locator("figcaption").text_content().strip()) > 20
        assert page.locator(".theme-switch-button").is_hidden(), "no button that needs scripts"
    context.close()


def test_on_paper_the_picture_returns(site, watched, server):
    page = watched.open(server.url + widget_pages(site)[0])
    page.emulate_media(media="print")
    assert page.locator(".course-widget-static").first.is_visible()
    assert not page.locator(".course-widget-live").first.is_visible()


def test_search_finds_a_term_of_the_glossary(watched, server):
    page = watched.open(server.url + "book/intro.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("overfitting")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert "glossary.html" in " ".join(
        link.get_attribute("href") for link in page.locator("#search-results li a").all()
    )
    assert watched.errors == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(watched, server):
    page = watched.open(server.url + "notebooks/00_start.html")
    names = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        assert focus["visible"], f"no visible focus on {focus['name']!r} after {names[-3:]}"
        names.append(focus["name"])
    assert names[0].startswith("Skip to main content")
    assert len(set(names)) > 20


def test_the_skip_link_leads_to_the_text(watched, server):
    page = watched.open(server.url + "book/glossary.html")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/glossary.html#main-content")  # a new address is reported a moment later


def test_the_theme_button_changes_colours_and_is_remembered(watched, server):
    page = watched.open(server.url + "book/notation.html")
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
        if page.evaluate("document.documentElement.dataset.mode") == "dark":
            page.reload()
            assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert seen == {"light", "dark"}


def test_claims_can_be_narrowed_and_are_whole_without_scripts(watched, server, browser):
    page = watched.open(server.url + "book/claims.html")
    total = page.locator(".claim").count()
    assert total > 0
    page.get_by_label("True", exact=True).uncheck()
    shown = page.locator(".claim:visible").count()
    assert shown == total - page.locator(".claim-true").count()
    assert page.locator(".claim-filter [role=status]").inner_text() == f"{shown} of {total} shown"
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(server.url + "book/claims.html")
    assert plain.locator(".claim:visible").count() == total
    assert plain.locator(".claim-filter").count() == 0
    context.close()


def test_predictions_are_cards_and_solutions_are_folded(site, watched, server):
    name = next(name for name in site_pages(site) if 'class="prediction' in (site / name).read_text(encoding="utf-8"))
    page = watched.open(server.url + name)
    edge = page.locator("blockquote.prediction").first.evaluate("(e) => getComputedStyle(e).borderLeftWidth")
    assert edge == "6px"
    for name in site_pages(site):
        if "tag_solution" in (site / name).read_text(encoding="utf-8"):
            page = watched.open(server.url + name)
            assert page.locator(".tag_solution details:not([open])").count() == page.locator(".tag_solution").count()


def test_code_has_a_copy_button(watched, server):
    page = watched.open(server.url + "notebooks/00_start.html")
    button = page.locator("button.copybtn").first
    assert button.get_attribute("data-tooltip") == "Copy" or button.get_attribute("aria-label")


def test_every_page_is_in_the_contents(site):
    toc = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    assert {f"{name}.html" for name in toc_documents(toc)} == set(site_pages(site))
