"""Search by similarity and its scores (chapter 09b)."""
