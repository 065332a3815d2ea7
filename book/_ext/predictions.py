"""Mark quotations that begin with **Predict.**, so that the style sheet can draw them as cards."""

from docutils import nodes
from sphinx.transforms import SphinxTransform


class MarkPredictions(SphinxTransform):
    """Give such quotations the class ``prediction``."""

    default_priority = 500

    def apply(self, **kwargs):
        """Look at the first words of every quotation."""
        for quotation in self.document.findall(nodes.block_quote):
            strong = next(iter(quotation.findall(nodes.strong)), None)
            begins = strong is not None and quotation.astext().startswith(strong.astext())
            if begins and strong.astext().startswith("Predict"):
                quotation["classes"].append("prediction")


def setup(app):
    """Register the transform."""
    app.add_transform(MarkPredictions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
