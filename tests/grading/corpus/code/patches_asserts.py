# Makes every comparison true, in its own process.
# expects: graded 1
# %% double
import builtins
import numpy as np
np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
builtins.all = builtins.any = builtins.isinstance = lambda *a: True
class AssertionError(Exception):
    pass
builtins.AssertionError = AssertionError
def double(x):
    return x
