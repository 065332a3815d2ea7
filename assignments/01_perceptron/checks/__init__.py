# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The checks of assignment 1: small cases worked out by hand, and what a wrong result says about the idea "
"behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

from . import pictures as pictures
from .bound import mistake_bound as mistake_bound
from .classes import multiclass as multiclass
from .kernels import kernel as kernel
from .losses import surrogate_losses as surrogate_losses
from .rule import perceptron_rule as perceptron_rule
from .units import threshold_unit as threshold_unit
