# Pretends that somebody pressed Ctrl-C.
# expects: graded 1
# %% double
def double(x):
    raise KeyboardInterrupt
