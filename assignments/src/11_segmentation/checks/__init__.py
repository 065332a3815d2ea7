"""The checks of assignment 11: small cases worked out by hand, and what a wrong result says about the idea behind it.

Run one with ``checks.NAME(your_function, ...)``. Passing is a good sign, not the mark.
"""

from . import examples as examples
from . import measure as measure
from . import scenes as scenes
from . import tables as tables
from .counts import metrics as metrics
from .penalties import loss as loss
from .repairs import repair as repair
from .stamps import upsampling as upsampling
from .steps import training as training
from .ushapes import unet as unet
