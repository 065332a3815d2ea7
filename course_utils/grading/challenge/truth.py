"""What only the instructor knows: the label of every test image, and whether its score is public. ``truth.csv``."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.grading.challenge.plan import Plan

NAME = "truth.csv"
COLUMNS = ["id", "label", "split"]
PUBLIC, PRIVATE = "public", "private"


class BadTruth(ValueError):
    """The truth cannot be used; the text says why."""


@dataclass(frozen=True)
class Truth:
    """Labels of the test images.

    Attributes:
        ids: in the order of the test set.
        labels: positions in the plan's classes.
        public: whether an image belongs to the public split.
    """

    ids: tuple[str, ...]
    labels: tuple[int, ...]
    public: tuple[bool, ...]

    def score(self, plan: Plan, predicted: Sequence[int], public: bool) -> float:
        """Score predictions, in the order of `ids`, on one of the two splits; rounded, so that ties are ties."""
        chosen = np.asarray(self.public) == public
        truth, guess = np.asarray(self.labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
        return round(plan.scoring.score(truth[chosen], guess[chosen], len(plan.classes)), 6)

    def text(self) -> str:
        """The file's text."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for name, label, public in zip(self.ids, self.labels, self.public):
            table.writerow([name, label, PUBLIC if public else PRIVATE])
        return stream.getvalue()


def read_truth(path: Path, plan: Plan) -> Truth | None:
    """Read ``truth.csv``; None if there is none yet.

    Raises:
        BadTruth: if it is damaged, or does not fit the plan.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = ""
    rows = list(csv.reader(io.StringIO(text)))
    ids = tuple(row[0] for row in rows[1:] if row)
    good = rows[:1] == [COLUMNS] and all(
        len(row) == 3 and row[1].isdecimal() and int(row[1]) < len(plan.classes) and row[2] in (PUBLIC, PRIVATE)
        for row in rows[1:]
    )
    public = tuple(row[2] == PUBLIC for row in rows[1:]) if good else ()
    if not good or len(set(ids)) != plan.test or len(ids) != plan.test or sum(public) != plan.public_rows:
        raise BadTruth(
            f"{path} is damaged or belongs to other settings: move it away and run 'course pack --class' again, "
            "which makes the same labels from the class's seed"
        )
    return Truth(ids, tuple(int(row[1]) for row in rows[1:]), public)
