# Everything is wrong.
# expects: graded 0
# %% double
def double(x):
    return x + 1
# %% area
def area(a, b):
    return 2 * (a + b)
