"""Whose work it is: what a file's name or a table says about a person, matched to the roster and never guessed."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from course_utils.grading.classroom.file_names import shown
from course_utils.grading.classroom.roster import Student

_FIELDS = ("login", "sis_id", "email", "canvas_id", "moodle_id")


@dataclass(frozen=True)
class Who:
    """What is said about a person.

    Attributes:
        word: an id of any kind, an address, or a name.
        canvas_id: Canvas' number of the person.
        email: the address.
        number: Moodle's number of a participant in one assignment; it is in no roster, only in Moodle's own tables.
        name: the name.
        joined: the name as Canvas writes it: last name first, without anything between the words.
    """

    word: str = ""
    canvas_id: str = ""
    email: str = ""
    number: str = ""
    name: str = ""
    joined: str = ""


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name in a form in which accents, case, order, hyphens and apostrophes do not count."""
    return tuple(sorted(re.findall(r"[^\W_]+", _flat(name))))


def joined_name(name: str) -> str:
    """A name without anything between its letters."""
    return "".join(re.findall(r"[^\W_]+", _flat(name)))


def joined_names(name: str) -> set[str]:
    """How Canvas may write a name: its words in a row, beginning with any of them."""
    words = [word for part in re.split(r"[\s,]+", name) if (word := joined_name(part))]
    return {"".join(words[start:] + words[:start]) for start in range(len(words))}


def _flat(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in apart if not unicodedata.combining(char))
    return re.sub(r"['’`´ʼ.]", "", unicodedata.normalize("NFKC", plain))


class Matcher:
    """Finds students by what is said about them.

    Args:
        students: the roster.
    """

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = list(students)
        self._by_id = {student.id.casefold(): student for student in self.students}
        self._by_field: dict[tuple[str, str], list[Student]] = {}
        self._by_name: dict[tuple[str, ...], list[Student]] = {}
        self._by_joined: dict[str, list[Student]] = {}
        for student in self.students:
            for field in _FIELDS:
                if value := getattr(student, field):
                    self._by_field.setdefault((field, value.casefold()), []).append(student)
            if words := name_words(student.name):
                self._by_name.setdefault(words, []).append(student)
            for joined in joined_names(student.name):
                self._by_joined.setdefault(joined, []).append(student)

    def find(self, who: Who) -> tuple[Student | None, str]:
        """The one student whom it can be, or None and the reason, as a sentence without a subject."""
        if who.canvas_id and (found := self._by_field.get(("canvas_id", who.canvas_id.casefold()))):
            return _only(found, f"canvas_id {who.canvas_id}")
        if who.email and (found := self._by_field.get(("email", who.email.casefold()))):
            return _only(found, f"the address {who.email}")
        if who.word:
            found = self._by_word(who.word)
            if found:
                return _only(found, who.word)
        for name in filter(None, (who.name, who.word)):
            if found := self._by_name.get(name_words(name), []):
                return self._named(found, who, name)
        if who.joined and (found := self._by_joined.get(joined_name(who.joined), [])):
            return self._named(found, who, who.joined)
        said = [f"canvas_id {who.canvas_id}"] if who.canvas_id else []
        said += [f"the address {who.email}"] if who.email else []
        said += [f"the id or name {who.word}"] if who.word else []
        said += [f"the name {who.name or who.joined}"] if who.name or who.joined else []
        return None, f"nobody on the roster has {shown(' or '.join(said) or 'no name', 120)}"

    def _by_word(self, word: str) -> list[Student]:
        flat = word.casefold()
        if flat in self._by_id:
            return [self._by_id[flat]]
        found = [s for field in _FIELDS for s in self._by_field.get((field, flat), [])]
        return list(dict.fromkeys(found))

    def _named(self, found: list[Student], who: Who, name: str) -> tuple[Student | None, str]:
        """Of students with one name: those whose ids do not say that it is somebody else."""
        if who.canvas_id:
            found = [student for student in found if not student.canvas_id]
            if not found:
                return None, f"nobody on the roster has canvas_id {shown(who.canvas_id)}, and {shown(name)} has another"
        if len(found) > 1 and who.number:
            found = [student for student in found if student.moodle_id == who.number] or found
        return _only(found, f"the name {name}")


def _only(found: list[Student], what: str) -> tuple[Student | None, str]:
    if len(found) == 1:
        return found[0], ""
    ids = ", ".join(sorted(student.id for student in found)[:5])
    return None, f"{len(found)} students have {shown(what)} ({ids})"
