# Recursion until the stack is gone.
# expects: graded 1
# %% double
import sys
sys.setrecursionlimit(10**9)
def double(x):
    return double(x)
