# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The checks of assignment 10: small cases worked out by hand, and what a wrong result says about the idea behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

from . import measure as measure
from . import pictures as pictures
from . import scorer as scorer
from . import tables as tables
from .curves import precision as precision
from .grids import anchors as anchors
from .kept import nms as nms
from .overlaps import iou as iou
from .repairs import repair as repair
from .targets import matching as matching
