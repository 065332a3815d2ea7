"""Drawings for pages: a histogram with its quartiles, a strip of shares. Each says in words what it shows."""

from collections.abc import Sequence

from course_utils.grading.classroom.distribution import Distribution
from course_utils.grading.classroom.safe_html import Html, element
from course_utils.grading.marks import written

WIDTH, TOP, FLOOR, HEIGHT = 380, 26, 160, 222


def histogram(spread: Distribution, title: str, key: str) -> Html:
    """Bars for the ranges of points; below them the middle half as a band, with the median in it.

    Args:
        spread: what to draw.
        title: what it is.
        key: tells its ids from those of another drawing on the page.
    """
    ranges = spread.ranges
    end = ranges[-1].high
    step = WIDTH / len(ranges)
    tallest = max(part.count for part in ranges)
    parts = [element("title", title, id=f"{key}-title"), element("desc", _words(spread), id=f"{key}-words")]
    for number, part in enumerate(ranges):
        if part.count:
            height = (FLOOR - TOP) * part.count / tallest
            x = number * step
            parts.append(
                element(
                    "rect", class_="bar", x=_n(x + 1.5), y=_n(FLOOR - height), width=_n(step - 3), height=_n(height)
                )
            )
            parts.append(
                element("text", part.count, x=_n(x + step / 2), y=_n(FLOOR - height - 5), text_anchor="middle")
            )
    parts.append(element("line", class_="axis", x1=0, y1=FLOOR, x2=WIDTH, y2=FLOOR))
    every = 1 if len(ranges) <= 8 else 2
    edges = [part.low for part in ranges] + [end]
    for number, edge in enumerate(edges):
        if number % every and number != len(ranges):
            continue
        if number == len(ranges) - 1 and every == 2:
            continue
        anchor = "start" if number == 0 else "end" if number == len(ranges) else "middle"
        parts.append(element("text", written(edge), x=_n(number * step), y=FLOOR + 17, text_anchor=anchor))

    def place(points: float) -> float:
        return WIDTH * min(max(points, 0), end) / end

    low, high, middle = place(spread.lower), place(spread.upper), place(spread.median)
    y = FLOOR + 26
    parts.append(element("rect", class_="band", x=_n(low), y=y, width=_n(max(high - low, 2)), height=12))
    parts.append(element("line", class_="middle", x1=_n(middle), y1=y - 3, x2=_n(middle), y2=y + 15))
    anchor = "start" if middle < WIDTH / 4 else "end" if middle > 3 * WIDTH / 4 else "middle"
    words = f"median {written(spread.median)}, middle half {written(spread.lower)} to {written(spread.upper)}"
    parts.append(element("text", words, x=_n(middle), y=y + 29, text_anchor=anchor))
    return element(
        "svg",
        *parts,
        viewBox=f"-4 0 {WIDTH + 8} {HEIGHT}",
        role="img",
        aria_labelledby=f"{key}-title {key}-words",
        xmlns="http://www.w3.org/2000/svg",
    )


def strip(shares: Sequence[tuple[str, int]]) -> Html:
    """Counts as one strip of parts, for the eye alone: the same numbers stand beside it."""
    total = sum(count for _, count in shares) or 1
    parts, x = [], 0.0
    for kind, count in shares:
        width = 100 * count / total
        if count:
            parts.append(element("rect", class_=kind, x=_n(x), y=0, width=_n(width), height=10))
        x += width
    return element("svg", *parts, class_="strip", viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")


def _words(spread: Distribution) -> str:
    last = len(spread.ranges) - 1
    counts = [
        f"{written(part.low)} to {'' if number == last else 'below '}{written(part.high)} points: {part.count}"
        for number, part in enumerate(spread.ranges)
    ]
    return f"{spread.sentence} {'; '.join(counts)}."


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
