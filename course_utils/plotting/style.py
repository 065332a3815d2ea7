"""One look for all figures: colours that colour-blind readers tell apart, quiet axes, a white card.

Source: the colours are those of Okabe and Ito, "Color Universal Design" (2008), with the yellow left out of
the cycle because it vanishes on white.
"""

from __future__ import annotations

COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "ink": "#222222",
    "gray": "#767676",
}
CYCLE = tuple(COLORS[name] for name in ("blue", "vermillion", "green", "orange", "purple", "sky", "ink"))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def use_style() -> None:
    """Set Matplotlib's defaults for the course; call it once at the top of a notebook.

    Figures are opaque white, so that they read as cards on a dark page, 7 inches wide at 110 dots an inch.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler

    if "inline" in mpl.get_backend():
        plt.switch_backend(mpl.get_backend())  # loads it now, so that a Figure made without pyplot is shown too

    mpl.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": COLORS["gray"],
            "axes.labelcolor": COLORS["ink"],
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E4E4E4",
            "grid.linewidth": 0.8,
            "lines.linewidth": 2.0,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "xtick.color": COLORS["gray"],
            "ytick.color": COLORS["gray"],
            "xtick.labelcolor": COLORS["ink"],
            "ytick.labelcolor": COLORS["ink"],
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "font.family": ["DejaVu Sans"],
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "svg.hashsalt": "course",
        }
    )
