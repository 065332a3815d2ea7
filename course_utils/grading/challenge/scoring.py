"""One submission's grade in a challenge: the predictions scored on both splits, the private score turned into points.

No student code runs; the notebook is kept, not executed.
"""

import platform
import re
from dataclasses import dataclass

import numpy as np

from course_utils.grading.challenge.kind import EXERCISE, Challenge
from course_utils.grading.challenge.plan import Plan
from course_utils.grading.challenge.predictions import BadPredictions, read_predictions
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, ExerciseResult, Grade
from course_utils.grading.hidden import TestResult

PUBLIC_TEST, PRIVATE_TEST = "public_score", "private_score"
COPY_NUMBER = re.compile(r"(-\d{1,4}| ?\(\d{1,4}\))$")  # what browsers and Canvas add to a name that is taken


class NotClear(Exception):
    """Several files could be meant; a person has to say which."""


@dataclass(frozen=True)
class Scores:
    """What predictions reach.

    Attributes:
        public: score on the images of the leaderboard.
        private: score on the others; it decides the points.
    """

    public: float
    private: float


def grade_predictions(challenge: Challenge, files: SubmittedFiles) -> Grade:
    """Grade one submission; whatever happens, a grade comes back, and the same one for the same files.

    Args:
        challenge: what to grade against.
        files: what was handed in: the predictions, and the notebook that made them.
    """
    plan, truth = challenge.plan, challenge.truth
    if truth is None:
        return Grade(
            HUMAN,
            "the grader had trouble: this class has no labels for the challenge yet. Make them with "
            f"'course pack {challenge.name} --class DIR', then run again",
        )
    try:
        path = choose(files, plan)
        predicted = read_predictions(files.content[path], truth.ids, plan.classes, plan.columns)
    except BadPredictions as reason:
        return Grade(REJECTED, str(reason))
    except NotClear as reason:
        return Grade(HUMAN, str(reason))
    except Exception as trouble:  # one submission must never stop the batch
        return Grade(HUMAN, f"the grader had trouble: {type(trouble).__name__}: {str(trouble)[:200]}")
    scores = Scores(truth.score(plan, predicted, True), truth.score(plan, predicted, False))
    points = round(plan.points * plan.percent(scores.private) / 100, 2)
    title = plan.scoring.title
    tests = (
        TestResult(PUBLIC_TEST, EXERCISE, 0.0, "passed", detail=f"{title} {scores.public}"),
        TestResult(PRIVATE_TEST, EXERCISE, points, "passed", detail=f"{title} {scores.private}"),
    )
    status = "passed" if points >= plan.points else "partly" if points > 0 else "failed"
    notebook = any(name.lower().endswith(".ipynb") for name in files.content)
    return Grade(
        GRADED,
        exercises={EXERCISE: ExerciseResult(status, points, plan.points, tests=tests)},
        notes=() if notebook else ("no notebook beside the predictions: how they were made is not on record",),
        environment={"python": platform.python_version(), "numpy": np.__version__},
    )


def scores_of(grade: Grade | None) -> Scores | None:
    """The scores in a grade; None where nothing was scored."""
    exercise = grade.exercises.get(EXERCISE) if grade is not None else None
    found = {t.test: float(t.detail.rpartition(" ")[2]) for t in exercise.tests} if exercise is not None else {}
    return Scores(found[PUBLIC_TEST], found[PRIVATE_TEST]) if {PUBLIC_TEST, PRIVATE_TEST} <= set(found) else None


def choose(files: SubmittedFiles, plan: Plan) -> str:
    """The path of the file that counts: the one with the right name, else the only CSV file.

    Raises:
        BadPredictions: if there is none.
        NotClear: if there are several that differ.
    """
    tables = [path for path in files.content if path.lower().endswith(".csv")]
    named = [path for path in tables if path.rpartition("/")[2].lower() == plan.file]
    copies = [path for path in tables if _plain_name(path) == plan.file]
    for found in (named, copies, tables):
        if found and len({files.content[path] for path in found}) == 1:
            return found[0]
        if found:
            raise NotClear(f"{len(found)} tables, and it is not clear which one counts: {_listed(found)}")
    wanted = f"hand in {plan.file}, and the notebook that made it"
    if files.content:
        raise BadPredictions(f"there is no CSV file, but other files: {_listed(list(files.content))}. Please {wanted}")
    raise BadPredictions(f"there is no file. Please {wanted}")


def _plain_name(path: str) -> str:
    stem, _, ending = path.rpartition("/")[2].lower().rpartition(".")
    return f"{COPY_NUMBER.sub('', stem)}.{ending}"


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
