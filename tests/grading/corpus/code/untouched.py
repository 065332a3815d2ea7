# Nothing was written.
# expects: graded 0
# %% double
def double(x):
    raise NotImplementedError()
# %% area
def area(a, b):
    raise NotImplementedError()
