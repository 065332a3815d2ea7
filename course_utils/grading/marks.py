"""Marks as numbers: points into parts, parts into the final mark (30/30/40), and how a number is written.

Computed exactly, as fractions of the decimals that people wrote, and rounded once: when a number is written.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from course_utils.check import check_number

WEIGHTS: dict[str, int] = {"homework": 30, "challenge": 30, "exam": 40}
"""Percent of the final mark that each part counts; they sum to 100."""

Number = int | float | Fraction


def exact(value: Number) -> Fraction:
    """A number as the decimal that was written: 0.1 is a tenth."""
    return value if isinstance(value, Fraction) else Fraction(repr(float(value)))


def part_mark(points: Sequence[Number], possible: Sequence[Number]) -> Fraction | None:
    """Combine the assignments of one part: all points over all points that could be earned.

    An assignment weighs as much as it has points. Points beyond the possible ones (a bonus) make up for points lost
    elsewhere in the part, up to 100.

    Args:
        points: what was earned in each.
        possible: what could be earned in each.

    Returns:
        The mark, 0 to 100; None if nothing could be earned.
    """
    total = sum(map(exact, possible), Fraction())
    if total <= 0:
        return None
    return min(max(100 * sum(map(exact, points), Fraction()) / total, Fraction()), Fraction(100))


def weigh(parts: Mapping[str, Number], weights: Mapping[str, Number] = WEIGHTS) -> Fraction:
    """Weigh the marks of the parts into one, exactly; a part of weight 0 may be left out."""
    return sum((exact(weight) * exact(parts[name]) for name, weight in weights.items() if weight), Fraction()) / 100


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
    return float(weigh(parts))


def written(value: Number | None) -> str:
    """Write a number with at most two decimals, halves rounded up; no mark is an empty text, never 0.

    Two decimals are what Canvas and Moodle show.
    """
    if value is None:
        return ""
    number = exact(value)
    with localcontext() as context:
        context.prec = 60
        whole = Decimal(number.numerator) / Decimal(number.denominator)
        text = f"{whole.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
