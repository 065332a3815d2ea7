"""Pooling in all its kinds, forward and backward, each with a slow twin (chapter 05c)."""
