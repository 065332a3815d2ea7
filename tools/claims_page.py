"""Write ``book/claims.md`` from the ledger: every statement of the lectures that was checked, with its verdict."""

import re
from collections import Counter
from itertools import groupby
from pathlib import Path

import yaml

from tools.chapter_titles import PLANNED, is_written, title
from tools.ledger import LECTURES, ROOT, VERDICTS, Claim, claims

HEAD = """---
description: The lectures' statements that this book has checked, each with its verdict, finding and test.
---

<!-- Written by python -m tools.pages from book/ledger.yml; edit that file. -->

# Every claim, checked

This course follows five lectures on neural and convolutional networks. A lecture is full of statements: a bound,
a count of parameters, a sentence such as "this always converges". Each of them can be checked, so each of them
was. A statement counts as checked only when a test in this repository would fail if the verdict were wrong.

**{total} statements are checked so far**: {counts}. Follow a claim to the cell that shows it, or to the test.

The verdicts mean:

[True]{{.verdict .verdict-true}} the statement holds as it was made.

[False]{{.verdict .verdict-false}} it does not hold; the finding says what does.

[Imprecise]{{.verdict .verdict-imprecise}} it holds once something is added or corrected; the finding says what.

[Rests on outside data]{{.verdict .verdict-external}} the check needs data or results that the book cites but does not
run, such as a competition's leaderboard.
"""


def repository_url(root: Path = ROOT) -> str:
    """Return the repository's address from ``_config.yml``."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    return f"{config['url']}/blob/{config['branch']}"


def verdict_counts(found: list[Claim]) -> str:
    """Return a phrase such as ``3 true, 2 false``."""
    counted = Counter(claim.verdict for claim in found)
    words = {"external": "resting on outside data"}
    return ", ".join(f"{counted[name]} {words.get(name, name)}" for name in VERDICTS if counted[name])


def protect(text: str) -> str:
    """Keep characters of a plain sentence from being read as Markdown, outside formulas and code."""
    parts = re.split(r"(\$[^$]+\$|`[^`]+`)", text)
    return "".join(part if i % 2 else re.sub(r"([*_<>\[\]|])", r"\\\1", part) for i, part in enumerate(parts))


def card(claim: Claim, tests_at: str) -> str:
    """Return one claim as a box."""
    test_file, _, test_name = claim.test.partition("::")
    lectures = "; ".join(f"{key} {LECTURES[key]}" for key in re.findall(r"\d{3}", claim.lecture))
    place = f"[See it checked](../notebooks/{claim.chapter}.ipynb#{claim.anchor})" if is_written(claim.chapter) else ""
    test = f"[Test: {test_name or Path(test_file).name}]({tests_at}/{test_file})"
    links = " · ".join(part for part in (place, test) if part)
    verdict = f"[{VERDICTS[claim.verdict]}]{{.verdict .verdict-{claim.verdict}}}"
    return f"""
:::{{div}} claim claim-{claim.verdict}
<span id="{claim.key.lower()}"></span>[{claim.key}]{{.claim-key}} {verdict}

{protect(claim.claim)}

{{.claim-finding}}
{protect(claim.finding)}

{{.claim-source}}
Lecture {lectures}. {links}
:::
"""


def write_text(found: list[Claim], tests_at: str) -> str:
    """Return the whole page."""
    text = HEAD.format(total=len(found), counts=verdict_counts(found))
    order = list(PLANNED)
    for chapter, group in groupby(sorted(found, key=lambda c: (order.index(c.chapter), c.key)), lambda c: c.chapter):
        text += f"\n## {title(chapter)}\n" + "".join(card(claim, tests_at) for claim in group)
    return text


def page() -> str:
    """Return the page for the ledger in the repository."""
    return write_text(claims(), repository_url())
