# Reads where nothing is.
# expects: graded 1
# %% double
import ctypes
def double(x):
    ctypes.string_at(0)
