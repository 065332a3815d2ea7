# An answer that says it equals whatever it is compared with.
# expects: graded 1
# %% double
class Anything(float):
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    __hash__ = float.__hash__
def double(x):
    return Anything(1)
