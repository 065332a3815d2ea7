"""Measure what chapter 02 shows over many seeds, and write it to ``results/``.

python -m tools.record_mlp mnist     needs MNIST: course data mnist (3 minutes)
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, training
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.networks.distortions import shift


def linear_probe(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, seed: int) -> float:
    """Train one linear layer on standardised features and return its test accuracy."""
    mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-6
    features, test = (features - mean) / spread, (test - mean) / spread
    torch.manual_seed(seed)
    probe = nn.Linear(features.shape[1], 10)
    optimiser = torch.optim.Adam(probe.parameters(), lr=1e-3)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(5):
        for batch in torch.randperm(len(features), generator=draw).split(256):
            optimiser.zero_grad()
            F.cross_entropy(probe(features[batch]), labels[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        return (probe(test).argmax(dim=1) == test_labels).double().mean().item()


def record_mnist(seeds: int) -> None:
    """Shifts of MNIST's test digits for an MLP and a small pooled CNN, and probes on 64 hidden units."""
    digits, unseen = data.load("mnist", "train"), data.load("mnist", "test")
    test, labels = unseen.images.float() / 255, unseen.labels
    shifts = (0, 1, 2, 3, 4)
    metrics: dict[str, list[float]] = {}

    def put(name: str, value: float) -> None:
        metrics.setdefault(name, []).append(value)
        print(name, f"{value:.4f}", flush=True)

    for seed in range(seeds):
        seed_everything(seed)
        mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        x, test_x = digits.images.flatten(1).float() / 255, test.flatten(1)
        with torch.no_grad():
            start = [torch.relu(mlp[1](v)) for v in (x, test_x)]
        batches = data.Batches(digits, batch_size=128, seed=seed)
        training.fit(mlp, batches, epochs=4, lr=3e-3, schedule="one_cycle", progress=False)
        cnn = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
        training.fit(cnn, batches, epochs=1, lr=1e-2, schedule="one_cycle", progress=False)
        with torch.no_grad():
            for name, net in (("mlp", mlp), ("cnn", cnn.eval())):
                for pixels in shifts:
                    moved = shift(test, right=pixels)
                    right = torch.cat([net(part).argmax(dim=1) for part in moved.split(1000)]) == labels
                    put(f"{name}_shift_{pixels}", right.double().mean().item())
            learned = [torch.relu(mlp[1](v)) for v in (x, test_x)]
        for name, (a, b) in {"raw": (x, test_x), "random": start, "learned": learned}.items():
            put(f"probe_{name}", linear_probe(a, digits.labels, b, labels, seed))
        # after every seed, so that a run that is cut short leaves what it has
        save_record(
            "02_mlp.mnist",
            {
                "metrics": metrics,
                "shifts": list(shifts),
                "parameters": {
                    name: sum(p.numel() for p in net.parameters()) for name, net in (("mlp", mlp), ("cnn", cnn))
                },
                "seeds": list(range(seed + 1)),
                "command": f"python -m tools.record_mlp mnist --seeds {seed + 1}",
            },
        )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_mlp", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("mnist",))
    parser.add_argument("--seeds", type=int)
    args = parser.parse_args(argv)
    record_mnist(args.seeds or 3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
