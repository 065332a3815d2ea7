"""Maps and settings that every pooling test runs through, odd ones included."""

import numpy as np

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(2, 3, 9, 8))
INPUTS = {
    "batch": WIDE,
    "one image": WIDE[:1, :1],
    "one pixel": RNG.normal(size=(1, 2, 1, 1)),
    "row": RNG.normal(size=(2, 1, 3, 11)),
    "float32": WIDE.astype(np.float32),
    "every second column": RNG.normal(size=(2, 3, 8, 14))[..., ::2],
    "transposed": RNG.normal(size=(3, 2, 7, 6)).transpose(1, 0, 3, 2),
    "rectified, full of ties": np.maximum(WIDE, 0.5),
}
# kernel size, stride, padding
SETTINGS = [(1, None, 0), (1, 2, 0), (2, None, 0), (2, 1, 0), (2, 3, 0), (2, 2, 1), (3, 2, 0), (3, 2, 1), (3, 1, 1)]
SETTINGS += [(5, 2, 2), (4, 3, 2)]


def fitting(x, settings):
    """The settings whose window fits into ``x`` at least once."""
    return [s for s in settings if min(x.shape[2:]) + 2 * s[2] >= s[0]]


CASES = [(name, setting) for name, x in INPUTS.items() for setting in fitting(x, SETTINGS)]
