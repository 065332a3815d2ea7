# The cell never ends; the other exercise is not its hostage.
# expects: graded 1
# %% double
while True:
    pass
