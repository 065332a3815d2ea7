# All is right.
# expects: graded 3
