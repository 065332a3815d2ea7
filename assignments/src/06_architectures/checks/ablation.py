"""The ablation of exercise 6: small networks that tell drawn shapes apart, whole and with parts taken out."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.grading.answers import NotWritten, Wrong, ask

SIDE, CLASSES, RUNS, EPOCHS, BATCH = 12, 8, 5, 8, 50
BOTTOM = [["conv", 8, 3, 1, 1, 1], ["relu"], ["pool", 2, 2], ["conv", 16, 3, 1, 1, 1], ["relu"]]
THIRD = [["conv", 16, 3, 1, 1, 1], ["relu"]]
MIDDLE = [["pool", 2, 2], ["flatten"]]
HIDDEN = [["linear", 96], ["relu"]]
TOP = [["linear", CLASSES]]
VARIANTS = {
    "the whole network": BOTTOM + THIRD + MIDDLE + HIDDEN + TOP,
    "without the hidden linear layer": BOTTOM + THIRD + MIDDLE + TOP,
    "without the third convolution": BOTTOM + MIDDLE + HIDDEN + TOP,
    "without both": BOTTOM + MIDDLE + TOP,
}


def pictures(count, seed):
    """Discs, rings, squares, frames, diamonds, their outlines, crosses upright and slanted; noisy, moved, turned a little."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, size=count)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    x = rng.normal(size=(count, 1, SIDE, SIDE)) * 0.1
    for number, sort in enumerate(y):
        middle, size, turn = rng.uniform(4, SIDE - 5, size=2), rng.uniform(2.2, 3.6), rng.uniform(-0.35, 0.35)
        r, c = rows - middle[0], columns - middle[1]
        u, v = np.abs(r * np.cos(turn) + c * np.sin(turn)), np.abs(c * np.cos(turn) - r * np.sin(turn))
        disc, square, diamond = np.hypot(u, v) - size, np.maximum(u, v) - 0.85 * size, (u + v) / 1.3 - size
        inside = np.maximum(u, v) < size
        drawn = (
            disc < 0,
            np.abs(disc) < 1,
            square < 0,
            np.abs(square) < 1,
            diamond < 0,
            np.abs(diamond) < 0.85,
            (np.minimum(u, v) < 1) & inside,
            (np.abs(u - v) < 1.2) & inside,
        )[sort]
        x[number, 0] += drawn * rng.uniform(0.6, 1.0)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def network(layers):
    """A list of layers as a network of torch."""
    below, parts = 1, []
    for sort, *sizes in layers:
        if sort == "conv":
            parts.append(nn.Conv2d(below, *sizes[:2], padding=1))
            below = sizes[0]
        elif sort == "linear":
            parts.append(nn.Linear(below, sizes[0]))
            below = sizes[0]
        elif sort == "flatten":
            parts.append(nn.Flatten())
            below *= (SIDE // 4) ** 2  # two poolings below it
        else:
            parts.append(nn.ReLU() if sort == "relu" else nn.MaxPool2d(2))
    for part in parts:
        if hasattr(part, "weight"):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            nn.init.zeros_(part.bias)
    return nn.Sequential(*parts)


def error(layers, seed, test) -> float:
    """Train once; the share of test pictures that come out wrong."""
    torch.manual_seed(seed)
    x, y = pictures(500, seed)
    net, steps = network(layers), EPOCHS * len(x) // BATCH
    optimiser = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        return (net(test[0]).argmax(dim=1) != test[1]).double().mean().item()


def table(parameters, multiply_adds) -> None:
    """Train all variants and print the table."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small networks: more threads only wait for each other
    try:
        test = pictures(500, 1_000)
        print(f"{'':33}{'parameters':>11}{'multiply-adds':>15}{'wrong of 100':>14}{'range':>13}")
        for name, layers in VARIANTS.items():
            wrong = sorted(100 * error(layers, seed, test) for seed in range(RUNS))
            counts = [_total(function, layers) for function in (parameters, multiply_adds)]
            print(f"{name:33}{counts[0]:>11}{counts[1]:>15}{wrong[RUNS // 2]:14.1f}{wrong[0]:7.1f}-{wrong[-1]:.1f}")
    finally:
        torch.set_num_threads(threads)


def _total(function, layers) -> str:
    """The sum of a list of exercise 2; a question mark where it cannot be had."""
    try:
        return f"{sum(ask(function, layers, (1, SIDE, SIDE))):,}"
    except (NotWritten, Wrong, TypeError, ValueError):
        return "?"
