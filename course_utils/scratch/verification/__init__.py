"""Verification: do two pictures show the same thing? Likeness and error rates (chapter 06)."""
