"""Make ``<span id="c014"></span>`` in a notebook a place that Markdown links can name.

Chapters mark the text that checks a claim with such a span, because it reads right in every notebook reader.
MyST knows headings only; here the spans join them, so that a link to one is checked and a dead one fails the
build.
"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

ANCHOR = re.compile(r"""<(?:span|a|div|section|figure)\b[^>]*?\bid=["']([^"']+)["']""")


class RegisterHtmlAnchors(SphinxTransform):
    """Add the ids of raw HTML to the slugs that MyST resolves links with."""

    default_priority = 800  # before MyST resolves links within a page (879)

    def apply(self, **kwargs):
        """Collect the ids of this page."""
        slugs = self.env.metadata[self.env.docname].setdefault("myst_slugs", {})
        for node in self.document.findall(nodes.raw):
            if "html" in node.get("format", "").split():
                for anchor in ANCHOR.findall(node.astext()):
                    slugs.setdefault(anchor, (node.line or 0, anchor, anchor))
        self.document.myst_slugs = slugs


def setup(app):
    """Register the transform."""
    app.add_transform(RegisterHtmlAnchors)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
