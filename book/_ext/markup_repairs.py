"""Small repairs of the markup that extensions write, for people who listen to a page."""

REPAIRS = (
    # A fold is announced by the words it shows, not by one label for all folds.
    ('<summary aria-label="Toggle hidden content">', "<summary>"),
    # The empty corner of a table heads nothing.
    ('<th class="head"><p></p></th>', "<td></td>"),
)


def repair(app, pagename, templatename, context, doctree):
    """Apply the repairs to a page's body."""
    for before, after in REPAIRS:
        if "body" in context:
            context["body"] = context["body"].replace(before, after)


def setup(app):
    """Register the hook."""
    app.connect("html-page-context", repair)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
