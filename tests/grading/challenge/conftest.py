"""A tiny challenge that is made in milliseconds, a class that takes part in it, and predictions of any quality."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from course_utils.grading.challenge.kind import load_challenge
from course_utils.grading.challenge.pack import pack_challenge
from course_utils.grading.challenge.plan import read_plan
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import grade_files, seed_of
from course_utils.runtime import repo_root

TINY = "tiny"
STICKERS = "challenge_1_stickers"
SEED = 1_008_476_235_991_234_567
PLAN = """\
title: Three shades
metric: accuracy
points: 10
file: predictions.csv
columns: [id, label]
classes: [dark, middle, light]
train: 60
test: 200
public: 0.4
record: none
anchors:
  - {name: guessing, score: 0.3, percent: 0}
  - {name: a start, score: 0.5, percent: 40}
  - {name: the reference, score: 0.9, percent: 100}
"""
GENERATOR = '''"""Grey squares in three shades."""

import numpy as np


def images(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    noise = rng.integers(0, 40, (n, 4, 4, 3))
    return (noise + 80 * labels[:, None, None, None]).astype(np.uint8), labels
'''


def write_tiny(root: Path, plan: str = PLAN) -> None:
    """Write the tiny challenge below an ``assignments`` folder."""
    (root / TINY / "checks").mkdir(parents=True)
    (root / "src" / TINY).mkdir(parents=True)
    (root / TINY / f"{TINY}.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (root / "src" / TINY / "challenge.yml").write_text(plan)
    (root / "src" / TINY / "generator.py").write_text(GENERATOR)


class Made:
    """A class that takes part in a challenge."""

    def __init__(self, path: Path, students: int, name: str, seed: int) -> None:
        self.name = name
        path.mkdir()
        plan = "{due: 2027-03-01T12:00, part: challenge}"
        (path / "class.yml").write_text(f"title: A made-up class\nseed: {seed}\nassignments:\n  {name}: {plan}\n")
        ids = [f"s{n:03d}" for n in range(1, students + 1)]
        write_roster(path / "roster.csv", [Student(i, f"Student {i[1:]}", f"{i}@example.org") for i in ids])
        if name == TINY:
            write_tiny(path / "assignments")
        else:
            for part in (name, f"src/{name}"):
                ignored = shutil.ignore_patterns("__pycache__", ".ipynb*")
                shutil.copytree(repo_root() / "assignments" / part, path / "assignments" / part, ignore=ignored)
        self.classroom = ClassFolder(path)

    @property
    def challenge(self):
        return self.classroom.assignment(self.name)

    def pack(self) -> bytes:
        return pack_challenge(self.classroom, self.name)

    def labels(self, right_public: float, right_private: float | None = None) -> list[int]:
        """Predictions with exactly these shares right (rounded to whole images) on the two splits."""
        truth, classes = self.challenge.truth, len(self.challenge.plan.classes)
        predicted = [(label + 1) % classes for label in truth.labels]
        for public, share in ((True, right_public), (False, right_public if right_private is None else right_private)):
            places = [i for i, one in enumerate(truth.public) if one == public]
            for i in places[: round(share * len(places))]:
                predicted[i] = truth.labels[i]
        return predicted

    def table(self, labels: list[int]) -> bytes:
        rows = [f"{name},{label}" for name, label in zip(self.challenge.truth.ids, labels)]
        return ("\n".join(["id,label", *rows]) + "\n").encode()

    def hand_in(self, student: str, public: float, private: float | None = None, hours: int = 0, notebook=True):
        """Hand in predictions with these scores, some hours after 20 February."""
        files = {"predictions.csv": self.table(self.labels(public, private))}
        if notebook:
            files[f"{self.name}.ipynb"] = b"{}"
        return self.hand_in_files(student, SubmittedFiles(files), hours)

    def hand_in_files(self, student: str, files: SubmittedFiles, hours: int = 0):
        received = datetime(2027, 2, 20, tzinfo=UTC) + timedelta(hours=hours)
        return receipts.add(self.classroom, student, self.name, files, received=received)[0]

    def grade(self) -> None:
        """Grade what counts, without any runner: a challenge needs none."""
        assignment, ledger = self.challenge, Ledger(self.classroom)
        for student, receipt in receipts.latest(self.classroom, self.name).items():
            if not receipt.rejected:
                files, seed = receipts.files_of(self.classroom, receipt), seed_of(SEED, student, self.name)
                grade = grade_files(assignment, files, None, seed)
                ledger.write(Entry(student, self.name, assignment.version, receipt.sha256, seed, True, grade.record()))


@pytest.fixture
def make_class(tmp_path):
    made = []

    def one(students: int = 4, *, name: str = TINY, seed: int = SEED) -> Made:
        made.append(Made(tmp_path / f"class{len(made) + 1}", students, name, seed))
        return made[-1]

    return one


@pytest.fixture
def tiny(make_class):
    """A class whose pack was made."""
    made = make_class()
    made.pack()
    return made


@pytest.fixture
def tiny_challenge(tmp_path):
    """The tiny challenge as a repository holds it: without labels."""
    write_tiny(tmp_path / "assignments")
    root = tmp_path / "assignments"
    return load_challenge(TINY, root / "src" / TINY, root / TINY)


@pytest.fixture
def plan_file(tmp_path):
    """Read a plan from text with some words exchanged."""

    def read(*changes: tuple[str, str]):
        text = PLAN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "challenge.yml").write_text(text)
        return read_plan(tmp_path / "challenge.yml")

    return read


@pytest.fixture
def rng():
    return np.random.default_rng(0)
