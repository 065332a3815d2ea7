"""Write the measured lines of README.md from records: ``python -m tools.readme`` (``--check`` only compares).

Numbers that users read are never typed by hand. They come from ``results/*.json``, from the cost that the
build stored in each notebook, and from the ledger of checked claims.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from course_utils.runtime import Band, band, load_record
from tools import chapters

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def date(record: str) -> str:
    """The day a record was made."""
    return str(load_record(record)["provenance"]["date"])


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def spread(measured: Band) -> str:
    """A band of accuracies as a reader reads it."""
    low, middle, high = (percent(v) for v in (measured.minimum, measured.median, measured.maximum))
    return f"{middle} (median of {measured.count} seeds, {low} to {high})"


def claims() -> dict[str, int]:
    """Count the ledger's claims by verdict."""
    ledger = yaml.safe_load((ROOT / "book" / "ledger.yml").read_text(encoding="utf-8"))
    counts: dict[str, int] = {}
    for entry in ledger["claims"].values():
        counts[entry["verdict"]] = counts.get(entry["verdict"], 0) + 1
    return counts


def costs() -> dict[str, dict[str, Any]]:
    """The stored cost of every chapter."""
    found = {}
    for name in chapters.names():
        nb = json.loads((chapters.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
        found[name] = nb["metadata"]["course"]["cost"]
    return found


def headline() -> str:
    """One honest number: what the first chapter's network reaches, and how long the chapter takes."""
    seconds = costs()["00_start"]["seconds"]
    reached = band("00_start.first_network", "accuracy")
    counts = claims()
    corrected = counts.get("false", 0) + counts.get("imprecise", 0)
    return (
        f"The first chapter runs in {seconds:.0f} s on two processor cores, offline, and its network reads "
        f"{spread(reached)} of handwritten digits that it has never seen. Of {sum(counts.values())} statements of the "
        f"lectures checked so far, {corrected} turned out false or imprecise and are corrected."
    )


def table() -> str:
    """All figures with their day and the command that repeats them."""
    rows = [("what", "figure", "repeat it with", "measured")]
    day = date("00_start.first_network")
    for name, cost in costs().items():
        figure = f"{cost['seconds']:.0f} s, {cost['memory_gb']:.1f} GB"
        rows.append((f"chapter `{name}`, all cells", figure, f"`python -m tools.chapters build {name} --fresh`", day))
    reader = load_record("digit_reader")
    accuracy = reader["metrics"]["accuracy"]
    figure = f"{percent(sorted(accuracy)[len(accuracy) // 2])} of MNIST's test set (median of {len(accuracy)} seeds)"
    rows.append(("the network that reads drawings", figure, "`course train digit_reader`", date("digit_reader")))
    batches = load_record("batches")
    figure = (
        f"{batches['ratio']:.0f} times faster ({batches['batches_seconds']:.2f} s against "
        f"{batches['loader_seconds']:.1f} s for {batches['images']:,} images)"
    )
    rows.append(("an epoch of batches in memory, against `DataLoader`", figure, "", "batches"))
    rates = load_record("synthetic")["per_processor_second"]
    figure = f"{rates['images 32x32, medium']:,.0f} images 32x32; "
    figure += f"{rates['scenes 128x128, medium, all truth']:,.0f} scenes 128x128 with all truth"
    rows.append(("made in a second on one core", figure, "", "synthetic"))
    grading = load_record("grading")
    figure = f"{grading['ours']['seconds_each']:.2f} s a submission, {grading['workers']} workers, in sandboxes; "
    figure += f"stock nbgrader {grading['stock']['command_line_seconds']:.1f} s by its command line"
    rows.append((f"grading {grading['batch']} submissions of assignment 1", figure, "", "grading"))
    pages = {name: page for name, page in load_record("site")["pages"].items() if name.startswith("notebooks/")}
    heaviest = max(page["fast"]["kilobytes"] for page in pages.values())
    slowest = max(page["slow"]["first"] for page in pages.values() if page["slow"])  # pages without a widget have none
    figure = (
        f"{heaviest:.0f} KB gzipped before images; first widget ready in {slowest:.1f} s at 1.6 Mbit/s, slow processor"
    )
    rows.append(("the heaviest chapter page", figure, "", "site"))
    rows[-4:] = [(what, fig, f"`{load_record(name)['command']}`", date(name)) for what, fig, _, name in rows[-4:]]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * 4, *lines[1:]])


def render(text: str) -> str:
    """Put the measured lines between their marks."""
    for mark, content in (("headline", headline()), ("table", table())):
        start, end = f"<!-- measured:{mark} -->", f"<!-- /measured:{mark} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise SystemExit(f"README.md must hold {start} and {end} once each")
        text = re.sub(f"{start}.*?{end}", lambda _, c=content, s=start, e=end: f"{s}\n{c}\n{e}", text, flags=re.DOTALL)
    return text


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.readme", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the lines are out of date")
    args = parser.parse_args(argv)
    old = README.read_text(encoding="utf-8")
    new = render(old)
    if args.check:
        if old != new:
            print("README.md is out of date; run: python -m tools.readme", file=sys.stderr)
        return int(old != new)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
