# The cell stops after the function is there, as in a notebook.
# expects: graded 3
# %% double
def double(x):
    return 2 * x
raise RuntimeError("too late to matter")
