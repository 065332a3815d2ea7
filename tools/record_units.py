"""Measure what chapter 08 compares with: a longer training, untrained networks, and a network of photographs.

python -m tools.record_units photos      first-layer filters, five seeds, about three minutes on one core
python -m tools.record_units untrained   twelve networks before training, about two minutes on one core
python -m tools.record_units cifar10     purity and probes on photographs, one minute; needs `course data cifar10`
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import TYPE_CHECKING, Any

from tools.bands import tagged_code

if TYPE_CHECKING:
    from torch import Tensor, nn

    from course_utils.data.synthetic import ObjectImages

PIECES, PASSES, SEEDS = 10_000, 8, 5
NETWORKS, GROUPS, PICTURES, SETS, FIT_ON = 12, 5, 800, 5, 550
SCENE_STAGES = ("stage1", "stage2", "stage3", "stage4")
PHOTO_STAGES = ("stem", "stage1", "stage2", "stage3")

Metrics = dict[str, list[float]]


def chapter_functions() -> dict[str, Any]:
    """Return what the chapter's first tagged cell defines: the photographs, the pieces, the network, its training."""
    code = tagged_code("08_visualization", "filters")
    functions, _, experiment = code.partition("\ncut, origin = ")
    if not experiment:
        raise SystemExit("chapter 08 no longer begins its experiment with 'cut, origin ='")
    space: dict[str, Any] = {"__name__": "record"}
    exec(compile(functions, "<chapter 08>", "exec"), space)
    return space


def note(metrics: Metrics, values: dict[str, float]) -> None:
    """Add one run's numbers to those of the runs before."""
    for name, value in values.items():
        metrics.setdefault(name, []).append(round(value, 5))


def photos() -> None:
    """Write results/08_visualization.photos.json after each seed."""
    import torch

    from course_utils.explain.filters import orientation_energy, phase_scrambled
    from course_utils.explain.gabor import fit_gabor
    from course_utils.runtime import save_record

    chapter = chapter_functions()
    metrics: Metrics = {}
    for seed in range(SEEDS):
        inputs, labels = chapter["pieces"](PIECES, seed)
        model = chapter["learn_photos"](chapter["photo_net"](seed), inputs, labels, passes=PASSES)
        weight = model[0].weight.detach()
        fresh, truth = chapter["pieces"](1000, seed + 500)
        with torch.no_grad():
            right = float((model(fresh).argmax(1) == truth).float().mean())
        share = fit_gabor(weight).share
        values = {
            "accuracy": right,
            "share, learned": float(share.median()),
            "share, scrambled": float(fit_gabor(phase_scrambled(weight)).share.median()),
            "orientation, learned": float(orientation_energy(weight).mean()),
            "over half": float((share > 0.5).float().mean()),
        }
        note(metrics, values)
        save_record(
            "08_visualization.photos",
            {
                "command": "python -m tools.record_units photos",
                "pictures": f"{PIECES:,} pieces of fourteen photographs, {PASSES} passes",
                "seeds": list(range(seed + 1)),
                "metrics": metrics,
            },
        )


def mean_purity(maps: Tensor, labels: Tensor) -> float:
    """Return the class purity of nine pictures a unit, averaged over the units that answer and five sets of pictures.

    Args:
        maps: (N, U, h, w), N a multiple of five.
        labels: (N,).
    """
    from course_utils.explain.top_patches import class_purity

    found = []
    for peak, truth in zip(maps.amax((2, 3)).chunk(SETS), labels.chunk(SETS), strict=True):
        best = peak.topk(9, dim=0).indices.T[peak.amax(0) > 0]
        found.append(float(class_purity(truth[best]).mean()))
    return statistics.mean(found)


def line_accuracy(features: Tensor, labels: Tensor) -> float:
    """Return the accuracy of a linear probe on pictures that it was not fitted to, the median of three splits."""
    import torch

    from course_utils.explain.probes import fit_probe

    found = []
    for seed in range(3):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        fit_on, test_on = order[:FIT_ON], order[FIT_ON:]
        found.append(fit_probe(features[fit_on], labels[fit_on]).accuracy(features[test_on], labels[test_on]))
    return statistics.median(found)


def wheel_unit(maps: Tensor, world: ObjectImages) -> tuple[float, float, int]:
    """Choose the unit that fits wheels best on one half of the pictures, and ask it about the other half.

    Returns:
        its overlap with wheels on the other half; the share of pictures with a wheel among the 50 of that half that
        excite it most; its number.
    """
    from torch.nn import functional as F

    from course_utils.explain.concepts import overlap_of_maps

    half = len(maps) // 2
    wheels = F.avg_pool2d(world.part("wheel")[:, None].float(), 2) > 0.5
    unit = int(overlap_of_maps(maps[:half], wheels[:half])[:, 0].argmax())
    held = float(overlap_of_maps(maps[half:, unit : unit + 1], wheels[half:])[0, 0])
    first = maps[half:, unit].amax((1, 2)).topk(50).indices
    shows = world.part("wheel")[half:].flatten(1).any(1)
    return held, float(shows[first].double().mean()), unit


