"""Measure what chapter 09b reports but cannot run without MNIST: search by pixels and by the digit reader's features.

python -m tools.record_search                  needs MNIST: course data mnist (half a minute)
"""

from __future__ import annotations

import argparse
import sys

import torch

from course_utils import data
from course_utils.recipes.digit_reader import load_digit_reader
from course_utils.runtime import save_record
from course_utils.scratch.retrieval.neighbours import nearest
from course_utils.scratch.retrieval.precision import precision_at
from course_utils.training.transfer import collect_features

GALLERY, QUERIES, SHIFT = 10_000, 2_000, 2


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galleries", type=int, default=5)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    train, test = data.load("mnist", "train"), data.load("mnist", "test").subset(slice(QUERIES))
    reader = load_digit_reader()

    def embedded(pictures: data.ImageSet, moved: int = 0) -> torch.Tensor:
        augment = data.random_shift(moved) if moved else None
        return collect_features(reader, data.Batches(pictures, 500, shuffle=False, augment=augment))[0]

    def flat(pictures: data.ImageSet, moved: int = 0) -> torch.Tensor:
        augment = data.random_shift(moved) if moved else None
        return torch.cat([x.flatten(1) for x, _ in data.Batches(pictures, 500, shuffle=False, augment=augment)])

    metrics: dict[str, list[float]] = {}
    for part in range(args.galleries):
        gallery = train.subset(slice(part * GALLERY, (part + 1) * GALLERY))
        for name, vectors in (("pixels", flat), ("embedding", embedded)):
            kept = vectors(gallery)
            for case, moved in (("", 0), ("_moved", SHIFT)):
                found = nearest(vectors(test, moved), kept, 5)
                score = precision_at(found, test.labels, gallery.labels, 5)
                metrics.setdefault(name + case, []).append(score)
        print(part, {name: round(values[-1], 4) for name, values in metrics.items()}, flush=True)
    save_record(
        "09b_search.mnist",
        {
            "metrics": metrics,
            "gallery": GALLERY,
            "queries": QUERIES,
            "shift": SHIFT,
            "galleries": args.galleries,
            "command": "python -m tools.record_search",
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
