"""Inception from its own arithmetic: what a block costs, and how fast a network learns (chapter 07)."""
