# Asks a question that nobody answers.
# expects: graded 3
# %% double
name = input("Your name? ")
def double(x):
    return 2 * x
