# Waits without using the processor.
# expects: graded 1
# %% double
import time
def double(x):
    time.sleep(10_000)
    return 2 * x
