# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Two pictures of what the student built. They never stop a notebook: without the code there is a sentence "
"instead."""

import numpy as np

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
            w, mistakes = train(x.copy(), y.copy(), 1.0, passes)
            lines.append(np.array(w, dtype=float).reshape(3))
            if mistakes[-1] == 0:
                break
    except Exception:
        print("Nothing to draw yet: this picture needs train_perceptron. Write it, then run this cell again.")
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
    from matplotlib import pyplot as plt

    points, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1, 1, 1, -1])
    side = np.linspace(-0.6, 1.6, 80)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = []
    try:
        for degree in (1, 2, 3):
            alpha, mistakes = train(np.array(polynomial_kernel(points, points, degree)), y.copy(), 200)
            score = np.array(polynomial_kernel(grid, points, degree)) @ (np.array(alpha, dtype=float) * y)
            scores.append((degree, score.reshape(80, 80), mistakes[-1]))
    except Exception:
        print(
            "Nothing to draw yet: this picture needs both functions of exercise 6. Write them, then run this "
            "cell again."
        )
        return
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
