# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Four examples with labels, small enough to train on by hand: exercises 2 and 6 share them."""

import numpy as np

POINTS = np.array([[-2.0, 0.0, 1.0], [-2.0, 2.0, 1.0], [-2.0, -1.0, 1.0], [0.0, 1.0, 1.0]])
LABELS = np.array([-1, 1, -1, -1])
