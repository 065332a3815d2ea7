# Threads without end.
# expects: graded 1 or graded 3
# %% double
import threading, time
def double(x):
    while True:
        try:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        except (RuntimeError, MemoryError):
            return 2 * x
