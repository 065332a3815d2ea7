"""The ledger says where each system and claim stands: every anchor, code and test in it must exist."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from course_utils.runtime import repo_root
from tools import chapters

ROOT = repo_root()
LEDGER: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "book" / "ledger.yml").read_text(encoding="utf-8"))
VERDICTS = {"true", "false", "imprecise", "external"}
# What the chapters that exist must cover: all the systems and claims of the lectures in chapters 00 to 05.
SYSTEMS = {f"S{n:03d}" for n in range(1, 275)}
CLAIMS = {f"C{n:03d}" for n in range(1, 278)}
ENTRIES = [(kind, key) for kind in ("systems", "claims", "equations") for key in LEDGER[kind]]


@cache
def anchors(chapter: str) -> frozenset[str]:
    """Heading slugs and explicit ids of a chapter."""
    nb = json.loads((ROOT / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    text = "\n".join("".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown")
    ids = set(re.findall(r'id="([\w-]+)"', text))
    for title in re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE):
        ids.add(slug(title))
    return frozenset(ids)


def slug(title: str) -> str:
    """The id that the site gives a heading: lower case, words joined by hyphens (GitHub's rule)."""
    plain = re.sub(r"<[^>]+>|[`*$]", "", title).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@cache
def names(path: Path) -> frozenset[str]:
    """Functions and classes at a module's top level, and methods as ``Class.method`` or ``Class::method``."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.Assign):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        if isinstance(node, ast.ClassDef):
            for sub in node.body:
                if isinstance(sub, ast.FunctionDef):
                    found |= {f"{node.name}.{sub.name}", f"{node.name}::{sub.name}"}
    return frozenset(found)


def assert_exists(reference: str) -> None:
    file, _, name = reference.partition("::")
    path = ROOT / file
    assert path.is_file(), f"{reference}: there is no {file}"
    if name:
        bare = name.split("[")[0]
        assert bare in names(path), f"{reference}: {file} defines no {bare}"


def test_no_system_and_no_claim_of_these_chapters_is_missing() -> None:
    assert set(LEDGER["systems"]) >= SYSTEMS
    assert set(LEDGER["claims"]) >= CLAIMS


@pytest.mark.parametrize(("kind", "key"), ENTRIES, ids=lambda v: str(v))
def test_anchor_code_and_test_of_an_entry_exist(kind: str, key: str) -> None:
    entry = LEDGER[kind][key]
    if kind != "equations":
        assert entry["anchor"] in anchors(entry["chapter"]), f"{entry['chapter']} has no anchor {entry['anchor']}"
    if kind == "systems":
        assert_exists(entry["code"])
        assert entry["title"]
    file, _, name = entry["test"].partition("::")
    assert file.startswith("tests/")
    assert name.split("::")[-1].startswith("test_")
    assert_exists(entry["test"])


@pytest.mark.parametrize("key", sorted(LEDGER["claims"]))
def test_a_claim_has_a_verdict_and_what_was_found(key: str) -> None:
    entry = LEDGER["claims"][key]
    assert entry["verdict"] in VERDICTS
    assert len(entry["claim"]) > 15
    assert len(entry["finding"]) > 20
    assert entry["anchor"] == key.lower(), "a claim's anchor is its own id"


@pytest.mark.parametrize("name", chapters.names())
def test_every_numbered_equation_has_a_test(name: str) -> None:
    text = (ROOT / "notebooks" / "src" / f"{name}.py").read_text(encoding="utf-8")
    tags = re.findall(r"\\tag\{([\d.]+)\}", text)
    assert len(tags) == len(set(tags)), "an equation number stands twice"
    for tag in tags:
        assert tag in LEDGER["equations"], f"equation ({tag}) of {name} has no test in the ledger"
        assert LEDGER["equations"][tag]["chapter"] == name
    known = {tag for tag, entry in LEDGER["equations"].items() if entry["chapter"] == name}
    assert known == set(tags), "the ledger lists equations that the chapter does not have"


@pytest.mark.parametrize("name", chapters.names())
def test_every_claim_is_listed_under_checked_claims(name: str) -> None:
    nb = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    text = "\n".join("".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown")
    section = text.split("## Checked claims", 1)[1].split("\n## ", 1)[0]
    for key, entry in LEDGER["claims"].items():
        if entry["chapter"] == name:
            assert f"#{key.lower()}" in section or key in section, f"{key} is not listed in {name}"
