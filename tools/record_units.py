"""Measure what chapter 08 shows on photographs: probes and class purity for each layer of a network on CIFAR-10.

python -m tools.record_units cifar10     needs CIFAR-10: course data cifar10 (about 2 minutes on one core)
"""

from __future__ import annotations

import argparse
import sys

PICTURES, FIT, TEST, SETS, GRID = 10_000, 3_000, 1_000, 5, 2
LAYERS = ("stem", "stage1", "stage2", "stage3")


def cifar10() -> None:
    """Write results/08_visualization.cifar10.json."""
    import torch
    from torch.nn import functional as F

    from course_utils import data
    from course_utils.explain.hooks import features
    from course_utils.explain.probes import fit_probe
    from course_utils.explain.top_patches import class_purity
    from course_utils.recipes import cifar10_resnet
    from course_utils.recipes.trained import trained
    from course_utils.runtime import save_record

    known = trained("cifar10")
    torch.manual_seed(0)
    networks = {"trained": known.model, "untrained": cifar10_resnet.build_model().eval()}
    held = data.load("cifar10", "train").subset(torch.tensor(list(cifar10_resnet.HELD_OUT)))
    present = [name for name in LAYERS if name in dict(known.model.named_modules())]
    x, labels = known.prepare(held.images), held.labels
    pixels = F.adaptive_avg_pool2d(x, 16).flatten(1)
    draw = torch.Generator().manual_seed(0)
    parts = torch.randperm(PICTURES, generator=draw).view(SETS, -1)
    splits = [torch.randperm(PICTURES, generator=draw)[: FIT + TEST] for _ in range(SETS)]
    metrics: dict[str, list[float]] = {}
    for kind, model in networks.items():
        peaks: dict[str, list[torch.Tensor]] = {name: [] for name in present}
        pooled: dict[str, list[torch.Tensor]] = {name: [] for name in present}
        for batch in x.split(500):
            for name, maps in features(model, batch, present).items():
                peaks[name].append(maps.amax((2, 3)))
                pooled[name].append(F.adaptive_avg_pool2d(maps, GRID).flatten(1))
        read = {"pixels": pixels} | {name: torch.cat(values) for name, values in pooled.items()}
        for name, h in read.items():
            metrics[f"probe, {kind}, {name}"] = [
                fit_probe(h[s[:FIT]], labels[s[:FIT]]).accuracy(h[s[FIT:]], labels[s[FIT:]]) for s in splits
            ]
        for name, values in peaks.items():
            peak = torch.cat(values)
            metrics[f"purity, {kind}, {name}"] = [
                float(class_purity(labels[part][peak[part].topk(9, dim=0).indices.T]).mean()) for part in parts
            ]
    save_record(
        "08_visualization.cifar10",
        {
            "command": "python -m tools.record_units cifar10",
            "pictures": f"CIFAR-10, pictures 40,000 to 50,000 of the training file, which the network has not seen.\n"
            f"Probes: {FIT:,} to fit, {TEST:,} to test, {SETS} splits. Purity: {SETS} sets of {PICTURES // SETS:,}.",
            "layers": ["pixels", *present],
            "seeds": list(range(SETS)),
            "metrics": {name: [round(value, 5) for value in values] for name, values in metrics.items()},
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one measurement."""
    parser = argparse.ArgumentParser(prog="python -m tools.record_units", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["cifar10"])
    parser.parse_args(argv)
    cifar10()
    return 0


if __name__ == "__main__":
    sys.exit(main())
