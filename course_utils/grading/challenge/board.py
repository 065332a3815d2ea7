"""A leaderboard as data: who stands where. Private scores are in it only when it is final."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.challenge.plan import Plan
from course_utils.grading.challenge.pseudonyms import pseudonyms
from course_utils.grading.challenge.scoring import scores_of
from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.receipts import attempts
from course_utils.grading.classroom.standing import Standing, standings
from course_utils.grading.classroom.tables import as_csv, key, label

DECIMALS = 4  # what is shown; equal there is equal in rank


@dataclass(frozen=True)
class Row:
    """One student's line.

    Attributes:
        student: the id, never shown.
        name: what is shown.
        public: score on the public images of the attempt that counts, as shown.
        public_rank: 1 for the best; equal scores share a rank, and the next one counts them all.
        attempts: how often the student handed something in, also what could not be scored.
        late: whether the attempt that counts came late.
        private: score on the private images; None unless the board is final.
        private_rank: the rank by it; None unless the board is final.
    """

    student: str
    name: str
    public: float
    public_rank: int
    attempts: int
    late: bool = False
    private: float | None = None
    private_rank: int | None = None

    @property
    def climbed(self) -> int | None:
        """How many ranks better the private score is than the public one; None unless the board is final."""
        return None if self.private_rank is None else self.public_rank - self.private_rank


@dataclass(frozen=True)
class Board:
    """A leaderboard.

    Attributes:
        name: of the challenge.
        class_title: of the class.
        plan: the challenge's settings.
        final: whether private scores are shown.
        rows: the best first.
        absent: how many students are not on it, by status.
        newest: when the newest attempt on it was handed in; None if nobody knows.
    """

    name: str
    class_title: str
    plan: Plan
    final: bool
    rows: tuple[Row, ...]
    absent: dict[str, int]
    newest: datetime | None


def leaderboard(classroom: ClassFolder, name: str, *, final: bool = False, real_names: bool = False) -> Board:
    """Gather the leaderboard of a challenge from what was graded; the last attempt of everybody counts.

    Args:
        classroom: the class.
        name: of the challenge.
        final: show private scores, and rank by them.
        real_names: show names from the roster.

    Raises:
        TypeError: if the assignment is no challenge.
    """
    challenge = classroom.assignment(name)
    if not isinstance(challenge, Challenge):
        raise TypeError(f"{name} has no leaderboard: it is no data challenge")
    found = standings(classroom, name)
    shown = pseudonyms(classroom.config.seed, [standing.student.id for standing in found])
    if real_names:
        shown = {standing.student.id: standing.student.name or standing.student.id for standing in found}
    scored = [(standing, scores) for standing in found if (scores := scores_of(standing.grade)) is not None]
    rows = [
        Row(
            student=standing.student.id,
            name=shown[standing.student.id],
            public=round(scores.public, DECIMALS),
            public_rank=0,
            attempts=len(attempts(classroom, name, standing.student.id)),
            late=standing.late,
            private=round(scores.private, DECIMALS) if final else None,
        )
        for standing, scores in scored
    ]
    return Board(
        name=name,
        class_title=classroom.config.title,
        plan=challenge.plan,
        final=final,
        rows=tuple(_ranked(rows, final)),
        absent=dict(Counter(standing.status for standing in found if scores_of(standing.grade) is None)),
        newest=_newest([standing for standing, _ in scored]),
    )


def _ranked(rows: Sequence[Row], final: bool) -> list[Row]:
    public = ranks([row.public for row in rows])
    rows = [replace(row, public_rank=rank) for row, rank in zip(rows, public)]
    if final:
        private = ranks([row.private or 0.0 for row in rows])
        rows = [replace(row, private_rank=rank) for row, rank in zip(rows, private)]
    return sorted(rows, key=lambda row: (row.private_rank or 0, row.public_rank, row.name))


def ranks(scores: Sequence[float]) -> list[int]:
    """Standard competition ranks: one more than the number of better scores."""
    better: dict[float, int] = {}
    for place, score in enumerate(sorted(scores, reverse=True)):
        better.setdefault(score, place)
    return [better[score] + 1 for score in scores]


def _newest(scored: Sequence[Standing]) -> datetime | None:
    times = [datetime.fromisoformat(s.receipt.received) for s in scored if s.receipt and s.receipt.received]
    return max(times, default=None)


def write_names(classroom: ClassFolder, name: str) -> Path:
    """Write whose made-up name is whose, for the instructor; returns the path of the table."""
    roster = classroom.roster()
    shown = pseudonyms(classroom.config.seed, [student.id for student in roster])
    rows = [[key(student.id), label(student.name), shown[student.id]] for student in roster]
    path = classroom.reports / f"{name}-names.csv"
    write_whole(path, as_csv([["id", "name", "made-up name"], *rows], for_people=True))
    return path
