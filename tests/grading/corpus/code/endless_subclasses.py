# Lists, dicts and numbers that answer otherwise when they are read: without end, or with a lie.
# expects: graded 1
# %% double
import itertools
class Numbers(list):
    def __iter__(self):
        return itertools.repeat(Liar(1))
class Table(dict):
    def items(self):
        return ((str(number), 1) for number in itertools.count())
class Liar(int):
    def __abs__(self):
        return 0
    def __int__(self):
        return 2**4000
def double(x):
    return Numbers([1]) if isinstance(x, float) else Table(a=1)
