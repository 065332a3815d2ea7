# A hundred megabytes in many lines.
# expects: graded 3
# %% extra
for _ in range(1_000_000):
    print("x" * 99)
