"""Measure what chapter 01 shows over many seeds, and write it to ``results/``.

python -m tools.record_perceptron associators     letters, against the number of random units (3 minutes)
python -m tools.record_perceptron mnist           needs MNIST: course data mnist (1 minute)
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.perceptrons.averaged_perceptron import train_averaged
from course_utils.scratch.perceptrons.mark1 import response_accuracy, train_response, wire_randomly
from course_utils.scratch.perceptrons.multiclass_perceptron import predict_class, train_multiclass
from course_utils.scratch.perceptrons.perceptron import add_bias, count_mistakes, train_perceptron
from course_utils.scratch.perceptrons.stroke_letters import draw_letters

SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048)


def record_associators(seeds: int) -> None:
    """Accuracy on new letters for each number of association units, and for the pixels directly."""

    def letters(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        pictures, index = draw_letters("CE", count, shift=4.0, seed=seed)
        return pictures, 2.0 * index - 1

    metrics: dict[str, list[float]] = {f"accuracy_{units}": [] for units in SIZES}
    metrics["accuracy_direct"] = []
    for seed in range(seeds):
        # A seed draws everything anew: pictures, wiring and order.
        train, train_y = letters(2 * seed, 600)
        test, test_y = letters(2 * seed + 1, 1000)
        for units in SIZES:
            wiring = wire_randomly(units, seed=seed)
            w = train_response(train, train_y, wiring, seed=seed).w
            metrics[f"accuracy_{units}"].append(response_accuracy(test, test_y, wiring, w))
        order = np.random.default_rng(seed)
        flat = add_bias(train.reshape(len(train), -1))
        direct = train_perceptron(flat, train_y, epochs=50, order=order, keep_history=False)
        wrong = count_mistakes(add_bias(test.reshape(len(test), -1)), test_y, direct.w)
        metrics["accuracy_direct"].append(1 - wrong / len(test_y))
    save_record(
        "01_perceptron.associators",
        {
            "metrics": metrics,
            "sizes": list(SIZES),
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_perceptron associators --seeds {seeds}",
        },
    )


def record_mnist(seeds: int, epochs: int = 5) -> None:
    """Accuracy of the perceptron on MNIST's test digits: ten classes, and odd against even."""

    def flat(split: str) -> tuple[np.ndarray, np.ndarray]:
        digits = data.load("mnist", split)
        return add_bias(digits.images.reshape(len(digits), -1).numpy() / 255), digits.labels.numpy()

    x, y = flat("train")
    test_x, test_y = flat("test")
    metrics: dict[str, list[float]] = {"accuracy_last": [], "accuracy_average": [], "odd_even_average": []}
    last_pass = []
    for seed in range(seeds):
        run = train_multiclass(x, y, 10, epochs=epochs, order=np.random.default_rng(seed))
        metrics["accuracy_last"].append(float((predict_class(test_x, run.w) == test_y).mean()))
        metrics["accuracy_average"].append(float((predict_class(test_x, run.average) == test_y).mean()))
        last_pass.append(run.updates_per_epoch[-1])
        average, _ = train_averaged(x, 2.0 * (y % 2) - 1, epochs=epochs, seed=seed)
        wrong = count_mistakes(test_x, 2.0 * (test_y % 2) - 1, average)
        metrics["odd_even_average"].append(1 - wrong / len(test_y))
    save_record(
        "01_perceptron.mnist",
        {
            "metrics": metrics,
            "epochs": epochs,
            "last_pass": last_pass,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_perceptron mnist --seeds {seeds}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("associators", "mnist"))
    parser.add_argument("--seeds", type=int, help="default: 20 for associators, 5 for mnist")
    chosen = parser.parse_args(arguments)
    if chosen.what == "associators":
        record_associators(chosen.seeds or 20)
    else:
        record_mnist(chosen.seeds or 5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
