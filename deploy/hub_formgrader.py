"""The formgrader behind the hub: the server of ``course grade formgrader``, with the hub's login in place of a token.

That command brings the gradebook up to date when it starts. This server runs for weeks, so it looks every minute
whether something was collected or graded since.
"""

from pathlib import Path
from typing import Any

from course_utils.grading.classroom import formgrader_server
from course_utils.grading.classroom.folder import Busy, ClassFolder
from course_utils.grading.classroom.gradebook import sync
from course_utils.grading.classroom.gradebook_database import Unusable

SECONDS = 60


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    from tornado.ioloop import PeriodicCallback

    formgrader_server.OPEN = f"(?:oauth_callback|{formgrader_server.OPEN})"  # where the hub sends who has logged in
    gradebook = UpToDate(Path(app.root_dir), app.log)
    gradebook.look()
    formgrader_server._load_jupyter_server_extension(app)
    PeriodicCallback(gradebook.look, 1000 * SECONDS).start()


class UpToDate:
    """Keeps a class's gradebook up to date.

    Args:
        folder: the class folder.
        log: is told what goes wrong.
    """

    def __init__(self, folder: Path, log: Any) -> None:
        self.folder, self.log, self.seen = folder, log, 0

    def look(self) -> None:
        """Write the gradebook anew if the ledger or the receipts changed; another command's work is waited for."""
        newest = self._newest()
        if newest == self.seen:
            return
        try:
            classroom = ClassFolder(self.folder)
            with classroom.lock(seconds=1):
                for name in classroom.config.assignments:
                    sync(classroom, name)
        except Busy:
            return
        except (Unusable, ValueError, OSError) as problem:
            self.log.error("the gradebook is not up to date: %s", problem)
        self.seen = newest

    def _newest(self) -> int:
        """When a folder of results or receipts changed last."""
        places = [self.folder / name for name in ("ledger", "submissions", "class.yml", "roster.csv")]
        places += [path for place in places[:2] for pattern in ("*", "*/*", "*/*/*") for path in place.glob(pattern)]
        return max((path.stat().st_mtime_ns for path in places if path.exists()), default=0)
