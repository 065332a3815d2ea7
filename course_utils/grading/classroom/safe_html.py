"""Pages that cannot be broken out of: whatever is put into an element is text, unless this module made it.

A page holds no script, loads nothing, and says so to the browser: its content security policy names the one style
sheet by its hash and allows pictures that are inside the page.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path

from course_utils.grading.classroom.wording import JOINERS
from course_utils.grading.outputs import NoPicture, clean_png

STYLE = Path(__file__).with_name("pages.css")
VOID = frozenset({"br", "wbr", "img", "meta", "rect", "line"})


class Html(str):
    """Markup made by this module: it goes into a page as it is. Anything else is escaped."""

    __slots__ = ()


def text(content: object) -> Html:
    """Text of any origin as markup that shows it; what cannot be printed becomes U+FFFD, line ends and tabs stay."""
    if isinstance(content, Html):
        return content
    shown = "".join(c if c.isprintable() or c in "\n\t" or c in JOINERS else "\ufffd" for c in str(content))
    return Html(escape(shown, quote=True))


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """An element.

    Args:
        name: of the tag; a literal of the caller's, never data.
        children: markup or text; None is left out.
        attributes: their names as Python writes them (``class_``, ``aria_label``); None and False are left out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        words.append(attribute if value is True else f'{attribute}="{text(value)}"')
    opening = f"<{' '.join(words)}>"
    if name in VOID:
        return Html(opening if name in ("br", "wbr", "img", "meta") else opening[:-1] + "/>")
    return Html(f"{opening}{joined(*children)}</{name}>")


def joined(*children: object) -> Html:
    """Markup and texts one after the other."""
    return Html("".join(text(child) for child in children if child is not None))


def isolated(name: object) -> Html:
    """A name in a text of another direction: neither turns the other around."""
    return element("bdi", name)


def breakable(name: str) -> Html:
    """A name that may go on in the next line after an underscore."""
    parts = name.split("_")
    return joined(*[part for piece in parts[:-1] for part in (f"{piece}_", element("wbr"))], parts[-1])


def with_code(sentence: str) -> Html:
    """A sentence in which names between backticks are set as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner is a backtick
        return text(sentence)
    return joined(*[element("code", part) if number % 2 else part for number, part in enumerate(parts)])


def picture(png_base64: str, alt: str) -> Html | None:
    """A PNG inside the page, rebuilt from what makes its picture; None if it is not one."""
    try:
        data = clean_png(base64.b64decode(png_base64, validate=True))
    except (ValueError, NoPicture):
        return None
    return element("img", src=f"data:image/png;base64,{base64.b64encode(data).decode()}", alt=alt)


def table(
    caption: str,
    head: Sequence[object],
    rows: Sequence[Sequence[object]],
    numbers: Sequence[int] = (),
    look: str | None = None,
) -> Html:
    """A table whose first cell in each row heads the row; wide ones scroll on their own.

    Args:
        caption: what it shows; no two of a page the same.
        head: of the columns.
        rows: cells of each row.
        numbers: columns that hold numbers.
        look: a class of the style sheet.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"every row needs {len(head)} cells")

    def kind(column: int) -> str | None:
        return "n" if column in numbers else None

    heads = [element("th", cell, scope="col", class_=kind(column)) for column, cell in enumerate(head)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_=kind(0)),
            *[element("td", cell, class_=kind(column)) for column, cell in enumerate(row[1:], start=1)],
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_=look,
    )
    return element("div", whole, class_="wide", role="group", aria_label=caption, tabindex=0)


def page(title: str, *body: object, more_style: str = "") -> str:
    """A whole page: light and dark, wide and narrow, on paper; with rules of its own, if it has any."""
    style = STYLE.read_text(encoding="utf-8") + more_style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex"),
        element("title", title),
        element("style", Html(style)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', element('main', *body)), lang='en')}\n"
