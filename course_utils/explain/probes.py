"""How much of the classes can a straight line read off each layer? (chapter 08)

Sources: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, table 7, for a linear
classifier on every layer; G. Alain, Y. Bengio, "Understanding intermediate layers using linear classifier probes",
2016, for the name. A probe says what *can* be read, not what the network uses; compare with an untrained network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.partial_run import run_up_to

__all__ = ["Probe", "fit_probe", "pooled_features", "probe_layers"]


@dataclass(frozen=True)
class Probe:
    """A linear classifier on standardised features.

    Args:
        weight: (K, D), for features of mean 0 and deviation 1.
        bias: (K,).
        mean: (D,), of the training features.
        deviation: (D,).
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    deviation: Tensor

    def scores(self, features: Tensor) -> Tensor:
        """Scores (N, K) of features (N, D)."""
        return F.linear((features - self.mean) / self.deviation, self.weight, self.bias)

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Share of the features whose highest score is that of their label."""
        return float((self.scores(features).argmax(1) == labels).double().mean())


def fit_probe(features: Tensor, labels: Tensor, *, decay: float = 1e-2, steps: int = 40) -> Probe:
    """Fit a softmax classifier by L-BFGS. The problem is convex: no seed, no learning rate, no early stopping.

    Args:
        features: (N, D).
        labels: int64 (N,).
        decay: weight of the squared length of the weights, above 0.
        steps: of L-BFGS, at least 1.

    Raises:
        ValueError: if the lengths differ or fewer than two classes occur.
    """
    check_same_length("features", features, "labels", labels)
    check_number("decay", decay, above=0)
    check_int("steps", steps, minimum=1)
    if features.ndim != 2:
        raise ValueError(f"features must have shape (N, D), got {tuple(features.shape)}; see pooled_features")
    if labels.unique().numel() < 2:
        raise ValueError("labels must hold at least two classes: nothing can be told apart otherwise")
    mean, deviation = features.mean(0), features.std(0, unbiased=False)
    # A feature that is the same for all stays at 0 instead of becoming rounding noise of length 1.
    deviation = torch.where(deviation > 1e-6 * features.abs().amax(0).clamp_min(1e-12), deviation, 1.0)
    x = (features - mean) / deviation
    classes = int(labels.max()) + 1
    weight = torch.zeros(classes, x.shape[1], dtype=x.dtype, device=x.device, requires_grad=True)
    bias = torch.zeros(classes, dtype=x.dtype, device=x.device, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight, bias), labels) + decay / 2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(objective)
    return Probe(weight.detach(), bias.detach(), mean, deviation)


def pooled_features(
    model: nn.Module, x: Tensor, layers: Iterable[Layer], grid: int = 2, batch_size: int = 128
) -> dict[str, Tensor]:
    """Outputs of some layers, averaged over the cells of a coarse grid: early maps are far too large for a probe.

    Args:
        model: any network; evaluated in ``eval`` mode and left as it was found.
        x: inputs (N, C, H, W), prepared.
        layers: names or modules; ``""`` stands for the inputs themselves.
        grid: cells a side. Maps that are smaller, and layers without rows and columns, stay as they are.
        batch_size: inputs in one pass.

    Returns:
        ``{name: (N, D)}``, by the names of the layers, ``"input"`` for ``""``.
    """
    check_int("grid", grid, minimum=1)
    check_int("batch_size", batch_size, minimum=1)
    wanted = list(layers)
    names = [find_layer(model, layer)[0] for layer in wanted if layer != ""]
    parts: dict[str, list[Tensor]] = {"input" if layer == "" else find_layer(model, layer)[0]: [] for layer in wanted}
    with untouched(model), torch.no_grad():
        for batch in x.split(batch_size):
            outputs = run_up_to(model, batch, names) if names else {}
            for name, kept in parts.items():
                out = batch if name == "input" and "input" not in outputs else outputs[name]
                if out.ndim == 4 and out.shape[-1] >= grid and out.shape[-2] >= grid:
                    out = F.adaptive_avg_pool2d(out, grid)
                kept.append(out.flatten(1))
    return {name: torch.cat(values) for name, values in parts.items()}


def probe_layers(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    layers: Iterable[Layer],
    *,
    grid: int = 2,
    decay: float = 1e-2,
) -> dict[str, float]:
    """Accuracy of a linear classifier on each layer, on inputs that it was not fitted to.

    Args:
        model: any network.
        train: inputs (N, C, H, W), prepared, and labels (N,), for the probes.
        test: the same, for the accuracies.
        layers: names or modules; ``""`` stands for the inputs themselves.
        grid: as in `pooled_features`.
        decay: as in `fit_probe`.

    Returns:
        ``{name: accuracy}``.
    """
    wanted = list(layers)
    before, after = (pooled_features(model, x, wanted, grid) for x, _ in (train, test))
    return {name: fit_probe(before[name], train[1], decay=decay).accuracy(after[name], test[1]) for name in before}
