"""A student's text made harmless for terminals and pages: formatted, its formulas kept, nothing in it acts.

The page is shown in the instructor's browser, signed in to the server that holds every mark. So whatever looks like
HTML is shown as text, no picture is loaded, no link leads anywhere, and no element carries a name or an address.
"""

import functools
from html import escape
from typing import Any

from course_utils.grading.classroom.wording import JOINERS

MAX_FORMATTED = 12_000
"""Longer answers are shown as plain text: formatting takes time that grows faster than the text."""

_TEXT = ("blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "hr", "li", "ol", "p", "pre", "strong", "ul")
_TABLE = ("table", "tbody", "td", "th", "thead", "tr")
TAGS = frozenset({*_TEXT, *_TABLE, "h1", "h2", "h3", "h4", "h5", "h6"})
"""All elements that an answer can hold; their only attribute is the class of the outermost one."""


def visible(text: str) -> str:
    """Text as it was written, but what moves a cursor, turns letters around or cannot be seen becomes U+FFFD."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return "".join(c if c.isprintable() or c in "\n\t" or c in JOINERS else "\ufffd" for c in lines)


def harmless(answer: str) -> str:
    """Turn a written answer into one line of HTML that a Markdown cell shows as it is.

    Args:
        answer: Markdown with formulas, as the student wrote it.

    Returns:
        ``<div class="answer">...</div>`` without a line end: Markdown takes it as HTML as a whole.
    """
    text = visible(answer)
    body = _formatted(text) if len(text) <= MAX_FORMATTED else None
    if body is None:
        body = f"<pre>{escape(text, quote=False)}</pre>"
    return f'<div class="answer">{body}</div>'.replace("\n", "&#10;")


def _formatted(text: str) -> str | None:
    """The answer as HTML, or None where the formatter gives up."""
    import bleach

    try:
        html = _markdown().render(text)
        return str(bleach.clean(html, tags=TAGS, attributes={}, protocols=set(), strip=True, strip_comments=True))
    except Exception:  # nested or odd beyond what the formatter can do: the text itself can still be read
        return None


@functools.cache
def _markdown() -> Any:
    """nbconvert's Markdown, which knows formulas, with a renderer that trusts nothing."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def __init__(self) -> None:
            super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return text if text == escape(url) else f"{text} ({escape(url)})"

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"[picture, not loaded: {text} {escape(url[:200])}]"

        def block_code(self, code: str, info: str | None = None) -> str:
            return f"<pre><code>{escape(code)}</code></pre>"

    return MarkdownWithMath(renderer=Renderer())
