"""A data challenge as the grader sees it: an assignment with one exercise, settings, and labels in place of tests."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.assignment import Assignment, Exercise, HandedOut
from course_utils.grading.challenge.plan import Plan, read_plan
from course_utils.grading.challenge.truth import NAME as TRUTH
from course_utils.grading.challenge.truth import Truth, read_truth

PLAN = "challenge.yml"
EXERCISE = "predictions"
"""The name of the one exercise, and the grade id of the cell in the starter notebook that checks the file."""


@dataclass(frozen=True)
class Challenge(Assignment):
    """A data challenge.

    Attributes:
        plan: its settings.
        truth: the labels of this class's test images; None until the class's pack was made. The version covers it.
    """

    plan: Plan
    truth: Truth | None


def is_challenge(source: Path) -> bool:
    """Whether an instructor's folder of an assignment is one of a challenge."""
    return (source / PLAN).is_file()


def load_challenge(name: str, source: Path, folder: Path) -> Challenge:
    """Read a challenge.

    Args:
        name: of the assignment.
        source: the instructor's folder: settings, generator and, in a class, the labels.
        folder: the student's folder with the starter notebook.

    Raises:
        FileNotFoundError: if there is no starter notebook.
        ValueError: if the settings or the labels cannot be used.
    """
    if not (folder / f"{name}.ipynb").is_file():
        raise FileNotFoundError(f"{folder} has no {name}.ipynb, the notebook that students start from")
    plan = read_plan(source / PLAN)
    truth = read_truth(source / TRUTH, plan)
    digest = hashlib.sha256((source / PLAN).read_bytes())
    if truth is not None:
        digest.update(truth.text().encode())
    return Challenge(
        name=name,
        source=source,
        folder=folder,
        exercises=(Exercise(EXERCISE, plan.title, plan.points, False, (), ""),),
        handed_out=HandedOut(frozenset(), (), frozenset(), frozenset()),
        tests=(),
        withheld=(),
        version=digest.hexdigest(),
        plan=plan,
        truth=truth,
    )
