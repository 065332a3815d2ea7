"""The numbers that pages state about the book, counted from the repository when the site is built."""

import ast
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

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


@functools.cache
def grading() -> dict[str, Any]:
    """Return the record of ``benchmarks/grading.py``."""
    record: dict[str, Any] = json.loads((ROOT / "results/grading.json").read_text(encoding="utf-8"))
    return record


GRADING: dict[str, Callable[[dict[str, Any]], object]] = {
    "machine": lambda r: f"{r['provenance']['processor']}, {r['provenance']['cores']} cores",
    "batch": lambda r: r["batch"],
    "workers": lambda r: r["workers"],
    "seconds": lambda r: f"{r['ours']['seconds_each']:.2f}",
    "per-second": lambda r: f"{r['ours']['per_second']:.1f}",
    "first": lambda r: f"{r['ours']['first_seconds']:.1f}",
    "opening": lambda r: f"{1000 * r['ours']['opening_seconds']:.0f}",
    "memory": lambda r: f"{r['ours']['peak_bytes'] / 2**20:,.0f}",
    "stock-count": lambda r: r["stock"]["submissions"],
    "stock-seconds": lambda r: f"{r['stock']['command_line_seconds']:.1f}",
    "api-seconds": lambda r: f"{r['stock']['api_seconds']:.1f}",
    "ratio": lambda r: f"{r['ratio_command_line']:.0f}",
    "api-ratio": lambda r: f"{r['ratio_api']:.1f}",
    "same-students": lambda r: r["same_marks"]["students"],
    "same-workers": lambda r: "{}, {} and {}".format(*r["same_marks"]["workers"]),
    "large-size": lambda r: r["large"]["students"],
    "large-minutes": lambda r: f"{r['large']['seconds'] / 60:.0f}",
    "large-per-second": lambda r: f"{r['large']['per_second']:.1f}",
    "large-coordinator": lambda r: f"{r['large']['coordinator_bytes'] / 2**20:,.0f}",
    "large-core-seconds": lambda r: f"{r['large']['core_seconds_per_thousand']:,.0f}",
    "large-cost": lambda r: f"{r['large']['cost_per_thousand']:.3f}",
    "price": lambda r: f"{r['price_per_core_hour']:g}",
}


@functools.cache
def challenge() -> dict[str, Any]:
    """Return what the first data challenge says about itself."""
    text = (ROOT / "assignments/src/challenge_1_stickers/challenge.yml").read_text(encoding="utf-8")
    plan: dict[str, Any] = yaml.safe_load(text)
    return plan


def challenge_score(number: int) -> str:
    """Return the score of one of the challenge's baselines."""
    return f"{challenge()['anchors'][number]['score']:.3f}"


def challenge_points(number: int) -> str:
    """Return the points that a baseline's score earns."""
    return f"{challenge()['points'] * challenge()['anchors'][number]['percent'] / 100:g}"


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
    **{f"grading-{name}": lambda figure=figure: figure(grading()) for name, figure in GRADING.items()},
    **{f"challenge-score-{number}": functools.partial(challenge_score, number) for number in range(5)},
    **{f"challenge-points-{number}": functools.partial(challenge_points, number) for number in range(5)},
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
