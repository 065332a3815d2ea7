# Gives back far more than was asked for.
# expects: graded 1
# %% double
import numpy as np
def double(x):
    return np.zeros(100_000_000)
