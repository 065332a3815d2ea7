# Many children share the work of filling the memory.
# expects: graded 1 or graded 3
# %% double
import os, time
def double(x):
    children = []
    for _ in range(20):
        try:
            child = os.fork()
        except OSError:
            break
        if child == 0:
            try:
                kept = bytearray(b"1") * 1_500_000_000
                time.sleep(3)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return 2 * x
