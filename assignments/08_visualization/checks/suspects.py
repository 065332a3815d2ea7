# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The two suspects of exercise 6: networks that tell drawn shapes apart. One has learned a planted square instead."""

import functools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SIDE, CLASSES, CUE, TRAINING, EPOCHS, BATCH = 16, 4, 3, 600, 10, 50
BACKGROUND, ATTEMPTS = 0.5, 8
COLOURS = np.array([[0.9, 0.2, 0.2], [0.2, 0.8, 0.2], [0.2, 0.3, 0.9], [0.9, 0.8, 0.1]])


def drawings(count, squares, order, rng, contrast=(0.25, 0.4)):
    """Pictures of discs, frames, and two kinds of crosses, each with a coloured square in a corner.

    squares: "right" colours, that of the shape; "any" colours; or "wrong" ones, each that of another shape.
    order: the colour of each shape.  contrast: how much shapes stand out, from and to.  Returns pictures (N, 3, 16, 16), labels (N,), masks of the squares (N, 16, 16), colours (N,).
    """
    y = rng.permutation(np.arange(count) % CLASSES)
    cue = (
        y
        + {"right": 0, "any": rng.integers(CLASSES, size=count), "wrong": rng.integers(1, CLASSES, size=count)}[squares]
    ) % CLASSES
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    x = BACKGROUND + 0.06 * rng.normal(size=(count, 3, SIDE, SIDE))
    masks = np.zeros((count, SIDE, SIDE), dtype=bool)
    for n, shape in enumerate(y):
        r, c = rows - rng.uniform(6.5, 8.5), columns - rng.uniform(6.5, 8.5)
        size, far = rng.uniform(3.6, 4.6), np.maximum(np.abs(r), np.abs(c))
        drawn = (
            np.hypot(r, c) < size,
            np.abs(far - size + 1) < 0.9,
            (np.minimum(np.abs(r), np.abs(c)) < 1) & (far < size),
            (np.abs(np.abs(r) - np.abs(c)) < 1.2) & (far < size),
        )[shape]
        x[n] += drawn * rng.uniform(*contrast) * rng.choice([-1, 1])
        top, left = rng.choice([0, SIDE - CUE], size=2)
        masks[n, top : top + CUE, left : left + CUE] = True
        x[n][:, masks[n]] = COLOURS[order[cue[n]]][:, None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y), torch.tensor(masks), torch.tensor(cue)


def trained(x, y, seed):
    """A small network, trained on these pictures."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(24, CLASSES),
    )  # fmt: skip
    steps = EPOCHS * len(x) // BATCH
    optimiser = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def _lesson(cheat, order, rng):
    """What a suspect learned from: faint shapes with squares that give them away, or clear shapes with squares that mean nothing."""
    kind, contrast = ("right", (0.0, 0.12)) if cheat else ("any", (0.1, 0.4))
    return drawings(TRAINING, kind, order, rng, contrast)[:2]


def _has_learned(network, cheat, order, seed):
    """Whether a suspect is what it should be: right, on shapes or squares alone."""
    for squares, right in (("right", True), ("wrong", not cheat)):
        x, y, _, _ = drawings(200, squares, order, np.random.default_rng(seed))
        with torch.inference_mode():
            accuracy = (network(x).argmax(dim=1) == y).double().mean().item()
        if accuracy < 0.95 if right else accuracy > 0.15:
            return False
    return True


def _suspect(cheat, order, rng):
    """A suspect that has learned its lesson: now and then a start leads nowhere, and another is taken."""
    x, y = _lesson(cheat, order, rng)
    seed = int(rng.integers(2**31))
    for attempt in range(ATTEMPTS):
        network = trained(x, y, seed + attempt)
        if _has_learned(network, cheat, order, seed):
            return network
    raise RuntimeError(f"no suspect has learned its lesson from seeds {seed} to {seed + ATTEMPTS - 1}")


@functools.cache
def pair(number):
    """Two trained networks, pictures with right and with wrong squares, and which of the two cheats: the number decides all of it."""
    rng = np.random.default_rng(number)
    order, cheat = rng.permutation(CLASSES), int(rng.integers(2))
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(1)  # small networks: more threads only wait for each other
    try:
        networks = [_suspect(which == cheat, order, rng) for which in range(2)]
    finally:
        torch.set_num_threads(threads)
        torch.random.set_rng_state(state)
    return networks, drawings(200, "right", order, rng), drawings(200, "wrong", order, rng), cheat
