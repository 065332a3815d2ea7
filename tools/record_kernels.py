"""Measure what chapter 01b shows on MNIST, and write it to ``results/``.

python -m tools.record_kernels mnist      needs MNIST: course data mnist (about 3 minutes)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.kernel_methods.kernels import rbf_kernel
from course_utils.scratch.kernel_methods.nystrom import NystromFeatures

GAMMA = 0.02
LANDMARKS = (100, 300, 1000)
SUBSET = 6_000


def rows(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST's pictures as rows of numbers in [0, 1], and their labels."""
    images = data.load("mnist", split)
    return images.images.numpy().reshape(len(images), -1) / np.float32(255), images.labels.numpy()


def ridge_accuracy(
    represent: Callable[[np.ndarray], np.ndarray],
    train: np.ndarray,
    train_y: np.ndarray,
    test: np.ndarray,
    test_y: np.ndarray,
) -> float:
    """Fit ten ridge regressions on the represented pictures, block by block, and answer with the largest."""
    targets = 2.0 * (train_y[:, None] == np.arange(10)) - 1
    gram: np.ndarray | float = 0.0
    moments: np.ndarray | float = 0.0
    for start in range(0, len(train), 5000):
        z = represent(train[start : start + 5000])
        z = np.column_stack([z, np.ones(len(z))])
        gram, moments = gram + z.T @ z, moments + z.T @ targets[start : start + 5000]
    weights = np.linalg.solve(gram + 1e-3 * np.eye(len(gram)), moments)
    scores = np.concatenate([represent(part) @ weights[:-1] + weights[-1] for part in np.array_split(test, 4)])
    return float(np.mean(scores.argmax(axis=1) == test_y))


def record_mnist(seeds: int) -> None:
    """Accuracy on the 10,000 test digits of linear, polynomial and RBF machines and of Nyström features."""
    from sklearn.svm import SVC

    train, train_y = rows("train")
    test, test_y = rows("test")
    machines = {
        "svm_linear": SVC(kernel="linear", C=0.1),
        "svm_polynomial": SVC(kernel="poly", degree=3, coef0=1.0, gamma=GAMMA, C=5.0),
        "svm_rbf": SVC(kernel="rbf", gamma=GAMMA, C=5.0),
    }
    metrics: dict[str, list[float]] = {}
    support: dict[str, list[int]] = {}

    def note(metric: str, accuracy: float) -> None:
        metrics.setdefault(metric, []).append(accuracy)
        print(f"{metric}: {accuracy:.4f}", flush=True)

    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(train))
        few = order[:SUBSET]
        for name, machine in machines.items():
            machine.fit(train[few], train_y[few])
            note(name, float(machine.score(test, test_y)))
            support.setdefault(name, []).append(int(machine.n_support_.sum()))
        for count in LANDMARKS:
            features = NystromFeatures(lambda x, z: rbf_kernel(x, z, GAMMA), train[order[:count]])
            note(f"nystrom_{count}", ridge_accuracy(features, train, train_y, test, test_y))
    note("ridge_pixels", ridge_accuracy(lambda x: x.astype(float), train, train_y, test, test_y))

    def support_text(name: str) -> str:
        return f"{int(np.median(support[name])):,} support vectors"

    table = [
        ("ridge on pixels, 60,000", "ridge_pixels", "785 weights a class"),
        ("linear SVM, 6,000", "svm_linear", support_text("svm_linear")),
        ("polynomial SVM, 6,000", "svm_polynomial", support_text("svm_polynomial")),
        ("RBF SVM, 6,000", "svm_rbf", support_text("svm_rbf")),
    ]
    table += [
        (f"{count:,} landmarks, 60,000", f"nystrom_{count}", f"{count + 1:,} weights a class") for count in LANDMARKS
    ]
    save_record(
        "01b_kernels.mnist",
        {
            "metrics": metrics,
            "support_vectors": support,
            "rows": [{"name": name, "metric": metric, "size": size} for name, metric, size in table],
            "settings": {"gamma": GAMMA, "subset": SUBSET, "C_linear": 0.1, "C": 5.0, "degree": 3, "ridge": 1e-3},
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_kernels mnist --seeds {seeds}",
        },
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_kernels", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["mnist"])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args(argv)
    record_mnist(args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
