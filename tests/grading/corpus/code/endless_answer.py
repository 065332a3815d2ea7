# A list that holds itself.
# expects: graded 1
# %% double
def double(x):
    answer = []
    answer.append(answer)
    return answer
