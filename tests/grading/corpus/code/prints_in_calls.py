# Every call prints and warns.
# expects: graded 3
# %% double
import sys, warnings
def double(x):
    print("z" * 1_000_000)
    print("z" * 1000, file=sys.stderr)
    warnings.warn("a warning is no mistake")
    return 2 * x
