# The loop never ends.
# expects: graded 1
# %% double
def double(x):
    while True:
        pass
