"""Penalties, dropout and smoothed labels: what keeps a network from learning its examples by heart (chapter 04d)."""
