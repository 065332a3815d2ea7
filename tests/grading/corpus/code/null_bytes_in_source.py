# The source holds a character that Python refuses.
# expects: graded 1
# %% double
def double(x):
    return 2 * x  # @NUL@
