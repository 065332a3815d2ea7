"""The student pack: a zip with what a student needs, searched before it is written for what a student must not see."""

import ast
import io
import re
import zipfile
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.pack_search import search

README = """\
{name}

Open {name}.ipynb in JupyterLab and follow it from the top:

    python -m pip install -r requirements.txt
    python -m jupyterlab {name}.ipynb

The folder checks/ belongs to the notebook: keep the two together. Nothing is downloaded and no network is needed.
Hand in the notebook alone.
"""
REQUIREMENTS = "jupyterlab>=4\nmatplotlib>=3.9\nnumpy>=1.26\n"
TORCH = "torch>=2.11\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes
MARKERS = {"BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "BEGIN MARK SCHEME", "@hidden("}
SHORTEST = 15  # characters a line needs to be worth searching for; shorter ones occur anywhere
LINE = 25  # the same for any line of code, much of which occurs anywhere
ANSWERS = Path(__file__).with_name("answers.py")  # a copy of it is in every pack


class Leak(RuntimeError):
    """Something that must stay with the instructor is in the student's files."""


def pack(assignment: Assignment) -> bytes:
    """Zip what a student needs.

    Raises:
        Leak: if a line of the solutions, hidden tests, mutants or rubric is among it.
        ValueError: for a data challenge, whose data belongs to one class.
    """
    if isinstance(assignment, Challenge):
        raise ValueError(
            f"{assignment.name} is a data challenge: its data and labels belong to one class. "
            f"Name the class folder: course pack {assignment.name} --class DIR"
        )
    archive = zipped(assignment.name, pack_files(assignment))
    found = search(archive, secrets(assignment.source) | answers(assignment.source))
    if found:
        raise Leak(f"{assignment.name} would hand out: " + "; ".join(f"{place}: {line!r}" for place, line in found[:5]))
    return archive


def zipped(name: str, files: dict[str, str]) -> bytes:
    """A zip of files below a folder; the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text)
    return stream.getvalue()


def pack_files(assignment: Assignment) -> dict[str, str]:
    """The pack's files by path: the notebook, its checks, how to start, what to install."""
    requirements = REQUIREMENTS + (TORCH if assignment.tensors else "")
    files = {"README.txt": README.format(name=assignment.name), "requirements.txt": requirements}
    for path in [assignment.notebook, *sorted((assignment.folder / "checks").glob("*.py"))]:
        files[str(path.relative_to(assignment.folder))] = path.read_text(encoding="utf-8")
    return files


def secrets(source: Path) -> set[str]:
    """Lines that must not reach a student: solutions, names and sentences of hidden tests, mutants, the rubric."""
    notebook = (source / f"{source.name}.py").read_text(encoding="utf-8")
    found: set[str] = set()
    for region in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", notebook, flags=re.DOTALL):
        found |= {line.strip().removeprefix("# ") for line in region.splitlines()}
    found |= set(re.findall(r"def test_\w+", (source / "hidden.py").read_text(encoding="utf-8")))
    mutants, rubric = source / "mutants.py", source / "rubric.md"
    if mutants.is_file():
        text = mutants.read_text(encoding="utf-8")
        found |= {line.strip() for line in re.findall(r"^# (?:%%|thinks:) ?(.+)$", text, flags=re.MULTILINE)}
    if rubric.is_file():
        sentences = re.split(r"(?<=[.:])\s|\n", rubric.read_text(encoding="utf-8"))
        found |= {sentence.strip() for sentence in sentences if not sentence.startswith("#")}
    return {line for line in found if len(line) >= SHORTEST} | MARKERS


def answers(source: Path) -> set[str]:
    """Lines and sentences of the hidden tests, and lines of the mutants, that are nowhere meant for students.

    Some of the sentences reach a student later, in feedback; none belongs in what is handed out.
    """
    notebook = (source / f"{source.name}.py").read_text(encoding="utf-8")
    handed_out = re.sub(r"### BEGIN SOLUTION\n.*?### END SOLUTION", "", notebook, flags=re.DOTALL)
    known = [handed_out, ANSWERS.read_text(encoding="utf-8")]
    known += [path.read_text(encoding="utf-8") for path in sorted((source / "checks").glob("*.py"))]
    found: set[str] = set()
    for path in (source / "hidden.py", source / "mutants.py"):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found |= {line.strip() for line in text.splitlines()}
        strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
        found |= {part for value in strings if isinstance(value, str) for part in value.split("\n")}
    public = "".join("\n".join(known).split())
    return {line for line in found if len(line) >= LINE and "".join(line.split()) not in public}
