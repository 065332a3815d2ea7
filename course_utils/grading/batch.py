"""Grading a folder of submissions: each on its own, in any order, with any number of workers, to the same marks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment, Exercise, normalised
from course_utils.grading.hidden import TestResult, earned, run_tests
from course_utils.grading.runner import Runner
from course_utils.grading.session import StudentSession, Ungraded
from course_utils.grading.submission import Submission, Unreadable, read_submission

GRADED, MISSING, UNREADABLE, HUMAN, ERROR = "graded", "missing", "unreadable", "needs a human", "grader error"


@dataclass(frozen=True)
class Found:
    """A place in the folder that stands for one student: the notebook, or why there is none."""

    student: str
    path: Path | None
    status: str = GRADED
    note: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise of one student.

    Attributes:
        status: passed, partly, failed, not attempted, needs a human.
        points: what it earned; None as long as nobody knows.
        possible: what it can earn.
        sentences: what the student may read, each once.
        tests: every hidden test's outcome, for the instructor.
    """

    status: str
    points: float | None
    possible: float
    sentences: tuple[str, ...] = ()
    tests: tuple[TestResult, ...] = ()


@dataclass(frozen=True)
class Grade:
    """One student's result. Points are None, never 0, where nothing was graded."""

    student: str
    status: str
    note: str = ""
    file: str = ""
    sha256: str = ""
    exercises: dict[str, ExerciseResult] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> float | None:
        """Points of the automatic exercises together; None if any of them has none."""
        known = [e.points for e in self.automatic]
        return sum(p for p in known if p is not None) if known and None not in known else None

    @property
    def automatic(self) -> list[ExerciseResult]:
        """The exercises that hidden tests grade."""
        return [e for e in self.exercises.values() if e.tests]

    @property
    def to_mark(self) -> tuple[str, ...]:
        """Exercises that wait for a person."""
        return tuple(name for name, e in self.exercises.items() if e.points is None)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every misconception met, each once."""
        return tuple(dict.fromkeys(s for e in self.exercises.values() for s in e.sentences))

    def record(self) -> dict[str, Any]:
        """The grade as plain JSON data, the same for the same work."""
        return {**asdict(self), "points": self.points, "to_mark": list(self.to_mark)}


def find_submissions(folder: Path, assignment: str) -> list[Found]:
    """List the students of a folder: each a sub-folder with a notebook, or a notebook named after the student.

    Args:
        folder: where the submissions lie; nothing in it is changed.
        assignment: the notebook of this name is preferred where a student's folder holds several.
    """
    found = []
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_symlink():
            found.append(Found(entry.name, None, UNREADABLE, "a link; links are not followed"))
        elif entry.is_dir():
            found.append(_in_folder(entry, assignment))
        elif entry.suffix == ".ipynb":
            found.append(Found(entry.stem, entry))
    names = [f.student for f in found]
    twice = {name for name in names if names.count(name) > 1}
    note = "two submissions carry this name"
    return [Found(f.student, None, HUMAN, note) if f.student in twice else f for f in found if f.path or f.student]


def _in_folder(folder: Path, assignment: str) -> Found:
    notebooks = sorted(
        path
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    )
    named = [path for path in notebooks if path.name == f"{assignment}.ipynb"]
    if len(named) == 1 or len(notebooks) == 1:
        return Found(folder.name, (named or notebooks)[0])
    if not notebooks:
        others = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
        if others:
            names = ", ".join(sorted(others)[:3])
            return Found(folder.name, None, UNREADABLE, f"no notebook, but other files: {names}")
        return Found(folder.name, None, MISSING, "the folder is empty")
    return Found(folder.name, None, HUMAN, f"{len(notebooks)} notebooks, and it is not clear which one counts")


def grade_folder(
    assignment: Assignment,
    folder: Path,
    runner: Runner,
    *,
    seed: int = 0,
    workers: int = 2,
    progress: Callable[[Grade], None] = lambda grade: None,
) -> list[Grade]:
    """Grade every submission of a folder.

    Args:
        assignment: what to grade against.
        folder: the submissions (see `find_submissions`).
        runner: where student code runs.
        seed: of the hidden tests' random inputs; one for a class, so that equal work earns equal marks.
        workers: submissions graded at a time.
        progress: called with each grade as it is there.

    Returns:
        One grade a student, in the order of their names.
    """

    def one(found: Found) -> Grade:
        grade = grade_one(assignment, found, runner, seed)
        progress(grade)
        return grade

    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(one, find_submissions(folder, assignment.name)))


def grade_one(assignment: Assignment, found: Found, runner: Runner, seed: int) -> Grade:
    """Grade one submission; whatever happens, a status comes back."""
    if found.path is None:
        return Grade(found.student, found.status, found.note)
    try:
        submission = read_submission(found.path, assignment)
    except Unreadable as reason:
        return Grade(found.student, UNREADABLE, str(reason), found.path.name)
    session = StudentSession(runner, submission.cells, assignment.folder, assignment.withheld)
    try:
        with session:
            session.load()
            results = run_tests(assignment.tests, session, seed)
    except Ungraded as trouble:
        return Grade(found.student, ERROR, str(trouble), found.path.name, submission.sha256)
    except Exception as trouble:  # one submission must never stop the batch
        note = f"{type(trouble).__name__}: {str(trouble)[:200]}"
        return Grade(found.student, ERROR, note, found.path.name, submission.sha256)
    exercises = {e.name: _exercise(e, submission, results, session) for e in assignment.exercises}
    broken = [name for name, e in exercises.items() if e.points is None and e.tests]
    return Grade(
        student=found.student,
        status=HUMAN if broken else GRADED,
        note=f"could not be graded: {', '.join(broken)}" if broken else "",
        file=found.path.name,
        sha256=submission.sha256,
        exercises=exercises,
        cells=tuple(r.sentence for r in session.reports.values() if r.status != "ok"),
        notes=submission.notes,
        environment=session.environment,
    )


def _exercise(
    exercise: Exercise, submission: Submission, results: Sequence[TestResult], session: StudentSession
) -> ExerciseResult:
    if exercise.manual:
        answer = submission.answers[exercise.name]
        if answer is not None and normalised(answer) in ("", exercise.stub):
            return ExerciseResult("not attempted", 0.0, exercise.points)
        return ExerciseResult(HUMAN, None, exercise.points)
    own = tuple(r for r in results if r.exercise == exercise.name)
    points = earned(own)
    sentences = tuple(dict.fromkeys(r.sentence for r in own if r.sentence))
    if any(r.status == "absent" for r in own):  # the cell that should have defined the function says why
        sentences += tuple(r.sentence for r in session.reports.values() if r.status in ("raised", "timeout", "died"))
    if points is None:
        status = HUMAN
    elif all(r.status == "passed" for r in own):
        status = "passed"
    elif points > 0:
        status = "partly"
    elif exercise.name not in submission.changed:
        status = "not attempted"
    else:
        status = "failed"
    return ExerciseResult(status, points, exercise.points, tuple(dict.fromkeys(sentences)), own)
