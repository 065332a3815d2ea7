# The cell is no Python.
# expects: graded 1
# %% double
def double(x)
    return 2 * x
