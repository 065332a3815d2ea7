# Lists in lists in lists.
# expects: graded 1
# %% double
def double(x):
    answer = []
    for _ in range(100_000):
        answer = [answer]
    return answer
