"""Penalties, dropout and smoothed labels: what keeps a network from learning its training set by heart (chapter 04)."""
