# An exception that hangs when it is read.
# expects: graded 1
# %% double
class Slow(Exception):
    def __str__(self):
        while True:
            pass
    __repr__ = __str__
def double(x):
    raise Slow()
