# Millions of empty files.
# expects: graded 1 or graded 3
# %% double
def double(x):
    for number in range(3_000_000):
        try:
            open(f"f{number}", "w").close()
        except OSError:
            break
    return 2 * x
