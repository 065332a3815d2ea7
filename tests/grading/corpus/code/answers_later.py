# A thread writes to the pipes while the next function is called.
# expects: graded 0 or graded 2 or graded 3
# %% double
import os, threading, time
def noise():
    time.sleep(0.05)
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"NCG1" + b"\xff" * 64)
        except OSError:
            pass
def double(x):
    threading.Thread(target=noise, daemon=True).start()
    return 2 * x
