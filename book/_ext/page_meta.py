"""Give each page a description for search engines and link previews: its own, or its first paragraph."""

from docutils import nodes

LONGEST = 200
SHORTEST = 60


def first_words(doctree):
    """Return the first paragraph that says something, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) >= SHORTEST:
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return None


def add_description(app, pagename, templatename, context, doctree):
    """Put ``page_description`` where the layout template finds it."""
    if doctree is not None:
        own = (app.env.metadata.get(pagename) or {}).get("description")
        context["page_description"] = own or first_words(doctree) or app.config.course_description
    else:
        context["page_description"] = app.config.course_description


def setup(app):
    """Register the configuration value and the hook."""
    app.add_config_value("course_description", "", "html")
    app.connect("html-page-context", add_description)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
