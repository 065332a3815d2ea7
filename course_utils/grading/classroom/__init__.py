"""A class: who is enrolled, what was handed in, what it earned, in a folder of its own outside the repository."""
