"""The final mark: three parts, weighted 30/30/40."""

from course_utils.check import check_number

WEIGHTS: dict[str, int] = {"homework": 30, "challenge": 30, "exam": 40}
"""Percent of the final mark that each part counts; they sum to 100."""


def final_mark(homework: float, challenge: float, exam: float) -> float:
    """Weigh the three parts of the course into one mark.

    Args:
        homework: mark of the assignments, 0 to 100.
        challenge: mark of the data challenge, 0 to 100.
        exam: mark of the exam, 0 to 100.

    Returns:
        The final mark, 0 to 100.

    Raises:
        TypeError: if a part is not a number. A part without a mark is not a zero: settle it first.
        ValueError: if a part lies outside 0 to 100 or is not finite.
    """
    parts = {"homework": homework, "challenge": challenge, "exam": exam}
    for name, value in parts.items():
        check_number(name, value, minimum=0, maximum=100)
    return sum(WEIGHTS[name] * float(value) for name, value in parts.items()) / 100
