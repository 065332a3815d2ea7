"""Render formulas to HTML while the site is built, with the KaTeX in the repository.

One node process lives as long as the build and answers one JSON line per formula. Pages then need no formula
script at all, only KaTeX's style sheet and fonts. A formula that KaTeX cannot read is a warning, so it fails
the build.
"""

import atexit
import html
import json
import re
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from tools.node import find_program  # noqa: E402

LOGGER = logging.getLogger(__name__)
TAG = re.compile(r"\\tag\{([^}]*)\}")


class Renderer:
    """A KaTeX process that is started at the first formula."""

    def __init__(self):
        self.process = None
        self.known = {}

    def render(self, tex, display, node):
        """Return the HTML of one formula; warn at the node's place when KaTeX refuses it."""
        if (tex, display) not in self.known:
            self.known[tex, display] = self._ask(tex, display)
        answer = self.known[tex, display]
        if "error" in answer:
            LOGGER.warning("KaTeX: %s in %r", answer["error"], tex, location=node, type="katex")
            return f"<code>{html.escape(tex)}</code>"
        return answer["html"]

    def _ask(self, tex, display):
        if self.process is None:
            command = [find_program("node"), str(HERE / "katex_lines.cjs")]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
            atexit.register(self.process.kill)
        self.process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


RENDERER = Renderer()


def visit_inline(translator, node):
    """Write an inline formula."""
    translator.body.append(f'<span class="math">{RENDERER.render(node.astext(), False, node)}</span>')
    raise nodes.SkipNode


def visit_block(translator, node):
    r"""Write a displayed formula; one with ``\tag{1.3}`` gets the anchor ``equation-1-3``."""
    tex = node.astext()
    tag = TAG.search(tex)
    if tag:
        node["ids"].append("equation-" + re.sub(r"[^0-9A-Za-z]+", "-", tag[1]).strip("-"))
    classes = "math math-numbered" if tag or node["number"] else "math"
    translator.body.append(translator.starttag(node, "div", CLASS=classes))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})</span>')
    translator.body.append(RENDERER.render(tex, True, node) + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer and its style sheet."""
    app.add_html_math_renderer("katex_static", (visit_inline, None), (visit_block, None))
    app.add_css_file("course/katex/katex.min.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
