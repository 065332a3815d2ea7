"""Put widgets on pages: the live view and its static picture, from what a notebook stored.

A widget's output holds a view (which a script mounts) and a static figure as HTML. myst-nb writes only one kind
of output; here both go into the page, in one box, so that a reader without scripts, on paper or in the PDF sees
the figure. The directive ``live-widget`` shows a widget that some notebook of the book stored on another page.
"""

import json
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.core.render import WIDGET_STATE_MIMETYPE, WIDGET_VIEW_MIMETYPE, sanitize_script_content
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)
LOADER = "course/anyhost.js"


def bundles(document):
    """Yield each output that holds a widget view, with its alternatives by MIME type."""
    for node in list(document.findall(nodes.container)):
        if node.get("nb_element") == "mime_bundle":
            kinds = {child["mime_type"]: child for child in node.children}
            if WIDGET_VIEW_MIMETYPE in kinds:
                yield node, kinds


class JoinViewAndFigure(SphinxPostTransform):
    """Write view and static figure together; on one long page (the PDF) only the figure."""

    default_priority = 3  # before myst-nb selects one MIME type (4)

    def run(self, **kwargs):
        """Rewrite the widget outputs of one page."""
        for bundle, kinds in bundles(self.document):
            view, figure = kinds[WIDGET_VIEW_MIMETYPE], kinds.get("text/html")
            if figure is None:
                LOGGER.warning(
                    "a widget has no static figure (text/html beside its view)",
                    location=bundle,
                    type="course",
                    subtype="widget",
                )
            elif self.app.builder.name == "singlehtml":
                bundle.remove(view)
            else:
                inside = figure.astext() + view.astext()
                view.clear()
                view += nodes.raw("", f'<div class="course-widget">{inside}</div>', format="html")


class LiveWidget(SphinxDirective):
    """Show a widget that a notebook of the book stored: ``{live-widget} DigitReader`` with ``:notebook:``."""

    required_arguments = 1
    option_spec = {"notebook": directives.unchanged_required}  # noqa: RUF012

    def run(self):
        """Return the widget's output, and give the page the widget's stored state."""
        name = self.arguments[0]
        path = Path(self.env.srcdir) / self.options["notebook"]
        self.env.note_dependency(str(path))
        stored = find_widget(path, name)
        if stored is None:
            LOGGER.warning(
                "no stored %s in %s", name, path.name, location=self.get_location(), type="course", subtype="widget"
            )
            return []
        state, view, figure = stored
        body = sanitize_script_content(json.dumps(state))
        add = NbMetadataCollector.add_js_file
        add(self.env, self.env.docname, "ipywidgets_state", None, {"type": WIDGET_STATE_MIMETYPE, "body": body})
        add(self.env, self.env.docname, "ipywidgets_0", LOADER, {"defer": "defer"})
        view_script = f'<script type="{WIDGET_VIEW_MIMETYPE}">{sanitize_script_content(json.dumps(view))}</script>'
        bundle = nodes.container(nb_element="mime_bundle")
        for kind, text in ((WIDGET_VIEW_MIMETYPE, view_script), ("text/html", figure)):
            bundle += nodes.container("", nodes.raw("", text, format="html"), mime_type=kind)
        return [bundle]


def find_widget(path, name):
    """Return (state, view, figure) of the first widget of a class in an executed notebook, or None."""
    if not path.exists():
        return None
    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get("widgets", {}).get(WIDGET_STATE_MIMETYPE, {"state": {}})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            view = data.get(WIDGET_VIEW_MIMETYPE)
            model = view and stored["state"].get(view["model_id"])
            if model and model["state"].get("_anywidget_id", "").endswith("." + name) and "text/html" in data:
                state = {**stored, "state": {view["model_id"]: model}}
                return state, view, "".join(data["text/html"])
    return None


def setup(app):
    """Register the transform and the directive."""
    app.add_post_transform(JoinViewAndFigure)
    app.add_directive("live-widget", LiveWidget)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
