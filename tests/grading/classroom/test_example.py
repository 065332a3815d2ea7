"""The made-up class: every kind of work is in it, made of nothing but the repository's own solutions and mutants."""

import json
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from course_utils.grading.assignment import load_assignment, nbgrader_of, text_of
from course_utils.grading.classroom.example import SPECIAL, kinds, made_up_students, made_up_work, write_example
from course_utils.grading.classroom.made_work import Recipes, changed

NAME = "01_perceptron"
DUE = datetime(2027, 3, 1, 23, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(NAME)


@pytest.fixture(scope="module")
def recipes(assignment):
    return Recipes.of(assignment)


def cells(notebook: bytes) -> dict[str, str]:
    return {nbgrader_of(cell)["grade_id"]: text_of(cell) for cell in json.loads(notebook)["cells"]}


def test_the_untouched_notebook_is_the_one_handed_out(assignment, recipes):
    assert cells(recipes.notebook({})) == cells(assignment.notebook.read_bytes())


def test_solutions_are_those_of_the_source_without_its_marks(assignment, recipes):
    pytest.importorskip("jupytext")
    from tools.assignments import solution_notebook

    source = {cell.metadata.nbgrader.grade_id: cell.source for cell in solution_notebook(NAME).cells}
    assert set(recipes.solutions) == {e.name if e.manual else f"{e.name}_code" for e in assignment.exercises}
    for name, text in recipes.solutions.items():
        assert "SOLUTION" not in text
        assert set(text.split()) == set(source[name].split()) - {"###", "BEGIN", "END", "SOLUTION"}


def test_a_mistake_replaces_functions_and_leaves_the_others(recipes):
    for exercise, mutants in recipes.wrong.items():
        for mutant in mutants:
            text = changed(recipes.solutions[f"{exercise}_code"], mutant)
            names = [line.split("(")[0] for line in text.splitlines() if line.startswith("def ")]
            solution = recipes.solutions[f"{exercise}_code"].splitlines()
            assert {line.split("(")[0] for line in solution if line.startswith("def ")} <= set(names)
            assert len(names) == len(set(names)), "each function is there once"
            compile(text, mutant.name, "exec")


def test_as_many_exercises_are_wrong_as_wanted(recipes):
    for mistakes in range(5):
        answers = recipes.answers(random.Random(mistakes), mistakes)
        wrong = 0
        for exercise, mutants in recipes.wrong.items():
            text = answers[f"{exercise}_code"]
            wrong += any(text == changed(recipes.solutions[f"{exercise}_code"], mutant) for mutant in mutants)
        assert wrong == mistakes


@pytest.mark.parametrize("count", [1, 2, 7, 20, 40, 41, 400])
def test_every_kind_happens_in_its_share(count):
    found = Counter(kinds(count, random.Random(0)))
    assert sum(found.values()) == count
    if count >= 40:
        assert set(SPECIAL) <= set(found)
        assert found["right"] >= count // 10
        assert found["partly right"] >= count // 5


def test_the_same_class_hands_in_the_same(assignment, tmp_path):
    students = made_up_students(12)
    first = write_example(tmp_path / "a", assignment, students, DUE)
    second = write_example(tmp_path / "b", assignment, students, DUE)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_late_is_after_the_due_time_and_nobody_else(assignment):
    sent = list(made_up_work(assignment, made_up_students(40), DUE))
    assert [one.late for one in sent] == [one.received > DUE for one in sent]
    assert sum(one.late for one in sent) == SPECIAL["late"]
    assert len(sent) == 40 - SPECIAL["missing"]


def test_students_have_names_that_nobody_has():
    students = made_up_students(120)
    assert students[0].name == "Student 001"
    assert all(student.email.endswith("@example.org") for student in students)
    assert len({student.id for student in students}) == 120
