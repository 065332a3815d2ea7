# Turns warnings into errors, then causes one.
# expects: graded 3
# %% double
import warnings
import numpy as np
def double(x):
    np.log(np.zeros(1))
    return 2 * x
