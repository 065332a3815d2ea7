"""The checks of assignment 8: small cases worked out by hand, and what a wrong result says about the idea behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

from . import examples as examples
from . import suspects as suspects
from . import tables as tables
from .cases import detective as detective
from .covers import occlusion as occlusion
from .gradients import saliency as saliency
from .pictures import image as image
from .scores import score as score
from .signals import rules as rules
