"""Assignment 1: its pictures, its claim, and the commands that build and judge an assignment."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.assignments.contract import AssignmentContract
from tools import assignments as build
from tools import mutation

NAME = "01_perceptron"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("perceptron_picture", "kernel_picture")


@pytest.fixture(scope="module")
def checks():
    """The visible checks, as they lie beside the student's notebook."""
    with mutation.Judge(NAME) as judge:
        yield judge.checks


def test_a_changed_file_a_missing_one_and_a_stale_one_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ASSIGNMENTS", tmp_path)
    build.build(NAME)
    assert build.differences(NAME) == []
    folder = tmp_path / NAME
    (folder / "checks" / "units.py").write_text("")
    (folder / "checks" / "rule.py").unlink()
    (folder / "checks" / "old.py").write_text("")
    assert build.differences(NAME) == ["checks/old.py", "checks/rule.py", "checks/units.py"]
    build.build(NAME)
    assert build.differences(NAME) == []


def test_the_claim_to_be_judged_is_false_in_numbers():
    x, radius, margin = 2.0, 2.0, 2.0
    mistakes = int(x * 0.0 <= 0)  # the first look, at w = 0
    mistakes += int(x * (0.0 + x) <= 0)
    assert mistakes == 1
    assert radius / margin**2 == 0.5 < mistakes <= (radius / margin) ** 2


def stub(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (stub, "Nothing to draw yet: this picture needs train_perceptron. Write the code"),
        (lambda x, y, eta, epochs: None, "Nothing to draw: train_perceptron returns None: a function without"),
        (lambda x, y, eta, epochs: 3, "should return 2 values"),
        (lambda x, y, eta, epochs: (x, [0]), r"should have shape \(3,\), got \(40, 3\)"),
        (lambda x, y, eta, epochs: (x[0], None), "the list of mistakes is None"),
        (lambda x, y, eta, epochs: (x[0], []), "the list of mistakes is empty"),
        (lambda x, y, eta, epochs: x[99], "stops with IndexError"),
    ],
)
def test_the_picture_cells_say_why_nothing_is_drawn(checks, capsys, train, words):
    checks.pictures.training(train)
    assert re.search(words, capsys.readouterr().out)
    checks.pictures.xor(lambda a, b, degree: (1 + a @ b.T) ** degree, lambda k, y, epochs: train(k, y, 1, epochs))
    assert "Nothing to draw" in capsys.readouterr().out


def test_the_build_command_reports_stale_files(capsys, tmp_path, monkeypatch):
    assert build.main(["check", NAME]) == 0
    monkeypatch.setattr(build, "ASSIGNMENTS", tmp_path)
    assert build.main(["check"]) == 1
    assert f"python -m tools.assignments build {NAME}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        build.main(["build", "99_none"])
    assert not Path(tmp_path / "99_none").exists()


TWO = """
def radius_and_margin(w, x, y):
    return 1.0, 2.0
"""


def test_the_mutants_command_prints_the_score_and_fails_when_a_test_is_blind(capsys, monkeypatch):
    few = [m for m in mutation.mutants(NAME) if m.exercise == "mistake_bound"][:4]
    monkeypatch.setattr(mutation, "mutants", lambda name: few)
    assert build.main(["mutants", NAME]) == 0
    assert "mistake_bound 2 of 2 2 of 2 2 of 2 2 of 2" in " ".join(capsys.readouterr().out.split())
    blind = replace(few[-1], name="a blind spot", code="")
    reworded = replace(few[-1], name="other words", says="no such words", hidden_says="no such words")
    double = replace(few[-1], name="two ideas", hidden_says="the radius", code=TWO)
    monkeypatch.setattr(mutation, "mutants", lambda name: [*few, blind, reworded, double])
    assert build.main(["mutants", NAME]) == 1
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "mistake_bound 2 of 5 2 of 5 2 of 2 2 of 2" in words
    assert "wrong solution 'a blind spot', hidden: accepted" in words
    assert "wrong solution 'a blind spot', visible: accepted" in words
    assert "wrong solution 'other words', hidden: rejected with other words" in words
    assert "wrong solution 'two ideas', hidden: one idea, 2 sentences" in words
    assert all(len(line) <= 80 for line in out.splitlines()[1:])
