"""What the build leaves behind, read as files."""

import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tools.site import ROOT, toc_documents

pytestmark = pytest.mark.site


class Reader(HTMLParser):
    """Collects the ids, links, sources and images of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.sources, self.images, self.names = set(), [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names.setdefault(tag, []).append(found)
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found)
        for key in ("src", "href"):
            if tag not in ("a", "base") and found.get(key):
                self.sources.append(found[key])


@cache
def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def html_pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_every_document_of_the_contents_has_a_page(site):
    toc = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    for document in toc_documents(toc):
        assert (site / f"{document}.html").exists(), document


def test_the_front_door_leads_to_the_first_page(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "url=book/intro.html" in text
    assert 'href="book/intro.html"' in text
    assert 'rel="icon" href="_static/favicon.svg"' in text, "else browsers ask for one that is not there"
    assert (site / "_static/favicon.svg").exists()


def test_no_page_loads_anything_from_another_host(site):
    for page in html_pages(site):
        for source in read(page).sources:
            assert not re.match(r"(https?:)?//", source), f"{page.name} loads {source}"


def test_every_link_inside_the_site_resolves(site):
    broken = []
    for page in html_pages(site):
        for link in read(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file():
                broken.append(f"{page.relative_to(site)}: {link}")
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids:
                broken.append(f"{page.relative_to(site)}: {link} (no such place)")
    assert broken == []


def test_every_page_has_language_title_and_description(site):
    for page in html_pages(site):
        reader = read(page)
        assert reader.names["html"][0].get("lang") == "en", page.name
        assert "title" in reader.names
        if page.parent.name in ("book", "notebooks"):
            meta = {found.get("name") or found.get("property"): found.get("content") for found in reader.names["meta"]}
            assert len(meta["description"]) > 40, page.name
            assert meta["og:title"]
            assert meta["viewport"]


def test_every_image_of_a_chapter_says_what_it_shows(site):
    for page in sorted((site / "notebooks").glob("*.html")):
        for image in read(page).images:
            source, words = image.get("src", ""), image.get("alt", "")
            if "_images/" in source:
                assert len(words) >= 40, f"{page.name}: {source} has the alternative text {words!r}"
                assert not words.endswith((".png", ".svg", ".jpg"))


def test_nothing_unused_is_published(site):
    names = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()]
    assert not [name for name in names if "fontawesome" in name or "mathjax" in name.lower()]
    for page in html_pages(site):
        assert "katex.min.js" not in page.read_text(encoding="utf-8")


def test_chapters_offer_notebook_launch_and_edit_links(site):
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    for page in sorted((site / "notebooks").glob("*.html")):
        links = read(page).links
        assert any(link.startswith("https://mybinder.org/v2/gh/") for link in links), page.name
        assert any(link.startswith("https://colab.research.google.com/github/") for link in links)
        assert f"{repository}/edit/main/notebooks/{page.stem}.ipynb" in links
        assert any(link.endswith(f"_sources/notebooks/{page.stem}.ipynb") for link in links)


def test_a_second_build_changes_no_file(site, only_build):
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*") if path.is_file()}
    subprocess.run([sys.executable, "-m", "tools.site", "build", "--frozen"], cwd=ROOT, check=True, capture_output=True)
    after = {path: path.stat().st_mtime_ns for path in site.rglob("*") if path.is_file()}
    changed = [path.relative_to(site).as_posix() for path in after if before.get(path) != after[path]]
    assert changed == []
    assert set(before) == set(after)
