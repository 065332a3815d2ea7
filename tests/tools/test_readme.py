"""The README says what the records say, and its tree is true."""

from __future__ import annotations

import re

from course_utils.runtime import repo_root
from tools import readme

TEXT = (repo_root() / "README.md").read_text(encoding="utf-8")


def test_measured_lines_are_those_of_the_records() -> None:
    assert readme.render(TEXT) == TEXT, "run: python -m tools.readme"


def test_a_changed_number_is_found() -> None:
    changed = re.sub(r"runs in \d+ s", "runs in 999 s", TEXT)
    assert changed != TEXT
    assert readme.render(changed) != changed


def test_the_tree_names_what_exists() -> None:
    tree = TEXT.split("## What is where")[1].split("```")[1]
    for name in re.findall(r"(?:^|\s{4})([a-z_]+/(?:src/)?)", tree, re.MULTILINE):
        assert (repo_root() / name).is_dir(), name
    packages = {p.name.removesuffix(".py") for p in (repo_root() / "course_utils").iterdir()} - {"__init__", "py.typed"}
    listed = set(re.findall(r"^  ((?:[a-z]+ ?)+)\s{2,}", tree, re.MULTILINE))
    words = {word for group in listed for word in group.split()}
    assert packages - {"__pycache__"} == words


def test_named_commands_are_targets() -> None:
    makefile = (repo_root() / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
