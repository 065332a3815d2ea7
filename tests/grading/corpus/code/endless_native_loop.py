# A loop in compiled code that does not look at signals.
# expects: graded 1
# %% double
def double(x):
    return sum(range(10**13))
