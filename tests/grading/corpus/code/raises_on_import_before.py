# The cell stops before the function is there.
# expects: graded 1
# %% double
raise RuntimeError("at once")
def double(x):
    return 2 * x
