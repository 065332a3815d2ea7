"""Several models that answer together (chapter 04e)."""
