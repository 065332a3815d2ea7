"""The numbers that pages state about the book, counted from the repository when the site is built."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

from tools.chapter_titles import PLANNED, ROOT, is_written
from tools.claims_page import verdict_counts
from tools.ledger import claims, load


def chapters() -> list[str]:
    """Return the chapters that exist."""
    return [name for name in PLANNED if is_written(name)]


def count_tests(root: Path = ROOT) -> int:
    """Return the number of test functions (one that runs with many inputs counts once)."""
    count = 0
    for path in (root / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        count += sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.walk(tree))
    return count


def widget_views() -> int:
    """Return how many times a chapter shows a figure to play with."""
    view = "application/vnd.jupyter.widget-view+json"
    count = 0
    for name in chapters():
        cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        count += sum(view in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    return count


def wrong_claims() -> int:
    """Return how many checked claims are false or imprecise."""
    return sum(claim.verdict in ("false", "imprecise") for claim in claims())


def glossary_terms() -> int:
    """Return the number of glossary entries."""
    text = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    return sum(line.startswith("### ") for line in text.splitlines())


def solutions(kind: str) -> int:
    """Return how many ``wrong`` or ``right`` solutions the assignments are tested with."""
    files = (ROOT / "assignments/src").glob("*/mutants.py")
    lines = (line for path in files for line in path.read_text(encoding="utf-8").splitlines())
    return sum(line.startswith(f"# %% {kind} ") for line in lines)


FACTS: dict[str, Callable[[], object]] = {
    "chapters": lambda: len(chapters()),
    "planned-chapters": lambda: len(PLANNED),
    "claims": lambda: len(claims()),
    "verdicts": lambda: verdict_counts(claims()),
    "wrong-claims": wrong_claims,
    "systems": lambda: len(load()["systems"]),
    "equations": lambda: len(load()["equations"]),
    "tests": count_tests,
    "widgets": widget_views,
    "wrong-solutions": lambda: solutions("wrong"),
    "right-solutions": lambda: solutions("right"),
    "glossary-terms": glossary_terms,
}


def fact(name: str) -> str:
    """Return one fact as words.

    Raises:
        KeyError: if there is no such fact; the message lists those there are.
    """
    if name not in FACTS:
        raise KeyError(f"no fact {name!r}; there are {', '.join(sorted(FACTS))}")
    value = FACTS[name]()
    return f"{value:,}" if isinstance(value, int) else str(value)
