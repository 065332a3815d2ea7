"""Train the tensor engine of chapter 03 on MNIST, for the record in ``results/``.

    python -m tools.record_backprop mnist

It needs the files of ``course data mnist``.
"""

from __future__ import annotations

import argparse

import numpy as np

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy

EPOCHS, SEEDS, BATCH = 8, 5, 100


def flat(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels in [0, 1], (N, 784) float32, and labels."""
    digits = data.load("mnist", split)
    return digits.images.reshape(len(digits), -1).numpy().astype(np.float32) / 255, digits.labels.numpy()


def train_once(seed: int, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the accuracy on the test digits after training from one seed."""
    x, y = train
    draw, net = np.random.default_rng(seed), MLP([784, 128, 10], seed=seed)
    for epoch in range(EPOCHS):
        lr = 0.5 * (1 - epoch / EPOCHS)
        for chosen in np.array_split(draw.permutation(len(x)), len(x) // BATCH):
            cross_entropy(net(Tensor(x[chosen])), y[chosen]).backward()
            net.step(lr)
    return float((net(Tensor(test[0])).data.argmax(axis=1) == test[1]).mean())


def mnist() -> None:
    """Train from five seeds and save ``03_backprop.mnist``."""
    train, test = flat("train"), flat("test")
    accuracy = []
    for seed in range(SEEDS):
        accuracy.append(train_once(seed, train, test))
        print(f"seed {seed}: {accuracy[-1]:.4f}", flush=True)
    record = {
        "command": "python -m tools.record_backprop mnist",
        "sizes": [784, 128, 10],
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "seeds": list(range(SEEDS)),
        "metrics": {"accuracy": accuracy},
    }
    print("wrote", save_record("03_backprop.mnist", record).name)


def main(argv: list[str] | None = None) -> int:
    """Run one of the records."""
    parser = argparse.ArgumentParser(prog="python -m tools.record_backprop", description=__doc__.split("\n")[0])
    parser.add_argument("which", choices=["mnist"])
    parser.parse_args(argv)
    mnist()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
