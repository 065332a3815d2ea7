# An array of a few bytes that claims to be enormous.
# expects: graded 1
# %% double
import numpy as np
def double(x):
    return np.broadcast_to(1.0, (10**9, 10**6))
