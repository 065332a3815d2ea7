"""A made-up class with made-up submissions, so that an instructor can try everything within two minutes."""

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.made_work import Recipes
from course_utils.grading.classroom.roster import Student

DUE = "2027-03-01T23:59"
FIRST_ID, FIRST_ATTACHMENT = 1001, 50001
SPECIAL = {
    "missing": 3, "untouched": 2, "late": 3, "again": 2, "broken": 1, "syntax error": 1, "endless loop": 1,
    "zipped": 1, "leaves its folder": 1, "a PDF": 1, "two notebooks": 1, "renamed": 1,
}  # fmt: skip
"""What happens in a class of forty besides right and partly right work, and how often."""


@dataclass(frozen=True)
class Sent:
    """What one person handed in.

    Attributes:
        student: who.
        received: when.
        late: whether that is after the due time.
        attempts: files by the name the person gave them, one mapping an attempt, the oldest first.
    """

    student: Student
    received: datetime
    late: bool
    attempts: tuple[dict[str, bytes], ...]


def made_up_students(count: int) -> list[Student]:
    """Students ``s001``, ``s002``, ... who are called Student 01, Student 02, ..."""
    width = max(2, len(str(count)))
    return [
        Student(
            id=f"s{n:03d}",
            name=f"Student {n:0{width}d}",
            email=f"s{n:03d}@example.org",
            canvas_id=str(FIRST_ID + n - 1),
            sis_id=f"U{n:05d}",
            login=f"student{n:0{width}d}",
        )
        for n in range(1, count + 1)
    ]


def kinds(count: int, rng: random.Random) -> list[str]:
    """What kind of work each of `count` students hands in: mostly right or partly right, and each special kind."""
    special = [kind for kind, often in SPECIAL.items() for _ in range(max(1, round(often * count / 40)))]
    rest = max(0, count - len(special))
    right = round(rest * 0.4)
    found = special[: count // 2] if rest <= count // 2 else special
    found += ["right"] * right + ["partly right"] * (count - len(found) - right)
    rng.shuffle(found)
    return found[:count]


def made_up_work(assignment: Assignment, students: list[Student], due: datetime) -> Iterator[Sent]:
    """What a made-up class hands in; the same for the same class and assignment.

    Args:
        assignment: with model solutions and mutants.
        students: the class.
        due: when the work is due.
    """
    rng = random.Random(f"{assignment.name} {len(students)}")
    recipes = Recipes.of(assignment)
    for student, kind in zip(students, kinds(len(students), rng)):
        minutes = rng.randrange(5, 4 * 24 * 60)
        late = kind == "late"
        received = due + timedelta(minutes=minutes) / 10 if late else due - timedelta(minutes=minutes)
        if kind != "missing":
            yield Sent(
                student,
                received.replace(second=0, microsecond=0),
                late,
                tuple(_attempts(kind, recipes, assignment.name, rng)),
            )


def _attempts(kind: str, recipes: Recipes, name: str, rng: random.Random) -> Iterator[dict[str, bytes]]:
    notebook = f"{name}.ipynb"
    work = recipes.notebook(recipes.answers(rng, 0 if kind == "right" else rng.choice([0, 1, 1, 2, 3])))
    if kind == "untouched":
        yield {notebook: recipes.notebook({})}
    elif kind == "partly right":
        yield {notebook: recipes.notebook(recipes.answers(rng, rng.choice([1, 1, 2, 2, 3, 4])))}
    elif kind == "again":
        yield {notebook: recipes.notebook(recipes.answers(rng, 4))}
        yield {notebook: work}
    elif kind == "broken":
        yield {notebook: work[: len(work) // 3]}
    elif kind == "syntax error":
        first = f"{recipes.exercises()[0]}_code"
        answers = recipes.answers(rng, 0)
        yield {notebook: recipes.notebook({**answers, first: answers[first].replace("):", ")", 1)})}
    elif kind == "endless loop":
        yield {notebook: recipes.notebook(recipes.endless())}
    elif kind == "zipped":
        yield {"homework.zip": _zip({f"homework/{notebook}": work, f"__MACOSX/homework/._{notebook}": b"\0\5\x16\7"})}
    elif kind == "leaves its folder":
        yield {"homework.zip": _zip({f"../../{notebook}": work})}
    elif kind == "a PDF":
        yield {"homework.pdf": b"%PDF-1.4\n%%EOF\n"}
    elif kind == "two notebooks":
        yield {"final.ipynb": work, "final_really.ipynb": recipes.notebook(recipes.answers(rng, 1))}
    elif kind == "renamed":
        yield {"Untitled.ipynb": work}
    else:
        yield {notebook: work}


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2027, 3, 1, 12, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def write_example(folder: Path, assignment: Assignment, students: list[Student], due: datetime) -> tuple[Path, Path]:
    """Write a zip as Canvas names its files, and a table of the times, which such a zip does not hold.

    One person who is not enrolled is among them.

    Args:
        folder: where to.
        assignment: whose work it is.
        students: who is enrolled.
        due: when it is due.

    Returns:
        The zip and the table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export, table = folder / f"{assignment.name}.zip", folder / f"{assignment.name}-times.csv"
    left = Student("", name="Student Who Left", canvas_id=str(FIRST_ID + len(students) + 98))
    downloaded = (due + timedelta(days=7)).timetuple()[:6]
    lines, attachment = ["user_id,submitted_at"], FIRST_ATTACHMENT
    with zipfile.ZipFile(export, "w", zipfile.ZIP_DEFLATED) as archive:
        for sent in made_up_work(assignment, students, due):
            lines.append(f"{sent.student.canvas_id},{sent.received.isoformat()}")
            for number, files in enumerate(sent.attempts):
                for file, data in files.items():
                    name = canvas_name(sent.student, attachment, file, late=sent.late, again=number)
                    archive.writestr(zipfile.ZipInfo(name, downloaded), data, zipfile.ZIP_DEFLATED)
                    attachment += 1
        name = canvas_name(left, attachment, assignment.notebook.name)
        archive.writestr(zipfile.ZipInfo(name, downloaded), assignment.notebook.read_bytes(), zipfile.ZIP_DEFLATED)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return export, table


def canvas_name(student: Student, attachment: int, file: str, *, late: bool = False, again: int = 0) -> str:
    """What Canvas calls a file in its export."""
    first, _, last = student.name.rpartition(" ")
    joined = "".join(char for char in f"{last}{first}".lower() if char.isalnum())
    if again:
        stem, dot, ending = file.rpartition(".")
        file = f"{stem}-{again}{dot}{ending}"
    return f"{joined}_{'LATE_' if late else ''}{student.canvas_id}_{attachment}_{file}"


def has_recipes(assignment: Assignment) -> bool:
    """Whether work for an assignment can be made up: it has model solutions and mutants."""
    sources = (f"{assignment.name}.py", "mutants.py")
    return bool(assignment.tests) and all((assignment.source / file).is_file() for file in sources)
