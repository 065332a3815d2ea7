"""A Jupyter server that is nbgrader's formgrader and nothing else: what ``course grade formgrader`` loads into it.

nbgrader's pages are used as they are, with these changes. Whatever would run or rewrite work (autograde, collect,
release, feedback, the roster, due times) is refused: the class folder is in charge. Kernels, terminals and the file
browser are closed. A mark goes into the ledger as soon as it is entered. A page with student text forbids the browser
every script but nbgrader's own, and a page that does not belong to the rows in the gradebook is not shown.
"""

import json
from pathlib import Path
from typing import Any

from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.formgrader_page import show_page
from course_utils.grading.classroom.gradebook import take_entries
from course_utils.grading.classroom.gradebook_database import Damaged, Unusable, file_of, open_gradebook
from course_utils.runtime import repo_root

HERE = Path(__file__).parent
KATEX = "book/_static/course/katex"

OPEN = r"(?:login|logout|static/.*|favicon\.ico|formgrader(?:/.*)?)?"
"""All that can be asked of this server."""

REFUSED = (
    r"assignment/[^/]+/(?:assign|unrelease|release|collect|generate_feedback|release_feedback)",
    r"assignment/[^/]+/[^/]+/(?:generate_feedback|release_feedback)",
    r"submission/[^/]+/[^/]+/autograde",
)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Load nbgrader's formgrader into a Jupyter server whose root is a class folder."""
    from jinja2 import DictLoader
    from jupyter_server.utils import url_path_join
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import load_jupyter_server_extension as load_formgrader

    classroom = ClassFolder(Path(app.root_dir))
    webapp = app.web_app
    base = webapp.settings["base_url"]

    def add(rules: list[tuple[Any, ...]]) -> None:
        webapp.add_handlers(".*$", [(url_path_join(base, rule[0]), *rule[1:]) for rule in rules])

    add(_own_rules(classroom))  # first: of two rules for one address the earlier one counts
    load_formgrader(app)
    add([(rf"/(?!{OPEN}$).*", _closed())])
    _watch_gradebook(classroom)
    app.log.addFilter(lambda record: "exchange" not in record.getMessage())  # nbgrader's folder for handing out
    katex = (repo_root() / KATEX / "katex.min.js").is_file()
    macro = _mathjax(url_path_join(base, "/formgrader/course"), katex)
    config = webapp.settings["nbgrader_formgrader"].config
    webapp.settings["nbgrader_exporter"] = HTMLExporter(
        config=config, extra_loaders=[DictLoader({"mathjax.html.j2": macro})]
    )


def _mathjax(home: str, katex: bool) -> str:
    """The macro that nbconvert's page calls to load MathJax from the internet; ours loads what lies here."""
    lines = [f'<link rel="stylesheet" href="{home}/formgrader.css">']
    if katex:
        lines.append(f'<link rel="stylesheet" href="{home}/katex/katex.min.css">')
        lines.append(f'<script src="{home}/katex/katex.min.js"></script>')
    lines.append(f'<script src="{home}/formgrader.js"></script>')
    return f'{{%- macro mathjax(url="") -%}}{"".join(lines)}{{%- endmacro -%}}'


def _closed() -> Any:
    from tornado import web

    class Closed(web.RequestHandler):
        """Whatever else a Jupyter server can do."""

        def prepare(self) -> None:
            self.set_status(404)
            self.finish("This server shows the formgrader and nothing else.\n")

    return Closed


