# The same with an array.
# expects: graded 1
# %% double
import numpy as np
class Anything(np.ndarray):
    def __eq__(self, other):
        return np.ones(np.shape(other), bool)
    def __array_function__(self, *a, **k):
        return True
    def __array_ufunc__(self, *a, **k):
        return True
def double(x):
    return np.zeros(np.shape(x)).view(Anything)
