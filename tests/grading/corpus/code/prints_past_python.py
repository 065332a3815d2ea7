# Writes to the descriptors themselves, as compiled code does.
# expects: graded 3
# %% extra
import os
for descriptor in (1, 2):
    for _ in range(100):
        os.write(descriptor, b"y" * 1_000_000)