def _own_rules(classroom: ClassFolder) -> list[tuple[Any, ...]]:
    from nbgrader.api import MissingEntry
    from nbgrader.server_extensions.formgrader import apihandlers, handlers
    from nbgrader.server_extensions.formgrader.base import BaseApiHandler, check_notebook_dir, check_xsrf
    from tornado import web

    class Grade(apihandlers.GradeHandler):
        """A mark, checked, and brought into the ledger before the page says that it is saved."""

        @web.authenticated
        @check_xsrf
        @check_notebook_dir
        def put(self, grade_id: str) -> None:
            data = self.get_json_body()
            points = data.get("manual_score") if isinstance(data, dict) else None
            if not isinstance(data, dict) or data.get("extra_credit") not in (None, "", 0, "0", 0.0):
                raise web.HTTPError(400, "extra credit is not kept: give the points in the mark itself")
            try:
                possible = float(self.gradebook.find_grade_by_id(grade_id).max_score)
            except MissingEntry:
                raise web.HTTPError(404, "this work was replaced by newer one: go back to the list") from None
            if points is not None and not _fits(points, possible):
                raise web.HTTPError(400, f"points must be 0 to {possible:g}")
            super().put(grade_id)
            take_entries(classroom, self.gradebook, self.log.warning)

    class Comment(apihandlers.CommentHandler):
        @web.authenticated
        @check_xsrf
        @check_notebook_dir
        def put(self, grade_id: str) -> None:
            super().put(grade_id)
            take_entries(classroom, self.gradebook, self.log.warning)

    class Assignments(apihandlers.AssignmentHandler):
        @web.authenticated
        @check_xsrf
        def put(self, assignment_id: str) -> None:
            raise web.HTTPError(403, "assignments and due times are kept in class.yml")

    class Students(apihandlers.StudentHandler):
        @web.authenticated
        @check_xsrf
        def put(self, student_id: str) -> None:
            raise web.HTTPError(403, "students are kept in roster.csv")

    class Refused(BaseApiHandler):
        @web.authenticated
        @check_xsrf
        def post(self) -> None:
            remedy = "use 'course grade run', 'course grade feedback' or 'course pack' in a terminal"
            self.write(json.dumps({"success": False, "error": f"Not from here: {remedy}.", "log": ""}))

    class ManageAssignments(handlers.ManageAssignmentsHandler):
        """The list of assignments, without advice about an exchange folder that nobody needs here."""

        def render(self, name: str, **values: Any) -> Any:
            return super().render(name, **{**values, "exchange_missing": False})

    class Page(handlers.SubmissionHandler):
        @web.authenticated
        @check_xsrf
        @check_notebook_dir
        def get(self, submission_id: str) -> None:
            show_page(self, classroom, submission_id)

    return [
        (r"/formgrader/api/grade/([^/]+)", Grade),
        (r"/formgrader/api/comment/([^/]+)", Comment),
        (r"/formgrader/api/assignment/([^/]+)", Assignments),
        (r"/formgrader/api/student/([^/]+)", Students),
        *((rf"/formgrader/api/{address}", Refused) for address in REFUSED),
        (r"/formgrader/manage_assignments/?", ManageAssignments),
        (r"/formgrader/course/katex/(.*)", web.StaticFileHandler, {"path": str(repo_root() / KATEX)}),
        (r"/formgrader/course/(formgrader\.(?:js|css))", web.StaticFileHandler, {"path": str(HERE)}),
        (r"/formgrader/submissions/([0-9a-f]{32})/?", Page),
        (r"/formgrader/submissions/(?![0-9a-f]{32}/(?:next|prev)(?:_incorrect)?/?$).*", _closed()),
    ]


def _fits(points: Any, possible: float) -> bool:
    try:
        return not isinstance(points, bool) and 0 <= float(points) <= possible
    except (TypeError, ValueError):
        return False


def _watch_gradebook(classroom: ClassFolder) -> None:
    """Let nbgrader's handlers notice when the gradebook's file was replaced, and keep no transaction open.

    This process serves one class and nothing else, so nbgrader's own base class can be changed.
    """
    from nbgrader.server_extensions.formgrader.base import BaseHandler
    from tornado import web

    path = file_of(classroom)

    def identity() -> Any:
        if path is None:
            return "server"
        try:
            status = path.stat()
        except FileNotFoundError:
            raise web.HTTPError(503, "the gradebook is gone: end the command and start it again") from None
        return status.st_dev, status.st_ino

    def gradebook(handler: Any) -> Any:
        now, opened = identity(), handler.settings.get("nbgrader_gradebook")
        if opened is None or handler.settings.get("course_gradebook_file") != now:
            try:
                handler.settings["nbgrader_gradebook"] = open_gradebook(classroom)
            except (Damaged, Unusable) as trouble:
                raise web.HTTPError(503, f"the gradebook cannot be used ({trouble}): start the command again") from None
            handler.settings["course_gradebook_file"] = now
            if opened is not None:
                opened.close()
        return handler.settings["nbgrader_gradebook"]

    prepare = BaseHandler.prepare

    async def prepared(handler: Any, *arguments: Any, **options: Any) -> None:
        await prepare(handler, *arguments, **options)
        identity()  # nbgrader would make an empty file

    def on_finish(handler: Any) -> None:
        opened = handler.settings.get("nbgrader_gradebook")
        if opened is not None:
            opened.db.rollback()

    BaseHandler.gradebook = property(gradebook)
    BaseHandler.prepare = prepared
    BaseHandler.on_finish = on_finish
