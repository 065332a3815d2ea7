# A hundred megabytes in one line.
# expects: graded 3
# %% extra
print("x" * 100_000_000)
