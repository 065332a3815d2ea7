# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The checks of assignment 6: small cases worked out by hand, and what a wrong result says about the idea behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

from . import ablation as ablation
from . import examples as examples
from . import measure as measure
from . import tables as tables
from .accounts import account as account
from .blocks import residual as residual
from .lenets import lenet as lenet
from .repairs import repair as repair
from .windows import field as field
