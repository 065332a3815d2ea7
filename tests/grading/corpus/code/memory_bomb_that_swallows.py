# Holds all the memory it got, for ever.
# expects: graded 1
# %% double
kept = []
def double(x):
    while True:
        try:
            kept.append(bytearray(10_000_000))
        except MemoryError:
            pass
