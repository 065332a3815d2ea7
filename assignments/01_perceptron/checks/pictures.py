# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Two pictures of what the student built. They never stop a notebook: where there is none, a sentence says why."""

import numpy as np

from .answers import NotWritten, Wrong, ask, read_array, read_numbers, read_tuple

BLUE, ORANGE, INK = "#0072B2", "#E69F00", "#333333"  # safe for colour-blind eyes; shapes differ as well


def training(train) -> None:
    """Draw two clouds and the line after each pass of exercise 2."""
    rng = np.random.default_rng(4)
    y = rng.permutation(np.repeat([1, -1], 20))
    points = rng.normal(size=(40, 2)) * 0.8 + y[:, None] * np.array([0.9, 0.72]) + np.array([0.8, 0.5])
    x = np.hstack([points, np.ones((40, 1))])
    lines = []
    try:
        for passes in range(1, 30):
            pair = read_tuple(ask(train, x, y, 1.0, passes), 2, "train_perceptron")
            lines.append(read_array(pair[0], (3,), "the weights of train_perceptron(x, y, eta, epochs)"))
            if _last(pair[1]) == 0:
                break
    except Wrong as wrong:
        _nothing(wrong, "train_perceptron")
        return
    axes = _axes("The line after each pass, from pale to dark")
    _examples(axes, points, y)
    across = np.array([-4.5, 4.5])
    for number, w in enumerate(lines, start=1):
        if abs(w[1]) > 1e-9:
            axes.plot(across, -(w[0] * across + w[2]) / w[1], color=INK, alpha=0.15 + 0.85 * number / len(lines))
    axes.set(xlim=(-4.5, 4.5), ylim=(-3, 4))
    _show(axes)


def xor(polynomial_kernel, train) -> None:
    """Draw the two sides of XOR for degree 1, 2 and 3."""
    points, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1, 1, 1, -1])
    side = np.linspace(-0.6, 1.6, 80)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = []
    try:
        for degree in (1, 2, 3):
            name = "polynomial_kernel(a, b, degree)"
            among = read_array(ask(polynomial_kernel, points, points, degree), (4, 4), name)
            pair = read_tuple(ask(train, among, y, 200), 2, "train_kernel_perceptron")
            alpha = read_array(pair[0], (4,), "alpha")
            across = read_array(ask(polynomial_kernel, grid, points, degree), (len(grid), 4), name)
            scores.append((degree, (across @ (alpha * y)).reshape(80, 80), _last(pair[1])))
    except Wrong as wrong:
        _nothing(wrong, "both functions of exercise 6")
        return
    from matplotlib import pyplot as plt

    _, row = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    for axes, (degree, score, left) in zip(row, scores):
        no_side = np.abs(score) < 1e-6
        axes.set_facecolor("#DDDDDD")
        axes.contourf(
            side, side, np.ma.masked_where(no_side, score), levels=[-1e9, 0, 1e9], colors=[ORANGE, BLUE], alpha=0.25
        )
        _examples(axes, points, y)
        outcome = f"{int(left)} mistakes in the last pass" + (",\nall scores back at zero" if no_side.all() else "")
        axes.set(title=f"degree {degree}: {outcome}", aspect="equal")
        axes.title.set_fontsize(9)
    plt.show()


def _last(mistakes) -> int:
    """The number of mistakes in the last pass."""
    counts = read_numbers(mistakes, "the list of mistakes")
    if len(counts) == 0:
        raise Wrong("the list of mistakes is empty: write one number down for each pass")
    return int(counts[-1])


def _nothing(wrong: Wrong, needed: str) -> None:
    if isinstance(wrong, NotWritten):
        print(f"Nothing to draw yet: this picture needs {needed}. Write the code, then run this cell again.")
    else:
        print(f"Nothing to draw: {wrong}. Put that right, then run this cell again.")


def _axes(title: str):
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.set_title(title, fontsize=10)
    return axes


def _examples(axes, points, y) -> None:
    axes.scatter(*points[y > 0].T, marker="o", color=BLUE, edgecolor=INK, label="+1", zorder=3)
    axes.scatter(*points[y < 0].T, marker="s", color=ORANGE, edgecolor=INK, label="-1", zorder=3)


def _show(axes) -> None:
    from matplotlib import pyplot as plt

    axes.legend(title="label", loc="lower left")
    plt.show()
