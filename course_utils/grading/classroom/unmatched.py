"""What came in and is nobody's: kept with a receipt and the reason until a person says whose it is."""

import json
from datetime import datetime
from typing import Any

from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.durable import sync_folder, write_whole
from course_utils.grading.classroom.file_names import shown
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.receipts import Receipt
from course_utils.grading.classroom.roster import Student
from course_utils.grading.files import SubmittedFiles

UNMATCHED, ASSIGNED = "_unmatched", "_assigned"


class NotThere(ValueError):
    """No such file waits for somebody; the text says which ones do."""


class Unmatched:
    """What is nobody's of one assignment, read once. To change it, the class's lock must be held.

    Args:
        classroom: the class.
        assignment: its name.

    Attributes:
        waiting: receipts of what waits for somebody, by number; the first note of each says why.
    """

    def __init__(self, classroom: ClassFolder, assignment: str) -> None:
        self.classroom, self.assignment = classroom, assignment
        self.home = classroom.submissions / assignment
        self.waiting = receipts.attempts(classroom, assignment, UNMATCHED)
        self._settled = receipts.attempts(classroom, assignment, ASSIGNED)

    def known(self, files: SubmittedFiles, original_name: str) -> Receipt | None:
        """The receipt of the same files under the same name, if they came before: waiting or given to somebody."""
        for receipt in (*self.waiting, *self._settled):
            if (receipt.sha256, receipt.original_name) == (files.sha256, original_name):
                return receipt
        return None

    def keep(self, files: SubmittedFiles, *, why: str, notes: tuple[str, ...], **about: Any) -> Receipt:
        """Keep what is nobody's; `about` is what `receipts.keep` wants to know."""
        number = max((receipt.number for receipt in (*self.waiting, *self._settled)), default=0) + 1
        receipt = receipts.keep(
            self.classroom, UNMATCHED, self.assignment, files, number=number, notes=(why, *notes), **about
        )
        self.waiting.append(receipt)
        return receipt

    def find(self, what: str) -> Receipt:
        """What waits for somebody, by its number or by what it is called.

        Raises:
            NotThere: if nothing or more than one thing fits.
        """
        found = [one for one in self.waiting if what in (one.original_name, str(one.number), f"{one.number:04d}")]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{one.number:04d} ({shown(one.original_name)})" for one in self.waiting[:10]) or "nothing"
        amount = "no file" if not found else f"{len(found)} files"
        raise NotThere(f"{amount} called {shown(what)} waits for somebody; there is: {known}")

    def assign(self, receipt: Receipt, student: Student) -> Receipt:
        """Give what was nobody's to a student, as one more attempt."""
        files = receipts.files_of(self.classroom, receipt)
        received = datetime.fromisoformat(receipt.received) if receipt.received else None
        own, _ = receipts.add(
            self.classroom,
            student.id,
            self.assignment,
            files,
            received=received,
            flagged_late=receipt.late,
            origin=receipt.origin,
            original_name=receipt.original_name,
            notes=(*receipt.notes[1:], f"given to {student.id} by hand"),
            rejected=receipt.rejected,
        )
        self.settle(receipt, student)
        return own

    def settle(self, receipt: Receipt, student: Student | None) -> None:
        """Take something off the list: it is known whose it is, or that it is nobody's work. Its files stay."""
        place = self.home / UNMATCHED / receipt.folder_name
        write_whole(place / "assigned.json", (json.dumps({"student": student.id if student else None}) + "\n").encode())
        (self.home / ASSIGNED).mkdir(exist_ok=True)
        place.rename(self.home / ASSIGNED / receipt.folder_name)
        sync_folder(self.home / ASSIGNED)
        self.waiting.remove(receipt)
        self._settled.append(receipt)
