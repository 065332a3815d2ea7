"""Print the whole book to ``build/course.pdf``: ``python -m tools.pdf`` (needs Chromium).

Sphinx writes the book as one page, Chromium prints it with tags and an outline. Interactive figures appear as
their static pictures.
"""

import shutil
import sys
from pathlib import Path

from tools.browser import chromium
from tools.pages import write_pages
from tools.site import ROOT, WORK, run_jupyter_book
from tools.static_server import StaticServer

SINGLE = WORK / "_build" / "singlehtml"
PDF = ROOT / "build" / "course.pdf"
FOOTER = (
    '<div style="width:100%;font:8pt sans-serif;color:#4d5862;text-align:center"><span class="pageNumber"></span></div>'
)
# Closed folds print as their summary: hints, solutions and setup code stay folded on paper.
PREPARE = "Object.assign(document.documentElement.dataset, { theme: 'light', printed: 'book' })"


def print_book(source: Path = SINGLE, target: Path = PDF) -> int:
    """Print the single page; return the number of bytes written.

    Raises:
        RuntimeError: if a file that the page asks for is missing.
    """
    # Links inside the page are relative to its top folder, the root document lies one below.
    whole = source / "course.html"
    shutil.copyfile(source / "book" / "intro.html", whole)
    missing: list[str] = []
    with StaticServer(source) as server, chromium() as browser:
        page = browser.new_page(color_scheme="light")
        page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
        page.goto(server.url + whole.name, wait_until="networkidle")
        page.evaluate(PREPARE)
        target.parent.mkdir(parents=True, exist_ok=True)
        page.pdf(
            path=str(target),
            format="A4",
            print_background=True,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template="<div></div>",
            footer_template=FOOTER,
            margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
        )
    if missing:
        raise RuntimeError(f"the printed page asks for files that are not there: {', '.join(sorted(set(missing)))}")
    return target.stat().st_size


def main() -> int:
    """Build and print; return the exit code."""
    write_pages()
    code = run_jupyter_book("singlehtml", ROOT / "book/_toc.yml")
    if code:
        return code
    size = print_book()
    print(f"{PDF.relative_to(ROOT).as_posix()}: {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
