"""The overview of a class as a page, with a way to the page of each assignment."""

from course_utils.grading.classroom.folder import PARTS
from course_utils.grading.classroom.overview import ORDER, Overview
from course_utils.grading.classroom.report_page import unsafe_banner
from course_utils.grading.classroom.safe_html import element, isolated, joined, page, table
from course_utils.grading.classroom.wording import calls, moment, one_line
from course_utils.grading.marks import written

PAGE = "_overview.html"  # no assignment's name begins with an underscore
HEADS = ("Assignment", "Part", "Due", "Graded", "Late", "Human", "Waiting", "Rejected", "Missing", "Median")


def overview_page(overview: Overview) -> str:
    """Write the overview as a page; it leads to ``NAME.html`` of every assignment that has standings."""
    title = one_line(overview.classroom.config.title, 200)
    return page(
        f"Overview: {title}",
        *[unsafe_banner(unsafe, calls(unsafe), name) for name, unsafe in overview.unsafe.items()],
        element("h1", isolated(title)),
        element("p", f"{overview.rules}.", class_="soft"),
        element("h2", "Assignments"),
        table("How many students stand where", HEADS, _assignments(overview), tuple(range(3, 10))),
        element("h2", "Final marks so far"),
        element("p", isolated(overview.strangers)) if overview.strangers else None,
        table(
            "Every enrolled student once; a dash is no mark, which is not a zero",
            ["Student", "Id", *(part.capitalize() for part in PARTS), "Final", "What is open"],
            _finals(overview),
            (2, 3, 4, 5),
            "people",
        ),
    )


def _assignments(overview: Overview) -> list[list[object]]:
    rows: list[list[object]] = []
    for line in overview.lines:
        plan = overview.classroom.planned(line.name)
        remark = element("span", f" ({one_line(line.remark)})", class_="soft") if line.remark else None
        name = line.name if remark else element("a", line.name, href=f"{line.name}.html")
        due = moment(plan.due, overview.classroom.config.zone) or "–"
        counts = line.counts or ("–",) * len(ORDER)
        rows.append([joined(name, remark), plan.part, due, *counts, line.middle or "–"])
    return rows


def _finals(overview: Overview) -> list[list[object]]:
    return [
        [
            isolated(one_line(final.student.name, 200) or final.student.id),
            final.student.id,
            *(written(final.parts[part].mark) or "–" for part in PARTS),
            written(final.mark) or "–",
            one_line(final.reason),
        ]
        for final in overview.finals
    ]
