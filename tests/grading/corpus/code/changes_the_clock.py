# Depends on the day, and tries to change it.
# expects: graded 3
# %% double
import ctypes, random, time
try:
    time.clock_settime(time.CLOCK_REALTIME, 0)
except (OSError, AttributeError):
    pass
def double(x):
    random.random()
    return 2 * x
