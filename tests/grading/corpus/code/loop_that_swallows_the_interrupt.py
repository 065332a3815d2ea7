# The loop catches whatever is thrown at it.
# expects: graded 1
# %% double
def double(x):
    import signal

    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
