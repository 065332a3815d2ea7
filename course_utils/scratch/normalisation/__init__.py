"""Batch, weight, local response and local contrast normalisation, forward and backward by hand (chapter 04c)."""
