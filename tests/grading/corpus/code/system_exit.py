# Asks politely to leave.
# expects: graded 1
# %% double
import sys
def double(x):
    sys.exit(0)
