"""The role ``{fact}`` writes a number that is counted while the site is built, never typed."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxRole

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tools.facts import fact


class Fact(SphinxRole):
    """``{fact}`claims` `` becomes the number of checked claims."""

    def run(self):
        """Return the counted words."""
        self.env.note_reread()  # what it counts lies outside this page
        try:
            return [nodes.inline("", fact(self.text), classes=["fact"])], []
        except KeyError as error:
            message = self.inliner.reporter.error(error.args[0], line=self.lineno)
            return [], [message]


def setup(app):
    """Register the role."""
    app.add_role("fact", Fact())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
