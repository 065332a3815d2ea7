# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""A picture of what the student built. It never stops a notebook: where there is none, a sentence says why."""

import numpy as np

from .answers import NotWritten, Wrong, ask, read_array

BLUE, ORANGE, INK = "#0072B2", "#E69F00", "#333333"  # safe for colour-blind eyes


def sine(draw_curve) -> None:
    """Draw sin(6 x) with few and many bumps."""
    x = np.linspace(-1, 1, 400)
    curves = []
    try:
        for count in (5, 10, 40):
            edges = np.linspace(-1, 1, count + 1)
            heights = np.sin(3 * (edges[1:] + edges[:-1]))
            found = ask(draw_curve, x, edges, heights, 8.0 * count)
            curves.append((count, read_array(found, (400,), "draw_curve(x, edges, heights, steepness)")))
    except NotWritten:
        print(
            "Nothing to draw yet: this picture needs draw_curve and bump. Write the code above, run that cell, then this one again."
        )
        return
    except Wrong as wrong:
        print(f"Nothing to draw: {wrong}")
        return
    from matplotlib import pyplot as plt

    _, row = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
    for axes, (count, curve) in zip(row, curves):
        axes.plot(x, np.sin(6 * x), color=INK, linestyle=":", label="sin(6x)")
        axes.plot(x, curve, color=BLUE, label="bumps")
        worst = np.abs(curve - np.sin(6 * x))[20:-20].max()
        axes.set_title(f"{count} bumps, {2 * count} units: off by {worst:.2f}")
    row[0].legend()
    plt.show()
