# Right the first time only: a memory between calls is no excuse, a test that asks twice finds it.
# expects: graded 2
# %% double
calls = []
def double(x):
    calls.append(x)
    return 2 * x if len(calls) < 2 else x
