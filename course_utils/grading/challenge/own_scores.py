"""What a student's own page says about a challenge: the scores that may be told, the made-up name, the tries."""

from course_utils.grading.challenge.board import DECIMALS
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.challenge.scoring import scores_of
from course_utils.grading.classroom.safe_html import Html, element, joined, table
from course_utils.grading.classroom.standing import Standing

SEALED = "Your predictions are in order and have a score."


def own_scores(row: Standing, challenge: Challenge, made_up_name: str, tries: int, final: bool) -> Html:
    """Write the section.

    Args:
        row: where the student stands.
        challenge: what was to be done.
        made_up_name: what the student is called on the leaderboard.
        tries: how often something was handed in.
        final: tell the private score too.
    """
    plan, scores = challenge.plan, scores_of(row.grade)
    parts: list[object] = [element("h2", "Your scores")]
    if scores is not None:
        found = [("public", plan.public_rows, scores.public), ("private", plan.test - plan.public_rows, scores.private)]
        cells = [[part, images, f"{score:.{DECIMALS}f}"] for part, images, score in found if final or part == "public"]
        heads = ["Part of the test images", "Images", plan.scoring.title.capitalize()]
        parts.append(table("What your predictions reach", heads, cells, (1, 2), "small"))
    if not final:
        parts.append(
            element(
                "p",
                "The private score decides your points; you see both after the end. Until the due time you may hand in "
                "again, and the last file counts.",
            )
        )
    name = element("strong", made_up_name)
    parts.append(element("p", "On the leaderboard you are called ", name, f". Files you handed in so far: {tries}."))
    return joined(*parts)
