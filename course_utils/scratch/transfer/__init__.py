"""Dials for studies of transfer: how strange the old pictures are, how wrong the old labels (chapter 09)."""
