"""What the student's functions say about trained networks. It never stops a notebook: where there is nothing, a sentence says why."""

import numpy as np
import torch

from course_utils.grading.answers import NotWritten, Wrong

from .suspects import BACKGROUND, CUE, SIDE, pair


def _guarded(name, needed, work):
    """Do the work, or say in one line why it cannot be done."""
    try:
        work()
    except (NotImplementedError, NotWritten):
        print(f"No {name} yet: it needs {needed}. Write the code above, run that cell, then this one again.")
    except Wrong as wrong:
        print(f"No {name}: {wrong}")
    except Exception as trouble:
        print(
            f"No {name}: a function stops with {type(trouble).__name__}, or returns what cannot be used ({str(trouble)[:100]})"
        )


def _ranks(rows):
    """The ranks of each row; equal values share the mean of theirs."""
    rows = np.round(np.asarray(rows, dtype=float), 12)
    below = (rows[:, None] < rows[:, :, None]).sum(axis=2)
    upto = (rows[:, None] <= rows[:, :, None]).sum(axis=2)
    return (below + upto - 1) / 2


def alike(a, b) -> float:
    """The mean rank correlation of two batches of maps; a constant map is like no other."""
    a, b = (_ranks(m.reshape(len(m), -1)) for m in (a, b))
    a, b = (m - m.mean(axis=1, keepdims=True) for m in (a, b))
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.mean((a * b).sum(axis=1) / np.maximum(length, 1e-12)))


def edges(x):
    """How fast pictures change from pixel to pixel: a map that knows no network."""
    return sum(np.abs(part).max(axis=1) for part in np.gradient(x, axis=(2, 3)))


def sanity(rule_gradient, randomised) -> None:
    """Print how much of each rule's map is left when the network has forgotten everything."""

    def work():
        networks, (x, y, _, _), _, cheat = pair(0)
        network, x, y = networks[1 - cheat], x[:40], y[:40]
        rows = []
        for rule in ("backprop", "deconvnet", "guided"):
            whole = _map(rule_gradient(network, x, y, rule))
            for kept in (4, 0):
                blank = [
                    _map(rule_gradient(_forgetful(randomised, network, seed, kept), x, y, rule)) for seed in range(4)
                ]
                rows.append(np.mean([alike(whole, b) for b in blank]))
            rows.append(alike(whole, edges(x.numpy())))
        print("how much the map is like that of         the top forgot   all forgot   an edge detector")
        for number, rule in enumerate(("backprop", "deconvnet", "guided")):
            top, everything, edge = rows[3 * number : 3 * number + 3]
            print(f"  {rule:38}{top:14.2f}{everything:13.2f}{edge:19.2f}")
        print("Where the top forgot, the classes are gone: a map that is still alike did not tell of them.")

    _guarded("table", "rule_gradient and randomised", work)


def _forgetful(randomised, network, seed, kept):
    """A network without its memory, but for the lowest parameter tensors."""
    other = randomised(network, seed)
    for new, old in list(zip(other.parameters(), network.parameters()))[:kept]:
        new.data.copy_(old.data)
    return other


def _map(signal):
    signal = signal.detach().numpy()
    if signal.ndim != 4:
        raise Wrong("rule_gradient should return one number for each number of the pictures")
    return np.abs(signal).max(axis=1)


def four_digits(number) -> int:
    """The number of a case, from digits in quotes or from a number."""
    text = str(number).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Wrong(f'NUMBER should be four digits in quotes, as in NUMBER = "0042", got {number!r}')
    return int(text)


def elsewhere(masks):
    """Squares of the same size in the opposite corners: where nothing was planted."""
    return torch.flip(masks, dims=(1, 2))


def case(number, cover, evidence, find_cheat) -> None:
    """Print what the student's functions find out about the two networks of a number."""

    def work():
        networks, (x, y, masks, _), (wrong_x, wrong_y, _, _), _ = pair(four_digits(number))
        found = [evidence(network, x, y, masks, BACKGROUND) for network in networks]
        verdict = find_cheat(networks, x, y, masks, BACKGROUND)
        lines = {
            "accuracy": [_accuracy(n, x, y) for n in networks],
            "accuracy, square covered": [_accuracy(n, cover(x, masks, BACKGROUND), y) for n in networks],
            "  drop": [float(drop) for drop, _ in found],
            "accuracy, another corner covered": [
                _accuracy(n, cover(x, elsewhere(masks), BACKGROUND), y) for n in networks
            ],
            "accuracy, squares of wrong colours": [_accuracy(n, wrong_x, wrong_y) for n in networks],
            "share of the map on the square": [float(gap) + CUE**2 / SIDE**2 for _, gap in found],
            "  share of a map that is the same all over": [CUE**2 / SIDE**2] * 2,
        }
        print(f"{f'case {number}':44}{'network 0':>11}{'network 1':>11}")
        for name, (a, b) in lines.items():
            print(f"{name:44}{a:11.3f}{b:11.3f}")
        print(f"find_cheat accuses network {int(verdict)}. Guessing a shape: 0.250")

    _guarded("table", "cover, evidence and find_cheat", work)


def _accuracy(network, x, y) -> float:
    with torch.inference_mode():
        return (network(x).argmax(dim=1) == y).double().mean().item()


def pictures(number, saliency_map) -> None:
    """Draw four pictures of a case, and the map of each network for them."""

    def work():
        import matplotlib.pyplot as plt

        networks, (x, y, _, _), _, _ = pair(four_digits(number))
        chosen = [int(torch.nonzero(y == shape)[0, 0]) for shape in range(4)]
        maps = [saliency_map(network, x[chosen], y[chosen]).detach().numpy() for network in networks]
        if any(m.shape != (4, SIDE, SIDE) for m in maps):
            raise Wrong("saliency_map should return one number for each pixel")
        figure, axes = plt.subplots(3, 4, figsize=(5.6, 4.4), layout="constrained")
        for column in range(4):
            axes[0, column].imshow(x[chosen[column]].permute(1, 2, 0).clamp(0, 1))
            for row in range(2):
                axes[row + 1, column].imshow(maps[row][column], cmap="gray_r")
        for row, name in enumerate(("picture", "network 0", "network 1")):
            axes[row, 0].set_ylabel(name)
        for axis in axes.ravel():
            axis.set_xticks([])
            axis.set_yticks([])
        figure.suptitle(f"case {number}: saliency of the right class, dark is large", fontsize=10)
        plt.show()

    _guarded("picture", "saliency_map", work)
