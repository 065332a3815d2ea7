"""Small worlds in which it is known what mattered, and a network small enough to follow by hand."""
