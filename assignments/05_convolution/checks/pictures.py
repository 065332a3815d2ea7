# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""A picture of what the student built. It never stops a notebook: where there is none, a sentence says why."""

import numpy as np

from .answers import NotWritten, Wrong, ask, read_array

KERNELS = {
    "left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "sharper": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "softer": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
}


def kernels(conv2d) -> None:
    """Draw four maps of one drawn picture."""
    picture = _drawing()
    w = np.array([[kernel] for kernel in KERNELS.values()], dtype=float)
    try:
        maps = read_array(ask(conv2d, picture[None], w, np.zeros(4), 1, 1), (4, 24, 24), "conv2d(x, w, b, 1, 1)")
    except NotWritten:
        print(
            "Nothing to draw yet: this picture needs conv2d. Write the code above, run that cell, then this one again."
        )
        return
    except Wrong as wrong:
        print(f"Nothing to draw: {wrong}")
        return
    from matplotlib import pyplot as plt

    _, row = plt.subplots(1, 5, figsize=(11, 2.5), layout="constrained")
    for axes, title, values in zip(row, ("the picture", *KERNELS), (picture, *maps)):
        top = np.abs(values).max()
        axes.imshow(values, cmap="PuOr_r", vmin=-top, vmax=top)
        axes.set_title(title)
        axes.set_axis_off()
    plt.show()


def _drawing() -> np.ndarray:
    """A disc and a bar, 24 x 24."""
    rows, columns = np.mgrid[:24, :24]
    disc = (rows - 9) ** 2 + (columns - 9) ** 2 < 36
    bar = (np.abs(columns - 19) < 2) & (rows > 5)
    return (disc | bar).astype(float)
