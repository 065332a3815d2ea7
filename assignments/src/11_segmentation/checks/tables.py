"""What the student's functions say about trained networks. It never stops a notebook: where there is nothing, a sentence says why."""

import numpy as np
import torch

from course_utils.grading.answers import NotWritten, Wrong

from .scenes import CLASSES, DEPTH, IGNORE, LR, NEW, WIDTH, drawn, lesson

RUNS = 3
LINES = {"no skips, weights": (False, True), "skips, no weights": (True, False), "skips, weights": (True, True)}
COLUMNS = ("pixel acc.", "mean IoU", "IoU blobs", "IoU bars", "Dice bars", "found bars", "boundary")
GROUND = "background everywhere"


def guarded(name, needed, work):
    """Do the work, or say in one line why it cannot be done."""
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(1)  # small networks: more threads only wait for each other
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
    finally:
        torch.set_num_threads(threads)
        torch.random.set_rng_state(state)


def four_digits(number) -> int:
    """The number of a case, from digits in quotes or from a number."""
    text = str(number).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Wrong(f'NUMBER should be four digits in quotes, as in NUMBER = "0042", got {number!r}')
    return int(text)


def trained(unet, train, balanced_weights, skips, weighted, seed):
    """A U-Net after its lesson, from one seed: the same first weights and pictures for every line."""
    x, target, batches = lesson(np.random.default_rng([1, *seed]))
    torch.manual_seed(int(np.random.default_rng([2, *seed]).integers(2**31)))
    net = unet(1, CLASSES, WIDTH, DEPTH, skips)
    weights = balanced_weights(target, CLASSES, IGNORE) if weighted else torch.ones(CLASSES)
    train(net, x, target, batches, LR, weights, IGNORE)
    return net.eval()


def ask_labels(net, x):
    """The most probable class at each pixel."""
    with torch.no_grad():
        logits = net(x)
    if logits.shape != (len(x), CLASSES, *x.shape[2:]):
        raise Wrong(f"UNet should give logits of shape {(len(x), CLASSES, *x.shape[2:])}, got {tuple(logits.shape)}")
    return logits.argmax(dim=1)


def ablation(
    number, unet, train, balanced_weights, confusion, pixel_accuracy, class_iou, mean_iou, class_dice, boundary_iou
) -> None:
    """Train three networks three times each, and print what the student's scores say."""

    def scores(labels, target):
        table = confusion(labels, target, CLASSES, IGNORE)
        iou, dice = np.asarray(class_iou(table), dtype=float), np.asarray(class_dice(table), dtype=float)
        near = boundary_iou(labels, target, CLASSES, 1, IGNORE)
        bars = np.asarray(table, dtype=float)[2]
        return [
            float(v)
            for v in (pixel_accuracy(table), mean_iou(table), iou[1], iou[2], dice[2], bars[2] / bars.sum(), near)
        ]

    def work():
        case = four_digits(number)
        x, target = drawn(NEW, np.random.default_rng([3, case]))
        rows = {GROUND: [scores(torch.zeros_like(target), target)]}
        for name, (skips, weighted) in LINES.items():
            nets = [trained(unet, train, balanced_weights, skips, weighted, (case, run)) for run in range(RUNS)]
            rows[name] = [scores(ask_labels(net, x), target) for net in nets]
        print(f"{f'case {case:04d}':22}" + "".join(f"{name:>12}" for name in COLUMNS))
        for name, runs in rows.items():
            runs = np.sort(np.array(runs), axis=0)
            print(f"{name:22}" + "".join(f"{v:12.2f}" for v in runs[len(runs) // 2]))
            if len(runs) > 1:
                print(" " * 22 + "".join(f"{f'({low:.2f}-{high:.2f})':>12}" for low, high in zip(runs[0], runs[-1])))
        for sentence in odd(rows):
            print(sentence)

    guarded("table", "UNet, train, balanced_weights and the scores of exercises 1 and 5", work)


def odd(rows) -> list[str]:
    """What cannot be, or is far from what right functions measure here."""
    numbers = {name: np.median(np.array(runs), axis=0) for name, runs in rows.items()}
    found = []
    every = np.concatenate([np.array(runs) for runs in rows.values()])
    if not ((every >= 0) & (every <= 1)).all():
        found.append("A score is below 0, above 1 or NaN: all classes are in these pictures.")
    if (every[:, 4] < every[:, 3] - 1e-6).any():
        found.append("Dice is smaller than IoU somewhere: that cannot be.")
    if numbers["skips, weights"][1] < 0.55:
        found.append(
            "The network with skips and weights learns little: mean IoU is above 0.65 in most cases. Run the checks of exercises 2, 4 and 5."
        )
    if numbers["skips, weights"][6] < numbers["no skips, weights"][6] + 0.05:
        found.append(
            "Skips bring nothing near boundaries: usually they bring more than 0.1. Is UNet(..., False) another network?"
        )
    return found


def pictures(unet, train, balanced_weights) -> None:
    """Draw three scenes, their masks, and what U-Nets with and without skips make of them."""

    def work():
        import matplotlib.pyplot as plt

        x, target = drawn(3, np.random.default_rng(11))
        nets = [trained(unet, train, balanced_weights, skips, True, (0, 0)) for skips in (False, True)]
        found = [ask_labels(net, x) for net in nets]
        colours = np.array([[0.93] * 3, [0.34, 0.71, 0.91], [0.84, 0.37, 0.0], [0.6] * 3])
        figure, axes = plt.subplots(3, 4, figsize=(6.2, 4.8), layout="constrained")
        for row in range(3):
            axes[row, 0].imshow(x[row, 0], cmap="gray")
            for column, labels in enumerate((target, *found), start=1):
                axes[row, column].imshow(colours[labels[row].clamp(max=3)])
        for axis, name in zip(axes[0], ("picture", "target", "no skips", "skips")):
            axis.set_title(name, fontsize=10)
        for axis in axes.ravel():
            axis.set_xticks([])
            axis.set_yticks([])
        figure.suptitle("background light, blobs blue, bars orange", fontsize=9)
        plt.show()

    guarded("picture", "UNet, train and balanced_weights", work)