def untrained() -> None:
    """Write results/08_visualization.untrained.json: how much of the chapter's numbers comes without training."""
    import torch
    from torch.nn import functional as F

    from course_utils.data.synthetic import make_object_images
    from course_utils.explain.concepts import overlap_of_maps
    from course_utils.explain.hooks import features
    from course_utils.recipes.scenes import build_model, prepare
    from course_utils.runtime import save_record

    world = make_object_images(PICTURES, seed=40)
    x, half = prepare(world.images), PICTURES // 2
    parts = torch.stack([F.avg_pool2d(m.float(), 2) > 0.5 for m in world.part_masks.values()], 1)
    metrics: Metrics = {}
    for seed in range(NETWORKS):
        torch.manual_seed(seed)
        values = {}
        for name, maps in features(build_model().eval(), x, SCENE_STAGES, 100).items():
            one, other = overlap_of_maps(maps[:half], parts[:half]), overlap_of_maps(maps[half:], parts[half:])
            both = [b.gather(1, a.argmax(1, keepdim=True)).mean() for a, b in ((one, other), (other, one))]
            values[f"purity, {name}"] = mean_purity(maps, world.labels)
            values[f"overlap, {name}"] = float(sum(both) / 2)
            values[f"wheel, {name}"], values[f"wheels among 50, {name}"], _ = wheel_unit(maps, world)
            values[f"line, {name}"] = line_accuracy(F.adaptive_avg_pool2d(maps, 2).flatten(1), world.labels)
        note(metrics, values)
        print(seed, {k: round(v, 3) for k, v in values.items() if "wheel" in k}, flush=True)
    save_record(
        "08_visualization.untrained",
        {
            "command": "python -m tools.record_units untrained",
            "pictures": f"the {PICTURES} pictures of the chapter, networks before training",
            "seeds": list(range(NETWORKS)),
            "metrics": metrics,
        },
    )


def settled(model: nn.Module, x: Tensor) -> nn.Module:
    """Give the normalisations of an untrained network the means and deviations of these pictures."""
    import torch
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    model.train()
    with torch.no_grad():
        for part in x.split(200):
            model(part)
    return model.eval()


def cifar10() -> None:
    """Write results/08_visualization.cifar10.json: purity and probes by layer, on photographs held out of training."""
    import torch
    from torch.nn import functional as F

    from course_utils import data
    from course_utils.explain.hooks import features
    from course_utils.recipes.cifar10_resnet import HELD_OUT, build_model
    from course_utils.recipes.trained import trained
    from course_utils.runtime import save_record

    known = trained("cifar10")
    held_out = data.load("cifar10", "train").subset(torch.tensor(HELD_OUT))
    metrics: Metrics = {}
    for group in range(GROUPS):
        part = held_out.subset(torch.arange(group * PICTURES, (group + 1) * PICTURES))
        x, labels = known.prepare(part.images), part.labels
        torch.manual_seed(group)
        networks = {"trained": known.model, "untrained": settled(build_model(), x)}
        with torch.no_grad():
            scores = torch.cat([known.model(batch) for batch in x.split(200)])
        values = {"accuracy": float((scores.argmax(1) == labels).double().mean())}
        values["line, pixels"] = line_accuracy(F.adaptive_avg_pool2d(x, 16).flatten(1), labels)
        for kind, model in networks.items():
            for name, maps in features(model, x, PHOTO_STAGES, 200).items():
                values[f"{kind}: purity, {name}"] = mean_purity(maps, labels)
                values[f"{kind}: line, {name}"] = line_accuracy(F.adaptive_avg_pool2d(maps, 2).flatten(1), labels)
        note(metrics, values)
        print(group, {k: round(v, 3) for k, v in values.items()}, flush=True)
    save_record(
        "08_visualization.cifar10",
        {
            "command": "python -m tools.record_units cifar10",
            "data": f"CIFAR-10: {GROUPS} groups of {PICTURES} training images that the network was not trained on",
            "network": known.record["sha256"],
            "seeds": list(range(GROUPS)),
            "metrics": metrics,
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one measurement."""
    measurements = {"photos": photos, "untrained": untrained, "cifar10": cifar10}
    parser = argparse.ArgumentParser(prog="python -m tools.record_units", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=list(measurements))
    measurements[parser.parse_args(argv).what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
