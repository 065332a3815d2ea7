# Sends itself every signal there is, then answers.
# expects: graded 1 or graded 3
# %% double
import os, signal
def double(x):
    for number in range(1, 65):
        if number not in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            try:
                os.kill(os.getpid(), number)
            except OSError:
                pass
    return 2 * x
