"""Write ``book/references.md`` from ``book/references.bib``, with the pages that cite each work."""

import json
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

from pybtex.database import Entry, Person, parse_file

from tools.chapter_titles import PLANNED, ROOT, title

BIB = ROOT / "book" / "references.bib"
CITATION = re.compile(r"references\.md#([a-z0-9-]+)")
LINKS = (("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/"), ("url", ""))
HEAD = """---
description: The papers and books that the course cites, each with the chapters that use it.
---

<!-- Written by python -m tools.pages from book/references.bib; edit that file. -->

# References

The works that the chapters cite, by author. Behind each stand the pages that use it.
"""


def plain(text: str) -> str:
    """Return a BibTeX value without its braces, with proper dashes."""
    return " ".join(text.replace("{", "").replace("}", "").replace("---", "—").replace("--", "–").split())


def ascii_name(text: str) -> str:
    """Return a surname as it appears in a key: lower case, without accents and spaces."""
    letters = unicodedata.normalize("NFKD", plain(text)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9-]", "", letters.lower())


def surname(person: Person) -> str:
    """Return the last name, with its particle."""
    return plain(" ".join([*person.prelast_names, *person.last_names]))


def expected_key(entry: Entry) -> str:
    """Return the key the entry must have: one or two surnames, or the first of more, and the year."""
    people = entry.persons.get("author") or entry.persons["editor"]
    names = [ascii_name("".join(person.last_names)) for person in people]
    return "-".join((names if len(names) < 3 else names[:1]) + [entry.fields["year"]])


def written_name(person: Person) -> str:
    """Return a name as ``F. Rosenblatt``."""
    given = [plain(name) for name in [*person.first_names, *person.middle_names] if plain(name)]
    initials = ["-".join(part[0] + "." for part in name.split("-")) for name in given]
    return " ".join([*initials, surname(person)])


def written_people(entry: Entry, most: int = 6) -> str:
    """Return the authors, the first ``most`` of them."""
    names = [written_name(person) for person in entry.persons.get("author") or entry.persons["editor"]]
    if len(names) > most:
        return ", ".join(names[:most]) + " and others"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def place(entry: Entry) -> str:
    """Return where a work appeared."""
    fields = {key.lower(): plain(value) for key, value in entry.fields.items()}
    where = fields.get("journal") or fields.get("booktitle") or ""
    if fields.get("volume"):
        where += f" {fields['volume']}" + (f"({fields['number']})" if fields.get("number") else "")
    parts = [where, fields.get("publisher") or fields.get("institution") or fields.get("school"), fields.get("note")]
    if fields.get("pages"):
        parts.insert(1, f"pages {fields['pages']}" if "–" in fields["pages"] else f"page {fields['pages']}")
    return ", ".join(part for part in parts if part)


def link(entry: Entry) -> str:
    """Return a Markdown link to the work, or nothing."""
    for field, prefix in LINKS:
        if field in entry.fields:
            name = {"doi": "doi", "eprint": "arXiv", "url": "link"}[field]
            return f" [{name}]({prefix}{plain(entry.fields[field])})"
    return ""


def citing_pages(root: Path = ROOT) -> dict[str, list[str]]:
    """Return, for each key, Markdown links to the pages that cite it, chapters first."""
    found = defaultdict(list)
    for chapter in PLANNED:
        path = root / "notebooks" / f"{chapter}.ipynb"
        if path.exists():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
            for key in sorted(set(CITATION.findall(text))):
                found[key].append(f"[{title(chapter)}](../notebooks/{chapter}.ipynb)")
    for page, name in (("timeline", "Timeline"), ("notation", "Notation"), ("glossary", "Glossary")):
        path = root / "book" / f"{page}.md"
        if path.exists():
            for key in sorted(set(CITATION.findall(path.read_text(encoding="utf-8")))):
                found[key].append(f"[{name}]({page}.md)")
    return found


def item(key: str, entry: Entry, pages: list[str]) -> str:
    """Return one work as a list item with an anchor named after its key."""
    words = f'- <span id="{key}"></span>**{written_people(entry)}** ({entry.fields["year"]}). '
    work = plain(entry.fields["title"])
    words += f"*{work}* " if work.endswith("?") else f"*{work}*. "
    where = place(entry)
    words += f"{where}." if where else ""
    return words + link(entry) + (f" Cited in {', '.join(pages)}." if pages else "")


def page(path: Path = BIB, root: Path = ROOT) -> str:
    """Return the page for a bibliography.

    Raises:
        ValueError: if a key does not follow from the entry's authors and year.
    """
    entries = parse_file(str(path), bib_format="bibtex").entries
    citing = citing_pages(root)
    groups = defaultdict(list)
    for key, entry in entries.items():
        if key.lower().rstrip("abcdefgh") != expected_key(entry).rstrip("abcdefgh"):
            raise ValueError(f"{path.name}: the key {key!r} must be {expected_key(entry)!r}, from authors and year")
        groups[key[0].upper()].append((key.lower(), item(key.lower(), entry, citing.get(key.lower(), []))))
    text = HEAD
    for letter in sorted(groups):
        text += f"\n## {letter}\n\n" + "\n".join(line for _, line in sorted(groups[letter])) + "\n"
    return text
