"""One linear classifier for every kind of feature: least squares on one-hot targets, penalty chosen by leave-one-out.

It has a closed form and no learning rate, so a comparison of features is a comparison of features. Leave-one-out
residuals come from one eigendecomposition for all penalties (Golub, Heath and Wahba, Technometrics 1979).
"""

from dataclasses import dataclass

import numpy as np

from course_utils.check import check_number, check_same_length, check_shape

PENALTIES = tuple(10.0**k for k in range(-4, 5))


@dataclass(frozen=True)
class LinearClassifier:
    """Weights of a linear classifier on standardised features.

    Args:
        weights: (D, K), one column a class.
        bias: (K,).
        mean: (D,) subtracted from each feature.
        scale: (D,) by which each feature is divided.
        penalty: chosen ridge penalty, relative to the number of samples.
        held_out_accuracy: leave-one-out accuracy on the training set, in [0, 1].
    """

    weights: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    penalty: float
    held_out_accuracy: float

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return the (N, K) class scores of (N, D) features."""
        return (np.asarray(x, dtype=np.float64) - self.mean) / self.scale @ self.weights + self.bias

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the (N,) index of the best class for (N, D) features."""
        return self.scores(x).argmax(axis=1)

    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the share of (N, D) features whose predicted class equals the (N,) labels."""
        return float((self.predict(x) == np.asarray(y)).mean())


def solve_ridge(x: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights that minimise the squared error plus ``penalty`` times the squared weights.

    Args:
        x: (N, D) centred features.
        targets: (N, K) centred targets.
        penalty: positive number, in the unit of N squared features.

    Returns:
        (D, K) weights.
    """
    check_number("penalty", penalty, above=0)
    check_same_length("x", x, "targets", targets)
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ targets)


def fit_linear(
    x: np.ndarray, y: np.ndarray, num_classes: int | None = None, penalties: tuple[float, ...] = PENALTIES
) -> LinearClassifier:
    """Fit a linear classifier to features; nothing is tuned on test data.

    Args:
        x: (N, D) features in any unit; each is standardised with the training set's mean and deviation.
        y: (N,) class indices from 0.
        num_classes: number of classes; the largest label plus one if not given.
        penalties: candidates, multiplied by N; the one with the best leave-one-out squared error wins.

    Returns:
        The fitted classifier.

    Raises:
        ValueError: if shapes do not fit.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
    check_shape("x", x, (None, None))
    check_shape("y", y, (None,))
    check_same_length("x", x, "y", y)
    count, dimensions = x.shape
    classes = int(y.max()) + 1 if num_classes is None else num_classes
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-8 * (1 + np.abs(mean)), scale, 1.0)
    x = (x - mean) / scale
    targets = np.eye(classes)[y]
    bias = targets.mean(axis=0)
    centred = targets - bias

    # The smaller of the two Gram matrices has the same non-zero spectrum; U spans the fitted values.
    if dimensions <= count:
        values, vectors = np.linalg.eigh(x.T @ x)
        values = np.maximum(values, 0.0)
        projected = x @ vectors  # (N, D), columns of length sqrt(values)
        keep = values > 1e-10 * max(values.max(), 1e-300)
        basis = projected[:, keep] / np.sqrt(values[keep])
        values = values[keep]
    else:
        values, basis = np.linalg.eigh(x @ x.T)
        keep = values > 1e-10 * max(values.max(), 1e-300)
        values, basis = values[keep], basis[:, keep]
    coefficients = basis.T @ centred
    best: tuple[float, float, np.ndarray] | None = None
    for penalty in penalties:
        shrink = values / (values + penalty * count)
        fitted = basis @ (shrink[:, None] * coefficients)
        leverage = (basis**2) @ shrink + 1 / count
        held_out = centred - (centred - fitted) / np.maximum(1 - leverage, 1e-8)[:, None]
        error = float(((held_out - centred) ** 2).mean())
        if best is None or error < best[0]:
            best = (error, penalty, held_out)
    assert best is not None
    _, penalty, held_out = best
    weights = x.T @ (basis @ (coefficients / (values + penalty * count)[:, None]))
    accuracy = float(((held_out + bias).argmax(axis=1) == y).mean())
    return LinearClassifier(weights, bias, mean, scale, penalty, accuracy)
