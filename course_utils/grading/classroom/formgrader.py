"""Start nbgrader's formgrader on a class: a Jupyter server of its own, on this machine only, with a token."""

import os
import secrets
import tempfile
from pathlib import Path

from course_utils.grading.classroom.folder import ClassFolder

EXTENSION = "course_utils.grading.classroom.formgrader_server"


def serve(classroom: ClassFolder, *, port: int = 8899, open_browser: bool = True) -> None:
    """Serve the formgrader until Ctrl-C.

    No other extension and no setting of the user's Jupyter is loaded; the server listens on 127.0.0.1 only.

    Args:
        classroom: the class, whose gradebook has been written (`gradebook.sync`).
        port: where to listen; another free port is taken if this one is in use.
        open_browser: whether to open the page.
    """
    with tempfile.TemporaryDirectory(prefix="course-formgrader-") as home:
        for name in ("CONFIG", "DATA", "RUNTIME"):
            os.environ[f"JUPYTER_{name}_DIR"] = str(Path(home) / name.lower())
        os.environ["JUPYTER_NO_CONFIG"] = "1"
        os.chdir(classroom.path)  # where nbgrader looks for its settings
        from jupyter_server.serverapp import ServerApp

        token = secrets.token_urlsafe(24)
        app = ServerApp.instance()
        app.initialize(
            [
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                f"--ServerApp.root_dir={classroom.path}",
                "--ServerApp.default_url=/formgrader/gradebook",
                f"--ServerApp.jpserver_extensions={{'{EXTENSION}': True}}",
                "--ServerApp.terminals_enabled=False",
                "--ServerApp.allow_root=True",  # it runs no code of anybody's
                f"--ServerApp.open_browser={open_browser}",
                f"--IdentityProvider.token={token}",
                "--ServerApp.log_level=ERROR",
            ]
        )
        address = f"http://127.0.0.1:{app.port}/formgrader/gradebook?token={token}"
        print(f"The formgrader of {classroom.config.title}:\n\n    {address}\n\nCtrl-C ends it.", flush=True)
        app.start()
