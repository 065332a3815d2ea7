# Asks for more and more memory.
# expects: graded 1
# %% double
import numpy as np
def double(x):
    kept = []
    while True:
        kept.append(np.ones(10_000_000))
