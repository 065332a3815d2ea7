"""Fully connected layers as convolutions, and networks whose output is a map (chapter 05d)."""
