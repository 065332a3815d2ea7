"""Say on each fold what it hides: the solution, the setup, or the code."""

from docutils import nodes
from sphinx.transforms import SphinxTransform

WORDS = {"tag_solution": "the solution", "tag_setup": "the setup"}


class NameFolds(SphinxTransform):
    """Choose the words of folded cells by their tags."""

    default_priority = 500

    def apply(self, **kwargs):
        """Look at every cell that will be folded."""
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code" and "hide_mode" in cell:
                named = (word for tag, word in WORDS.items() if tag in cell["classes"])
                words = next(named, "the output" if cell["hide_mode"] == "output" else "the code")
                cell["prompt_show"], cell["prompt_hide"] = f"Show {words}", f"Hide {words}"


def setup(app):
    """Register the transform."""
    app.add_transform(NameFolds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
