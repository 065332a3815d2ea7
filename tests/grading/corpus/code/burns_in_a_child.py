# A child process burns the time, the parent waits for it.
# expects: graded 1
# %% double
import os
def double(x):
    child = os.fork()
    if child == 0:
        while True:
            pass
    os.waitpid(child, 0)
    return 2 * x
