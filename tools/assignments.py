"""Build the assignments, one way: ``assignments/src/NAME/`` to what students get in ``assignments/NAME/``.

    python -m tools.assignments build [NAME ...]     write the student's notebook and its checks
    python -m tools.assignments check [NAME ...]     do sources and committed files belong together?
    python -m tools.assignments mutants [NAME ...]   do its tests reject what is wrong and accept what is right?

The source is a jupytext notebook with nbgrader's cell metadata and solution markers. nbgrader's own preprocessors
take the solutions out, lock the cells and compute the checksums, so that nbgrader can take the notebook in later.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

ROOT = Path(__file__).resolve().parents[1]
ASSIGNMENTS = ROOT / "assignments"
SOURCES = ASSIGNMENTS / "src"
ANSWERS = ROOT / "course_utils" / "grading" / "answers.py"
PREDICTIONS = ROOT / "course_utils" / "grading" / "challenge" / "predictions.py"
LOCAL_IMPORTS = {
    "from course_utils.grading.answers import": "from .answers import",
    "from course_utils.grading.challenge.predictions import": "from .predictions import",
}
NOTICE = "# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.\n"


def names() -> list[str]:
    """List the assignments that have a source, in order."""
    return sorted(path.name for path in SOURCES.iterdir() if (path / f"{path.name}.py").is_file())


def solution_notebook(name: str) -> nbformat.NotebookNode:
    """Read an assignment's source as a notebook with its solutions, cell ids taken from the grade ids.

    Raises:
        SystemExit: if a cell has no grade id: every cell of an assignment is named.
    """
    nb = jupytext.read(SOURCES / name / f"{name}.py", fmt="py:percent")
    for number, cell in enumerate(nb.cells, start=1):
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if not grade_id:
            raise SystemExit(f"{name}: cell {number} has no nbgrader grade_id")
        cell["id"] = grade_id
        cell.metadata.pop("lines_to_next_cell", None)
    nb.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    CheckCellMetadata().preprocess(nb, {})
    nbformat.validate(nb)
    return nb


def student_notebook(name: str) -> nbformat.NotebookNode:
    """Make the student's notebook: no solutions, no outputs, locked cells, checksums."""
    nb, resources = solution_notebook(name), {"language": "python"}
    for step in (LockCells, ClearSolutions, ClearMarkScheme, ClearOutput, CheckCellMetadata, ComputeChecksums):
        nb, resources = step().preprocess(nb, resources)
    nbformat.validate(nb)
    return nb


def student_files(name: str) -> dict[str, str]:
    """Everything in a student's folder, by path relative to it."""
    files = {f"{name}.ipynb": nbformat.writes(student_notebook(name)) + "\n"}
    for path in sorted((SOURCES / name / "checks").glob("*.py")):
        text = path.read_text()
        for from_package, from_folder in LOCAL_IMPORTS.items():
            text = text.replace(from_package, from_folder)
        text = re.sub(r"(^from \.answers import (?:\([^)]*\)|[^\n(]*)\n)\n(?=from \.)", r"\1", text, flags=re.MULTILINE)
        if "course_utils" in text:
            raise SystemExit(f"{path}: checks run without the course's package; only grading.answers is copied")
        files[f"checks/{path.name}"] = NOTICE + text
    files["checks/answers.py"] = NOTICE + ANSWERS.read_text()
    if (SOURCES / name / "challenge.yml").is_file():  # the check reads a file of predictions as the grader does
        files["checks/predictions.py"] = NOTICE + PREDICTIONS.read_text()
    return files


def build(name: str) -> None:
    """Write the student's folder; files that nothing builds any more go away."""
    folder, files = ASSIGNMENTS / name, student_files(name)
    for path in _committed(folder):
        if path not in files:
            (folder / path).unlink()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def differences(name: str) -> list[str]:
    """List the files of the student's folder that are not what the source builds."""
    folder, files = ASSIGNMENTS / name, student_files(name)
    stale = [path for path in _committed(folder) if path not in files]
    wrong = [p for p, text in files.items() if not (folder / p).is_file() or (folder / p).read_text() != text]
    return sorted(stale + wrong)


def _committed(folder: Path) -> list[str]:
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [str(p) for p in found if not {"__pycache__", ".ipynb_checkpoints"} & set(p.parts)]


def _print_mutants(name: str) -> bool:
    """Print the mutation score of an assignment; returns whether every mutant was judged right."""
    from tools.mutation import STUDENTS, Judge, mutants, table

    with Judge(name) as judge:
        verdicts = [judge.verdict(mutant) for mutant in mutants(name)]
    print(f"{name}: mutants judged right, hidden tests with the inputs of {len(STUDENTS)} students\n{table(verdicts)}")
    return not any(v.hidden_trouble or v.visible_trouble for v in verdicts)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.assignments", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("build", "check", "mutants"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    args = parser.parse_args(arguments)
    unknown = sorted(set(args.names) - set(names()))
    if unknown:
        parser.error(f"no such assignment: {', '.join(unknown)}; there are: {', '.join(names())}")
    bad = 0
    for name in args.names or [n for n in names() if args.action != "mutants" or (SOURCES / n / "hidden.py").is_file()]:
        if args.action == "build":
            build(name)
            print(f"{name}: built")
        elif args.action == "mutants":
            bad += not _print_mutants(name)
        elif stale := differences(name):
            bad += 1
            print(
                f"{name}: not what the source builds: {', '.join(stale)}; run python -m tools.assignments build {name}"
            )
        else:
            print(f"{name}: up to date")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
