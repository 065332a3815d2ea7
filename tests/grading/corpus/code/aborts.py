# The C library's own way out.
# expects: graded 1
# %% double
import os
def double(x):
    os.abort()
