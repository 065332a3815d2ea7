"""Submissions to measure with: assignment 1 solved, with wrong and right solutions of its exercises mixed in.

The notebooks differ from each other as those of a class do, and every one has bytes of its own.
"""

from __future__ import annotations

import copy
import random
import re
from collections import defaultdict
from collections.abc import Iterator

import nbformat

from course_utils.grading.mutants import Mutant, load_mutants
from tools.assignments import ROOT, SOURCES, solution_notebook

NAME = "01_perceptron"
NEVER_ENDS = "trains until it is clean"  # would measure a time limit, not a grader
SHARE_UNTOUCHED = 0.5  # of the exercises are answered as the model solution does


def solved_notebook() -> nbformat.NotebookNode:
    """Return the student's notebook with every gap filled by the model solution."""
    notebook = nbformat.read(ROOT / "assignments" / NAME / f"{NAME}.ipynb", 4)
    model = {cell.metadata.nbgrader.grade_id: cell.source for cell in solution_notebook(NAME).cells}
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", model[cell.metadata.nbgrader.grade_id])
    return notebook


def submissions(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Make submissions one after the other, so that ten thousand need no more memory than one.

    Args:
        count: how many.
        seed: decides which solution each student gives.

    Yields:
        A student's id (``s00001``, ...) and the notebook's bytes.
    """
    rng = random.Random(seed)
    answers: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in load_mutants(SOURCES / NAME / "mutants.py"):
        if mutant.name != NEVER_ENDS:
            answers[mutant.exercise].append(mutant)
    solved = solved_notebook()
    for number in range(1, count + 1):
        notebook = copy.deepcopy(solved)
        cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
        for exercise, choices in answers.items():
            cell = cells[f"{exercise}_code"]
            if rng.random() >= SHARE_UNTOUCHED:
                cell.source += f"\n\n\n{rng.choice(choices).code}"
            cell.source += f"\n# student {number}\n"
        yield f"s{number:05d}", nbformat.writes(notebook).encode()
