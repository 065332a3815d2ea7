# Leaves processes behind that want to outlive it.
# expects: graded 1 or graded 3
# %% double
import os, subprocess, sys, time
def double(x):
    marker = "@MARKER@"
    for _ in range(3):
        subprocess.Popen(
            [sys.executable or "python3", "-c", f"import time; {marker!r}; time.sleep(1000)"], start_new_session=True
        )
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    return 2 * x
