# Leaves the process from a cell.
# expects: graded 1
# %% double
import os
os._exit(0)
