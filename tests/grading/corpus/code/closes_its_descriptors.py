# Closes everything that is open.
# expects: graded 1
# %% double
import os
def double(x):
    os.closerange(0, 1024)
    return 2 * x
