"""Write the pages that are made from data: claims, timeline, references.

``python -m tools.pages`` writes those whose text changed; ``--check`` only says which are out of date. The site's
build runs it first. The written pages are committed, so that they can be read and searched without a build.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools import bibliography, claims_page, speed_page, timeline

ROOT = Path(__file__).resolve().parent.parent
# The timeline first: the references say which pages cite a work.
PAGES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("book/timeline.md", timeline.page),
    ("book/claims.md", claims_page.page),
    ("book/references.md", bibliography.page),
    ("book/speed.md", speed_page.page),
)


def write_pages(check: bool = False) -> list[Path]:
    """Write the pages whose text changed (or only find them); return their paths."""
    changed = []
    for name, make in PAGES:
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(path)
            if not check:
                path.write_text(text, encoding="utf-8")
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    options = parser.parse_args(arguments)
    for path in (changed := write_pages(options.check)):
        print(("out of date: " if options.check else "wrote ") + path.relative_to(ROOT).as_posix())
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
