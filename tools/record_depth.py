"""Measure what chapter 06c shows: thin VGGs of several depths, and how their layers answer to small changes.

python -m tools.record_depth shapes      error against depth, large kernels for comparison, robustness; no data needed
python -m tools.record_depth rates       stacks and large kernels, each with the learning rate that suits it (4 minutes)
python -m tools.record_depth work        three depths at equal work, each with its rate (2 minutes)
python -m tools.record_depth cifar10     error against depth on CIFAR-10 (course data cifar10)

The networks, the pictures and the training are the cells of the chapter tagged ``band-study``, run as they stand
there.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

import torch

from course_utils import data
from course_utils.data import ImageSet
from course_utils.runtime import save_record
from tools.bands import tagged_code

CHAPTER = "06c_depth"
DEPTHS = {6: (1, 1, 1), 9: (2, 2, 2), 12: (3, 3, 3), 18: (5, 5, 5)}
TRAIN, TEST = 4000, 1000
RATES = (2e-3, 5e-3, 1e-2)
TRIAL_SEED = 100  # of the runs that choose a rate; none of theirs is reported
EQUAL_WORK = {6: 8 / 64, 9: 6 / 64, 12: 5 / 64}  # widths with which these depths cost about the same (exercise 6)


def study() -> dict[str, Any]:
    """Return what the chapter's cells define."""
    names: dict[str, Any] = {"SEED": 0, "__name__": "study"}
    exec(compile(tagged_code(CHAPTER, "study"), "<study>", "exec"), names)
    return names


def record_shapes(seeds: int) -> None:
    """Errors of all depths and of twins with large kernels; distances by layer of two nine-layer networks."""
    here = study()
    pictures, world, wrong_share, train_thin = (
        here[name] for name in ("shape_pictures", "shape_world", "wrong_share", "train_thin")
    )
    test = pictures(*world(TEST, 10_000))
    metrics: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        metrics.setdefault(name, []).append(value)
        print(name, f"{value:.3f}", flush=True)

    for seed in range(seeds):
        train = pictures(*world(TRAIN, seed))
        for depth, stages in DEPTHS.items():
            torch.manual_seed(seed)
            model = train_thin(here["thin_vgg"](stages), train, seed)
            note(f"error, {depth} layers", wrong_share(model, test))
            if depth == 9:
                for name, value in here["robustness_table"](model).items():
                    note(f"trained upright: {name}", value)
        for side in (5, 7):
            torch.manual_seed(seed)
            note(f"error, one {side}x{side}", wrong_share(train_thin(here["large_kernels"](side), train, seed), test))
        torch.manual_seed(seed)
        turned = train_thin(here["thin_vgg"](DEPTHS[9]), pictures(*world(TRAIN, seed, 180.0)), seed, 10)
        for name, value in here["robustness_table"](turned).items():
            note(f"trained at all angles: {name}", value)
        torch.manual_seed(seed)
        for name, value in here["robustness_table"](here["thin_vgg"](DEPTHS[9]).eval()).items():
            note(f"untrained: {name}", value)
    _save("shapes", seeds, metrics, "shapes on gradients, 16 x 16, 4,000 for training, 1,000 for the test")


def record_rates(what: str, seeds: int) -> None:
    """Errors of networks that each run at their own learning rate, chosen on pictures held out.

    Args:
        what: ``rates`` for stacks, large kernels, and stacks without inner ReLUs; ``work`` for depths at equal work.
        seeds: runs of each network.
    """
    here = study()
    pictures, world, wrong_share, train_thin, thin_vgg = (
        here[name] for name in ("shape_pictures", "shape_world", "wrong_share", "train_thin", "thin_vgg")
    )
    held_out, test = pictures(*world(TEST, 30_000)), pictures(*world(TEST, 10_000))
    networks: dict[str, Any] = {}
    if what == "work":
        networks |= {f"{n} layers": partial(thin_vgg, DEPTHS[n], width=width) for n, width in EQUAL_WORK.items()}
    else:
        for n, side in ((9, 5), (12, 7)):
            networks[f"{n} layers"] = partial(thin_vgg, DEPTHS[n])
            networks[f"one {side}x{side}"] = partial(here["large_kernels"], side)
            networks[f"{n} layers, straight"] = partial(here["straight_stacks"], DEPTHS[n][0])
        networks["6 layers"] = partial(thin_vgg, DEPTHS[6])
    metrics: dict[str, list[float]] = {}
    chosen: dict[str, float] = {}

    def error(name: str, seed: int, rate: float, images: ImageSet) -> float:
        torch.manual_seed(seed)
        return wrong_share(train_thin(networks[name](), pictures(*world(TRAIN, seed)), seed, lr=rate), images)

    for name in networks:
        trials = {rate: error(name, TRIAL_SEED, rate, held_out) for rate in RATES}
        chosen[name] = min(RATES, key=lambda rate: trials[rate])
        metrics[f"error, {name}"] = [error(name, seed, chosen[name], test) for seed in range(seeds)]
        print(name, trials, metrics[f"error, {name}"], flush=True)
        more: dict[str, Any] = {"rates": list(RATES), "chosen_rates": chosen}
        if what == "work":
            more["widths"] = {str(n): width for n, width in EQUAL_WORK.items()}
        of = "shapes on gradients, 16 x 16, 4,000 for training, 1,000 for the test; rates chosen on 1,000 others"
        _save(what, seeds, metrics, of, more=more)


def read_cifar10(count: int) -> tuple[ImageSet, ImageSet]:
    """Return the first images of CIFAR-10's training set, and its last 2,000, which are held out."""
    whole = data.load("cifar10", "train")
    return whole.subset(slice(0, count)), whole.subset(slice(48_000, None))


def record_cifar10(seeds: int, count: int, epochs: int) -> None:
    """Errors on images of the training set that were held out."""
    here = study()
    train, test = read_cifar10(count)
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for depth in (6, 9, 12):
            torch.manual_seed(seed)
            model = here["train_thin"](here["thin_vgg"](DEPTHS[depth], 32), _reordered(train, seed), seed, epochs)
            metrics.setdefault(f"error, {depth} layers", []).append(here["wrong_share"](model, test))
            print(seed, depth, metrics[f"error, {depth} layers"][-1], flush=True)
        what = f"CIFAR-10: {count:,} of the training images, {epochs} epochs; error on 2,000 others of them, held out"
        _save("cifar10", seed + 1, metrics, what, f" --count {count} --epochs {epochs}")


def _reordered(images: ImageSet, seed: int) -> ImageSet:
    return images.subset(torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)))


def _save(
    name: str,
    seeds: int,
    metrics: dict[str, list[float]],
    pictures: str,
    options: str = "",
    more: dict[str, Any] | None = None,
) -> None:
    save_record(
        f"{CHAPTER}.{name}",
        {
            "chapter": CHAPTER,
            "metrics": metrics,
            "pictures": pictures,
            "stages": {str(depth): list(stages) for depth, stages in DEPTHS.items()},
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_depth {name} --seeds {seeds}{options}",
        }
        | (more or {}),
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("shapes", "rates", "work", "cifar10"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=4)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.what == "shapes":
        record_shapes(chosen.seeds)
    elif chosen.what in ("rates", "work"):
        record_rates(chosen.what, chosen.seeds)
    else:
        record_cifar10(chosen.seeds, chosen.count, chosen.epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
