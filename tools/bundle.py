"""Make the built pages light: one style sheet and one script instead of two dozen, without unused icons.

Sphinx and its extensions each add their own files, most of which hold up the first paint. Here they are joined,
in their order, into ``_static/site.css`` and ``_static/site.js``; the widget loader stays apart and comes first,
so that figures come alive as early as they can. Rules for classes that no page names are left out, and with them
the theme's icon fonts (``course/icons.css`` draws the icons in use).
"""

import hashlib
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

STYLE = re.compile(r'[ \t]*<link rel="stylesheet"[^>]*?href="(?P<url>[^"]+)"[^>]*>\n?')
SCRIPT = re.compile(r'[ \t]*<script(?P<attributes>[^>]*?)\ssrc="(?P<url>[^"]+)"(?P<more>[^>]*)></script>\n?')
IMPORT = re.compile(r"""@import\s+(?:url\()?['"]?([^'")]+)['"]?\)?\s*;""")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
URL = re.compile(r"url\((['\"]?)(?!data:|#|https?:)([^)'\"]+)\1\)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
WORD = re.compile(r"[A-Za-z_][\w-]*")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
BRACKETS = re.compile(r"\([^()]*\)")
CSS, JS = "_static/site.css", "_static/site.js"
LOADER = "course/anyhost.js"
OPTIONS = "documentation_options.js"
# The theme asks each box for its layout and writes to it in turn, seconds on a long page; course/site.js reads all
# boxes first and writes then. (script, its text, what stands there instead)
REPLACED = (
    (
        "pydata-sphinx-theme.js",
        'document.querySelectorAll(["pre",".nboutput > .output_area",".cell_output > .output",'
        '".jp-RenderedHTMLCommon",".pst-scrollable-table-container"].join(", "))',
        "[]",
    ),
)
# Not needed: tabs are not used, and nothing waits for these.
DROPPED = ("design-tabs.js", "sphinx-design.min.css")


def words_in(texts: Iterable[str]) -> set[str]:
    """Return every word of pages and scripts that could be a class name."""
    return {word for text in texts for word in WORD.findall(text)}


def is_used(selector: str, words: set[str]) -> bool:
    """Say whether all classes that a selector demands occur somewhere; what stands in brackets demands none."""
    while BRACKETS.search(selector):
        selector = BRACKETS.sub("", selector)
    return all(name in words for name in CLASS.findall(selector))


def split_selectors(selectors: str) -> list[str]:
    """Split at the commas outside brackets."""
    hidden = BRACKETS.sub(lambda match: match[0].replace(",", "\0"), selectors)
    hidden = BRACKETS.sub(lambda match: match[0].replace(",", "\0"), hidden)
    return [part.replace("\0", ",") for part in hidden.split(",")]


def prune(css: str, words: set[str]) -> str:
    """Drop comments, rules for classes that no page and no script names, and the theme's icon fonts."""

    def keep(match: re.Match) -> str:
        selectors, body = match[1], match[2]
        if selectors.strip() == "@font-face":
            return "" if "Font Awesome" in body else match[0]
        used = [part for part in split_selectors(selectors) if is_used(part, words)]
        return f"{','.join(used)}{{{body}}}" if used else ""

    return RULE.sub(keep, COMMENT.sub("", css))


def local_path(url: str, page: Path, site: Path) -> str:
    """Return the path below the site that a page's link means, without its query."""
    absolute = posixpath.normpath(posixpath.join(page.parent.relative_to(site).as_posix(), url.split("?")[0]))
    return absolute.removeprefix("./")


def read_style(name: str, site: Path) -> str:
    """Return a style sheet with what it imports in place, and addresses relative to the joined sheet."""
    folder = posixpath.dirname(name)

    def insert(match: re.Match) -> str:
        return read_style(posixpath.normpath(posixpath.join(folder, match[1])), site)

    def move(match: re.Match) -> str:
        return f"url({posixpath.relpath(posixpath.join(folder, match[2]), '_static')})"

    text = (site / name).read_text(encoding="utf-8").replace('@charset "UTF-8";', "")
    imports = "".join(insert(match) for match in IMPORT.finditer(text))
    return imports + URL.sub(move, IMPORT.sub("", text))


def read_script(name: str, site: Path) -> str:
    """Return a script, with the parts that the course does better replaced.

    Raises:
        ValueError: if such a part is not there any more.
    """
    text = (site / name).read_text(encoding="utf-8")
    for script, before, after in REPLACED:
        if name.endswith(script):
            if before not in text:
                raise ValueError(f"{script} has changed: see whether REPLACED in tools/bundle.py is still needed")
            text = text.replace(before, after)
    return text


def join_scripts(names: list[str], site: Path) -> str:
    """Return the scripts one after the other; each ends before the next begins."""
    return "\n;\n".join(read_script(name, site) for name in names) + "\n"


def pages_and_scripts(site: Path) -> list[Path]:
    """Return the files in which class names may occur."""
    return [*site.rglob("*.html"), *(site / "_static" / "course").glob("*.js")]


class Bundle:
    """The joined files of a site, made from what one typical page asks for.

    Args:
        site: the folder of the built site.
        page: a page whose styles and scripts every page shares.
    """

    def __init__(self, site: Path, page: Path):
        text = page.read_text(encoding="utf-8")
        kept = [name for name in self._names(STYLE, text, page, site) if not name.endswith(DROPPED)]
        scripts = [name for name in self._names(SCRIPT, text, page, site) if not name.endswith((*DROPPED, LOADER))]
        self.site = site
        self.styles = kept
        self.scripts = [name for name in scripts if not name.endswith(OPTIONS)]
        self.options = (site / "_static" / OPTIONS).read_text(encoding="utf-8").strip()
        self.js = join_scripts(self.scripts, site)
        words = words_in([self.js, *(path.read_text(encoding="utf-8") for path in pages_and_scripts(site))])
        self.css = prune("\n".join(read_style(name, site) for name in self.styles), words)

    @staticmethod
    def _names(pattern: re.Pattern, text: str, page: Path, site: Path) -> list[str]:
        return [local_path(match["url"], page, site) for match in pattern.finditer(text)]

    def files(self) -> dict[str, str]:
        """Return the joined files by their path below the site."""
        return {CSS: self.css, JS: self.js}

    def rewrite(self, text: str, page: Path) -> str:
        """Return a page that asks for the joined files."""
        root = posixpath.relpath(".", page.parent.relative_to(self.site).as_posix())
        loader = ""

        def style(match: re.Match) -> str:
            name = local_path(match["url"], page, self.site)
            return "" if name in self.styles or name.endswith(DROPPED) else match[0]

        def script(match: re.Match) -> str:
            nonlocal loader
            name = local_path(match["url"], page, self.site)
            if name.endswith(LOADER):
                loader = f'<script async src="{match["url"]}"></script>\n'
            if name in self.scripts or name.endswith((*DROPPED, LOADER)):
                return ""
            if name.endswith(OPTIONS):
                return f"<script>{self.options}</script>\n"
            return match[0] if "defer" in match[0] else match[0].replace("<script", "<script defer", 1)

        text = SCRIPT.sub(script, STYLE.sub(style, text))
        versions = {name: hashlib.sha256(body.encode()).hexdigest()[:8] for name, body in self.files().items()}
        head = f'<link rel="stylesheet" href="{root}/{CSS}?v={versions[CSS]}">\n{loader}'
        head += f'<script defer fetchpriority="low" src="{root}/{JS}?v={versions[JS]}"></script>\n'
        return text.replace("</title>", "</title>\n" + head, 1)
