"""Measure what recipes of the first chapters reach in the data challenge, and write it to ``results/``.

    python -m tools.record_challenge     five data sets as five classes would get them, about 5 minutes on 2 cores

The medians on the private test images are the anchors in ``assignments/src/challenge_1_stickers/challenge.yml``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from course_utils.data import Batches, ImageSet, augment
from course_utils.grading.challenge.data import Data, load_generator, make_data
from course_utils.grading.challenge.plan import read_plan
from course_utils.runtime import repo_root, save_record, seed_everything
from course_utils.scratch.features.hog import hog
from course_utils.scratch.features.kmeans import kmeans
from course_utils.scratch.features.linear_classifier import fit_linear
from course_utils.scratch.features.patch_codes import describe, normalise_patches, patches, triangle_codes
from course_utils.scratch.perceptrons.multiclass_perceptron import predict_class, train_multiclass
from course_utils.training import fit

NAME = "challenge_1_stickers"
SEEDS = (0, 1, 2, 3, 4)
FIRST_CLASS_SEED = 2**60  # as long as a class's own secret; nobody's class has it
GREY = np.array([0.299, 0.587, 0.114])


def flat(images: np.ndarray) -> np.ndarray:
    """Pixels from 0 to 1, and a constant 1."""
    x = images.reshape(len(images), -1) / 255
    return np.c_[x, np.ones(len(x))]


def grey(images: np.ndarray) -> np.ndarray:
    """Grey values from 0 to 1, (N, H, W)."""
    return images @ GREY / 255


def perceptron(data: Data, num_classes: int, seed: int) -> np.ndarray:
    """The starter notebook's machine: averaged weights after three passes over raw pixels."""
    run = train_multiclass(flat(data.train_images), data.train_labels, num_classes, epochs=3)
    return predict_class(flat(data.test_images), run.average)


def gradient_histograms(data: Data, num_classes: int, seed: int) -> np.ndarray:
    """Gradient histograms in cells of four pixels, with the linear classifier of chapter 00b."""
    x, x_test = (hog(grey(images), cell=4) for images in (data.train_images, data.test_images))
    return fit_linear(x, data.train_labels, num_classes).predict(x_test)


def visual_words(data: Data, num_classes: int, seed: int) -> np.ndarray:
    """200 words learned from grey patches, counted in four regions, with the same classifier."""
    x, x_test = (torch.from_numpy(grey(images)[:, None]).float() for images in (data.train_images, data.test_images))
    cut = normalise_patches(patches(x, 6, 2)).reshape(-1, 36)
    cut = cut[cut.norm(dim=1) > 1]
    pick = torch.randperm(len(cut), generator=torch.Generator().manual_seed(seed))[:20_000]
    words = torch.tensor(kmeans(cut[pick].numpy(), 200, 20, seed=seed).centres, dtype=torch.float32)
    codes, codes_test = (describe(part, lambda p: triangle_codes(p, words), grid=2).numpy() for part in (x, x_test))
    return fit_linear(codes, data.train_labels, num_classes).predict(codes_test)


def small_net(num_classes: int) -> nn.Module:
    """Four convolutions, three poolings, and one number a channel: 62 thousand weights."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(64, num_classes),
    )  # fmt: skip


def network(data: Data, num_classes: int, seed: int, vary: augment.Augment | None = None) -> np.ndarray:
    """The small network after 20 passes with Adam and a one-cycle schedule."""
    seed_everything(seed)
    net = small_net(num_classes)
    images = torch.from_numpy(data.train_images).permute(0, 3, 1, 2).contiguous()
    names = tuple(str(k) for k in range(num_classes))
    train = ImageSet(images, torch.from_numpy(data.train_labels), names, "challenge/train")
    batches = Batches(train, batch_size=64, augment=vary, seed=seed)
    fit(net, batches, epochs=20, lr=4e-3, schedule="one_cycle", progress=False)
    x = torch.from_numpy(data.test_images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        return torch.cat([net.eval()(part).argmax(1) for part in x.split(500)]).numpy()


def varied_network(data: Data, num_classes: int, seed: int) -> np.ndarray:
    """The same network and passes, on images mirrored and moved by up to three pixels."""
    return network(data, num_classes, seed, augment.compose(augment.random_flip(), augment.random_crop(3)))


RECIPES: dict[str, Callable[[Data, int, int], np.ndarray]] = {
    "perceptron": perceptron,
    "visual_words": visual_words,
    "gradient_histograms": gradient_histograms,
    "small_network": network,
    "small_network_varied": varied_network,
}


def main(argv: list[str] | None = None) -> int:
    """Run all recipes on all data sets and write the record."""
    argparse.ArgumentParser(prog="python -m tools.record_challenge", description=__doc__.split("\n")[0]).parse_args(
        argv
    )
    start = time.process_time()
    source = repo_root() / "assignments" / "src" / NAME
    plan, generator = read_plan(source / "challenge.yml"), load_generator(source)
    metrics: dict[str, list[float]] = {}
    for seed in SEEDS:
        data = make_data(NAME, plan, generator, FIRST_CLASS_SEED + seed)
        for name, recipe in RECIPES.items():
            predicted = recipe(data, len(plan.classes), seed).tolist()
            private, public = (data.truth.score(plan, predicted, public) for public in (False, True))
            metrics.setdefault(name, []).append(private)
            metrics.setdefault(f"{name}, public", []).append(public)
            print(f"seed {seed} {name:22} private {private:.4f} public {public:.4f}", flush=True)
    save_record(
        plan.record,
        {
            "command": "python -m tools.record_challenge",
            "data": f"{NAME}: {plan.train} training and {plan.test} test images, drawn anew for each seed",
            "metric": plan.metric,
            "metrics": metrics,
            "seeds": list(SEEDS),
            "first_class_seed": FIRST_CLASS_SEED,
            "recipes": {name: " ".join((recipe.__doc__ or "").split()) for name, recipe in RECIPES.items()},
            "parameters": sum(p.numel() for p in small_net(len(plan.classes)).parameters()),
            "cpu_seconds": round(time.process_time() - start, 1),
            "threads": torch.get_num_threads(),
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
