"""Two pictures of what the student built. They never stop a notebook: where there is none, a sentence says why."""

import numpy as np

from course_utils.grading.answers import NotWritten, Wrong, ask, read_array, read_number, read_tuple

BLUE, ORANGE = "#0072B2", "#E69F00"  # safe for colour-blind eyes; shapes differ as well


def steps(numerical_gradient) -> None:
    """Draw the error of the numerical slope of tanh at 0.5 against the step."""
    exact = 0.7864477329659274
    sizes, errors = np.logspace(0, -14, 57), []
    try:
        for h in sizes:
            got = read_array(
                ask(numerical_gradient, [["tanh", 0]], np.array([0.5]), float(h)), (1,), "numerical_gradient"
            )
            errors.append(abs(got[0] - exact))
    except Wrong as wrong:
        _nothing(wrong, "numerical_gradient and evaluate")
        return
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    axes.loglog(sizes, np.maximum(errors, 1e-17), "o-", color=BLUE, markersize=3)
    axes.invert_xaxis()
    axes.set(xlabel="step h", ylabel="error", title="Too large a step bends, too small a step drowns in rounding")
    best = int(np.argmin(errors))
    print(
        f"The prediction: your error is smallest, {errors[best]:.0e}, near h = {sizes[best]:.0e}. With a larger step the "
        "curve bends on the way; with a smaller one the rounding of f, divided by h, takes over."
    )
    plt.show()


def moons(network_gradients) -> None:
    """Train a network on two moons with the student's gradients, and draw its two sides."""
    rng = np.random.default_rng(1)
    turn = rng.uniform(0, np.pi, size=100)
    y = np.repeat([0, 1], 50)
    x = np.stack([np.cos(turn) + y, (1 - 2 * y) * np.sin(turn) + 0.4 * y], axis=1) - [0.5, 0.2]
    x = x + 0.12 * rng.normal(size=x.shape)
    weights = [rng.normal(size=(16, 2)), np.zeros(16), rng.normal(size=(2, 16)) / 4, np.zeros(2)]
    try:
        for _ in range(400):
            found = read_tuple(network_gradients(x, y, *weights), 5, "network_gradients(x, y, w1, b1, w2, b2)")
            slopes = [read_array(v, w.shape, "a gradient of network_gradients") for v, w in zip(found[1:], weights)]
            weights = [w - 0.5 * slope for w, slope in zip(weights, slopes)]
        loss = read_number(found[0], "the loss")
    except NotImplementedError:
        _nothing(NotWritten(""), "network_gradients")
        return
    except Wrong as wrong:
        _nothing(wrong, "network_gradients")
        return
    except Exception as error:
        print(f"Nothing to draw: network_gradients stops with {type(error).__name__}: {error}")
        return
    side = np.linspace(-2.2, 2.2, 120)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    score = (np.maximum(0, grid @ weights[0].T + weights[1]) @ weights[2].T + weights[3]) @ [-1.0, 1.0]
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    axes.contourf(side, side, score.reshape(120, 120), levels=[-1e9, 0, 1e9], colors=[BLUE, ORANGE], alpha=0.25)
    for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        axes.plot(*x[y == label].T, marker, color=color, markersize=4)
    print(
        f"The prediction: guessing has the loss {np.log(2):.3f}, your network ended at {loss:.3f}. The border is made of "
        "straight pieces: as long as no unit switches on or off, a network of ReLUs is linear."
    )
    axes.set(title=f"400 steps of your gradients: loss {loss:.3f}", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
    plt.show()


def _nothing(wrong: Wrong, needs: str) -> None:
    if isinstance(wrong, NotWritten):
        print(
            f"Nothing to draw yet: this picture needs {needs}. Write the code above, run that cell, then this one again."
        )
    else:
        print(f"Nothing to draw: {wrong}")
