"""Marking in the terminal: rubric, answer, points, comment; saved after each, so that stopping costs nothing."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course_utils.grading.assignment import Assignment, Exercise
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.marking import Answer, BadPoints, give, points_from, text_of_answer
from course_utils.grading.classroom.rubric import rubric_of
from course_utils.grading.classroom.student_markdown import visible
from course_utils.grading.classroom.wording import one_line

SOURCE = "terminal"
WIDTH = 78
SCREEN = 120  # lines of an answer shown at once
HELP = """Type the points, or a letter: s skip, b back, r rubric, c comment without points,
m more of a long answer, q stop. Everything is saved as soon as you enter it."""


class Stopped(Exception):
    """The marker wants to stop."""


@dataclass
class Tally:
    """What a session did."""

    marked: int = 0
    skipped: int = 0
    left: int = 0


class Marking:
    """One session of marking.

    Args:
        classroom: the class.
        assignment: whose answers.
        answers: in the order in which they are shown (`marking.answers`).
        blind: leave out who wrote them.
        ask: shows a prompt and returns a line; raises EOFError at the end.
        show: prints a line.
    """

    def __init__(
        self,
        classroom: ClassFolder,
        assignment: Assignment,
        answers: Sequence[Answer],
        *,
        blind: bool = False,
        ask: Callable[[str], str] = input,
        show: Callable[[str], None] = print,
    ) -> None:
        self.classroom, self.assignment, self.answers = classroom, assignment, list(answers)
        self.blind, self.ask, self.show = blind, ask, show
        self.given: dict[int, tuple[float | None, str]] = {}
        self.skipped: set[int] = set()

    def run(self) -> Tally:
        """Go through the answers until the end or until the marker stops."""
        at, shown_for = 0, ""
        try:
            while at < len(self.answers):
                exercise = self.answers[at].exercise
                if exercise.name != shown_for:
                    self._show_exercise(exercise)
                    shown_for = exercise.name
                at = self._one(at)
        except (Stopped, EOFError, KeyboardInterrupt):
            self.show("")
        left = len(self.answers) - len(self.given) - len(self.skipped)
        return Tally(len(self.given), len(self.skipped), left)

    def _one(self, at: int) -> int:
        """Show one answer and ask for its mark; returns which answer comes next."""
        answer = self.answers[at]
        lines = self._wrapped(text_of_answer(self.classroom, self.assignment, answer))
        self._show_head(at)
        rest = self._show_lines(lines)
        while True:
            word = self.ask(f"Points 0 to {answer.exercise.points:g} (? for help): ").strip().lower()
            if word == "q":
                raise Stopped
            if word == "s":
                if at not in self.given:
                    self.skipped.add(at)
                return at + 1
            if word == "b":
                if at:
                    return at - 1
                self.show("This is the first one.")
            elif word == "r":
                self._show_exercise(answer.exercise)
            elif word == "m":
                rest = self._show_lines(rest) if rest else rest
            elif word == "c":
                return self._give(at, self._last(at)[0])
            elif word in ("", "?", "h", "help"):
                self.show(HELP)
            else:
                try:
                    return self._give(at, points_from(word, answer.exercise.points))
                except BadPoints as reason:
                    self.show(one_line(reason))

    def _give(self, at: int, points: float | None) -> int:
        """Ask for the comment, and keep both."""
        before = self._last(at)[1]
        if before:
            comment = self.ask("Comment (Enter keeps the one above, - takes it away): ").strip() or before
        else:
            comment = self.ask("Comment for the student (Enter for none): ").strip()
        comment = "" if comment == "-" else visible(comment)
        give(self.classroom, self.answers[at], points, comment, SOURCE)
        self.given[at] = (points, comment)
        self.skipped.discard(at)
        self.show(f"Saved: {_points(points)}{' and the comment' if comment else ''}.")
        return at + 1

    def _last(self, at: int) -> tuple[float | None, str]:
        """What was said about an answer last, in this session or before."""
        last = self.answers[at].last
        return self.given.get(at, (last.points, last.comment) if last else (None, ""))

    def _show_exercise(self, exercise: Exercise) -> None:
        kind = "" if exercise.manual else "; tests could not grade it, or are overruled"
        self.show("")
        self.show("=" * WIDTH)
        self.show(f"{one_line(exercise.title)} ({exercise.name}, {_points(exercise.points)}{kind})")
        rubric = rubric_of(self.assignment, exercise.name)
        for line in self._wrapped(rubric or "There is no rubric for this exercise."):
            self.show(f"  {line}".rstrip())
        self.show("=" * WIDTH)

    def _show_head(self, at: int) -> None:
        answer = self.answers[at]
        same = [n for n, other in enumerate(self.answers) if other.exercise.name == answer.exercise.name]
        who = "" if self.blind else f"  {answer.student}  {one_line(answer.row.student.name, 40)}"
        self.show("")
        self.show(f"--- answer {same.index(at) + 1} of {len(same)}{who} ".ljust(WIDTH, "-"))
        if answer.row.reason and not answer.exercise.manual:
            self.show(f"({one_line(answer.row.reason, 300)})")
        for mark in answer.earlier:
            when = one_line(mark.marked_at)[:10]
            self.show(textwrap.fill(f"An earlier answer, {when}: {_said(mark.points, mark.comment)}", WIDTH))
        points, comment = self._last(at)
        if at in self.given or answer.last:
            self.show(textwrap.fill(f"This answer now: {_said(points, comment)}", WIDTH))

    def _show_lines(self, lines: list[str]) -> list[str]:
        for line in lines[:SCREEN]:
            self.show(f"| {line}".rstrip())
        rest = lines[SCREEN:]
        if rest:
            self.show(f"[{len(rest)} more lines: m shows them]")
        return rest

    def _wrapped(self, text: str) -> list[str]:
        """Lines that fit, the writer's own line ends and indentation kept."""
        found = []
        for line in text.expandtabs(4).split("\n"):
            indent = line[: len(line) - len(line.lstrip())][:20]
            found += textwrap.wrap(line, WIDTH - 2, subsequent_indent=indent, replace_whitespace=False) or [""]
        return found


def _points(points: float | None) -> str:
    return "no points" if points is None else f"{points:g} point{'' if points == 1 else 's'}"


def _said(points: float | None, comment: str) -> str:
    return f"{_points(points)}; comment: {one_line(comment, 300)}" if comment else f"{_points(points)}, no comment"
